"""Files that are damaged, or no images at all: one sentence each, and a dataset run goes on."""

import gzip
import io
import re
import warnings
import zipfile

import image_files
import numpy as np
import pytest
from damaged_files import damaged, whole_files
from PIL import Image

from fmiqa_core import InputError, images, scoring
from fmiqa_core.data import datasets, demo


def archive():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("a.png", "none")
    return content.getvalue()


def array():
    content = io.BytesIO()
    np.save(content, np.zeros(3))
    return content.getvalue()


KINDS = {  # words of the sentence -> such a file
    "it is empty": b"",
    "a web page .HTML.*anew": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
    "a web page .HTML.*  ": b"\xef\xbb\xbf\n  <HTML lang='en'>",
    "an XML text, often a server's": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
    "a JSON text": b'{"error": "not found"}',
    "an SVG drawing": b'<?xml version="1.0"?>\n<svg width="9">',
    "a git LFS pointer, .*`git lfs pull`": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 12345\n",
    "a git-annex pointer": b"/annex/objects/SHA256E-s31390--f50d7ac4.png\n",
    "a text file": b"this is no image",
    "nothing but zero bytes": bytes(5000),
    "a PDF document": b"%PDF-1.7\n%\xe2\xe3",
    "a compressed file": gzip.compress(b"image"),
    "an archive": archive(),
    "a NumPy array": array(),
    "a HEIC photograph": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99),
    "a HEIC photograph.*": b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic" + bytes(99),
    "a JPEG XL image": b"\xff\x0a\xfa\x1f\x01" + bytes(99),
    "a JPEG XL image.*": b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(99),
    "a video": b"\0\0\0\x18ftypisom\0\0\2\0isomiso2" + bytes(99),
    "a video.*": b"\x1aE\xdf\xa3\x9fB\x86\x81\1" + bytes(99),
    "a RAW photograph": b"II*\0\x10\0\0\0CR\2\0" + bytes(99),
    "a RAW photograph .CR3": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + bytes(99),
    "an OpenEXR image": b"v/1\1\2\0\0\0channels\0" + bytes(99),
    "a Radiance HDR image": b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 2 +X 2\n",
    "a side file that macOS writes": b"\0\5\x16\7\0\2\0\0Mac OS X        " + bytes(99),
    "a drawing .EPS|a PostScript drawing": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 300 300\n%%EndComments\n",
    "its header is of no format": bytes(range(1, 200)),
}


@pytest.mark.parametrize("words", KINDS)
def test_what_a_file_is(tmp_path, words):
    """Whatever it is called; one line, with its name and without an address in memory."""
    file = tmp_path / "photo.jpg"
    file.write_bytes(KINDS[words])
    with pytest.raises(InputError, match=words.rstrip(" .*")) as caught:
        images.read(file)
    line = str(caught.value)
    assert line.startswith(f"{file} ")
    assert not re.search(r"0x[0-9a-f]{6}|\n|BytesIO", line)


@pytest.mark.parametrize("name", ["html.jpg", "lfs.png", "fuzz_1.avif", "fuzz_2.jpg", "fuzz_3.dds", "fuzz_4.tif"])
def test_files_seen(cases, name):
    with pytest.raises(InputError, match=re.escape(f"{cases / name} ")):
        images.read(cases / name)


def why_not(read, *source):
    """What the image is refused for; None where it is read. Anything but an InputError is raised."""
    try:
        read(*source)
    except InputError as error:
        return str(error)
    return None


def opened(content):
    """As a user opens it, who gets what Pillow raises."""
    try:
        return Image.open(io.BytesIO(content))
    except Exception:
        return Image.new("RGB", (1, 1))


def refused(count, seed):
    """Of how many damaged files; each is given as bytes and as a PIL image."""
    found = 0
    for name, content in damaged(count, seed):
        why = why_not(images.read, content, name)
        assert not re.search(r"0x[0-9a-f]{6}|\n", why or ""), name
        found += why is not None
        why_not(images.to_rgb, opened(content))
    return found


@pytest.mark.parametrize("action", ["error", "ignore"])
@pytest.mark.parametrize("count", [200, pytest.param(2000, marks=pytest.mark.long)])
def test_damaged_files(count, action):
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        warnings.simplefilter("ignore", DeprecationWarning)
        assert count / 2 < refused(count, seed=16) < count


def test_whole_files_are_read():
    """What is damaged above is sound before."""
    unread = {}
    for name, content in whole_files().items():
        try:
            images.read(content)
        except InputError as error:
            unread[name] = str(error)
    assert all(re.search("bits per channel|pixel format (CMYK|F)", why) for why in unread.values()), unread
    assert len(unread) < len(whole_files()) / 4


@pytest.mark.parametrize("place", ["reference", "distorted"])
def test_a_dataset_run_goes_on(tmp_path, home, efficientnet, place):
    """One image whose decoder raises something odd: its unit fails with its name, the other one is computed."""
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("coffee", "chelsea"):
        image = demo.reference(name, 224)
        image.save(folder / f"{name}.png")
        demo.distort(image, "blur", 3).save(folder / f"{name}_blur.png")
    bad = folder / ("coffee.png" if place == "reference" else "coffee_blur.png")
    bad.write_bytes(image_files.encoded(demo.reference("coffee", 224), "DDS")[:80] + bytes(48))  # NotImplementedError
    table = folder / "my.csv"
    table.write_text("ref,dis\ncoffee.png,coffee_blur.png\nchelsea.png,chelsea_blur.png\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"1 of 2 references failed, the others are done and kept: \[coffee\.png\]") as caught:
        scoring.score_dataset(datasets.load(table), home / "out", efficientnet, device="cpu")
    assert f"{bad} cannot be decoded as an image" in str(caught.value)
    assert [file.name.split("-")[0] for file in (home / "out" / "units").glob("*.json")] == ["chelsea"]
