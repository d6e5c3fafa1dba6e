"""Real photographs, real DINOv2 features, human scores: equal to the authors' code, resumable, and the headline."""

import numpy as np
import pandas as pd
import pytest

from fmiqa_core import scoring
from fmiqa_core.metric import Metric
from fmiqa_core.stats import correlation, layer_choice

pytestmark = pytest.mark.long
DISTANCES = ("l2", "cos", "skld", "jsd", "wsd", "embed_cos")


@pytest.fixture(scope="module")
def joined(live_scores, live_golden):
    _, table = live_scores
    return table.merge(live_golden, on=["ref", "dis"], validate="one_to_one", suffixes=("", "_golden"))


def test_rows(joined, live_scores):
    assert len(joined) == len(live_scores[1]) == 97
    assert joined["n_windows"].tolist() == joined["n_windows_golden"].tolist()
    np.testing.assert_allclose(joined["mos"], joined["dmos"], rtol=1e-12)
    assert (joined["quality"] == -joined["mos"]).all()


@pytest.mark.parametrize("distance", DISTANCES)
def test_equals_the_authors_code(joined, distance):
    error = (joined[f"score_{distance}"] - joined[distance]).abs() / joined[distance].abs()
    assert error.max() <= 1e-3, f"{distance}: {error.max():.2e} at {joined['dis'][error.idxmax()]}"
    assert error.median() <= 1e-4, f"{distance}: median {error.median():.2e}"


def test_columns(live_scores):
    expected = ["dataset", "ref", "dis", "distortion", "mos", "n_windows"]
    expected += [f"score_{distance}" for distance in DISTANCES]
    expected += [f"layer_{distance}_{i}" for distance in ("l2", "cos") for i in range(12)]
    out, table = live_scores
    stored = scoring.read(out / "scores.parquet")
    assert sorted(stored.columns) == sorted([*expected, "level", "quality"])
    pd.testing.assert_frame_equal(stored, table)
    assert stored["dis"].str.fullmatch(r"(fastfading|gblur|jpeg|jp2k|wn)/img\d+\.bmp").all()
    assert stored["ref"].str.fullmatch(r"refimgs/\w+\.bmp").all()
    assert stored["level"].isna().all()


@pytest.mark.parametrize("distance", ["l2", "cos"])
def test_layer_parts_add_up(live_scores, distance):
    _, table = live_scores
    parts = table[[f"layer_{distance}_{i}" for i in range(12)]]
    assert (parts > 0).all(axis=None)
    np.testing.assert_allclose(parts.sum(axis=1), table[f"score_{distance}"], rtol=1e-6)


def test_a_row_equals_the_metric_on_that_pair(live_scores, live, dinov2):
    _, table = live_scores
    row = table.iloc[3]
    for distance in ("cos", "wsd"):
        alone = Metric(dinov2, distance, device="cpu")(live.folder / row["ref"], live.folder / row["dis"])
        assert alone.score == pytest.approx(row[f"score_{distance}"], rel=1e-5)


def test_rerun_computes_nothing_and_keeps_the_bytes(live_scores, live, dinov2):
    out, table = live_scores
    assert table.attrs["computed_units"] == table.attrs["units"] == 5
    before = {file: file.read_bytes() for file in out.rglob("*.*")}
    again = scoring.score_dataset(live, out, dinov2, device="cpu")
    assert again.attrs["computed_units"] == 0
    assert {file: file.read_bytes() for file in out.rglob("*.*")} == before
    pd.testing.assert_frame_equal(again, table)


def test_agreement_with_people(live_scores):
    """Method notes, section 10: SRCC of every distance on these rows, to the three digits given there."""
    _, table = live_scores
    found = {
        distance: round(float(correlation.srcc(-table[f"score_{distance}"], table["quality"])), 3) for distance in DISTANCES
    }
    assert found == {"l2": 0.913, "cos": 0.955, "skld": 0.930, "jsd": 0.931, "wsd": 0.930, "embed_cos": 0.914}


def test_intermediate_layers_are_ahead_of_the_last_and_five_references_do_not_decide_it(live_scores):
    _, table = live_scores
    layers = layer_choice.layers(table, "cos", count=200).set_index("features")
    found = layers.loc[[f"layer {i}" for i in range(12)], "srcc"].round(3).tolist()
    assert found == [0.899, 0.940, 0.955, 0.961, 0.962, 0.952, 0.947, 0.943, 0.937, 0.936, 0.931, 0.900]
    assert layers.loc["final", "srcc"].round(3) == 0.914
    assert layers.loc["layer 4", "minus_final"] == pytest.approx(layers.loc["layer 4", "srcc"] - layers.loc["final", "srcc"])
    assert layers.loc["layer 4", "minus_final_low"] < 0 < layers.loc["layer 4", "minus_final"]  # t over 5 references


def test_correlate_prints_what_it_stands_on(live_scores, ran):
    out, table = live_scores
    status, text, err = ran("correlate", out / "scores.parquet")
    assert (status, err) == (0, "")
    for distance in DISTANCES:
        (line,) = [line for line in text.splitlines() if line.split()[:2] == ["all", distance]]
        assert f"{float(correlation.srcc(-table[f'score_{distance}'], table['quality'])):.4f} [" in line
        assert line.split()[2:4] == ["97", "5"]
    for word in ("97 of 779 rows", "partial live", "realigned DMOS, higher = worse", "95 %", "references"):
        assert word in text


def test_correlate_by_distortion(live_scores, ran):
    out, _ = live_scores
    status, text, _ = ran("correlate", out / "scores.parquet", "--by", "distortion")
    assert status == 0
    assert {line.split()[0] for line in text.splitlines()[1:] if "[" in line} == {"all", "fastfading", "gblur", "jpeg", "wn"}


def test_damaged_unit_is_redone_with_the_same_bytes(live_scores, live, dinov2):
    """Last in this file: recomputes one of the five references."""
    out, _ = live_scores
    before = {file: file.read_bytes() for file in out.rglob("*.*")}
    unit = min((file for file in before if file.parent.name == "units"), key=lambda file: len(before[file]))
    unit.write_bytes(before[unit][: len(before[unit]) // 2])
    again = scoring.score_dataset(live, out, dinov2, device="cpu")
    assert again.attrs["computed_units"] == 1
    assert {file: file.read_bytes() for file in out.rglob("*.*")} == before
