"""The parts of README.md that help to choose: what others print, what a score costs, what a command takes.

From committed tables alone: `fmiqa_core/data/printed.csv`, those in `data/` and in `figures/`.
"""

import pandas as pd

from ..backbones import OFFLINE, get
from ..data import committed, words
from ..data.layouts import LAYOUTS
from ..figures import layer_tables, setting_tables
from ..files import paths
from ..scoring import plan
from ..stats import setting_choice
from ..studies import lens, live_5refs, settings
from . import profiles

PART = {"val": "validation", "test": "test part"}  # of a dataset, that a printed number is of


def parts() -> dict[str, str]:
    """Name -> Markdown of every part."""
    return {
        "printed": _printed(),
        "pipals": _pipals(),
        "setting": _setting(),
        "speed": _speed(),
        "budget": _budget(),
    }


def _printed() -> str:
    """A row for each method and a column for each set: SRCC as printed."""
    table = lens.printed()
    parts = table["images"].map(PART)
    table["set"] = table["dataset"].map(lambda name: LAYOUTS[name].title)
    table.loc[parts.notna(), "set"] += ", " + parts.dropna()
    cells = table.pivot(index="method", columns="set", values="reported")
    order, names = (list(dict.fromkeys(table[column])) for column in ("method", "set"))
    lines = ["| SRCC as printed | " + " | ".join(names) + " |", "| --- |" + " --- |" * len(names)]
    for method in order:
        lines.append(f"| {method} | " + " | ".join("" if pd.isna(x) else f"{x:.3f}" for x in cells.loc[method, names]) + " |")
    names = table["method"].str.partition(" ")[0]
    sources = "; ".join(f"{name}: {source}" for name, source in table.groupby(names, sort=False)["source"].first().items())
    note = (
        f"\nPooled over all images, as their authors print it ({sources}), without intervals; none was rerun here. Empty, and "
        "of dino-perceptual 0.1.3 and its page all: not printed in what we could read. JLD's authors say that CSIQ and TID2013 "
        "informed its settings; its part of KADID-10k is the references that did not."
    )
    return "\n".join([*lines, note])


def _pipals() -> str:
    train = LAYOUTS["pipal"]
    return (
        f"**PIPAL is four sets**: the training set of {train.images:,} images of {train.references} references with "
        "public scores, which is `pipal` here and in the authors' release; the validation set of the challenge, which the "
        "numbers of JLD and FoMo are of; and the test sets of NTIRE 2021 and NTIRE 2022. A number of one says nothing of the "
        "others: name the set."
    )


def _setting() -> str:
    """Which distance and layers, from the table that README shows of our own scores."""
    table = pd.read_csv(paths.figures() / "tab04_best_layers_live_5refs.csv", keep_default_na=False)
    table["which"] = table["features"].str.partition(",")[0]
    rows = table.set_index(["backbone", "distance", "which"])
    label = next(name for name in dict.fromkeys(table["backbone"]) if name.startswith("DINOv2"))
    within = "SRCC within references"

    def told(distance: str, which: str) -> str:
        row = rows.loc[(label, distance, which)]
        return f"{row['SRCC']} pooled, {row[within]} within"

    own = setting_choice.own({name: settings.tables(name) for name in words.USUAL})
    tested = setting_tables.in_words(own, setting_choice.released(committed.read("pairs")))
    released, layers = ("; ".join(line for line in tested if line.startswith(of)) for of in ("released", "own scores, layers"))
    where = "[notebook 04](notebooks/04_layerwise_analysis.ipynb#Which-setting-to-take), t over references, Holm"
    gain = rows.loc[(label, "cosine", "sum of layers")]
    return (
        f"* **Distance: cosine**, summed over all layers. SRCC of {label} on {live_5refs.NOTE.partition(',')[0]}: cosine "
        f"{told('cosine', 'sum of layers')}, L2 {told('L2', 'sum of layers')}, final features {told('cosine', 'final')}. "
        f"Cosine minus final features: {gain['minus final']} pooled, {gain['minus final, within']} within references; after "
        f"Holm's correction {_left()}. Elsewhere: {released} ({where}).\n"
        f"* **Layers: all**, unless time counts: a layer a third of the way costs less ({_ratio()}). "
        f"Tested: {layers} ({where})."
    )


def of_layers() -> list[str]:
    """The tests of notebook 04 on our own scores of LIVE, each a line that ends in what it decides."""
    numbers = (pd.read_csv(paths.figures() / f"{name}_live_5refs.csv") for name in ("fig04_layerwise", "tab04_choice"))
    return layer_tables.in_words(*numbers)[1:]


def left(tests: list[str]) -> int:
    """How many of `of_layers` Holm's correction leaves."""
    return sum(line.endswith("a difference") for line in tests)


def _left() -> str:
    tests = of_layers()
    return f"{left(tests)} of {len(tests)} differences are left" if left(tests) else "every difference is undecided"


def _pair() -> pd.DataFrame:
    return pd.read_csv(paths.data() / "bench" / "pair.csv")


def _ratio() -> str:
    found = _pair().set_index(["backbone", "setting"])["processor_seconds"]
    name = OFFLINE[0]
    some = found[name, "cosine, one layer, a third of the way"] / found[name, "cosine, all layers"]
    return f"{some:.2f} of the processor time, {name}"


def _cells(row: pd.Series) -> str:
    return f"{row['processor_seconds']:.2f} | {row['peak_gib']:.1f}"


def _speed() -> str:
    """A row for each setting, processor seconds and peak memory of each network."""
    table = _pair()
    names = list(dict.fromkeys(table["backbone"]))
    heads = " | ".join(f"{name}, s | GiB" for name in names)
    lines = [f"| a pair of images | {heads} |", "| --- |" + " --- |" * 2 * len(names)]
    for setting, group in table.groupby("setting", sort=False):
        rows = group.set_index("backbone")
        cells = (_cells(rows.loc[name]) if name in rows.index else "– | –" for name in names)
        lines.append(f"| {setting} | " + " | ".join(cells) + " |")
    one = table.iloc[0]
    note = (
        f"\nSeconds of one core ({one['processor']}, torch {one['torch']}, fp32), so divide by yours; {one['width']} x "
        f"{one['height']} px, protocol `paper`; peak memory of the whole process. [Numbers](data/bench/pair.csv), measured by "
        "`make bench`, where `tests/bench/gpu.py` measures a GPU. In a dataset the reference counts once."
    )
    return "\n".join([*lines, note])


def _budget() -> str:
    """A row for each command that was measured, and for the whole paper what is computed."""
    table = pd.read_csv(paths.data() / "bench" / "commands.csv")
    weights = sum(get(name).weights.megabytes for name in OFFLINE) / 1e3
    lines = ["| command | minutes | GiB of memory | GB left on the disk |", "| --- |" + " --- |" * 3]
    for row in table.itertuples():
        cells = (f"{row.minutes:.1f}", f"{row.peak_gib:.1f}", f"{row.left_gb:.2f}")
        lines.append(f"| `{row.command}` | " + " | ".join(cells) + " |")
    _, archives, paper = plan.whole(profiles.of("full").cells())
    lines.append(f"| `make full` | hours: `fmiqa plan` measures yours | | {(2 * archives + paper) / 1e9:.0f} |")
    cores, processors = table["cores"].iloc[0], ", ".join(table["processor"].unique())
    note = (
        f"\nMeasured on {cores} cores ({processors}) shared with other work: the minutes are an upper end; "
        "[numbers](data/bench/commands.csv) by `make bench`. `make lab` opens at once and then waits. First uses fetch "
        f"{weights:.1f} GB of weights, and every `make` sets up `.venv` first (several GB, mostly PyTorch)."
    )
    return "\n".join([*lines, note])
