"""Shift, scale and rotation: the authors' released PSNR after each, and what happens to sizes and to the reference."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fmiqa_core import images
from fmiqa_core.data import demo
from fmiqa_core.errors import InputError
from fmiqa_core.scoring import perturbations


def psnr(ref: Image.Image, dis: Image.Image) -> float:
    difference = np.asarray(ref, dtype=np.float64) / 255 - np.asarray(dis, dtype=np.float64) / 255
    return -10 * np.log10(np.square(difference).mean())


@pytest.mark.parametrize("name", ["none", "tra", "sca", "rot"])
def test_psnr_equals_the_released_values(live_table, released, name):
    """The released rows stand in the order of LIVE's table; a file name alone is not a key there."""
    table = live_table.table
    scores = released("live_psnr.csv" if name == "none" else f"live_psnr_{name}-1.csv")
    assert scores["dis"].tolist() == [Path(dis).name for dis in table["dis"]]
    assert scores["ref"].tolist() == [Path(ref).name for ref in table["ref"]]
    errors = {}
    for ref, dis, expected in zip(table["ref"], table["dis"], scores["pred"], strict=True):
        if (live_table.folder / dis).is_file() and (live_table.folder / ref).is_file():
            pair = (images.read(live_table.folder / file) for file in (ref, dis))
            errors[dis] = abs(psnr(*perturbations.get(name)(*pair)) - expected)
    assert len(errors) >= 97
    worst = max(errors, key=errors.get)
    assert errors[worst] <= 1e-3, f"{name}: {errors[worst]:.2e} dB at {worst}, of {len(errors)}"


@pytest.fixture(scope="module")
def pair():
    ref = demo.reference("coffee", 300)
    return ref, demo.distort(ref, "jpeg", 2)


@pytest.mark.parametrize("name", ["none", "sca", "rot"])
@pytest.mark.parametrize("width", [*range(224, 232), 285, 299, 300])
def test_sizes_are_kept_and_the_reference_untouched(pair, name, width):
    for height in (224, 225, 300):
        ref, dis = (image.crop((0, 0, width, height)) for image in pair)
        new_ref, new_dis = perturbations.get(name)(ref, dis)
        assert new_ref.size == new_dis.size == (width, height)
        assert new_ref.tobytes() == ref.tobytes()
        assert (new_dis.tobytes() == dis.tobytes()) == (name == "none")


@pytest.mark.parametrize(("width", "offset"), [(224, 3), (225, 3), (285, 3), (299, 3), (300, 3), (200, 2), (201, 3), (100, 1)])
def test_shift_is_horizontal_and_both_lose_its_columns(pair, width, offset):
    ref, dis = (image.crop((0, 0, width, 150)) for image in pair)
    new_ref, new_dis = perturbations.tra(ref, dis)
    assert np.array_equal(new_ref, np.asarray(ref)[:, : width - offset])
    assert np.array_equal(new_dis, np.asarray(dis)[:, offset:])


@pytest.mark.parametrize(("side", "larger"), [(288, 292), (224, 228), (200, 202), (300, 304)])
def test_scale_enlarges_by_the_smallest_even_number_from_one_percent(pair, side, larger):
    dis = pair[1].crop((0, 0, side, side))
    margin = (larger - side) // 2
    expected = dis.resize((larger, larger), Image.Resampling.BILINEAR).crop((margin, margin, side + margin, side + margin))
    assert perturbations.sca(dis, dis)[1].tobytes() == expected.tobytes()


def test_rotation_is_clockwise_with_black_corners():
    white = Image.new("RGB", (301, 301), "white")
    white.putpixel((150, 10), (255, 0, 0))  # above the centre: clockwise moves it to the right
    turned = np.asarray(perturbations.rot(white, white)[1]).astype(int)
    assert not turned[0, 0].any()
    red = np.argwhere((turned[..., 0] == 255) & (turned[..., 1] == 0))
    assert len(red) >= 1
    assert (red[:, 1] > 150).all()


def test_unknown_name():
    with pytest.raises(InputError, match="Did you mean 'rot'"):
        perturbations.get("rott")
