"""Which distance and which layers to take: what is chosen on some images is tested on others.

A setting is a distance and the layers that it is summed over: all, one, or the last n (what `Metric(layers=)` takes). The
distance of all layers is chosen on what the authors released, where no layer can be told apart; layers, and both together, on
our own scores of the other datasets. No score that a choice was made on tests it; of LIVE and TID2013 the authors scored the
images, too, with other backbones.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from .. import DEFAULT_DISTANCE
from ..data import methods as known
from ..data import scores as containers
from ..data.scores import Scores
from . import resamples, significance
from .contrasts import PREFIX
from .layer_choice import IN_PAPER, names

OTHER = next(name for name in IN_PAPER if name != DEFAULT_DISTANCE)
NUMBERS = ("difference", "low", "high", "p")
ALL = "all layers"


def name(distance: str, layers: str = ALL) -> str:
    return f"{distance}, {layers}"


DEFAULT = name(DEFAULT_DISTANCE)


def settings(table: pd.DataFrame) -> Scores:
    """Every setting as a method, of a table of scores in protocol paper: all layers, each alone, the last n, of l2 and cos."""
    values = {}
    for distance in IN_PAPER:
        parts = table[names(table, distance)].to_numpy(float)  # (n, L)
        count = parts.shape[1]
        values[name(distance)] = table[f"score_{distance}"].to_numpy(float)
        values |= {name(distance, f"layer {i}"): parts[:, i] for i in range(count)}
        values |= {name(distance, f"last {n} layers"): parts[:, -n:].sum(axis=1) for n in range(2, count)}
    whole = containers.of_table(table)
    methods = pd.DataFrame({"method": list(values)}).reindex(columns=containers.METHODS)
    return Scores(whole.dataset, methods, whole.images, -np.array(list(values.values())), whole.scale, whole.note)


def released(pairs: pd.DataFrame) -> pd.DataFrame:
    """DEFAULT_DISTANCE minus the other one, all layers, of every backbone and dataset that has both among `pairs`.

    `pairs`: the committed table. Columns: dataset, backbone, n, refs and NUMBERS, pooled and, with `byref_`, within
    references (mean), and `p_holm`, of both one family (`_corrected`).
    """
    sides = [pairs[side].str.rpartition("_") for side in ("method", "other")]
    mine = sides[0][0] == sides[1][0]
    for side in sides:
        mine &= side[2].isin(IN_PAPER) & ~side[0].str.startswith(("embed_", "deep_"))
    out = pairs[mine].reset_index(drop=True)
    sign = np.where(sides[0][2][mine] == DEFAULT_DISTANCE, 1, -1)
    for prefix in PREFIX.values():
        ends = out[[f"{prefix}low", f"{prefix}high"]].to_numpy() * sign[:, None]
        out[f"{prefix}difference"] *= sign
        out[f"{prefix}low"], out[f"{prefix}high"] = ends.min(axis=1), ends.max(axis=1)
    out["backbone"] = [known.RELEASED.get(text, text) for text in sides[0][0][mine]]
    return _corrected(out[["dataset", "backbone", "n", "refs", *_columns()]])


def own(tables: dict[str, dict[str, pd.DataFrame]]) -> pd.DataFrame:
    """What is chosen on the other datasets, tested on each: `tables` is backbone -> dataset -> scores in protocol paper.

    Columns: backbone, dataset (that it is tested on), n, refs, byref_refs (references with 3 images, that a mean within
    references is of), question, setting, against; srcc and srcc_byref of `setting` with their intervals, NUMBERS of `setting`
    minus `against` pooled and with `byref_`, and `p_holm`, of all questions one family. Questions: "distance": DEFAULT against
    the other distance (`released` chose); "layers": of DEFAULT_DISTANCE, and "distance and layers": those with the best SRCC
    over all images in the mean over the other datasets, against DEFAULT.
    """
    rows = [row for backbone, some in tables.items() for row in _of_backbone(backbone, some)]
    return _corrected(pd.DataFrame(rows))


def _of_backbone(backbone: str, tables: dict[str, pd.DataFrame]) -> Iterable[dict]:
    groups = {dataset: resamples.groups(settings(table))[0] for dataset, table in tables.items()}
    every = next(iter(groups.values())).scores.methods["method"].tolist()
    mine = [one for one in every if one.startswith(f"{DEFAULT_DISTANCE}, ")]
    for dataset, group in groups.items():
        elsewhere = np.mean([other.point("srcc") for key, other in groups.items() if key != dataset], axis=0)
        known_there = dict(zip(every, elsewhere, strict=True))
        asked = {
            "distance": (DEFAULT, name(OTHER)),
            "layers": (max(mine, key=known_there.get), DEFAULT),
            "distance and layers": (max(every, key=known_there.get), DEFAULT),
        }
        size = {"n": len(group.scores.images), "refs": group.drawn}
        size["byref_refs"] = int(np.isfinite(group.inside()).any(axis=0).sum())
        for question, (setting, against) in asked.items():
            row = {"backbone": backbone, "dataset": dataset, **size, "question": question}
            yield row | {"setting": setting, "against": against} | _numbers(group, every.index(setting), every.index(against))


def _numbers(group: resamples.Group, one: int, two: int) -> dict[str, float]:
    found = {}
    for statistic, prefix in PREFIX.items():
        low, high = group.interval(statistic)
        found |= {statistic: group.point(statistic)[one], f"{statistic}_low": low[one], f"{statistic}_high": high[one]}
        found |= {f"{prefix}{key}": value[0] for key, value in group.difference(statistic, [one], [two]).items()}
    return found


def _columns() -> list[str]:
    return [f"{prefix}{key}" for prefix in PREFIX.values() for key in NUMBERS]


def _corrected(table: pd.DataFrame) -> pd.DataFrame:
    """With p_holm and byref_p_holm: Holm's correction over all p of the table, pooled and within references together."""
    p = [f"{prefix}p" for prefix in PREFIX.values()]
    holm = significance.holm(table[p].to_numpy(float).ravel()).reshape(-1, len(p))
    return table.assign(**{f"{column}_holm": holm[:, i] for i, column in enumerate(p)})


def verdict(difference: float, p_holm: float) -> str:
    """
    >>> verdict(0.1, 0.01), verdict(-0.1, 0.01), verdict(0.1, 0.2), verdict(0.1, float("nan"))
    ('better', 'worse', 'undecided', 'no test')
    """
    if np.isnan(p_holm):
        return "no test"
    return "undecided" if p_holm >= significance.LEVEL else "better" if difference > 0 else "worse"


def verdicts(table: pd.DataFrame, prefix: str = "") -> pd.Series:
    """`verdict` of each row, pooled or with `byref_` within references."""
    pairs = zip(table[f"{prefix}difference"], table[f"{prefix}p_holm"], strict=True)
    return pd.Series([verdict(*pair) for pair in pairs], table.index)
