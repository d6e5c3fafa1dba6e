"""Image files: what a viewer shows is what is scored, however the image is given; what would be misread is refused."""

import io
import json
import os
import re
import subprocess
import sys
import threading

import image_files
import numpy as np
import pytest
from PIL import Image, ImageFile

from fmiqa_core import InputError, Metric, images
from fmiqa_core.data import demo

Image.init()
PHOTO = demo.reference("coffee", 224)
OTHER = demo.distort(PHOTO, "blur", 3)
DEEP = image_files.deep(PHOTO)
FORGOTTEN = ("16.ppm", "10.ppm", "text.ppm", "grey.pgm", "rgb.sgi", "rgb.ico", "bc6h.dds")  # loaded from memory
UNREADABLE = ("10.bmp", "12.jpg", "rgb.psd", "10.avif", "12.avif")  # Pillow does not open them


def opened(content):
    return Image.open(io.BytesIO(content))


# more than 8 bits per channel


@pytest.mark.parametrize("name", DEEP)
def test_deep_file(tmp_path, name):
    content, bits = DEEP[name]
    (tmp_path / name).write_bytes(content)
    for source, shown in ((tmp_path / name, re.escape(str(tmp_path / name))), (content, "The image")):
        with pytest.raises(InputError, match=rf"^{shown} has {bits} bits per channel: convert it to 8-bit sRGB first\.$"):
            images.read(source)


@pytest.mark.parametrize("name", [name for name in DEEP if name not in UNREADABLE])
def test_deep_pil_image(tmp_path, name):
    """Opened from a file or from memory; not loaded, and loaded."""
    content, bits = DEEP[name]
    (tmp_path / name).write_bytes(content)
    images_of_it = [Image.open(tmp_path / name), opened(content)]
    if name not in ("rgb.jp2", "blue.j2k"):  # of which only the header is deep, so that they cannot be decoded
        images_of_it += [Image.open(tmp_path / name), opened(content)]
        for loaded in images_of_it[2 : 3 if name in FORGOTTEN else 4]:
            loaded.load()
    for image in images_of_it:
        with pytest.raises(InputError, match=f"has {bits} bits per channel"):
            images.as_batch(image)


@pytest.mark.parametrize("name", ["jp2_16bit.jp2", "avif_10bit.avif", "deep_rgb16.png"])
def test_deep_files_of_other_programs(cases, name):
    with pytest.raises(InputError, match=r"has 1[06] bits per channel"):
        images.read(cases / name)
    with pytest.raises(InputError, match=r"has 1[06] bits per channel"):
        images.as_batch(Image.open(cases / name))
    image = Image.open(cases / name)
    image.load()
    with pytest.raises(InputError, match=r"has 1[06] bits per channel"):
        images.as_batch(image)


@pytest.mark.parametrize("green_bits", [5, 6])
def test_bmp_of_16_bits_per_pixel(green_bits):
    content, shown = image_files.bmp16(np.asarray(PHOTO), green_bits)
    assert np.array_equal(np.asarray(images.read(content)), shown)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM", "SGI", "TGA", "PCX", "DDS", "ICO"])
def test_8_bits_are_read_as_they_are(kind):
    """Lossless formats; and no other byte of the file is taken for a number of bits."""
    options = {"sizes": [PHOTO.size]} if kind == "ICO" else {}
    assert images.read(image_files.encoded(PHOTO, kind, **options)).tobytes() == PHOTO.tobytes()


# orientation


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("odd", ["text", "negative"])
def test_orientation_beside_tags_that_pillow_cannot_write(kind, odd):
    image = PHOTO.crop((0, 0, 200, 224))
    options = {} if kind == "PNG" else {"quality": 95}
    plain = images.read(image_files.encoded(image, kind, **options))
    turned = image_files.encoded(image, kind, exif=image_files.exif(6, odd), **options)
    assert images.read(turned).tobytes() == plain.transpose(Image.Transpose.ROTATE_270).tobytes()
    assert images.to_rgb(opened(turned)).tobytes() == images.read(turned).tobytes()


def test_orientation_is_applied_once():
    exif = Image.Exif()
    exif[0x0112] = 6
    for kind in ("PNG", "TIFF"):
        found = images.read(image_files.encoded(PHOTO, kind, exif=exif))
        assert found.tobytes() == images.to_rgb(found).tobytes() == PHOTO.transpose(Image.Transpose.ROTATE_270).tobytes()


@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_orientation_of_a_tiff_file(tmp_path, mode):
    """Pillow maps grey and palette files into memory, with the sides already exchanged."""
    image, exif = PHOTO.crop((0, 0, 200, 224)).convert(mode), Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "a.tif", exif=exif)
    shown = image.transpose(Image.Transpose.ROTATE_270).convert("RGB")
    assert images.read(tmp_path / "a.tif").tobytes() == shown.tobytes()
    assert images.to_rgb(Image.open(tmp_path / "a.tif")).tobytes() == shown.tobytes()


def test_damaged_exif():
    turned = image_files.encoded(PHOTO, "JPEG", exif=image_files.exif(6, "text"), dpi=(72, 72))
    with pytest.raises(InputError, match=r"^a\.jpg has damaged EXIF data, so .*: remove them first\.$"):
        images.read(turned.replace(b"Exif\0\0II*", b"Exif\0\0I\0*"), "a.jpg")


# palettes, animations, pages


def test_opaque_palette():
    """Pillow warns of a transparency in bytes, and warnings are errors here."""
    few = PHOTO.quantize(64)
    content = image_files.encoded(few, "PNG", transparency=b"\xff" * 64)
    assert images.read(content).tobytes() == few.convert("RGB").tobytes()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_animations_and_pages(kind):
    several = image_files.encoded(PHOTO, kind, save_all=True, append_images=[OTHER, PHOTO])
    for call in (lambda: images.read(several, "a"), lambda: images.to_rgb(opened(several), "a")):
        with pytest.raises(InputError, match=r"^a is an animation or has several pages \(3\): save the one to be scored"):
            call()
    one = image_files.encoded(PHOTO, kind, save_all=True)
    assert images.read(one).size == PHOTO.size


def test_smaller_copies_in_a_tiff_file():
    """As in maps and slides: tag 254 says that they are no pages."""
    copies = []
    for size in (112, 56):
        copies.append(PHOTO.resize((size, size)))
        copies[-1].encoderinfo = {"tiffinfo": {254: 1}}
    content = image_files.encoded(PHOTO, "TIFF", save_all=True, append_images=copies)
    assert opened(content).n_frames == 3
    assert images.read(content).tobytes() == PHOTO.tobytes()


def test_thumbnail_of_a_raw_photograph():
    for tags in ({254: 1}, {50706: b"\1\4\0\0"}):
        with pytest.raises(InputError, match="is a RAW photograph, or begins with a thumbnail"):
            images.read(image_files.encoded(PHOTO, "TIFF", tiffinfo=tags))


def test_main_image_of_a_phones_file():
    """MPO: behind the photograph come previews, depth, or a gain map; viewers show the photograph."""
    several = image_files.encoded(PHOTO, "MPO", save_all=True, append_images=[OTHER.resize((56, 56))], quality=95)
    assert opened(several).n_frames == 2
    assert images.read(several).tobytes() == images.read(image_files.encoded(PHOTO, "JPEG", quality=95)).tobytes()


# PIL images


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "GIF"])
def test_closed_and_truncated_pil_images(tmp_path, kind, efficientnet):
    metric, file = Metric(efficientnet, device="cpu"), tmp_path / "a"
    PHOTO.save(file, kind)
    with Image.open(file) as kept:
        kept.load()
    assert images.to_rgb(kept).tobytes() == images.read(file).tobytes()
    with Image.open(file) as closed:
        pass
    with pytest.raises(InputError, match=f"^{re.escape(str(file))} was closed before its pixels were loaded"):
        metric(PHOTO, closed)
    with pytest.raises(InputError, match=r"^The image cannot be decoded as an image \(damaged or truncated\?\): "):
        metric(opened(file.read_bytes()[: file.stat().st_size // 2]), PHOTO)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_half_an_image_is_refused_where_a_program_lets_pillow_fill_it_with_grey(monkeypatch, kind):
    """The setting is the process's, and is as it was afterwards."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    content = image_files.encoded(PHOTO, kind)
    with pytest.raises(InputError, match="truncated"):
        images.read(content[: len(content) // 2])
    assert ImageFile.LOAD_TRUNCATED_IMAGES
    assert images.read(content).size == PHOTO.size


# size


def test_beyond_pillows_limits(monkeypatch, photo, refused):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 224 * 224 // 3)
    line = refused("score", photo, photo)
    assert str(photo) in line
    assert "larger than Pillow opens" in line
    assert "raise PIL.Image.MAX_IMAGE_PIXELS" in line


@pytest.mark.parametrize("options", [[], ["-W", "error"]])
def test_between_pillows_limits(photo, options):
    """No line about attacks: read, or, where warnings are errors, refused in a sentence."""
    code = (
        "import sys; from PIL import Image; from fmiqa_core import InputError, images; Image.MAX_IMAGE_PIXELS = 40000\n"
        "try: print(images.read(sys.argv[1]).size)\nexcept InputError as error: print(error)"
    )
    run = subprocess.run([sys.executable, *options, "-c", code, str(photo)], capture_output=True, text=True, check=True)
    assert run.stderr == ""
    assert run.stdout.startswith(f"{photo} is larger than Pillow opens" if options else "(224, 224)")


# streams


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_stream_is_read_once(tmp_path, photo, ran, efficientnet):
    """As in `fmiqa score <(cat a.png) b.png`; the report has the name of the stream."""
    OTHER.save(tmp_path / "b.png")
    stream = tmp_path / "stream"
    os.mkfifo(stream)
    contents = photo.read_bytes(), b""  # whoever reads it twice finds nothing
    writer = threading.Thread(target=lambda: [stream.write_bytes(each) for each in contents], daemon=True)
    writer.start()
    argv = ["--backbone", efficientnet, "--device", "cpu", "--json"]
    status, out, err = ran("score", stream, tmp_path / "b.png", *argv)
    os.close(os.open(stream, os.O_RDONLY | os.O_NONBLOCK))  # lets the writer go
    writer.join(10)
    assert status == 0, err
    found, plain = json.loads(out), json.loads(ran("score", photo, tmp_path / "b.png", *argv)[1])
    assert found["score"] == plain["score"] > 0
    assert "stream and b.png, 224 x 224 px" in found["report"]
    assert f"{photo.name} and b.png, 224 x 224 px" in plain["report"]


def test_pair_of_one_file(photo, refused, monkeypatch):
    """Decoded once, and before anything else is done."""
    read, names = images.read, []
    monkeypatch.setattr(images, "read", lambda source: names.append(source) or read(source))
    assert "Unknown backbone" in refused("score", photo, photo, "--backbone", "dinov3")
    assert names == [str(photo)]


def test_name_with_a_zero_byte():
    with pytest.raises(InputError, match="Cannot read image file"):
        images.read("a\0.png")
