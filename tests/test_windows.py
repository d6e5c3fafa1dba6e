"""The authors' window positions."""

import pytest
import torch

from fmiqa_core import windows
from fmiqa_core.errors import InputError

EXAMPLES = {
    224: [0],
    256: [0, 32],
    285: [0, 61],
    288: [0, 64],
    384: [0, 160],
    424: [0, 200],
    425: [0, 200, 201],
    512: [0, 200, 288],
    768: [0, 200, 400, 544],
}


@pytest.mark.parametrize("length", EXAMPLES)
def test_examples(length):
    assert windows.starts(length) == EXAMPLES[length]


def test_every_length():
    """Multiples of 200 strictly below n - 224, then n - 224."""
    for n in range(224, 3000):
        *regular, last = windows.starts(n)
        assert last == n - 224
        assert regular == [k * 200 for k in range(20) if k * 200 < n - 224]


@pytest.mark.parametrize(("width", "height", "count"), [(512, 384, 6), (288, 288, 4), (768, 512, 12), (224, 224, 1)])
def test_number_of_windows(width, height, count):
    assert len(windows.positions(height, width)) == count


@pytest.mark.parametrize("length", [0, 1, 112, 223])
def test_below_a_window(length):
    with pytest.raises(InputError, match=rf"{length} px is below the window of 224 px: enlarge or pad"):
        windows.starts(length)


def test_at_takes_the_pixels_at_the_positions():
    images = torch.arange(2 * 3 * 230 * 425, dtype=torch.float32).reshape(2, 3, 230, 425)
    cut = windows.at(images, windows.positions(230, 425))
    assert cut.shape == (2, 6, 3, 224, 224)
    for i, (top, left) in enumerate([(0, 0), (0, 200), (0, 201), (6, 0), (6, 200), (6, 201)]):
        assert torch.equal(cut[:, i], images[:, :, top : top + 224, left : left + 224])
