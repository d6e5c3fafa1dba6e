"""Wrong input: one clear line and status 2 on the command line, a ValueError in Python, nothing half-written."""

import numpy as np
import pytest
import torch
from image_files import png16
from PIL import Image

from fmiqa_core import InputError, Metric, images
from fmiqa_core.data import demo


def grey(size=224):
    return demo.reference("astronaut", size).convert("L")


# files, through the command line


def test_missing_file(refused, photo, tmp_path):
    missing = tmp_path / "nowhere.png"
    for pair in ((photo, missing), (missing, photo)):
        assert f"No such image file: {missing}" in refused("score", *pair)


def test_folder_instead_of_a_file(refused, photo, tmp_path):
    assert f"Cannot read image file {tmp_path}" in refused("score", photo, tmp_path)


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp"])
def test_truncated_image(refused, photo, tmp_path, ending):
    whole, part = tmp_path / f"whole.{ending}", tmp_path / f"part.{ending}"
    Image.open(photo).save(whole)
    part.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    line = refused("score", photo, part)
    assert str(part) in line
    assert "damaged or truncated" in line


@pytest.mark.parametrize("content", [b"this is no image", b""])
def test_text_called_png(refused, photo, tmp_path, content):
    file = tmp_path / "text.png"
    file.write_bytes(content)
    line = refused("score", file, photo)
    assert str(file) in line
    assert "cannot be decoded" in line


@pytest.mark.parametrize("channels", [1, 3])
def test_16_bit_png(refused, photo, tmp_path, channels):
    deep = np.asarray(Image.open(photo)).astype(np.uint16) * 257
    file = tmp_path / "deep.png"
    file.write_bytes(png16(deep[..., 0] if channels == 1 else deep))
    line = refused("score", photo, file)
    assert str(file) in line
    assert "16 bits" in line or "I;16" in line
    assert "8-bit sRGB" in line


def test_float_tiff(refused, photo, tmp_path):
    file = tmp_path / "float.tif"
    grey().convert("F").save(file)
    line = refused("score", photo, file)
    assert str(file) in line
    assert "pixel format F" in line


def test_cmyk(refused, photo, tmp_path):
    file = tmp_path / "print.jpg"
    Image.open(photo).convert("CMYK").save(file)
    line = refused("score", photo, file)
    assert str(file) in line
    assert "CMYK" in line


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_pixels(refused, photo, tmp_path, mode):
    file = tmp_path / "clear.png"
    if mode == "P":
        grey().convert("P").save(file, transparency=0)
        assert 0 in np.asarray(Image.open(file))
    else:
        image = Image.open(photo).convert(mode)
        alpha = Image.new("L", image.size, 255)
        alpha.putpixel((5, 5), 254)
        image.putalpha(alpha)
        image.save(file)
    line = refused("score", photo, file)
    assert str(file) in line
    assert "transparent" in line


def test_two_sizes(refused, photo, tmp_path, efficientnet):
    other = tmp_path / "other.png"
    demo.reference("astronaut", 230).save(other)
    line = refused("score", photo, other, "--backbone", efficientnet)
    assert "224 x 224" in line
    assert "230 x 230" in line


def test_below_a_window(refused, tmp_path, efficientnet):
    small = tmp_path / "small.png"
    demo.reference("astronaut", 223).save(small)
    line = refused("score", small, small, "--backbone", efficientnet)
    assert "223 px" in line
    assert "224 px" in line


# what a user expects to be converted


def same_as_rgb(file, expected):
    image = images.read(file)
    assert image.mode == "RGB"
    assert image.tobytes() == expected.convert("RGB").tobytes()


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_grey_and_palette_are_converted(tmp_path, mode):
    image = grey().convert(mode) if mode != "P" else demo.reference("coffee", 224).quantize(64)
    file = tmp_path / "image.png"
    image.save(file)
    assert Image.open(file).mode == mode
    same_as_rgb(file, image)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_opaque_alpha_is_dropped(tmp_path, mode):
    image = grey() if mode == "LA" else demo.reference("coffee", 224)
    file = tmp_path / "image.png"
    image.convert(mode).save(file)
    assert Image.open(file).mode == mode
    same_as_rgb(file, image)


def test_orientation_tag_is_applied(tmp_path):
    image = demo.reference("coffee", 230).crop((0, 0, 224, 230))
    file = tmp_path / "turned.png"
    tag = Image.Exif()
    tag[0x0112] = 6  # shown turned by 90 degrees clockwise
    image.save(file, exif=tag)
    same_as_rgb(file, image.rotate(-90, expand=True))


def test_grey_scores_as_its_rgb_version(efficientnet, tmp_path):
    metric = Metric(efficientnet, device="cpu")
    image, other = grey(), demo.distort(grey().convert("RGB"), "blur", 3)
    image.save(tmp_path / "grey.png")
    assert metric(tmp_path / "grey.png", other).score == metric(image.convert("RGB"), other).score > 0


# arrays and tensors


@pytest.fixture(scope="module")
def metric(efficientnet):
    return Metric(efficientnet, device="cpu")


def fill(value, dtype=np.float32, shape=(224, 224, 3)):
    return np.full(shape, value, dtype)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("kind", ["array", "tensor"])
def test_not_finite(metric, value, kind):
    bad = fill(0.5)
    bad[3, 4, 1] = value
    bad = bad if kind == "array" else torch.from_numpy(bad).permute(2, 0, 1)
    with pytest.raises(ValueError, match="NaN or infinite"):
        metric(fill(0.5) if kind == "array" else torch.full((3, 224, 224), 0.5), bad)


@pytest.mark.parametrize("call", ["forward", "loss"])
@pytest.mark.parametrize(("low", "high"), [(0, 255), (0, 1.01), (-0.01, 1), (-1, 1)])
def test_values_outside_0_1(metric, low, high, call):
    bad = fill(high)
    bad[0, 0, 0] = low
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\].*divide 0-255 data by 255"):
        getattr(metric, call)(fill(0.5), bad)


@pytest.mark.parametrize("shape", [(224, 224), (224, 224, 1), (224, 224, 4), (3, 224, 224), (1, 1, 224, 224, 3)])
def test_wrong_channels_of_an_array(metric, shape):
    with pytest.raises(ValueError, match="height, width, 3"):
        metric(fill(0.5), fill(0.5, shape=shape))


@pytest.mark.parametrize("shape", [(224, 224), (1, 224, 224), (4, 224, 224), (224, 224, 3), (1, 1, 224, 224)])
def test_wrong_channels_of_a_tensor(metric, shape):
    with pytest.raises(ValueError, match="3, height, width"):
        metric(torch.zeros(3, 224, 224), torch.zeros(shape))


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, np.bool_])
def test_whole_numbers_wider_than_a_byte(metric, dtype):
    with pytest.raises(ValueError, match=rf"uint8 or float, not {np.dtype(dtype)}"):
        metric(fill(0.5), fill(1, dtype))
    with pytest.raises(ValueError, match=r"float in .* or uint8, not torch"):
        metric(torch.zeros(3, 224, 224), torch.zeros(3, 224, 224, dtype=torch.int64))


def test_neither_path_nor_image(metric):
    with pytest.raises(ValueError, match="not list"):
        metric(fill(0.5), [[0.5]])


def test_batches_of_two_sizes(metric):
    with pytest.raises(ValueError, match="differ in size or number"):
        metric(torch.zeros(2, 3, 224, 224), torch.zeros(1, 3, 224, 224))
    with pytest.raises(ValueError, match="empty"):
        metric(torch.zeros(0, 3, 224, 224), torch.zeros(0, 3, 224, 224))


def test_two_sizes_and_small_arrays(metric):
    with pytest.raises(ValueError, match=r"230 x 224 px.*224 x 224 px"):
        metric(fill(0.5, shape=(224, 230, 3)), fill(0.5))
    with pytest.raises(ValueError, match="below the window of 224 px"):
        metric(fill(0.5, shape=(300, 100, 3)), fill(0.5, shape=(300, 100, 3)))


# names

UNKNOWN = {
    "backbone": (["--backbone", "dinov2-vits14"], "dinov2_vits14"),
    "distance": (["--distance", "cosine"], "cos"),
    "protocol": (["--protocol", "papr"], "paper"),
    "precision": (["--precision", "fp23"], "fp32"),
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_unknown_name_of_a_pair(refused, photo, dinov2, kind):
    argv, nearest = UNKNOWN[kind]
    line = refused("score", photo, photo, *argv)
    assert f"Unknown {kind} {argv[1]!r}. Did you mean {nearest!r}?" in line


@pytest.mark.parametrize("kind", ["backbone", "distance", "protocol", "precision", "perturbation"])
def test_unknown_name_of_a_dataset_run(refused, home, kind):
    argv, nearest = {**UNKNOWN, "perturbation": (["--perturbation", "rotate"], "rot")}[kind]
    argv = ["--distances", argv[1]] if kind == "distance" else argv
    line = refused("score-dataset", "demo", *argv, "--out", home / "out")
    assert f"Unknown {kind} {argv[1]!r}. Did you mean {nearest!r}?" in line
    assert not (home / "out" / "scores.parquet").exists()


def test_unknown_dataset(refused, home):
    assert "Unknown dataset 'liv'. Did you mean 'live'?" in refused("score-dataset", "liv", "--out", home / "out")


def test_unknown_download(refused, home):
    assert "Did you mean 'efficientnet_lite0'?" in refused("download", "efficientnet")


def test_unknown_row_selection(refused, home):
    line = refused("score-dataset", "demo", "--rows", "astronaut,blurr", "--out", home / "out")
    assert "'blurr'. Did you mean 'blur'?" in line


@pytest.mark.parametrize("device", ["tpu", "cuda:x", "gpu", "meta", "cuda:99"])
def test_device_that_is_not_here(refused, photo, device, efficientnet):
    line = refused("score", photo, photo, "--backbone", efficientnet, "--device", device)
    assert "cpu" in line


@pytest.mark.skipif(torch.cuda.is_available() or torch.backends.mps.is_available(), reason="auto is a GPU here")
def test_fp16_without_a_gpu(refused, photo):
    assert "fp16 needs a GPU" in refused("score", photo, photo, "--precision", "fp16")


def test_unknown_command_and_option(refused, photo):
    assert "scor" in refused("scor", photo, photo)
    assert "--colour" in refused("score", photo, photo, "--colour", "red")
    assert "NAME" in refused("score-dataset")


@pytest.mark.parametrize("distance", ["skld", "jsd", "wsd", "swd"])
def test_distance_that_a_cnn_cannot_have(refused, photo, home, efficientnet, distance):
    for argv in (
        ["score", photo, photo, "--distance", distance],
        ["score-dataset", "demo", "--distances", f"l2,{distance}", "--out", home / "out"],
    ):
        line = refused(*argv, "--backbone", efficientnet)
        assert distance in line
        assert "CNN" in line
        assert "l2, cos, embed_cos" in line
    with pytest.raises(InputError, match=distance):
        Metric(efficientnet, distance)


def test_distance_left_out_when_defaulted(demo_scores):
    """The line itself: test_demo."""
    _, table = demo_scores
    assert table.attrs["left_out"] == ["skld", "jsd", "wsd"]
    assert [c for c in table.columns if c.startswith("score_")] == ["score_l2", "score_cos", "score_embed_cos"]


def test_batch_size_below_one(refused, home):
    assert "at least 1, not 0" in refused("score-dataset", "demo", "--batch-size", "0", "--out", home / "out")


# folders and files that are written


def test_output_folder_that_cannot_be_written(refused, home, tmp_path):
    (tmp_path / "file").touch()
    line = refused("score-dataset", "demo", "--out", tmp_path / "file" / "out")
    assert "Cannot write to folder" in line
    assert str(tmp_path / "file") in line


def test_map_in_a_folder_that_cannot_be_written(refused, photo, tmp_path, efficientnet):
    (tmp_path / "file").touch()
    line = refused(
        "score", photo, photo, "--backbone", efficientnet, "--distance", "l2", "--map", tmp_path / "file" / "map.png"
    )
    assert "Cannot write to folder" in line


@pytest.mark.parametrize("name", ["map.pdf", "map", "map.png.txt"])
def test_map_with_another_ending(refused, photo, tmp_path, name):
    line = refused("score", photo, photo, "--map", tmp_path / name)
    assert "should end in .png" in line
    assert not (tmp_path / name).exists()


def test_map_of_a_distance_that_has_none(refused, photo, tmp_path, dinov2):
    line = refused("score", photo, photo, "--distance", "wsd", "--map", tmp_path / "map.png")
    assert "wsd has no map" in line
    assert not (tmp_path / "map.png").exists()


# score tables


@pytest.mark.parametrize("content", ["half", "text", "empty", "foreign"])
def test_damaged_scores(refused, demo_scores, tmp_path, content):
    file = tmp_path / "scores.parquet"
    whole = (demo_scores[0] / "scores.parquet").read_bytes()
    if content == "foreign":
        demo_scores[1].to_parquet(file)
    else:
        file.write_bytes({"half": whole[: len(whole) // 2], "text": b"a,b\n1,2\n", "empty": b""}[content])
    line = refused("correlate", file)
    assert f"{file} is not a scores.parquet of fmiqa, or is damaged" in line


def test_missing_scores(refused, tmp_path):
    line = refused("correlate", tmp_path / "scores.parquet")
    assert "No such file" in line
    assert "fmiqa score-dataset" in line


def test_correlate_by_something_else(refused, demo_scores):
    assert "distortion, ref or layer" in refused("correlate", demo_scores[0] / "scores.parquet", "--by", "level")


# datasets


def test_root_that_is_no_folder(refused, home):
    line = refused("score-dataset", "live", "--root", home / "nowhere", "--out", home / "out")
    assert "is not a folder" in line


def test_data_root_that_is_no_folder(refused, home, monkeypatch):
    monkeypatch.setenv("FMIQA_DATA", str(home / "nowhere"))
    line = refused("score-dataset", "live", "--out", home / "out")
    assert "FMIQA_DATA names" in line
    assert "nowhere" in line


def test_dataset_that_is_not_here(refused, bare_home):
    line = refused("score-dataset", "live", "--partial", "--out", bare_home / "out")
    assert "LIVE is not here" in line
    assert "FMIQA_DATA" in line


def test_missing_images_are_counted(refused, live_table, home):
    """Without --partial; skips where LIVE is complete."""
    missing = sum(not (live_table.folder / dis).is_file() for dis in live_table.table["dis"])
    if not missing:
        pytest.skip("LIVE is complete here")
    line = refused("score-dataset", "live", "--root", live_table.folder, "--out", home / "out")
    assert "images are missing" in line
    assert "--partial" in line
    assert int(line.split("live: ")[1].split(" of ")[0]) >= missing
    assert not (home / "out").exists()
