"""A run does not write over the scores of another one."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fmiqa_core import scoring
from fmiqa_core.data import datasets, demo
from fmiqa_core.errors import InputError


@pytest.fixture
def few(demo_home):
    """Two references of the demo set with two distorted images each."""
    found = datasets.load("demo")
    some = found.table["distortion"].eq("blur") & found.table["level"].le(2)
    return replace(found, table=found.table[some].iloc[:4].reset_index(drop=True))


def fewer(data):
    return replace(data, table=data.table.iloc[:3])


OTHER = {
    "dataset": ({}, lambda data: replace(data, name="mine", table=data.table.assign(dataset="mine")), "dataset demo, not mine"),
    "protocol": ({"protocol_name": "paper+normalise"}, None, r"protocol paper, not paper\+normalise"),
    "perturbation": ({"perturbation": "rot"}, None, "perturbation none, not rot"),
    "precision": ({"precision": "bf16"}, None, "precision fp32, not bf16"),
    "distances": ({"distances": ["l2"]}, None, "score_cos, which this run has not"),
    "baselines": ({"baseline_names": []}, None, "score_psnr, which this run has not"),
    "rows": ({}, fewer, "1 image pairs that this run has not"),
}
FIRST = {"distances": ["l2", "cos"], "baseline_names": ["psnr"], "device": "cpu"}


@pytest.mark.parametrize("what", OTHER)
def test_another_run_is_refused_unless_asked_for(few, home, efficientnet, what):
    scoring.score_dataset(few, home / "out", efficientnet, **FIRST)
    before = (home / "out" / "scores.parquet").read_bytes()
    options, change, why = OTHER[what]
    data = few if change is None else change(few)
    with pytest.raises(
        InputError, match=rf"holds the scores of another run \({why}\): choose another --out, or give --replace"
    ):
        scoring.score_dataset(data, home / "out", efficientnet, **FIRST | options)
    assert (home / "out" / "scores.parquet").read_bytes() == before
    table = scoring.score_dataset(data, home / "out", efficientnet, replace=True, **FIRST | options)
    assert len(table) == len(data.table)
    assert (home / "out" / "scores.parquet").read_bytes() != before


@pytest.mark.long
def test_another_backbone_is_refused_on_the_command_line(demo_home, home, efficientnet, dinov2, ran, refused):
    argv = ["score-dataset", "demo", "--rows", "coffee", "--distances", "l2", "--device", "cpu", "--out", home / "out"]
    assert ran(*argv, "--backbone", efficientnet)[0] == 0
    assert f"backbone {efficientnet}, not {dinov2}" in refused(*argv, "--backbone", dinov2)
    assert ran(*argv, "--backbone", dinov2, "--replace")[0] == 0


def test_the_same_run_again_with_more_is_not_another(few, home, efficientnet):
    scoring.score_dataset(fewer(few), home / "out", efficientnet, ["l2"], device="cpu")
    table = scoring.score_dataset(few, home / "out", efficientnet, **FIRST, batch_size=4)
    assert len(table) == 4


def test_another_table_of_the_same_name_is_another_run(home, efficientnet):
    """Two CSVs called alike, with images called alike."""
    for number, photograph in enumerate(("coffee", "chelsea")):
        folder = home / f"{number}"
        folder.mkdir(parents=True)
        ref = demo.reference(photograph, 224)
        ref.save(folder / "r.png")
        demo.distort(ref, "blur", 3).save(folder / "d.png")
        (folder / "pairs.csv").write_text("ref,dis,mos\nr.png,d.png,1\n", encoding="utf-8")
    scoring.score_dataset(datasets.load(home / "0" / "pairs.csv"), home / "out", efficientnet, ["l2"], device="cpu")
    with pytest.raises(InputError, match=r"another run \(another image as r.png\)"):
        scoring.score_dataset(datasets.load(home / "1" / "pairs.csv"), home / "out", efficientnet, ["l2"], device="cpu")


@pytest.mark.parametrize("metadata", ["[1]", '"s"', "{}", '{"distances": null}', '{"distances": ["l2"]}', "{"])
def test_foreign_metadata_is_no_scores_file(tmp_path, metadata):
    table = pa.table({"score_l2": [1.0]}).replace_schema_metadata({b"fmiqa": metadata.encode()})
    pq.write_table(table, tmp_path / "scores.parquet")
    with pytest.raises(InputError, match=r"is not a scores.parquet of fmiqa"):
        scoring.read(tmp_path / "scores.parquet")


def test_what_is_no_scores_file_is_not_written_over(few, home, efficientnet):
    (home / "out").mkdir(parents=True)
    (home / "out" / "scores.parquet").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match=r"is not a scores.parquet of fmiqa.*choose another --out"):
        scoring.score_dataset(few, home / "out", efficientnet, **FIRST)
    assert len(scoring.score_dataset(few, home / "out", efficientnet, replace=True, **FIRST)) == 4


def test_a_folder_may_be_called_as_in_a_partitioned_set(few, home, efficientnet):
    """pyarrow would read a column from the name (apache/arrow#43574)."""
    scoring.score_dataset(few, home / "dataset=live", efficientnet, **FIRST)
    table = scoring.score_dataset(few, home / "dataset=live", efficientnet, **FIRST)
    assert set(table["dataset"]) == {"demo"}
