"""Files that Pillow cannot write: profiles with a given curve, more than 8 bits per channel, odd EXIF data."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

RED, GREEN, BLUE = (0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7142)  # XYZ of sRGB, D50


def srgb_curve(count=1024):
    """(count,) light, 0 to 1, of evenly spaced sRGB values."""
    value = np.linspace(0, 1, count)
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def srgb_of(light):
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def profile(curve, name, space=b"RGB ", primaries=(RED, GREEN, BLUE)):
    """An ICC profile of version 2. curve: (n,) light of evenly spaced values; space: b"RGB " or b"GRAY"."""

    def xyz(values):
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(value * 65536) for value in values))

    table = np.round(np.asarray(curve) * 65535).astype(">u2")
    curve = b"curv\0\0\0\0" + struct.pack(">I", len(table)) + table.tobytes()
    text = name.encode() + b"\0"
    tags = {b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)}
    tags |= {b"cprt": b"text\0\0\0\0none\0", b"wtpt": xyz((0.9642, 1, 0.8249))}
    if space == b"GRAY":
        tags[b"kTRC"] = curve
    else:
        tags |= {letter + b"XYZ": xyz(values) for letter, values in zip((b"r", b"g", b"b"), primaries, strict=True)}
        tags |= {letter + b"TRC": curve for letter in (b"r", b"g", b"b")}
    index, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for tag, content in tags.items():
        index += tag + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    head = struct.pack(">I4sI4s4s4s", start + len(body), b"\0\0\0\0", 0x02400000, b"mntr", space, b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return head + bytes(128 - len(head)) + index + body


def png16(array):
    """A 16-bit PNG, grey (H, V), or 2 to 4 channels (H, V, C)."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    kind = {1: 0, 2: 4, 3: 2, 4: 6}[1 if array.ndim == 2 else array.shape[2]]
    head = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], 16, kind, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def tiff16(array):
    """An uncompressed 16-bit RGB TIFF of (H, V, 3)."""
    height, width = array.shape[:2]
    entries = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, 134), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 140)]
    entries += [(277, 3, 1, 3), (278, 3, 1, height), (279, 4, 1, 6 * height * width), (339, 3, 1, 1)]
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *each) for each in entries)
    return head + bytes(4) + struct.pack("<3H", 16, 16, 16) + array.astype("<u2").tobytes()


def bmp16(array, green_bits):
    """A BMP of 16 bits per pixel, 5-6-5 or 5-5-5, and the (H, V, 3) uint8 that a viewer shows."""
    bits = np.array([5, green_bits, 5])
    values = array.astype(np.uint32) >> (8 - bits)
    red, green, blue = np.moveaxis(values, -1, 0)
    pixels = (red << (5 + green_bits) | green << 5 | blue).astype("<u2")[::-1]
    masks = struct.pack("<3I", 31 << (5 + green_bits), (2**green_bits - 1) << 5, 31)
    height, width = array.shape[:2]
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 16, 3, pixels.nbytes, 2835, 2835, 0, 0) + masks
    content = b"BM" + struct.pack("<IHHI", 66 + pixels.nbytes, 0, 0, 66) + info + pixels.tobytes()
    return content, values * 255 // (2**bits - 1)


def exif(orientation, odd):
    """EXIF data with an orientation and a resolution (tag 282) that Pillow reads, and cannot write again."""
    kind, length, value = {"text": (2, 2, b"7\0\0\0"), "negative": (10, 1, struct.pack("<I", 38))}[odd]
    entries = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0) + struct.pack("<HHI", 0x011A, kind, length) + value
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 2) + entries + bytes(4) + struct.pack("<ii", -1, 0)


def deep(photo):
    """name -> (file of `photo`, RGB, with more than 8 bits per channel, how many): what headers say of it."""
    pixels = np.asarray(photo).astype(np.uint16) * 257
    height, width = pixels.shape[:2]
    grey, rgb = Image.fromarray(pixels[..., 0]), png16(pixels)
    j2k, jpeg = encoded(photo, "JPEG2000", no_jp2=True), encoded(photo, "JPEG")
    found = {
        "rgb.png": (rgb, 16),
        "grey.png": (png16(pixels[..., 0]), 16),
        "grey-alpha.png": (png16(pixels[..., :2]), 16),
        "alpha.png": (png16(np.dstack([pixels, pixels[..., 0]])), 16),
        "rgb.tif": (tiff16(pixels), 16),
        "grey.tif": (encoded(grey, "TIFF"), 16),
        "lzw.tif": (encoded(grey, "TIFF", compression="tiff_lzw"), 16),
        "grey.jp2": (encoded(grey, "JPEG2000"), 16),
        "rgb.jp2": (patched(encoded(photo, "JPEG2000"), b"\xff\x4f\xff\x51", 38, 15), 16),
        "blue.j2k": (patched(j2k, b"\xff\x4f\xff\x51", 44, 11), 12),
        "16.ppm": (b"P6 %d %d\n# 255\n65535\n" % (width, height) + pixels.astype(">u2").tobytes(), 16),
        "10.ppm": (b"P6\n%d\n%d 1023\n" % (width, height) + (pixels >> 6).astype(">u2").tobytes(), 10),
        "text.ppm": (b"P3 %d %d 4095\n" % (width, height) + " ".join(map(str, (pixels >> 4).ravel())).encode(), 12),
        "grey.pgm": (b"P5 %d %d 4095\n" % (width, height) + (pixels[..., 0] >> 4).astype(">u2").tobytes(), 12),
        "rgb.sgi": (encoded(photo, "SGI", bpc=2), 16),
        "rgb.ico": (struct.pack("<HHHBBBBHHII", 0, 1, 1, width, height, 0, 0, 1, 48, len(rgb), 22) + rgb, 16),
        "10.bmp": (struct.pack("<2s12xIiiHHI20x3I", b"BM", 40, width, height, 1, 32, 3, 1023 << 20, 1023 << 10, 1023), 10),
        "bc6h.dds": (dds_bc6h(width, height), 16),
        "12.jpg": (patched(jpeg, b"\xff\xc0", 2, 12), 12),
        "rgb.psd": (struct.pack(">4sH6xHIIHH12x", b"8BPS", 1, 3, height, width, 16, 3), 16),
    }
    if "AVIF" in Image.SAVE:
        avif = encoded(photo, "AVIF")
        found["10.avif"] = (patched(avif, b"av1C\x81", 1, 0x4C), 10)
        found["12.avif"] = (patched(avif, b"av1C\x81", 1, 0x6C), 12)
    return found


def dds_bc6h(width, height):
    """Half floats in blocks of 16 bytes for 4 x 4 px, all of them black."""
    head = struct.pack("<4sIIII12x44xII4s40x", b"DDS ", 124, 0x1007, height, width, 32, 4, b"DX10")
    return head + struct.pack("<IIIII", 95, 3, 0, 1, 0) + bytes(width * height)


def encoded(image, kind, **options):
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def patched(content, before, offset, value):
    """`content` with one byte set, `offset` behind the first `before`: a header that Pillow cannot write."""
    at = content.index(before) + len(before) + offset
    return content[:at] + bytes([value]) + content[at + 1 :]
