"""Do two metrics know different things: partial correlations, and the untrained average of the two.

The average is that of ranks over all images, so that neither scale counts; nothing is fitted, and references are not told
apart. Which two go together best is picked on a random half of the references and tested on the other.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from ..data import methods as known
from . import bootstrap, correlation, intervals, resamples, significance
from .intervals import Draws
from .resamples import Group

LEAST = 6  # references: fewer make no two halves, one to pick on and one to test on
COLUMNS = ["dataset", "what", "method", "other", "statistic", "value", "low", "high", "p", "p_holm", "refs"]


def pair(table: pd.DataFrame) -> tuple[str, str] | None:
    """The two methods of `correlations` that stand for foundation models and traditional metrics: DINOv1 L2 and FSIM.

    Own ones before released ones; without them the first foundation model by L2, and MS-SSIM or PSNR. None where either lacks.
    """
    rows = table[(table["perturbation"] == "none") & (table["features"] != "embedding")]
    rows = rows.sort_values("source", kind="stable") if "source" in rows else rows
    base = {known.canonical(name.partition("[")[0]): name for name in reversed(rows["method"].tolist())}
    models = [m for m in base if known.describe(m).family == "foundation" and known.describe(m).distance == "l2"]
    model = next((base[m] for m in (known.canonical("dinov1_l2"), *reversed(models)) if m in base), None)
    other = next((base[m] for m in ("fsim", "msssim", "psnr") if m in base), None)
    return (model, other) if model and other else None


def complements(group: Group, names: list[str | None], pair: tuple[str, str] | None) -> pd.DataFrame:
    """What the two methods `pair` say beyond each other, and the best pair of all, by the names (K,) of the group's methods.

    Columns: COLUMNS. `what` is, for each of the two, "given" (partial SRCC with people, given the other) and "gain" (SRCC of
    the average minus that of the method); "average"; then, of SRCC within references, "best single" and "best pair" on all
    references, and with ", picked" what the best of a random half are on the other half; "gain, picked" is their difference
    there, with `refs` of that half. `p_holm` is over the gains of a statistic.
    """
    at = {name: i for i, name in enumerate(names) if name}
    parts = []
    if pair and set(pair) <= set(at):
        parts.append(_of_pair(group, {name: at[name] for name in pair}))
    defined = np.isfinite(group.inside("srcc")[list(at.values())]).any(0).all()
    if len(at) > 2 and group.drawn >= LEAST and defined:
        parts.append(_best(group, at))
    out = pd.concat(parts) if parts else pd.DataFrame()
    out = out.assign(dataset=group.scores.dataset, refs=out["refs"].fillna(group.drawn) if "refs" in out else group.drawn)
    return out.reindex(columns=COLUMNS).reset_index(drop=True)


def _of_pair(group: Group, pair: dict[str, int]) -> pd.DataFrame:
    (a, one), (b, two) = pair.items()
    rows = []
    for name in ("srcc", "srcc_byref"):
        for (method, i), (other, j) in (((a, one), (b, two)), ((b, two), (a, one))):
            value, draws = _partial(group, i, j, name)
            low, high = intervals.of_level(value, draws)
            rows.append(("given", method, other, name, value[0], low[0], high[0], np.nan))
        three = averaged(group, one, two)
        (low, high), value = three.interval(name), three.point(name)
        rows.append(("average", a, b, name, value[2], low[2], high[2], np.nan))
        gain = three.difference(name, [2, 2], [0, 1])
        rows += [
            ("gain", method, other, name, *(gain[column][k] for column in ("difference", "low", "high", "p")))
            for k, (method, other) in enumerate(((a, b), (b, a)))
        ]
    out = pd.DataFrame(rows, columns=COLUMNS[1:9])
    for name in ("srcc", "srcc_byref"):
        gains = (out["what"] == "gain") & (out["statistic"] == name)
        out.loc[gains, "p_holm"] = significance.holm(out.loc[gains, "p"])
    return out


def averaged(group: Group, one: int, two: int) -> Group:
    """The methods `one` and `two` of `group`, and the average of their ranks over all images: on the same resamples."""
    scores = group.scores
    values = scores.values[[one, two]]
    values = np.vstack([values, rankdata(values, axis=1).sum(0)])
    rows = scores.methods.iloc[[one, two, two]].assign(method=["one", "two", "average"]).reset_index(drop=True)
    some = replace(scores, methods=rows, values=values)
    return Group(group.name, some, group.clusters, group.count, group.seed, group.compiled)


def partial(xy, xz, yz):
    """Correlation of x and y given z, from the three correlations.

    >>> round(float(partial(0.6, 0.5, 0.8)), 3)
    0.385
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))


def _partial(group: Group, i: int, j: int, name: str) -> tuple[np.ndarray, Draws]:
    """Partial SRCC (1,) of method i with people given method j, pooled or within references, and how it varies."""
    x, z = group.scores.values[[i]], group.scores.values[j]
    if name == "srcc_byref":
        inside, how = group.inside("srcc"), (group.scores.refs, group.compiled)
        values = partial(inside[[i]], bootstrap.within(x, z, *how), inside[[j]])
        return resamples.mean(values), Draws(values.T, group.drawn, resampled=False)
    drawn = group.draws("srcc")
    value = partial(group.point("srcc")[[i]], np.atleast_1d(correlation.srcc(x[0], z)), group.point("srcc")[[j]])
    if not np.isfinite(drawn.values).any():
        return value, Draws(np.full((1, 1), np.nan), group.drawn)
    both = bootstrap.samples("srcc", x, z, group.clusters, group.count, group.seed, group.compiled)
    return value, Draws(partial(drawn.values[:, [i]], both, drawn.values[:, [j]]), group.drawn)


def _best(group: Group, at: dict[str, int]) -> pd.DataFrame:
    """The best single method and the best pair by SRCC within references, on all and on references that they are not of."""
    names, rows = list(at), list(at.values())
    singles, (pairs, inside) = group.inside("srcc")[rows], _every_pair(group, rows)
    order = np.random.default_rng(group.seed).permutation(group.drawn)
    out, everything = [], np.arange(group.drawn)
    for end, picking, testing in (("", everything, everything), (", picked", *np.array_split(order, 2)[::-1])):
        one, two = (int(np.nanargmax(resamples.mean(values[:, picking]))) for values in (singles, inside))
        alone, both = singles[one, testing], inside[two, testing]
        pair = [names[k] for k in pairs[two]]
        out.append((f"best single{end}", names[one], "", *_level(alone), np.nan, len(testing)))
        out.append((f"best pair{end}", *pair, *_level(both), np.nan, len(testing)))
    gap = intervals.of_difference(resamples.mean((both - alone)[None]), _inside(both - alone))
    out.append(("gain, picked", *pair, *(gap[key][0] for key in ("difference", "low", "high", "p")), len(testing)))
    return pd.DataFrame(out, columns=["what", "method", "other", "value", "low", "high", "p", "refs"]).assign(
        statistic="srcc_byref"
    )


def _level(values: np.ndarray) -> tuple[float, float, float]:
    """Mean, low and high of SRCC in each reference (R,)."""
    value = resamples.mean(values[None])
    return value[0], *(end[0] for end in intervals.of_level(value, _inside(values)))


def _inside(values: np.ndarray) -> Draws:
    return Draws(values[:, None], len(values), resampled=False)


def _every_pair(group: Group, rows: list[int]) -> tuple[list[tuple[int, int]], np.ndarray]:
    """Every two of `rows`, and SRCC of their average within each reference (M, R)."""
    ranks, scores = rankdata(group.scores.values[rows], axis=1), group.scores
    pairs = [(i, j) for i in range(len(rows)) for j in range(i + 1, len(rows))]
    parts = (bootstrap.within(ranks[i] + ranks[i + 1 :], scores.quality, scores.refs, False) for i in range(len(rows) - 1))
    return pairs, np.concatenate(list(parts))
