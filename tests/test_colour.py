"""Colour profiles count by their content: those of sRGB move no pixel, all others are applied, whatever their names."""

import io
import struct

import numpy as np
import pytest
from image_files import BLUE, GREEN, RED, profile, srgb_curve, srgb_of
from PIL import Image, ImageCms

from fmiqa_core import InputError, images
from fmiqa_core.data import demo

PHOTO = demo.reference("coffee", 224)
LINEAR = np.linspace(0, 1, 256)


def stored(image, icc, kind="PNG", **options):
    content = io.BytesIO()
    image.save(content, kind, icc_profile=icc, **options)
    return content.getvalue()


def levels(image):
    return np.asarray(image).astype(int)


@pytest.mark.parametrize("name", ["sRGB", "GIMP built-in Linear sRGB", "sRGB IEC61966-2.1", "plain", ""])
@pytest.mark.parametrize("gamma", [1, 1.8, 2.2])
def test_name_of_a_profile_says_nothing(name, gamma):
    found = levels(images.read(stored(PHOTO, profile(LINEAR**gamma, name))))
    expected = srgb_of((levels(PHOTO) / 255) ** gamma) * 255
    lit = levels(PHOTO) > 12  # darker, the table of 256 levels is coarse
    assert np.abs(found - expected)[lit].max() <= 1.1
    assert np.abs(found - levels(PHOTO)).max() > 5


@pytest.mark.parametrize("points", [20, 26, 42, 1024, 4096])
@pytest.mark.parametrize("name", ["c2", "uRGB", "sRGB", "Wide Gamut"])
def test_every_profile_of_srgb_moves_no_pixel(points, name):
    """The small ones have few points: 26 (c2), 42 (uRGB); the HP profile 1024."""
    assert images.read(stored(PHOTO, profile(srgb_curve(points), name))).tobytes() == PHOTO.tobytes()


def test_other_primaries_are_converted():
    display_p3 = (0.5151, 0.2412, -0.0011), (0.2919, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)
    wide = profile(srgb_curve(), "sRGB", primaries=display_p3)
    found = levels(images.read(stored(PHOTO, wide)))
    assert np.abs(found - levels(PHOTO)).max() > 20
    exchanged = profile(srgb_curve(), "sRGB", primaries=(GREEN, RED, BLUE))
    assert np.abs(levels(images.read(stored(PHOTO, exchanged))) - levels(PHOTO)[..., [1, 0, 2]]).max() <= 1


@pytest.mark.parametrize("mode", ["L", "LA", "1"])
@pytest.mark.parametrize("space", [b"GRAY", b"RGB "])
def test_grey_images_are_converted(mode, space):
    """By a grey profile, or by one of RGB, in which grey is a colour like others."""
    grey = PHOTO.convert("L").convert(mode)
    found = images.read(stored(grey, profile(LINEAR, "sRGB", space)))
    expected = srgb_of(levels(grey.convert("L")) / 255) * 255
    assert np.abs(levels(found) - expected[..., None]).max() <= 1.1
    unmoved = images.read(stored(grey, profile(srgb_curve(), "linear", space)))
    assert unmoved.tobytes() == grey.convert("L").convert("RGB").tobytes()


def test_palette_images_are_converted():
    few = PHOTO.quantize(64)
    found = images.read(stored(few, profile(LINEAR, "sRGB")))
    assert np.abs(levels(found) - levels(images.read(stored(few.convert("RGB"), profile(LINEAR, "other"))))).max() == 0


def test_profile_of_a_jpeg_2000_file():
    """Pillow neither reads nor writes it: the box `colr`, here put in the place of the one that says sRGB."""
    content = io.BytesIO()
    PHOTO.save(content, "JPEG2000")
    content = content.getvalue()
    icc, at, header = profile(LINEAR, "plain"), content.index(b"colr") - 4, content.index(b"jp2h") - 4
    box = struct.pack(">I", 11 + len(icc)) + b"colr\2\0\0" + icc
    size = int.from_bytes(content[header : header + 4]) + len(box) - int.from_bytes(content[at : at + 4])
    tagged = content[:header] + struct.pack(">I", size) + content[header + 4 : at] + box
    tagged += content[at + int.from_bytes(content[at : at + 4]) :]
    assert np.abs(levels(images.read(tagged)) - levels(images.read(stored(PHOTO, icc)))).max() <= 1
    assert images.to_rgb(Image.open(io.BytesIO(tagged))).tobytes() == images.read(tagged).tobytes()


@pytest.mark.parametrize("image", [PHOTO, PHOTO.quantize(64)], ids=["RGB", "P"])
def test_grey_profile_of_a_colour_image(image):
    with pytest.raises(InputError, match="colour profile that cannot be applied"):
        images.read(stored(image, profile(LINEAR, "sRGB", b"GRAY")))


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("icc", [b"no profile at all", bytes(200), profile(LINEAR, "sRGB")[:300]])
def test_damaged_profile(mode, icc):
    with pytest.raises(InputError, match=r"Photo has a colour profile that cannot be applied: convert it to sRGB first\."):
        images.read(stored(PHOTO.convert(mode), icc), "Photo")


def test_profile_is_applied_once():
    """What was read and is given to a metric is not converted again."""
    found = images.read(stored(PHOTO, profile(LINEAR, "sRGB")))
    assert images.to_rgb(found).tobytes() == found.tobytes()


def test_pillows_own_profile():
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain, tagged = (images.read(stored(PHOTO, each, "JPEG", quality=95)) for each in (None, icc))
    assert tagged.tobytes() == plain.tobytes()
