"""Fits of the logistic."""

import numpy as np
import pytest

from fmiqa_core.data import released, scores
from fmiqa_core.stats import bootstrap, fits, weighted

pytestmark = pytest.mark.skipif(released.find() is None, reason=released.NOT_HERE)


def test_a_fit_does_not_depend_on_where_it_lies_in_memory():
    """A resample of LIVE in which it goes far out: the derivatives become nearly dependent."""
    data = scores.of_release("live").only(["embed_tecoa4_vitb32_cos"])
    (score,), quality = data.values, data.quality
    begin = fits.logistic(score, quality).parameters
    times = bootstrap.draw(data.images["ref"].nunique(), 60)[18, weighted.codes(data.refs)].astype(int)
    rng, kept, found = np.random.default_rng(0), [], set()
    for _ in range(100):
        kept.append(np.full(rng.integers(1, 2500), rng.normal()))
        if len(kept) > 40:
            kept.pop(rng.integers(len(kept)))
        found.add(fits.logistic(np.repeat(score, times), np.repeat(quality, times), begin=begin).parameters.tobytes())
    assert len(found) == 1


@pytest.mark.parametrize("compiled", [False, True])
def test_no_resample_agrees_less_than_a_straight_line(compiled):
    """Where the start from the whole leads nowhere, or far out to a correlation of 0, the others are tried."""
    data = scores.of_release("live").only(["embed_tecoa4_vitb32_cos"])
    how = (data.values, data.quality, data.refs)
    found = bootstrap.samples("plcc_fit4", *how, 60, compiled=compiled)
    straight = np.abs(weighted.plcc(*how, bootstrap.draw(data.images["ref"].nunique(), 60)))
    assert (found > straight - fits.WORSE).all()
