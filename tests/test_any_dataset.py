"""Notebooks 02, 03, 04 and 08 for any backbone and dataset: words, names and dashes from the data, nothing half-labelled."""

import json
import shutil
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
import random_weights

from fmiqa_core.data import datasets, words
from fmiqa_core.errors import InputError
from fmiqa_core.figures import cells, layer_tables, own_scores, protocol_tables
from fmiqa_core.files import paths
from fmiqa_core.stats import layer_choice, switch_effects
from fmiqa_core.studies import anatomy, dissected, live_5refs, runs

REPOSITORY = Path(__file__).resolve().parent.parent
TINY = "timm:vit_tiny_patch16_224.augreg_in21k"
OF_TINY = "timm_vit_tiny_patch16_224_augreg_in21k"  # in the name of a file
OTHERS = ("tab08_demo", "tab04_settings", "tab04_distance_released")  # of the demo set, of committed scores: always


def made_up(refs=2, each=6, kinds=("blur", "noise"), layers=3, seed=0, **attrs) -> pd.DataFrame:
    """Scores of an own set that follow the mos, with noise; `attrs` as a run has them."""
    n, rng = refs * each, np.random.default_rng(seed + 1)
    mos = np.random.default_rng(0).uniform(1, 5, n)
    parts = -mos[:, None] + rng.normal(0, 0.5, (n, layers + 1)) + 9
    table = pd.DataFrame(
        {
            "dataset": "mine.csv",
            "ref": np.repeat([f"r{i}.png" for i in range(refs)], each),
            "dis": [f"d{i}.png" for i in range(n)],
            "distortion": np.resize(kinds, n),
            "mos": mos,
            "quality": mos,
            "level": pd.array([None] * n, dtype="Int64"),
            "score_l2": parts[:, :layers].sum(1),
            "score_embed_cos": parts[:, -1],
            **{f"layer_l2_{i}": parts[:, i] for i in range(layers)},
        }
    )
    table.attrs = {"scale": "mos, higher = better", "note": "", "cite": "", "report": "fmiqa | protocol paper", **attrs}
    return table


@pytest.mark.parametrize(("name", "word"), [*zip(datasets.LAYOUTS, ("DMOS", "MOS", "MOS", "Elo", "MOS", "DMOS"), strict=True)])
def test_every_dataset_has_its_word(name, word):
    layout = datasets.LAYOUTS[name]
    assert words.human(layout.scale) == word
    assert words.axis(word).endswith("worse)") == layout.lower_is_better


def test_words_of_a_run():
    table = made_up()
    table.loc[3, ["mos", "quality"]] = np.nan
    run = runs.Run("mine.csv", {TINY: {"paper": table}})
    assert (run.human, run.name) == ("MOS", f"mine_{OF_TINY}")
    assert run.images == "11 images of mine, 2 references"
    assert run.note == "1 image without a human score left out"
    assert run.common["cite"] == []
    assert run.common["parameters"]["human"] == "MOS"
    points = own_scores.points(run.of("paper"), ["l2"])
    assert len(points) == 11
    assert points["x"].tolist() == table["mos"].dropna().tolist()


def test_levels_stand_for_people_only_where_nobody_was_asked(home, tmp_path):
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).write_bytes(name.encode())
    rows = "ref,dis,mos,level\na.png,b.png,{},2\na.png,c.png,,4\n"
    (tmp_path / "some.csv").write_text(rows.format("3.5"), encoding="utf-8")
    (tmp_path / "none.csv").write_text(rows.format(""), encoding="utf-8")
    some, none = (datasets.load(str(tmp_path / name)) for name in ("some.csv", "none.csv"))
    assert (words.human(some.scale), words.column(some.table)) == ("MOS", "mos")
    assert np.isnan(some.table["quality"][1])
    assert words.column(none.table) == "level"
    assert none.table["quality"].isna().all()  # a level is no human score, and levels of two types compare with nothing


def test_names_of_files_hold_no_folder(tmp_path):
    assert words.file_name(str(tmp_path / "my set.v2.CSV")) == "my_set_v2"
    assert words.file_name("/x/live.csv") != words.file_name("live")


def test_any_backbone_has_a_label():
    """What ended in a KeyError after hours of scoring."""
    table = layer_choice.each(layer_choice.layers, {TINY: made_up()}, ["l2"])
    chosen = layer_choice.each(layer_choice.leave_one_out, {TINY: made_up()}, ["l2"])
    assert set(layer_tables.best_layers(table, chosen)["backbone"]) == {TINY}
    assert layer_tables.in_words(table, chosen)[1].startswith(f"{TINY} l2, sum of layers, pooled SRCC: ")


def test_one_reference_has_numbers_and_no_intervals():
    scores = made_up(refs=1, each=8)
    table = layer_choice.each(layer_choice.layers, {TINY: scores}, ["l2"])
    chosen = layer_choice.each(layer_choice.leave_one_out, {TINY: scores}, ["l2"])
    shown = layer_tables.best_layers(table, chosen)
    assert shown["SRCC"].str.endswith(f" [{cells.DASH}]").all()
    assert [line.rpartition(", ")[2] for line in layer_tables.in_words(table, chosen)[1:]] == ["no test"] * 2
    assert shown["SRCC"].str.startswith("0.").all()
    sums = layer_choice.cumulative(scores, "l2")
    assert sums["srcc"].notna().all()
    assert sums[["low", "high", "byref_low", "byref_high"]].isna().all(axis=None)
    assert sums["srcc_byref"].tolist() == pytest.approx(sums["srcc"].tolist())
    assert layer_choice.leave_one_out(scores, "l2").empty


def test_choice_of_a_layer_leaves_out_what_cannot_be_tested():
    """A third reference with two images, and one whose images people rated alike."""
    scores = made_up(refs=4, each=6)
    scores = scores.drop(index=range(14, 18))
    scores.loc[scores["ref"] == "r3.png", ["mos", "quality"]] = 3.0
    found = layer_choice.each(layer_choice.leave_one_out, {TINY: scores}, ["l2"])
    assert found["ref"].tolist() == ["r0.png", "r1.png", "r3.png"]
    row = layer_tables.choice(found).iloc[0]
    gap = (found["chosen"] - found["final"]).dropna()
    assert len(gap) == 2
    assert row["chosen - final"].startswith(f"{gap.mean():+.3f} [")


def test_a_type_with_few_images_keeps_its_row():
    scores = made_up(refs=2, each=7, kinds=("blur", "blur", "noise", "blur", "blur", "blur", "blur"))  # 2 of noise
    typed = layer_choice.each(layer_choice.by_type, {TINY: scores}, ["l2"])
    shown = layer_tables.by_type(typed).set_index("distortion")
    assert shown.loc["noise", "n"] == 2
    assert (shown.loc["noise", ["best layer", "sum", "final", "sum - final"]] == cells.DASH).all()
    assert shown.loc["blur", "sum"] != cells.DASH
    protocols = {"paper": scores, "paper+normalise": made_up(2, 7, tuple(scores["distortion"]))}
    found = switch_effects.each(switch_effects.changes, {TINY: protocols}, "distortion")
    few = found[found["group"] == "noise"]
    assert (few["n"] == 2).all()
    assert few[["srcc_before", "srcc_change", "srcc_low", "srcc_p", "plcc_after"]].isna().all(axis=None)
    assert found[found["group"] == "blur"]["srcc_change"].notna().all()
    assert set(protocol_tables.changes(few)["SRCC"]) == {cells.DASH}


def test_protocols_side_by_side_of_one_reference():
    protocols = {name: made_up(refs=1, each=8, seed=i) for i, name in enumerate(("paper", "paper+normalise", "corrected"))}
    levels = switch_effects.each(switch_effects.levels, {TINY: protocols})
    assert protocol_tables.levels(levels)["SRCC"].str.endswith(f" [{cells.DASH}]").all()
    changes = switch_effects.each(switch_effects.changes, {TINY: protocols})
    for line in protocol_tables.survivors(changes):
        assert f"0 of {len(changes)} changes tested" in line


def test_anatomy_leaves_out_unrated_images():
    found = anatomy.read()
    few = found.copy()
    few.loc[:9, "quality"] = np.nan
    assert anatomy.agreement(few)["srcc"].tolist() == anatomy.agreement(found[10:])["srcc"].tolist()
    assert list(dissected.agreement(anatomy.agreement(found), "MOS"))[1] == "SRCC with MOS"
    whole = anatomy.agreement(found).set_index("column")
    inside = [(-part["score_wsd"]).corr(part["quality"], "spearman") for _, part in found.groupby("ref")]
    assert whole.loc["score_wsd", "srcc_byref"] == pytest.approx(np.mean(inside))
    assert (whole["byref_low"] < whole["srcc_byref"]).all()


def test_committed_scores_of_another_backbone():
    with pytest.raises(InputError, match=r"not of clip_vitb32: name a dataset to score"):
        live_5refs.read("clip_vitb32")


@pytest.mark.parametrize("distance", ["skld", "nonsense"])
def test_distance_without_layers_is_refused_before_scoring(distance):
    with pytest.raises(InputError, match=f"{distance} has no layer parts in protocol paper: use l2 or cos"):
        layer_choice.check(["l2", distance])


@pytest.fixture
def books(home, demo_folder, monkeypatch):
    """A home with the notebooks, the demo images, and weights of TINY that nobody trained."""
    shutil.copytree(REPOSITORY / "notebooks", home / "notebooks")
    shutil.copytree(demo_folder, home / "data" / "demo")
    for name in ("live_5refs", "released", "settings"):
        shutil.copytree(REPOSITORY / "data" / name, home / "data" / name)
    random_weights.write(home, TINY)
    return home


@pytest.fixture
def own(books, tmp_path, monkeypatch):
    """Write `sets/NAME`: the first `refs` demo photographs at all levels of two distortions; the user stands in tmp_path."""
    table, folder = datasets.load("demo").table, paths.make_folder(tmp_path / "sets")
    monkeypatch.chdir(tmp_path)

    def write(name: str, refs: int = 2, rows: int = 20, columns=("ref", "dis", "mos", "distortion", "level")) -> str:
        some = table[table["ref"].isin(table["ref"].unique()[:refs]) & table["distortion"].isin(["blur", "noise"])][:rows]
        some = some.assign(mos=[5 - level + 0.01 * i for i, level in enumerate(some["level"])]).reset_index(drop=True)
        some.loc[1, "mos"] = np.nan
        for image in {*some["ref"], *some["dis"]}:
            paths.make_folder((folder / image).parent)
            shutil.copy(books / "data" / "demo" / image, folder / image)
        some[[*columns]].to_csv(folder / name, index=False)
        return f"sets/{name}"

    return write


def texts(home: Path, number: str) -> str:
    """All that an executed notebook printed."""
    (file,) = (home / "figures" / "executed").glob(f"{number}_*[a-z].ipynb")
    outputs = [output for cell in nbformat.read(file, 4).cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


def provenance(home: Path) -> dict[str, dict]:
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in (home / "figures").glob("*.json")}


def test_too_few_images_are_refused(books, own, capsys):
    """Alone; beside others they are left out, and a line says so."""
    few, bare = own("few.csv", refs=1, rows=3), own("bare.csv", columns=("ref", "dis"))
    assert len(runs.loaded("demo," + own("enough.csv"))) == 2
    assert capsys.readouterr().out == ""
    said = "2 of 3 images of few have a human score: a correlation needs at least 3 images."
    with pytest.raises(InputError, match=f"{said} Without one, `fmiqa score-dataset` scores them"):
        runs.loaded(few)
    assert [data.name for data in runs.loaded(f"demo,{few}")] == ["demo"]
    assert capsys.readouterr().out == f"Left out: {said}\n"
    assert runs.named(f"live_5refs,{few}", "dinov2_vits14")[0] == {"live_5refs": None}
    with pytest.raises(InputError, match="0 of 20 images of bare"):
        runs.loaded(bare)


@pytest.mark.long
def test_too_few_images_are_refused_before_scoring(books, own, ran):
    """One sentence, in each notebook, that says how many images are needed."""
    name = own("few.csv", refs=1, rows=3)
    for number in ("02", "04", "08"):
        status, _, err = ran("reproduce", number, "-p", "backbones", TINY, "-p", "datasets", name)
        assert status == 2, err
        assert "a correlation needs at least 3 images" in err
    assert not (books / "data" / "scores").exists()
    status, _, err = ran("reproduce", "03", "-p", "backbones", TINY, "-p", "datasets", name)
    assert status == 0, err
    assert "2 of 3 images of few have a human score: a correlation needs at least 3 images." in texts(books, "03")


@pytest.mark.long
@pytest.mark.parametrize("absolute", [False, True])
def test_notebooks_with_an_own_table(books, own, ran, tmp_path, absolute):
    name = own("my set.csv")
    name, numbers = (str(tmp_path / name), ["03"]) if absolute else (name, ["03", "04", "08"])
    options = ["-p", "backbones", TINY, "-p", "datasets", name, *([] if absolute else ["-p", "demo_backbone", TINY])]
    status, _, err = ran("reproduce", *numbers, *options)
    assert status == 0, err
    found = provenance(books)
    mine = {stem: one for stem, one in found.items() if stem not in OTHERS}
    wanted = {
        *(
            f"{figure}_my_set_{OF_TINY}"
            for figure in ("fig03_scores", "fig04_layerwise", "fig04_heat", "fig04_cumulative", "fig04_tokens")
        ),
        *(f"{figure}_my_set_{OF_TINY}" for figure in ("fig08_srcc", "fig08_plcc", "fig08_by_type")),
        *(
            f"{table}_my_set_{OF_TINY}"
            for table in ("tab03_correlations", "tab04_best_layers", "tab04_choice", "tab04_by_type")
        ),
        *(f"{table}_my_set_{OF_TINY}" for table in ("tab08_changes", "tab08_levels")),
    }
    assert set(mine) == {stem for stem in wanted if stem[3:5] in numbers}
    for stem, one in mine.items():
        assert one["parameters"]["human"] == "MOS", stem
        assert len(one["cite"]) == 1, stem  # the paper, and no dataset
        assert "1 image without a human score left out" in one["caption"], stem
        assert not [word for word in ("LIVE", "DMOS", str(tmp_path)) if word in json.dumps(one)], stem
    assert "MOS (higher = better)" in (books / "figures" / f"fig03_scores_my_set_{OF_TINY}.svg").read_text(encoding="utf-8")
    if not absolute:
        assert "SRCC with MOS" in (books / "figures" / f"fig04_layerwise_my_set_{OF_TINY}.svg").read_text(encoding="utf-8")


@pytest.mark.long
def test_notebooks_with_one_reference(books, own, ran):
    name = own("one.csv", refs=1)
    status, _, err = ran("reproduce", "04", "08", "-p", "backbones", TINY, "-p", "datasets", name, "-p", "demo_backbone", TINY)
    assert status == 0, err
    assert "9 images of one, 1 reference: a layer cannot be chosen on some references" in texts(books, "04")
    assert not (books / "figures" / f"tab04_choice_one_{OF_TINY}.md").exists()
    assert provenance(books)[f"fig04_heat_one_{OF_TINY}"]["parameters"]["human"] == "MOS"
    assert "nan" not in (books / "figures" / f"tab08_changes_one_{OF_TINY}.md").read_text(encoding="utf-8")


@pytest.mark.long
@pytest.mark.parametrize("name", ["tid2013", "kadid10k"])
def test_notebooks_with_a_published_dataset(books, ran, name):
    try:
        runs.loaded(name)
    except InputError as error:
        pytest.skip(f"{name} is not at hand: {error}")
    status, _, err = ran("reproduce", "03", "04", "-p", "backbones", TINY, "-p", "datasets", name)
    assert status == 0, err
    for stem, one in provenance(books).items():
        if stem in OTHERS:
            continue
        assert one["parameters"]["human"] == "MOS", stem
        assert one["cite"][1] == datasets.CITE[name], stem
    assert "SRCC with MOS" in (books / "figures" / f"fig04_layerwise_{name}_{OF_TINY}.svg").read_text(encoding="utf-8")


@pytest.mark.long
def test_distances_of_a_vit_and_of_a_cnn(books, own, ran, efficientnet):
    name = own("mine.csv")
    status, _, err = ran("reproduce", "02", "-p", "backbones", TINY, "-p", "datasets", name)
    assert status == 0, err
    found = provenance(books)
    assert "20 images of mine, 2 references" in found["fig02_anatomy_mine"]["caption"]
    assert "SRCC with MOS" in (books / "figures" / "tab02_agreement_l2_mine.md").read_text(encoding="utf-8")
    status, _, err = ran("reproduce", "02", "-p", "backbones", efficientnet, "-p", "datasets", name)
    assert status == 0, err
    assert "is a CNN, which has no SKLD and WSD in protocol paper: this part does not apply" in texts(books, "02")
