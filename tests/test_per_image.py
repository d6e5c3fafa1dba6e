"""Own scores against released ones, image by image: units, twins, causes, and the committed table."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fmiqa_core.data import causes, committed, datasets, methods, released, scores
from fmiqa_core.scoring import baselines, score_dataset
from fmiqa_core.scoring.settings import BASELINES
from fmiqa_core.stats import claims, per_image, results, verdicts
from fmiqa_core.studies import chosen, live_5refs, released_baselines

needs_archive = pytest.mark.skipif(released.find() is None, reason=released.NOT_HERE)
IMAGES = {"live": 97, "tid2013": 29, "pipal": 2}
CLASSIC = ("psnr", "msssim", "fsim")


def made(values: dict[str, list[float]], backbone: str = "baselines", **info) -> scores.Scores:
    """A run of five LIVE images whose columns are `values`."""
    rows = live_5refs.read("dinov2_vits14")[["dataset", "ref", "dis", "distortion", "mos", "level", "quality"]].iloc[:5]
    table = rows.assign(**{f"score_{name}": some for name, some in values.items()})
    table.attrs = {"dataset": "live", "backbone": backbone, "perturbation": "none", **info}
    return scores.of_table(table)


def as_released(some: scores.Scores) -> scores.Scores:
    return replace(some, methods=some.methods.assign(source="released", protocol=""))


def compared(own: dict, theirs: dict, backbone: str = "baselines", **info) -> pd.DataFrame:
    both = scores.join([made(own, backbone, **info), as_released(made(theirs, backbone))])
    return per_image.of_scores(both).set_index("method")


def test_a_run_without_a_network_is_a_table_of_scores():
    found = made({"psnr": [-30.0] * 5, "fsim": [0.1] * 5, "lpips": [0.2] * 5})
    assert found.methods[["method", "family", "source", "backbone", "protocol"]].to_numpy().tolist() == [
        ["psnr", "traditional", "own", "none", ""],
        ["fsim", "traditional", "own", "none", ""],
        ["lpips", "learned", "own", "alexnet", ""],
    ]
    natural = [methods.as_defined(name, found.values[i, 0]) for i, name in enumerate(found.methods["method"])]
    assert natural == pytest.approx([30.0, 0.8, 0.2])


def test_differences_stand_in_the_unit_of_the_method():
    own = {"psnr": [-30, -31, -32, -33, -34.0], "fsim": [0.1, 0.2, 0.3, 0.4, 0.5], "lpips": [0.1, 0.2, 0.3, 0.4, 0.0]}
    theirs = {"psnr": [-30.5, -31, -32, -33, -34.0], "fsim": [0.1, 0.2, 0.3, 0.4, 0.4], "lpips": [0.1, 0.2, 0.3, 0.2, 0.0]}
    table = compared(own, theirs)
    assert table["unit"].tolist() == ["dB", "of 1", "relative"]
    assert table["largest"].tolist() == pytest.approx([0.5, 0.2, 0.5])  # a similarity is 1 - 2 x its stored distance
    assert table["median"].tolist() == pytest.approx([0, 0, 0])
    first = live_5refs.read("dinov2_vits14")["dis"]
    assert [names.split(", ")[0] for names in table["images"]] == [first[0], first[4], first[3]]
    assert table.loc["psnr", "srcc"] == pytest.approx(1)
    assert table.loc["lpips", "cause"] == causes.LPIPS_RANGE
    assert table.loc["psnr", "cause"] == causes.UNKNOWN


def test_each_kind_of_cause_is_named():
    five = {"cos": [0.1, 0.2, 0.3, 0.4, 0.5]}
    moved = {"cos": [0.11, 0.2, 0.3, 0.4, 0.5]}
    for backbone, cause in (
        ("clip_vitb32", causes.HALF_FLOOR),
        ("clip_rn50", causes.HALF_ROWS),
        ("openclip_convnext_base_w", causes.TRAINED_MODE),
        ("tecoa4_convnext_base_w", causes.TRAINED_MODE),
        ("dino_vitb16", causes.UNKNOWN),
    ):
        row = compared(moved, five, backbone, protocol="paper").iloc[0]
        assert (row["cause"], row["label"]) == (cause, f"{methods.backbone_label(backbone)} cosine")
        assert compared(five, five, backbone, protocol="paper")["cause"].tolist() == [causes.ARITHMETIC]
    other = compared(moved, five, "dino_vitb16", protocol="corrected").iloc[0]
    assert (other["cause"], other["label"]) == (causes.CORRECTED, "DINOv1 ViT-B/16 cosine (corrected)")


def test_a_verdict_from_own_scores_stands_beside_the_released_one():
    """DINOv1's place is taken by the committed scores of another backbone: own, and once more as if they were released."""
    own = scores.of_table(live_5refs.read("dinov2_vits14")[lambda t: t["dis"].str.startswith("wn")])
    own = own.only(["dinov2_vits14_cos", "embed_dinov2_vits14_cos"])
    names = own.methods["method"].str.replace("dinov2_vits14", "dino_vitb16")
    own = replace(own, methods=own.methods.assign(method=names, backbone="dino_vitb16"))
    found = results.of([scores.join([own, as_released(own)])], "both")
    assert found.read(committed.PER_IMAGE)["largest"].tolist() == [0] * len(names)
    several = chosen.each(found)
    same, alone = claims.beside(several), claims.beside({"own": several["own"]})
    words = claims.summary(several["own"])
    for table in (same, alone):
        recomputed = table[table["scores"] == "recomputed"].drop(columns="scores").reset_index(drop=True)
        pd.testing.assert_frame_equal(recomputed, words)
        assert recomputed["comparisons"].tolist()[:4] == [1, 1, 0, 0]  # DINOv1's intermediate features minus its final ones
        assert recomputed["all"].iloc[2] == verdicts.UNTESTED
    released = same[same["scores"] == "released"].drop(columns="scores").reset_index(drop=True)
    pd.testing.assert_frame_equal(released, words)


def test_what_has_no_twin_is_left_out():
    own = scores.of_table(live_5refs.read("dinov2_vits14"), layers=True)
    assert per_image.of_scores(scores.join([own, as_released(made({"psnr": [-30.0] * 5}))])).empty


def test_the_committed_baselines_are_the_released_ones():
    table = committed.read(committed.PER_IMAGE)
    for (dataset, _), mine in table[table["method"].isin(CLASSIC)].groupby(["dataset", "perturbation"]):
        assert mine["method"].value_counts().to_dict() == dict.fromkeys(CLASSIC, IMAGES[dataset])
    assert len(table[table["method"].isin(CLASSIC)]) == 3 * 4 * sum(IMAGES.values())
    apart = (table["own"] - table["released"]).abs().groupby(table["method"]).max()
    assert {name: worst <= baselines.get(name).within for name, worst in apart.items()} == dict.fromkeys(apart.index, True)
    assert {"psnr", "msssim", "fsim", "stlpips_alex"} <= set(apart.index)
    found = results.committed().read(committed.PER_IMAGE)
    assert found["cause"].eq(causes.ARITHMETIC).all()
    assert found.groupby("dataset")["n"].max().to_dict() == IMAGES


@needs_archive
def test_the_committed_released_values_are_the_archives():
    table = committed.read(committed.PER_IMAGE)
    for dataset in IMAGES:
        theirs = scores.of_release(dataset, None)
        key = {scores.LAYOUTS[dataset].key(dis): i for i, dis in enumerate(theirs.images["dis"])}
        names = theirs.methods["method"].str.partition("[")[0]
        for (method, kind), mine in table[table["dataset"] == dataset].groupby(["method", "perturbation"]):
            (row,) = np.flatnonzero((names == method) & (theirs.methods["perturbation"] == kind))
            values = theirs.values[row, [key[scores.LAYOUTS[dataset].key(dis)] for dis in mine["dis"]]]
            np.testing.assert_allclose(mine["released"], methods.as_defined(method, values), rtol=0, atol=1e-12)


@needs_archive
def test_own_beside_released_of_a_dataset_at_hand(datasets_of_others, tmp_path):
    """The way of a run: its own table of baselines, joined with the release, gives the rows that are committed."""
    data = datasets_of_others("pipal")
    own = score_dataset(data, tmp_path, BASELINES, perturbation="rot", baseline_names=["psnr", "fsim"])
    found = released_baselines.beside(data, [own])
    table = committed.read(committed.PER_IMAGE)
    table = table[(table["dataset"] == "pipal") & (table["perturbation"] == "rot")].set_index(["method", "dis"])
    rows = per_image.rows(found)
    assert rows["method"].tolist() == ["psnr"] * 2 + ["fsim"] * 2
    for row in rows.itertuples():
        stored = table.loc[(row.method, row.dis), ["own", "released"]].tolist()
        assert stored == pytest.approx([row.own, row.released], abs=1e-7)


@pytest.fixture
def datasets_of_others():
    def load(name: str):
        if datasets.find(name) is None:
            pytest.skip(f"no images of {name} are at hand")
        return datasets.load(name, partial=True)

    return load


@pytest.mark.long
@needs_archive
@pytest.mark.parametrize("dataset", IMAGES)
@pytest.mark.parametrize("perturbation", methods.PERTURBATIONS)
def test_every_image_gives_the_committed_value(dataset, perturbation, datasets_of_others, tmp_path):
    data = datasets_of_others(dataset)
    table = committed.read(committed.PER_IMAGE)
    table = table[(table["dataset"] == dataset) & (table["perturbation"] == perturbation)]
    own = score_dataset(data, tmp_path, BASELINES, perturbation=perturbation, baseline_names=CLASSIC)
    again = scores.of_table(own)
    for name, values in zip(CLASSIC, again.values, strict=True):
        mine = table[table["method"] == name].set_index("dis")["own"]
        np.testing.assert_allclose(methods.as_defined(name, values), mine.loc[again.images["dis"]], rtol=0, atol=2e-6)
