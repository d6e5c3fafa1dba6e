"""How many bits a channel has in an image file, from its header: Pillow cuts many formats to 8 without a word.

Pure functions of the file's bytes, so they also speak for files that Pillow does not open at all.
"""

import re
from collections.abc import Iterator


def of_file(content: bytes) -> int:
    """Most bits of any channel of the image file `content`; 8 where the format has no more, or nothing is known."""
    for magic, found in FORMATS.items():
        if re.match(magic, content, re.DOTALL):
            return max(found(content), default=8)
    return 8


def _png(content: bytes) -> Iterator[int]:
    """Of all PNG and JPEG 2000 images in the file: icons hold several."""
    yield from (match[1][0] for match in re.finditer(rb"\x89PNG\r\n\x1a\n.{4}IHDR.{8}(.)", content, re.DOTALL))
    if not content.startswith(b"\x89PNG"):
        yield from _jpeg2000(content)


def _jpeg(content: bytes) -> Iterator[int]:
    """The frame header's precision: 12 in some medical and scientific files, up to 16 in lossless ones."""
    at = 2
    while (head := content[at : at + 5])[:1] == b"\xff" and len(head) == 5:
        if head[1] in range(0xC0, 0xD0) and head[1] not in (0xC4, 0xC8, 0xCC):
            yield head[4]
            return
        at += 2 + int.from_bytes(head[2:4])


def _jpeg2000(content: bytes) -> Iterator[int]:
    """Of the components (marker SIZ) and of a palette."""
    for size in re.finditer(rb"\xff\x4f\xff\x51.{36}(.{2})", content, re.DOTALL):
        components = content[size.end() : size.end() + 3 * int.from_bytes(size[1])]
        yield from ((depth & 0x7F) + 1 for depth in components[::3])
    if palette := re.search(rb"pclr..(.)", content[:4096], re.DOTALL):
        yield from ((depth & 0x7F) + 1 for depth in content[palette.end() : palette.end() + palette[1][0]])


def _avif(content: bytes) -> Iterator[int]:
    """Flags high_bitdepth and twelve_bit of the codec's configuration."""
    for flags in re.finditer(rb"av1C\x81.(.)", content, re.DOTALL):
        yield (12 if flags[1][0] & 0x20 else 10) if flags[1][0] & 0x40 else 8


def _tiff(content: bytes) -> Iterator[int]:
    """Tag BitsPerSample of the first page; BigTIFF (version 43) has wider fields."""
    order, wide = "little" if content[:1] == b"I" else "big", 43 in content[2:4]
    size = 8 if wide else 4  # of offsets and counts

    def number(at, length):
        return int.from_bytes(content[at : at + length], order)

    first = number(size, size)
    tags = first + (8 if wide else 2)
    for at in range(tags, min(tags + number(first, tags - first) * (4 + 2 * size), len(content)), 4 + 2 * size):
        if number(at, 2) == 258:
            count, value = number(at + 4, size), at + 4 + size
            value = value if 2 * count <= size else number(value, size)
            yield from (number(value + 2 * i, 2) for i in range(min(count, 8)))


def _netpbm(content: bytes) -> Iterator[int]:
    """Of the largest value, which stands third after the letters (not in P1, P4); comments may stand anywhere."""
    head = re.sub(rb"#[^\r\n]*[\r\n]", b"", content[: 1 << 16])
    if largest := re.match(rb"P(?![14])\S+\s+\d+\s+\d+\s+(\d+)", head):
        yield int(largest[1][:10]).bit_length()


def _bmp(content: bytes) -> Iterator[int]:
    """16 bits per pixel are 5 or 6 per channel; 64 are 16; else the masks say."""
    if content[28:30] == b"\x40\0":
        yield 16
    if content[30:34] == b"\x03\0\0\0":
        yield from (_little(content, at).bit_count() for at in (54, 58, 62))


def _dds(content: bytes) -> Iterator[int]:
    """Masks of plain pixels; BC6H, whose values are half floats."""
    if content[80] & 0x40:
        yield from (_little(content, at).bit_count() for at in (92, 96, 100))
    if content[84:88] == b"DX10" and _little(content, 128) in (94, 95, 96):
        yield 16


def _little(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 4], "little")


FORMATS = {  # how a file begins -> bits of its channels
    rb"\x89PNG\r\n\x1a\n": _png,
    rb"\0\0[\1\2]\0|icns": _png,  # ICO, CUR, ICNS
    rb"\xff\xd8\xff": _jpeg,
    rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  ": _jpeg2000,
    rb".{4}ftyp": _avif,
    rb"II[\x2a\x2b]\0|MM\0[\x2a\x2b]": _tiff,
    rb"P[0-9y]": _netpbm,
    rb"8BPS.{20}": lambda content: [int.from_bytes(content[22:24])],
    rb"\x01\xda.{2}": lambda content: [8 * content[3]],  # SGI
    rb"BM": _bmp,
    rb"DDS .{124}": _dds,
}
