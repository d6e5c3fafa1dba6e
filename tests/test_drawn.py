"""Points drawn = rows given, for every plotting function, from made-up tables of any methods; and no two look alike."""

import functools
import io
import re
from itertools import pairwise, product

import numpy as np
import pandas as pd
import pytest
from legibility import complaints
from matplotlib.colors import to_hex

from fmiqa_core import figures
from fmiqa_core.backbones import BACKBONES
from fmiqa_core.data import methods
from fmiqa_core.figures import (
    backbone_comparison,
    catalogue,
    claims,
    comparison,
    heatmaps,
    layer_plots,
    own_pair,
    pages,
    people,
    per_image,
    plots,
    protocols,
    robustness,
    scatter,
    scenes,
    words,
)
from fmiqa_core.figures.style import COLOURS, HEIGHT, SPARE, colours, looks

LONG = "timm:vit_base_patch14_reg4_dinov2.lvd142m"
NETS = [*methods.PAPER, "dinov2_vits14", LONG, "timm:vit_tiny_patch16_224.augreg_in21k", "my_net"]
FEW = ["dino_vitb16", LONG]  # of which it is checked that no text lies on another, which takes its time
DISTANCES = [*methods.DISTANCES, "embed_cos", "mine"]
TYPES = [f"type {i:02d}, with a long name" for i in range(30)]
SWITCHES = ["normalise", "even_windows", "spatial, sample_softmax", "patch_tokens", "a switch of mine"]
NAMES = [methods.name_of(b, d) for b, d in product(NETS, ("l2", "cos", "embed_cos"))] + [
    "psnr",
    "lpips",
    "deep_jsd_vgg",
    "mine",
]
SOME = [*(name for name in NAMES if LONG in name), *NAMES[-4:]]
WIDTHS = (88 / 25.4, 180 / 25.4)
pytestmark = pytest.mark.usefixtures("house_style")


def table_of(value: str = "srcc", low: str = "low", high: str = "high", **columns) -> pd.DataFrame:
    """Every combination of `columns`, with made-up values and intervals, of which one is NaN."""
    made = pd.DataFrame(list(product(*columns.values())), columns=list(columns))
    made[value] = np.random.default_rng(1).uniform(0.3, 0.95, len(made))
    made[low], made[high] = made[value] - 0.04, made[value] + 0.03
    made.loc[0, [low, high]] = np.nan
    return made


def of_methods(names, datasets=("live", "mine.csv"), refs: int = 1, **columns) -> pd.DataFrame:
    made = table_of("srcc", "srcc_low", "srcc_high", dataset=datasets, method=names, **columns)
    found = [methods.describe(name) for name in made["method"]]
    made["label"], made["family"] = [one.label for one in found], [one.family for one in found]
    made["source"] = ["released" if i % 2 else "own" for i in range(len(made))]
    return made.assign(n=25, refs=refs, srcc_byref=made["srcc"] - 0.1, srcc_byref_low=np.nan, srcc_byref_high=np.nan)


def marks(figure, shape: str | None = None) -> int:
    """Points with a marker that lie within their axes; those of legends do not count."""
    count = 0
    for axis in figure.axes:
        (left, right), (bottom, top) = sorted(axis.get_xlim()), sorted(axis.get_ylim())
        for line in axis.lines:
            if line.get_marker() in (None, "None", "", " ", "|", "_") or shape not in (None, line.get_marker()):
                continue
            x, y = (np.asarray(values, float) for values in line.get_data())
            count += int(((x >= left) & (x <= right) & (y >= bottom) & (y <= top)).sum())
    return count


def cells(figure) -> int:
    """Cells of heat maps that have a value."""
    values = [image.get_array() for axis in figure.axes for image in axis.images]
    values += [mesh.get_array() for axis in figure.axes for mesh in axis.collections if axis.get_label() != "<colorbar>"]
    return sum(int(np.isfinite(np.ma.filled(np.ma.asarray(value, float), np.nan)).sum()) for value in values)


def of(made: pd.DataFrame, names, column: str = "backbone") -> pd.DataFrame:
    return made[made[column].isin(names)]


def legible(figure) -> None:
    figures.freeze(figure)
    assert complaints(figure) == []


LAYERS = [*(f"layer {i}" for i in range(24)), "sum of layers", "final"]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("types", [TYPES[:5], TYPES[:8], TYPES], ids=len)
def test_scores_over_quality(types, width):
    made = pd.DataFrame(list(product(FEW, DISTANCES, types, range(4))), columns=["backbone", "distance", "distortion", "x"])
    made["score"] = np.random.default_rng(1).normal(1, 1, len(made))  # some below 0, as of a similarity
    figure = plots.against_quality(made, "human scores", width)
    assert marks(figure) == len(made)
    legible(figure)
    entries = [text.get_text() for text in figure.legends[0].get_texts()]
    assert entries == (types if len(types) <= 8 else ["30 distortion types"])


def test_scores_over_quality_without_a_type():
    made = pd.DataFrame(
        {"backbone": "my_net", "distance": "l2", "distortion": ["jpeg", None], "x": [0.2, 0.7], "score": [1, 2]}
    )
    assert marks(plots.against_quality(made, "human scores")) == 2


@pytest.mark.parametrize("width", WIDTHS)
def test_severity(width):
    made = table_of("relative", distortion=TYPES, distance=DISTANCES, level=(1, 2, 3, 4))
    made.loc[5, "relative"] = 1.4  # milder than another
    figure = plots.severity(made, width)
    assert marks(figure) == len(made)
    assert figure._supxlabel.get_text() == "level (1 mild, 4 severe)"
    legible(figure)


@pytest.mark.parametrize("width", WIDTHS)
def test_layers(width):
    made = table_of(backbone=NETS, distance=DISTANCES[:6], features=LAYERS)
    assert marks(layer_plots.layerwise(made, "SRCC with human scores", width)) == len(made)
    legible(layer_plots.layerwise(of(made, FEW), "SRCC with human scores", width))


@pytest.mark.parametrize("width", WIDTHS)
def test_layers_within_references_stand_beside_those_of_all_images(width):
    made = table_of(backbone=FEW, distance=["l2", "cos"], features=LAYERS)
    inside = {"srcc_byref": made["srcc"] - 0.1, "byref_low": made["low"] - 0.1, "byref_high": made["high"] - 0.1}
    made = made.assign(**inside)
    figures_of = {
        layer_plots.layerwise: made,
        layer_plots.token_layers: made[made["backbone"] == FEW[0]].assign(protocol="paper"),
    }
    for draw, part in figures_of.items():
        figure = draw(part, "SRCC with human scores", width)
        shown = part if draw is layer_plots.layerwise else part[part["features"] != "sum of layers"]
        assert marks(figure) == 2 * len(shown)
        legible(figure)
        assert sum("within" in axis.get_title() for axis in figure.axes) == len(figure.axes) / 2
    heat = layer_plots.layer_heat(made.assign(column=made["distance"] + "\npaper"), width)
    assert cells(heat) == 2 * len(made)
    legible(heat)
    sums = table_of(backbone=FEW, distance=["l2", "cos"], layer=range(24)).assign(single=0.5, byref_single=0.5)
    sums = sums.assign(srcc_byref=sums["srcc"], byref_low=sums["low"], byref_high=sums["high"])
    figure = layer_plots.cumulative(sums, "SRCC with human scores", width)
    assert marks(figure) == 2 * len(sums)
    legible(figure)


def test_one_scale_of_colours_for_all_layers():
    made = table_of(backbone=FEW, column=["L2\npaper"], features=LAYERS)
    figure = layer_plots.layer_heat(made)
    assert {image.get_clim() for axis in figure.axes for image in axis.images} == {(made["srcc"].min(), made["srcc"].max())}
    assert [axis.get_xlabel() for axis in figure.axes if axis.get_label() == "<colorbar>"] == ["SRCC"]


def test_layers_without_final_features():
    made = table_of(backbone=["my_net"], distance=["l2", "mine"], features=LAYERS[:-1])
    assert marks(layer_plots.layerwise(made, "SRCC")) == len(made)


def test_final_features_that_all_distances_share_are_drawn_once():
    made = table_of(backbone=["my_net"], distance=["l2", "cos"], features=LAYERS)
    made.loc[made["features"] == "final", ["srcc", "low", "high"]] = 0.9, 0.8, 0.95
    assert marks(layer_plots.layerwise(made, "SRCC")) == len(made) - 1


@pytest.mark.parametrize("width", [None, *WIDTHS])
def test_heat_of_layers(width):
    made = table_of(backbone=FEW, column=[f"{d}\n{p}" for d in DISTANCES for p in ("paper", "corrected")], features=LAYERS[-8:])
    figure = layer_plots.layer_heat(made, width)
    assert cells(figure) == len(made)
    legible(figure)


def test_sums_of_layers():
    made = table_of(backbone=NETS, distance=DISTANCES[:6], layer=range(24)).assign(single=0.5)
    figure = layer_plots.cumulative(made, "SRCC")
    assert marks(figure) == len(made)
    assert sum(len(line.get_xdata()) for axis in figure.axes for line in axis.lines if line.get_linestyle() == ":") == len(made)
    legible(layer_plots.cumulative(of(made, FEW), "SRCC"))


def test_tokens():
    made = table_of(distance=DISTANCES, protocol=[*layer_plots.TOKENS, "corrected", "mine"], features=LAYERS)
    figure = layer_plots.token_layers(made, "SRCC")
    assert marks(figure) == len(made[made["features"] != "sum of layers"])
    legible(figure)


@pytest.mark.parametrize("width", WIDTHS)
def test_switches(width):
    changes = {"value": "srcc_change", "low": "srcc_low", "high": "srcc_high"}
    made = table_of(**changes, backbone=NETS[-4:], distance=DISTANCES, switch=SWITCHES, base=["paper"])
    assert marks(protocols.switch_effects(made, "srcc", "change of SRCC", width)) == len(made)
    legible(protocols.switch_effects(of(made, [LONG]), "srcc", "change of SRCC", width))
    within = {f"srcc_byref_{end}": made[f"srcc_{end}"] for end in ("change", "low", "high")}
    figure = protocols.switch_effects(made.assign(**within), "srcc", "change of SRCC with human scores", width)
    assert marks(figure) == 2 * len(made)
    legible(protocols.switch_effects(of(made.assign(**within), FEW), "srcc", "change of SRCC with human scores", width))
    made = table_of(**changes, backbone=FEW, distance=DISTANCES[-2:], switch=SWITCHES, base=["paper"], group=TYPES)
    figure = protocols.effects_by_type(made, "srcc", width)
    assert cells(figure) == len(made)
    legible(figure)


@pytest.mark.parametrize("width", WIDTHS)
def test_comparison_of_datasets(width):
    made = of_methods(NAMES)
    for draw in (comparison.main_comparison, comparison.raw_fitted):
        figure = draw(made.assign(plcc=0.5, plcc_fit4=0.6), width)
        assert marks(figure) == 2 * len(made)
    legible(comparison.main_comparison(of(made, SOME, "method"), width))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("count", [1, 2, 40, 90])
def test_comparison_of_one_dataset(count, width):
    made = of_methods((NAMES + [f"{LONG}_cos@{i}" for i in range(90)])[:count], ["live"])
    made.loc[0, "srcc"] = np.nan if count > 1 else 0.5
    figure = comparison.comparison(made, width)
    assert marks(figure) == made["srcc"].notna().sum() + made["srcc_byref"].notna().sum()
    if count < 90:
        legible(figure)
    people_row = {"method": "people_panel", "label": "people, second panel", "family": "people", "source": "people", "n": 1}
    ends = {"refs": 1, "srcc": 0.97, "srcc_low": 0.96, "srcc_high": 0.98, "srcc_byref": 0.9, "srcc_byref_low": np.nan}
    with_people = comparison.comparison(pd.concat([made, pd.DataFrame([people_row | ends])]), width)
    assert marks(with_people) == marks(figure)
    assert [[line.get_xdata()[0] for line in axis.lines if line.get_linestyle() == "--"] for axis in with_people.axes] == [
        [0.97],
        [0.9],
    ]
    ranks = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    best_first = made.sort_values("srcc", ascending=False)["label"]
    assert ranks == words.fit(best_first)
    hollow = sum(line.get_markerfacecolor() == "white" for line in figure.axes[0].lines)
    assert hollow == ((made["source"] == "own").sum() if count > 1 else 0)


def test_backbones_and_distances():
    names = [methods.backbone_label(name) for name in NETS]
    made = pd.DataFrame({"backbone": NETS * 2, "label": names * 2, "dataset": ["live"] * 12 + ["mine.csv"] * 12})
    gaps = {
        f"{p}{k}": v for p in ("", "byref_") for k, v in {"difference": 0.1, "low": 0.05, "high": 0.2, "p_holm": 0.01}.items()
    }
    made = made.assign(**gaps).iloc[1:]  # one has no row of LIVE
    made.iloc[0, made.columns.get_loc("byref_p_holm")] = np.nan  # undecided
    for width in WIDTHS:
        figure = backbone_comparison.intermediate_final(made, width)
        assert marks(figure) == 2 * len(made)
        assert marks(figure, "D") == 1
        legible(figure)
    made = table_of(
        "srcc", "srcc_low", "srcc_high", dataset=["live", "tid2013"], backbone=NETS, distance=[*methods.DISTANCES, "mine"]
    )
    made = made.assign(features="intermediate", srcc_byref=made["srcc"], srcc_byref_low=np.nan, srcc_byref_high=np.nan)
    final = made[made["distance"] == "cos"].assign(features="embedding")
    for width in WIDTHS:
        figure = backbone_comparison.distances(pd.concat([made, final]), width)
        assert marks(figure) == 2 * (len(made) + len(final))
        legible(figure)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("names", [NAMES[:1], NAMES], ids=len)
def test_pooled_and_within_references(names, width):
    made = of_methods(names).assign(rank=range(2 * len(names)), byref_rank=np.nan, between_ranks=0.1, loss=0.02)
    made.loc[0, "srcc_byref"] = np.nan
    figure = scenes.pooled_by_reference(made, width)
    assert marks(figure) == 2 * len(made) - 1
    assert sum("| –" in text.get_text() for axis in figure.axes for text in axis.texts) == len(made)  # ranks of every row
    if len(names) == 1:
        legible(figure)
    people = made.iloc[[0]].assign(method="people", family="people", label="people", between_ranks=0.001)
    figure = scenes.between(pd.concat([made, people]), width)
    assert marks(figure) == len(made)
    legible(figure)


@pytest.mark.parametrize("width", WIDTHS)
def test_what_people_agree_on_is_a_line_and_no_row(width):
    made = of_methods(NAMES[:5])
    people = made.iloc[[0, 5]].assign(method="people_panel", family="people", label="people, second panel", srcc=0.97)
    for draw, table in (
        (comparison.main_comparison, pd.concat([made, people])),
        (comparison.comparison, pd.concat([made[made["dataset"] == "live"], people.iloc[[0]]])),
    ):
        figure = draw(table, width)
        lines = [line for axis in figure.axes for line in axis.lines if list(line.get_xdata()) == [0.97, 0.97]]
        assert len(lines) == (2 if draw is comparison.main_comparison else 1)
        assert "people, second panel" in [text.get_text() for text in figure.legends[0].get_texts()]
        assert "people, second panel" not in [text.get_text() for text in figure.axes[0].get_yticklabels()]
        legible(figure)


def test_scatter():
    made = pd.DataFrame(list(product(["live", "pipal", "mine.csv"], NAMES[:14], ["cell", "curve"], [0.1, 0.4, 0.8])))
    made.columns = ["dataset", "method", "part", "x"]
    made = made.assign(y=made["x"], images=3, label=[methods.describe(name).label for name in made["method"]])
    figure = scatter.scatter(made)
    drawn = sum(len(some.get_offsets()) for axis in figure.axes for some in axis.collections)
    assert drawn + sum(len(line.get_xdata()) for axis in figure.axes for line in axis.lines) == len(made)
    legible(figure)
    sides = " ".join(axis.get_ylabel() for axis in figure.axes)
    assert set(re.findall("DMOS|MOS|Elo|human scores", sides)) == {"DMOS", "Elo", "human scores"}


@pytest.mark.parametrize("width", WIDTHS)
def test_perturbations(width):
    made = of_methods(NAMES, perturbation=["none", "tra", "rot", "mine"])
    figure = heatmaps.absolute(made, width)
    assert cells(figure) == 2 * len(made)  # pooled and within references
    legible(heatmaps.absolute(of(made, SOME, "method"), width))
    made = made.drop(columns=["srcc_low", "srcc_high"]).assign(change=made["srcc"] - 0.6, byref_change=made["srcc"] - 0.7)
    for name in ("", "byref_"):
        made[f"{name}low"], made[f"{name}high"] = made[f"{name}change"] - 0.04, made[f"{name}change"] + 0.03
    figure = robustness.changes(made, width)
    assert marks(figure) == 2 * len(made)
    far = int((made[["change", "byref_change"]] < robustness.EDGE).sum().sum())
    assert marks(figure, "<") == far > 0  # they are said to lie beyond the edge
    assert {axis.get_xscale() for axis in figure.axes} == {"linear"}
    legible(robustness.changes(of(made, SOME, "method"), width))


@pytest.mark.parametrize("width", WIDTHS)
def test_rotation(width):
    first = table_of("byref_change", "byref_low", "byref_high", dataset=["kadid10k", "mine.csv"], method=NAMES[:9])
    first["label"] = [methods.describe(name).label for name in first["method"]]
    first = first.assign(without=first["byref_change"] - 0.1, type="local blocks")
    second = pd.DataFrame(
        {"dataset": "csiq", "reach": ["local", "global"] * 3, "clean": [0.1, 0.2, 0.5, 1, 2, 3], "share": 0.7}
    )
    figure = robustness.rotation(pd.concat([first, second]), width)
    assert marks(figure) == 2 * len(first) + len(second)
    assert "KADID-10k" in figure.axes[0].get_title()
    assert "CSIQ" in figure.axes[2].get_title()
    legible(figure)


@pytest.mark.parametrize("width", [80 / 25.4, *WIDTHS])
def test_map_of_verdicts(width):
    statistics = ["all images", "within references"]
    made = table_of("difference", dataset=["live", "mine.csv", "pipal"], statistic=statistics, method=NAMES, other=NAMES[-9:])
    made["label"], made["against"] = (made[column].map(methods.label) for column in ("method", "other"))
    made = made.assign(p_holm=np.resize([0.01, 0.5, 0.02], len(made)), difference=np.resize([1, 1, -1, 1], len(made)))
    made = made.drop(index=range(5))
    figure = claims.verdict_map(made, width)
    assert cells(figure) == len(made)
    assert marks(figure, ".") == (made["p_holm"] > 0.05).sum()
    assert marks(figure, "+") == ((made["p_holm"] < 0.05) & (made["difference"] > 0)).sum()
    legible(claims.verdict_map(of(of(made, SOME, "method"), NAMES[-4:], "other"), width))
    legible(claims.verdict_map(of(of(made, SOME[:1], "method"), NAMES[-1:], "other").query("dataset == 'live'"), width))


@pytest.mark.parametrize("width", [80 / 25.4, *WIDTHS])
def test_claims_on_backbones(width):
    heads, statistics = ["intermediate minus final", "DINOv1 minus the other"], ["all images", "within references"]
    made = table_of("difference", claim=heads, dataset=["live", "mine.csv"], method=NETS, statistic=statistics)
    made = made.assign(label=made["method"].map(methods.backbone_label), p_holm=np.resize([0.01, 0.5], len(made)))
    assert marks(claims.backbone_claims(made, width)) == len(made)
    legible(claims.backbone_claims(of(made, FEW, "method"), width))
    legible(claims.backbone_claims(made[made["claim"] == heads[0]], width))


@pytest.mark.parametrize("width", WIDTHS)
def test_differences_image_by_image(width):
    kinds = [*methods.PERTURBATIONS, "mine"]
    made = of_methods(NAMES, ["live", "tid2013", "pipal"], perturbation=kinds).assign(unit="relative")
    made["median"], made["largest"] = made["srcc"] / 1e5, made["srcc"] / 1e3
    made.loc[::7, "median"] = 0  # equal scores have a place, too
    figure = per_image.differences(made, width)
    assert marks(figure) == 2 * len(made)
    legible(per_image.differences(of(made, SOME, "method"), width))
    one = made[(made["method"] == "psnr") & (made["dataset"] == "live") & (made["perturbation"] == "none")]
    legible(per_image.differences(one.assign(median=0, largest=0), width))


@pytest.mark.parametrize("width", [None, *WIDTHS])
def test_heat_of_types(width):
    made = of_methods(NAMES, ["kadid10k"], refs=5, distortion=TYPES).assign(type=lambda t: t["distortion"])
    figure = heatmaps.type_map(made, width)
    assert cells(figure) == len(made)
    shown = [text.get_text() for axis in figure.axes[:-1] for text in axis.get_xticklabels()]
    assert len(shown) == len(TYPES)  # none is left out, however narrow
    legible(heatmaps.type_map(of(made, SOME, "method"), width))
    assert figure.axes[-1].get_ylabel() == "SRCC (colour by its square)"
    few = of_methods(SOME, ["kadid10k"], distortion=TYPES[:7]).assign(type=lambda t: t["distortion"], n=50, refs=5)
    assert cells(heatmaps.type_map(few.assign(refs=6), width)) == len(few)
    both = heatmaps.type_map(few, width)  # ten images of a type in each reference
    assert cells(both) == 2 * len(few)
    legible(both)


@pytest.mark.parametrize("width", WIDTHS)
def test_people_beside_metrics_by_type(width):
    made = table_of("srcc", "srcc_low", "srcc_high", dataset=["tid2013"], distortion=TYPES[:17], who=[*people.WHO])
    made = made.assign(type=made["distortion"], method=made["who"].map({"people": "people_panel"}).fillna("psnr"))
    figure = people.by_type(made, width)
    assert marks(figure) == len(made)
    legible(figure)


@pytest.mark.parametrize("width", WIDTHS)
def test_heat_of_distances_and_profiles(width):
    names = [*DISTANCES, "psnr", LONG]
    matrix = pd.DataFrame(np.eye(len(names)), columns=names).assign(distance=names)
    matrix.iloc[0, 1] = np.nan
    figure = plots.agreement(matrix, width)
    assert cells(figure) == len(names) ** 2 - 1
    legible(figure)
    profile = pd.DataFrame(np.random.default_rng(1).random((30, 24)), columns=map(str, range(24))).assign(distortion=TYPES)
    figure = plots.layer_profile(profile, width)
    assert cells(figure) == 30 * 24
    legible(figure)


def test_own_pair_and_share():
    image = np.zeros((8, 8, 3))
    figure = own_pair.own_pair(image, image, image[..., 0], np.arange(24), "mine")
    assert len(figure.axes[3].patches) == 24
    made = pd.DataFrame({name: [0.2, 0.5] for name in ("score_l2", "share_skld", "share_wsd", "true_skld", "true_wsd")})
    assert marks(protocols.l2_share(made)) == 8
    assert sum(len(axis.images) for axis in protocols.recovered({str(i): image for i in range(7)}).axes) == 7


def test_every_backbone_has_a_label():
    assert set(BACKBONES) <= set(methods.BACKBONES)


def test_no_two_backbones_or_distances_look_alike():
    for names in (NETS, DISTANCES, methods.BACKBONES, [f"net {i}" for i in range(60)], ["dinov2_vits14", "dinov2_vitb14"]):
        found = looks(names)
        assert len(set(found.values())) == len(names)
        assert len({look.colour for look in found.values()}) == min(len(names), len(SPARE))
        if names is DISTANCES:
            continue
        shades = colours(methods.name_of(name, "cos") for name in names)
        assert len(set(shades.values())) == min(len(names), len(SPARE))


def test_a_known_name_keeps_its_colour():
    for name in (*methods.PAPER, *methods.DISTANCES, "embed_cos"):
        assert looks(["my_net", name])[name].colour == COLOURS[name]
    assert looks(["dinov1"])["dinov1"] == looks(["dino_vitb16"])["dino_vitb16"]
    made = of_methods(["my_net_cos", "dinov2_vitb14_cos"], ["live"])
    drawn = {to_hex(line.get_color()).upper() for line in comparison.comparison(made).axes[0].lines}
    assert COLOURS["dinov2_vitb14"] in drawn
    assert len(drawn) == 2


def test_labels_have_an_answer_for_every_name():
    assert figures.LABELS["l2"] == "L2"
    assert figures.LABELS[LONG] == LONG
    assert pd.Series(["cos", "my_net"]).map(figures.LABELS).tolist() == ["cosine", "my_net"]


def test_what_people_gave_is_read_from_the_provenance(tmp_path):
    assert catalogue.human(tmp_path / "fig03_scores_kadid10k.csv", "fig03_scores_kadid10k") == "MOS"
    (tmp_path / "fig03_scores_x.json").write_text('{"parameters": {"human": "Elo"}}', encoding="utf-8")
    assert catalogue.human(tmp_path / "fig03_scores_x.csv", "fig03_scores_x") == "Elo"
    (tmp_path / "fig03_scores_x.json").write_text("[]", encoding="utf-8")
    assert catalogue.human(tmp_path / "fig03_scores_x.csv", "fig03_scores_x") == "human scores"


def test_what_no_page_holds_stands_on_several(home):
    made = table_of(backbone=NETS, distance=["l2", "cos"], features=LAYERS)
    draw = functools.partial(layer_plots.layerwise, y_label="SRCC")
    assert draw(made).get_figheight() > HEIGHT
    parts = pages.pages(draw, made, "backbone")
    assert len(parts) == 3
    pd.testing.assert_frame_equal(pd.concat(parts), made)
    assert all(draw(part).get_figheight() <= HEIGHT for part in parts)
    (whole,) = pages.pages(draw, of(made, FEW), "backbone")
    pd.testing.assert_frame_equal(whole, of(made, FEW))
    deep = table_of(backbone=["openclip_convnext_base_w"], column=["L2\npaper"], features=[f"layer {i}" for i in range(36)])
    assert layer_plots.layer_heat(deep).get_figheight() <= HEIGHT
    heat = table_of(backbone=NETS[:4], column=["L2\npaper"], features=LAYERS)
    figures.save_pages(layer_plots.layer_heat, "fig99_heat", heat, "What it shows.")
    there = sorted(file.name for file in (home / "figures").glob("*.csv"))
    assert there == ["fig99_heat.csv", "fig99_heat_page2.csv", "fig99_heat_page3.csv", "fig99_heat_page4.csv"]
    figures.save_pages(layer_plots.layer_heat, "fig99_heat", of(heat, NETS[:1]), "What it shows.")
    assert [file.name for file in (home / "figures").glob("*.csv")] == ["fig99_heat.csv"]  # nothing of the larger run is left


@pytest.mark.parametrize("top", [0, 0.0011, 2.4, 310])
@pytest.mark.parametrize("size", [(256, 256), (455, 256), (768, 256), (256, 384)])
def test_own_pair(size, top, recwarn):
    """Three pictures of one size and height side by side, whatever their shape; a second drawing is like the first."""
    picture, local = np.zeros((*size[::-1], 3), np.uint8), np.linspace(0, top, size[0] * size[1]).reshape(size[::-1])
    figure = own_pair.own_pair(picture, picture, local, np.full(12, top / 12), "l2")
    legible(figure)
    figure.savefig(io.BytesIO())
    legible(figure)
    boxes = [axis.get_window_extent() for axis in figure.axes[:3]]
    assert all(box.width / box.height == pytest.approx(size[0] / size[1], rel=1e-3) for box in boxes)
    assert len({(round(box.y0), round(box.y1)) for box in boxes}) == 1
    gaps = [b.x0 - a.x1 for a, b in pairwise(boxes)]
    assert max(gaps) < 0.02 * figure.bbox.width
    assert figure.axes[3].get_window_extent().x0 - boxes[-1].x1 < 0.2 * figure.bbox.width
    assert [str(one.message) for one in recwarn] == []
