"""Three LIVE rows against the authors' code; all 97 are in test_live_golden, which takes minutes."""

from dataclasses import replace

import pytest

from fmiqa_core import scoring


def test_three_rows_equal_the_authors_code(live, live_golden, dinov2, tmp_path):
    first = live.table[live.table["ref"] == live.table["ref"].iloc[0]].iloc[:3].reset_index(drop=True)
    found = scoring.score_dataset(replace(live, table=first), tmp_path, dinov2, device="cpu")
    both = found.merge(live_golden, on=["ref", "dis"], validate="one_to_one")
    assert len(both) == 3
    for distance in ("l2", "cos", "skld", "wsd", "jsd", "embed_cos"):
        assert both[f"score_{distance}"].tolist() == pytest.approx(both[distance].tolist(), rel=1e-3), distance
