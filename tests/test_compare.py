"""`fmiqa compare` and `fmiqa correlate`: files, names, numbers equal to scipy's, and what is refused."""

import pandas as pd
import pytest
from scipy.stats import spearmanr

from fmiqa_core.data import released, score_tables, scores
from fmiqa_core.stats import agreement
from fmiqa_core.studies import live_5refs

needs_archive = pytest.mark.skipif(released.find() is None, reason=released.NOT_HERE)
STATISTICS = [f"{name}{end}" for name in agreement.STATISTICS for end in ("", "_low", "_high")]
GAP = ["difference", "low", "high", "p", "p_holm"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Our own scores of 97 LIVE images as runs: backbone and protocol -> folder."""
    folders = {}
    for backbone, protocol in (("dinov2_vits14", "paper"), ("dinov2_vits14", "corrected"), ("efficientnet_lite0", "paper")):
        table = live_5refs.read(backbone, protocol)
        info = {
            "dataset": "live",
            "backbone": backbone,
            "protocol": protocol,
            "perturbation": "none",
            "distances": [c.removeprefix("score_") for c in table if c.startswith("score_")],
            "scale": "realigned DMOS, higher = worse",
            **table.attrs,
        }
        folders[backbone, protocol] = tmp_path_factory.mktemp(f"{backbone}_{protocol}")
        score_tables.write(folders[backbone, protocol] / "scores.parquet", table, info)
    return folders


@needs_archive
def test_own_runs_beside_the_released_methods(runs, tmp_path, ran):
    one, two = runs["dinov2_vits14", "paper"], runs["efficientnet_lite0", "paper"] / "scores.parquet"
    status, text, _ = ran("compare", one, two, "--released", "--out", tmp_path / "out")
    assert status == 0
    table = pd.read_csv(tmp_path / "out" / "agreement.csv")
    wanted = ["dataset", "method", "label", "family", "source", "backbone", "features", "distance", "protocol", "perturbation"]
    assert table.columns.tolist() == [*wanted, "n", "refs", *STATISTICS]
    assert (table["n"] == 97).all()
    assert {*table["source"]} == {"own", "released"}
    assert table["method"].is_unique
    assert table[["srcc_low", "srcc_high", "srcc_byref_low"]].notna().all(axis=None)
    pairs = pd.read_csv(tmp_path / "out" / "contrast.csv")
    assert pairs.columns.tolist() == ["dataset", "a", "b", "n", "refs", *GAP, *(f"byref_{name}" for name in GAP)]
    assert len(pairs) == len(table) * (len(table) - 1) // 2
    joined = scores.join([scores.of_file(one), scores.of_file(two), scores.of_release("live")])
    for name in ("dinov2_vits14_cos", "embed_efficientnet_lite0_cos", "dino_vitb16_l2", "fsim"):
        expected = spearmanr(joined.only([name]).values[0], joined.quality).statistic
        assert table.set_index("method").loc[name, "srcc"] == pytest.approx(expected, abs=1e-12)
    for ending in ("png", "pdf", "svg"):
        assert (tmp_path / "out" / f"comparison.{ending}").stat().st_size > 1000
    assert "97 images, 5 references" in text
    assert "dino_vitb16_l2" in text
    assert "undecided" in text
    same = pd.read_csv(tmp_path / "out" / "equivalence.csv")
    wanted = ["p_equivalent", "refs_needed", "refs_needed_for_margin"]
    assert same.columns.tolist() == ["dataset", "a", "b", "margin", *wanted, *(f"byref_{name}" for name in wanted)]
    assert same[["a", "b"]].equals(pairs[["a", "b"]])
    assert "people, images twice: srcc 0.99" in text  # of the complete LIVE
    assert "judged on 97 images, 5 references" in text


def test_the_margin_of_equivalence(runs, tmp_path, ran, refused):
    """A wider margin shows more; of what is not known no interval is printed."""
    run, methods = runs["dinov2_vits14", "paper"], ("--methods", "dinov2_vits14_l2,dinov2_vits14_cos")
    _, text, _ = ran("compare", run, *methods, "--margin", "0.2", "--out", tmp_path)
    wide = pd.read_csv(tmp_path / "equivalence.csv")
    ran("compare", run, *methods, "--out", tmp_path)
    narrow = pd.read_csv(tmp_path / "equivalence.csv")
    assert (wide["margin"].item(), narrow["margin"].item()) == (0.2, 0.01)
    assert wide["p_equivalent"].item() < 0.05 < narrow["p_equivalent"].item()
    assert "equivalent (p " in text
    assert pd.read_csv(tmp_path / "agreement.csv")[["plcc_fit4_low", "plcc_fit4_high"]].isna().all(axis=None)
    assert "between 0 and 1" in refused("compare", run, "--margin", "0")


@needs_archive
def test_methods_by_either_name_and_layers(runs, tmp_path, ran):
    wanted = "dinov2_vits14_cos@4,dinov1_l2,lpips"
    status, _, _ = ran("compare", runs["dinov2_vits14", "paper"], "--released", "--methods", wanted, "--out", tmp_path)
    table = pd.read_csv(tmp_path / "agreement.csv")
    assert status == 0
    assert {*table["method"]} == {"dinov2_vits14_cos@4", "dino_vitb16_l2", "lpips"}


def test_two_protocols_are_compared(runs, tmp_path, ran):
    status, text, _ = ran(
        "compare", runs["dinov2_vits14", "paper"], runs["dinov2_vits14", "corrected"], "--methods", "dinov2_vits14_wsd"
    )
    assert status == 0
    assert "dinov2_vits14_wsd[corrected]" in text
    assert not list(tmp_path.iterdir())  # nothing is written without --out


def test_what_cannot_be_compared_is_refused(runs, tmp_path, refused):
    one = runs["dinov2_vits14", "paper"]
    assert "No such file" in refused("compare", tmp_path / "nothing")
    assert "in a folder of its own name" in refused("compare", one, one)
    assert "efficientnet" in refused("compare", runs["efficientnet_lite0", "paper"], "--methods", "efficientnet_lite0_l3")
    assert "names none" in refused("compare", one, "--methods", ",")
    other = score_tables.read(one / "scores.parquet")
    score_tables.write(tmp_path / "scores.parquet", other, other.attrs | {"dataset": "kadid10k"})
    assert "one dataset" in refused("compare", one, tmp_path)
    assert "released no scores of kadid10k" in refused("compare", tmp_path, "--released")


BY = [("layer", 6 + 2 * 12), *(pytest.param(*case, marks=pytest.mark.long) for case in (("distortion", 6 * 5), ("ref", 6 * 6)))]


@pytest.mark.parametrize(("by", "rows"), BY)
def test_correlate_adds_rows_and_all_stays(runs, tmp_path, ran, by, rows):
    run = runs["dinov2_vits14", "paper"] / "scores.parquet"
    status, text, _ = ran("correlate", run, "--by", by, "--out", tmp_path / "table.csv")
    assert status == 0
    table = pd.read_csv(tmp_path / "table.csv")
    assert len(table) == rows
    alone = tmp_path / "alone.csv"
    ran("correlate", run, "--out", alone)
    pd.testing.assert_frame_equal(table[table["group"] == "all"].reset_index(drop=True), pd.read_csv(alone))
    assert {*STATISTICS} <= {*table.columns}
    assert "all" in text
    if by == "layer":
        stored = score_tables.read(run)
        row = table[(table["group"] == "layer 4") & (table["distance"] == "cos")].iloc[0]
        assert row["srcc"] == pytest.approx(spearmanr(-stored["layer_cos_4"], stored["quality"]).statistic, abs=1e-12)
        assert row["method"] == "dinov2_vits14_cos@4"


def test_correlate_refuses(runs, tmp_path, refused):
    run = runs["dinov2_vits14", "paper"] / "scores.parquet"
    assert "should end in .csv" in refused("correlate", run, "--out", tmp_path / "table.txt")
    table = score_tables.read(run)
    bare = table[[c for c in table if not c.startswith("layer_")]]
    score_tables.write(tmp_path / "scores.parquet", bare, table.attrs)
    assert "no layer parts" in refused("correlate", tmp_path / "scores.parquet", "--by", "layer")


def test_scores_lie_where_the_notebooks_look_unless_a_folder_is_named(home, efficientnet, ran):
    words = ("demo", "--backbone", efficientnet, "--rows", "coffee", "--distances", "l2", "--device", "cpu")
    status, text, _ = ran("score-dataset", *words)
    assert status == 0
    assert text.startswith("data/scores/demo/efficientnet_lite0/scores.parquet: ")
    assert (home / "data" / "scores" / "demo" / "efficientnet_lite0" / "scores.parquet").is_file()
    status, text, _ = ran("score-dataset", *words, "--perturbation", "rot")
    assert text.startswith("data/scores/demo/efficientnet_lite0-rot/scores.parquet: ")
    assert "efficientnet_lite0_l2[rot]" in ran("compare", *(home / "data" / "scores" / "demo").iterdir())[1]
