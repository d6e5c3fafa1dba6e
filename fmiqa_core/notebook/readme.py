"""The parts of README.md that hold numbers, made from the committed tables: no number there is typed by hand.

A part stands between `<!-- begin NAME -->` and `<!-- end NAME -->`. `python -m fmiqa_core.notebook.readme` (and `make refresh`)
writes them anew; a test holds README.md to what they would be.
"""

import re

import pandas as pd

from ..errors import InputError
from ..figures import benchmark, saving, tables
from ..files import paths
from ..scoring import plan
from ..stats import intervals, results, verdicts
from ..studies import live_5refs
from . import profiles, readme_use

RATE = 1000  # windows per second, to turn the size of the paper into hours


def parts() -> dict[str, str]:
    """Name -> Markdown of every part."""
    return {
        "layers": _layers_caption(),
        "released": _released(),
        "claims": _claims(),
        "own": _own(),
        "cost": _cost(),
        "coverage": _coverage(),
        "gpu": _gpu(),
        **readme_use.parts(),
    }


def render(text: str) -> str:
    """`text` with every part as it should be. InputError for a part that is missing, unknown or twice there."""
    made = parts()
    found = re.findall(r"<!-- begin (\w+) -->", text)
    if sorted(found) != sorted(made):
        raise InputError(f"README.md has the parts {', '.join(found)}; there should be {', '.join(made)}, each once.")
    for name, content in made.items():
        pattern = rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)"
        text, count = re.subn(pattern, lambda match, c=content: f"{match[1]}{c}\n{match[2]}", text, flags=re.DOTALL)
        if count != 1:
            raise InputError(f"README.md: part {name} has no end.")
    return text


def _read(name: str) -> pd.DataFrame:
    return pd.read_csv(paths.figures() / f"{name}.csv", keep_default_na=False)


def _layers_caption() -> str:
    table = _read("fig04_layerwise_live_5refs")
    n, refs = (int(table[column].iloc[0]) for column in ("n", "refs"))
    return (
        f"*Which layers agree with people: SRCC with human scores (DMOS) of single layers, of their sum and of the final "
        f"features, pooled over all images and within references (mean), n = {n} LIVE images of {refs} references. Bands and "
        f"bars are {intervals.RULE}. Reservation: {live_5refs.NOTE}. [Numbers](figures/fig04_layerwise_live_5refs.csv).*"
    )


def _sizes() -> str:
    table = tables.points(results.committed(), ["psnr"]).set_index("dataset")
    sizes = [(title, table.at[name, "n"], table.at[name, "refs"]) for name, title in results.committed().titles.items()]
    return ", ".join(f"n = {n} images of {refs} references in {title}" for title, n, refs in sizes)


def _released() -> str:
    """SRCC with interval of the methods of the main comparison, pooled and within references, marked against the best."""
    found = results.committed()
    cells, marks, _ = benchmark.comparison(found, statistics=("srcc", "srcc_byref"))
    cells = saving.marked(cells, marks, saving.MARKDOWN)
    titles, names = list(found.titles.values()), [benchmark.NAMES[name] for name in ("srcc", "srcc_byref")]
    heads = [f"{title}, {name.removeprefix('SRCC ')}" for title in titles for name in names]
    lines = ["| Metric | " + " | ".join(heads) + " |", "| --- |" + " --- |" * len(heads)]
    for metric in dict.fromkeys(cells["Metric"]):
        mine = cells[cells["Metric"] == metric].set_index("Dataset").reindex(titles).fillna("–")
        lines.append(f"| {metric} | " + " | ".join(mine.at[title, name] for title in titles for name in names) + " |")
    note = (
        f"\nSRCC on {_sizes()}: pooled over all images, and within references (mean); {intervals.RULE}. {_asked(found)} "
        f"{benchmark.MARKS}. "
        f"From {len(found.read('correlations'))} released files: [correlations.csv](data/released/correlations.csv)."
        f"{found.about}"
    )
    return "\n".join([*lines, note])


def _asked(found: results.Results) -> str:
    """What people were asked, from how much of their scores' variance lies between references."""
    people = found.read("shares").query("method == 'people'").set_index("dataset")["between"]
    shares = ", ".join(f"{people[name]:.2%} in {title}" for name, title in found.titles.items())
    return (
        f"Of the variance of people's scores, little lies between references ({shares}): pooled SRCC mixes in an order of "
        "scenes that hardly anybody gave ([notebook 05](notebooks/05_benchmark_tables.ipynb))."
    )


def _claims() -> str:
    """A row for each claim of tab09_claims, by both statistics."""
    table = _read("tab09_claims")
    names = list(dict.fromkeys(table["statistic"]))
    lines = ["| Claim | comparisons | " + " | ".join(f"{name} | verdict" for name in names) + " |", "| --- |" + " --- |" * 5]
    for claim, mine in table.groupby("claim", sort=False):
        cells = [claim, str(mine["comparisons"].iloc[0])]
        for _, row in mine.iterrows():
            cells.append(f"{row['as claimed']} / {row['undecided']} / {row['against']}")
            cells.append("; ".join(row[asked].partition(" (")[0] for asked in verdicts.ASKED))
        lines.append("| " + " | ".join(cells) + " |")
    note = (
        "\nComparisons as claimed / undecided / against (paired, t over references, Holm's correction), and the verdict of "
        f"the questions asked of {', of '.join(verdicts.ASKED)}: {verdicts.RULE}."
    )
    return "\n".join([*lines, note])


def _own() -> str:
    """One line per backbone and distance of tab04_best_layers_live_5refs."""
    table = _read("tab04_best_layers_live_5refs")
    n, refs = table["n"].iloc[0], table["references"].iloc[0]
    table["which"] = table["features"].str.partition(",")[0]  # best here, sum of layers, final, chosen elsewhere
    shown = {  # heading -> row and column
        "sum of layers": ("sum of layers", "SRCC"),
        "final features": ("final", "SRCC"),
        "sum minus final": ("sum of layers", "minus final"),
        "sum minus final, within": ("sum of layers", "minus final, within"),
        "layer chosen elsewhere minus final, within": ("chosen elsewhere", "minus final, within"),
    }
    lines = ["| Backbone, distance | best layer, picked here | " + " | ".join(shown) + " |", "| --- |" + " --- |" * 6]
    for (backbone, distance), group in table.groupby(["backbone", "distance"], sort=False):
        rows = group.set_index("which")
        best = f"{rows.at['best here', 'features'].partition(', ')[2]}: {rows.at['best here', 'SRCC']}"
        lines.append(f"| {backbone}, {distance} | {best} | " + " | ".join(rows.at[at] for at in shown.values()) + " |")
    tests = readme_use.of_layers()
    note = (
        f"\nSRCC, n = {n} LIVE images of {refs} references, protocol `paper`; {intervals.RULE}. Pooled over all images, or "
        "*within* references (mean). The best layer was picked on the same images, which flatters it, so it is not tested; a "
        "layer *chosen elsewhere* was picked on the other references each time. Each interval stands for itself; of the "
        f"{len(tests)} differences, Holm's correction leaves {readme_use.left(tests)}, and all "
        "others are undecided."
    )
    return "\n".join([*lines, note])


def _coverage() -> str:
    return f"* Our own scores with human judgement are of {live_5refs.NOTE}."


def _cost() -> str:
    windows, archives, weights = plan.whole(profiles.of("full").cells())
    hours = windows / RATE / 3600
    return (
        f"It is {windows / 1e6:.1f} million windows of 224 px, {(archives + weights) / 1e9:.0f} GB to download and "
        f"{(2 * archives + weights) / 1e9:.0f} GB on the disk. At {RATE:,} windows a second that is {hours:.1f} hours on one "
        f"device, {hours / 8 * 60:.0f} minutes on eight, and the baselines' time on the host; `fmiqa plan` measures yours. Run "
        "here: the whole chain with images of 5, 7 and 1 references and the two offline backbones, and with the paper's "
        "networks without their weights; not run: the paper in full."
    )


def _gpu() -> str:
    """What was measured on a GPU, by an earlier version."""
    table = pd.read_csv(paths.data() / "gpu" / "precision_h200.csv").set_index("precision")
    fp32, fp16, bf16 = (table.loc[name] for name in ("fp32", "fp16", "bf16"))

    def moved(row: pd.Series) -> str:
        median = f"{row['median_low']:.2%} to {row['median_high']:.2%}"
        return f"{median} in the median, {row['largest']:.1%} at most (SRCC {row['srcc']})"

    return (
        f"* On a GPU take `--precision fp16`: on {fp16['card']} scores moved by {moved(fp16)}; bf16: {moved(bf16)}; fp32 was "
        f"within {fp32['largest']:.1e} of {fp32['against']}. That was an earlier version ({fp32['version']}); this one, and "
        "`tf32`, have run on CPUs alone: `.venv/bin/python tests/bench/gpu.py` measures them on yours."
    )


def main() -> None:
    """Write README.md of the checkout anew."""
    file = paths.home() / "README.md"
    text = render(file.read_text(encoding="utf-8"))
    with paths.atomic(file) as temporary:
        temporary.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
