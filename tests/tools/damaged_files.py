"""Damaged image files of every format that Pillow writes here, always the same ones for a seed."""

import io
import random
from collections.abc import Iterator

from PIL import Image, ImageCms

from fmiqa_core.data import demo

WRITTEN = {  # Pillow's name -> variants: (mode, options of save)
    "PNG": [("RGB", {}), ("L", {}), ("P", {}), ("RGBA", {}), ("1", {}), ("I;16", {})],
    "JPEG": [("RGB", {}), ("L", {}), ("RGB", {"progressive": True}), ("CMYK", {})],
    "TIFF": [("RGB", {}), ("L", {"compression": "tiff_lzw"}), ("RGB", {"compression": "jpeg"}), ("P", {}), ("I;16", {})],
    "WEBP": [("RGB", {}), ("RGBA", {"lossless": True})],
    "AVIF": [("RGB", {})],
    "JPEG2000": [("RGB", {}), ("L", {"no_jp2": True}), ("RGBA", {})],
    "BMP": [("RGB", {}), ("P", {}), ("1", {})],
    "GIF": [("P", {}), ("L", {"interlace": 1})],
    "PPM": [("RGB", {}), ("L", {}), ("1", {})],
    "TGA": [("RGB", {}), ("P", {"compression": "tga_rle"})],
    "DDS": [("RGB", {}), ("RGBA", {"pixel_format": "DXT5"})],
    **{name: [("RGB", {})] for name in ("PCX", "SGI", "ICO", "ICNS", "IM")},
    **{"SPIDER": [("F", {})], "MSP": [("1", {})], "XBM": [("1", {})]},
}
EXTREMES = [b"\0", b"\xff", bytes(2), b"\xff\xff", bytes(4), b"\x7f\xff\xff\xff", b"\xff" * 4, b"\x80\0\0\0", b"-1", b"9999"]


def whole_files() -> dict[str, bytes]:
    """Name -> a sound file, 64 x 48 px; with and without EXIF data (turned) and a colour profile."""
    photo = demo.reference("coffee", 64).crop((0, 0, 64, 48))
    exif = Image.Exif()
    exif.update({0x0112: 6, 0x010F: "Maker", 0x011A: 72.0, 0x9003: "2020:01:01 00:00:00"})
    more = {"exif": exif.tobytes(), "icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()}
    Image.init()
    files = {}
    for kind in sorted(WRITTEN.keys() & Image.SAVE.keys()):
        for number, (mode, options) in enumerate(WRITTEN[kind]):
            for extra in ({}, more):
                image, content = photo.convert("L").convert(mode) if mode == "I;16" else photo.convert(mode), io.BytesIO()
                image.save(content, kind, **options, **extra)
                files[f"{kind.lower()}-{number}{'-tagged' if extra else ''}"] = content.getvalue()
    return files


def damaged(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of `count` files, damaged in one to four places, mostly near the beginning, where headers are."""
    chance, whole = random.Random(seed), whole_files()
    for number in range(count):
        name = chance.choice(sorted(whole))
        content = bytearray(whole[name])
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(min(len(content), chance.choice([32, 128, 1024, 1 << 20])) or 1)
            match chance.randrange(5):
                case 0:
                    content[at : at + 1] = bytes([chance.randrange(256)])
                case 1:
                    extreme = chance.choice(EXTREMES)
                    content[at : at + len(extreme)] = extreme
                case 2:
                    del content[at : at + chance.randint(1, 64)]
                case 3:
                    content[at:at] = chance.randbytes(chance.randint(1, 16))
                case 4 if chance.random() < 0.3:
                    del content[max(at, len(content) // 8) :]
        yield f"{number}-{name}", bytes(content)
