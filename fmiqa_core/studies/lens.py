"""Is a lens needed? Plain layers of DINOv2 ViT-S/14 beside what JLD reports of its first block, projected (its lens).

JLD mixes that block, seen through the lens, with the class token. The lens was not run here, and JLD's numbers are of other
images: nothing tests one against the other.
"""

from importlib.resources import files

import pandas as pd

from .. import data
from ..data import words
from ..data.methods import distance_label
from ..figures.cells import interval, value
from ..figures.layer_plots import TOKENS
from ..figures.layer_tables import of, part, top

BACKBONE, BLOCK = "dinov2_vits14", "layer 0"  # that JLD builds on


def printed() -> pd.DataFrame:
    """What others print of their metrics, none of it run here: method, backbone, ... as `reported`; SRCC over all images."""
    return pd.read_csv(files(data) / "printed.csv", keep_default_na=False)


def reported() -> pd.DataFrame:
    """JLD's own numbers: method, backbone, features, dataset, images (which, where known), reported, source, licence."""
    return printed().query("method == 'JLD'")


def layers(table: pd.DataFrame) -> pd.DataFrame:
    """SRCC by layer and tokens, as text: `table` as of `layer_choice.tokens`, of one backbone."""
    columns = {}
    for protocol, one in table.groupby("protocol", sort=False):
        one = one[one["features"] != "sum of layers"].set_index(["distance", "features"])
        for where, names in (("pooled", ("srcc", "low", "high")), ("within", ("srcc_byref", "byref_low", "byref_high"))):
            cells = [interval(*row) for row in one[[*names]].itertuples(index=False)]
            columns[f"{TOKENS.get(protocol, protocol)}, {where}"] = pd.Series(cells, one.index)
    shown = pd.DataFrame(columns).reset_index()
    return shown.assign(distance=shown["distance"].map(distance_label))


def in_words(table: pd.DataFrame, chosen: pd.DataFrame, dataset: str, images: str, distance: str = "cos") -> list[str]:
    """What the numbers of one distance say and what they cannot: lines.

    `table`: as of `layer_choice.tokens`, of BACKBONE; `chosen`: as of `layer_choice.leave_one_out`, with backbone and
    distance; `dataset`: that the `images` (in words) are of, as `reported` names it.
    """
    theirs, chosen = reported(), of(chosen, BACKBONE, distance)
    told = [
        f"{words.title(r.dataset)} {value(r.reported)}" + (f" ({r.images})" if r.images else "") for r in theirs.itertuples()
    ]
    lines = [f"JLD reports, by {theirs['source'][0]}: {', '.join(told)}.", f"Here, {images}, {distance_label(distance)}, SRCC:"]
    table = table[table["distance"] == distance]
    every = table[table["protocol"] == "paper"]
    for protocol, name in TOKENS.items():
        lines.append(f"  {BLOCK}, {name}: {_both(part(table[table['protocol'] == protocol], BLOCK))}")
    best = top(every)
    lines.append(f"  {best['features']}, all tokens, picked here as the best: {_both(best)}")
    if len(chosen):
        lines.append(f"  layer chosen elsewhere, all tokens: {value(chosen['chosen'].mean())} within references")
    known = theirs.loc[theirs["dataset"] == dataset, "reported"]
    plain = every[every["features"].str.startswith("layer")]
    for number in known:
        held = plain.loc[(plain["low"] <= number) & (number <= plain["high"]), "features"].str.removeprefix("layer ")
        of_all = f"{len(held)} of {len(plain)} plain layers" + (f": {', '.join(held)}" if len(held) else "")
        lines.append(f"{value(number)} lies in the pooled interval of {of_all}.")
    said = "whether the lens adds to a plain layer is undecided" if len(known) else "JLD reports nothing of this set"
    return [*lines, f"JLD's lens was not run on these images, so {said}."]


def _both(row: pd.Series) -> str:
    pooled = interval(row["srcc"], row["low"], row["high"])
    return f"{pooled} pooled, {interval(row['srcc_byref'], row['byref_low'], row['byref_high'])} within references"
