"""The package equals a pipeline that runs as the authors' code does: one pair, one window, one distance at a time."""

import faithful
import pytest
import torch

from fmiqa_core import compare, windows
from fmiqa_core.data import demo
from fmiqa_core.features import extractor


@pytest.fixture(scope="module")
def both(dinov2):
    """One window with real weights: (features of the pair by the faithful way, the package's scores)."""
    ref = demo.reference("chelsea", 224)
    pair = [faithful.read(image) for image in (ref, demo.distort(ref, "blur", 3))]
    network = extractor(dinov2, "cpu")
    with torch.inference_mode():
        ours = compare.compare(*(compare.sides(network(image)) for image in pair), faithful.DISTANCES)
    return [faithful.taps(network.model, image) for image in pair], ours


@pytest.mark.parametrize("distance", faithful.DISTANCES)
def test_one_window_equals_the_faithful_pipeline(both, distance):
    (ref, dis), ours = both
    assert ours[distance][0].item() == pytest.approx(faithful.window_distance(dis, ref, distance), rel=1e-4)


def test_windows_are_the_same():
    assert all(faithful.starts(length) == windows.starts(length) for length in range(224, 1300))


@pytest.mark.long
def test_a_whole_image_equals_the_authors_code(live, live_golden, dinov2):
    """One row of 12 windows from its files: the faithful pipeline is itself equal to the authors' code."""
    row = live_golden.iloc[0]
    network = extractor(dinov2, "cpu").model
    for distance in faithful.DISTANCES:
        value = faithful.score(network, live.folder / row["ref"], live.folder / row["dis"], distance)
        assert value == pytest.approx(row[distance], rel=1e-4), distance
