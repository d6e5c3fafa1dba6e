"""What `fmiqa correlate` and `fmiqa compare` print."""

LEVEL = 0.05
SHOWN = 45  # pairs that the terminal shows at most; the file has them all
STATISTICS = {"": "srcc", "byref_": "byref"}  # prefix of the columns of pairs -> name


def cells(table, names, always: bool = False) -> dict:
    """Statistic -> its cells: value, and interval where it has one, or `always`."""
    import numpy as np

    out = {}
    for name in names:
        rows = zip(*(table[f"{name}{end}"] for end in ("", "_low", "_high")), strict=True)
        out[name] = [f"{v:.4f}" + (f" [{low:.4f}, {high:.4f}]" if always or np.isfinite(low) else "") for v, low, high in rows]
    return out


def differences(pairs):
    """`pairs` as a table of text."""
    out = pairs[["a", "b"]].copy()
    for start, name in STATISTICS.items():
        rows = zip(*(pairs[f"{start}{end}"] for end in ("difference", "low", "high")), strict=True)
        out[name] = [f"{v:+.4f} [{low:+.4f}, {high:+.4f}]" for v, low, high in rows]
        out[f"{name} p_holm"] = [f"{p:.3g}" for p in pairs[f"{start}p_holm"]]
    return out


def about(scores) -> str:
    """`live: 97 images, 5 references; human side: realigned DMOS, higher = worse.`"""
    rated = len(scores.rated().images)
    without = len(scores.images) - rated
    left_out = f" ({without} more without a human score are left out)" if without else ""
    return f"{scores.dataset}: {scores.rated().coverage}{left_out}; human side: {scores.scale or 'not said'}."


def notes(scores) -> None:
    """The reservations of the scores and of their dataset."""
    from ..data import twins

    for note in filter(None, [scores.note, twins.note(scores.dataset, scores.images["dis"])]):
        print(f"Note: {note}.")


def show(table) -> None:
    """All rows of a table."""
    import pandas as pd

    with pd.option_context("display.width", 240, "display.max_rows", None, "display.max_colwidth", None):
        print(table.to_string(index=False))


def ceiling(people, scores) -> None:
    """What people agree on, where it is known: it is of the complete dataset, whatever part of it `scores` has."""
    from ..stats.ceilings import MEANING, PEOPLE

    for kind, mine in people.groupby("kind", sort=False):
        rows = mine[mine["statistic"].isin(["srcc", "srcc_byref"])].itertuples()
        values = ", ".join(f"{row.statistic} {row.value:.4f} [{row.low:.4f}, {row.high:.4f}]" for row in rows)
        n, refs = int(mine["n"].max()), int(mine["refs"].max())
        print(
            f"\n{PEOPLE[kind]}: {values}. {MEANING[kind]} From {n} images, {refs} references of the complete dataset.", end=""
        )
    if len(people):
        print(f" The methods above were judged on {scores.coverage}.")


def pairs(pairs, same, best: str) -> None:
    """Differences, and what is known of the undecided ones: whether they are equivalent, and how many references they need."""
    if not len(pairs):
        return
    some = (pairs["a"] == best) if len(pairs) > SHOWN else pairs["a"].notna()
    left = "" if some.all() else f" of the best method; all {len(pairs)} pairs are written with --out"
    print(f"\nDifferences of SRCC (a minus b), paired{left}:")
    show(differences(pairs[some]))
    both, margin = pairs.join(same.drop(columns=["a", "b"])), same["margin"].iloc[0]
    left_open = both[some & ~((pairs["p_holm"] < LEVEL) & (pairs["byref_p_holm"] < LEVEL))]
    if left_open.empty:
        return
    out = left_open[["a", "b"]].copy()
    for start, name in STATISTICS.items():
        columns = (f"{start}{column}" for column in ("p_holm", "p_equivalent", "refs_needed", "refs_needed_for_margin"))
        out[name] = [_verdict(*row) for row in zip(*(left_open[column] for column in columns), strict=True)]
    print(
        f"\nNot beyond noise (p_holm {LEVEL:g} or more). equivalent: two one-sided tests show that the difference lies within "
        f"{margin:g} (their p, of each pair alone); else undecided. refs: how many references would show the difference found, "
        f"and one of {margin:g}, with a power of 80 %; here are {int(pairs['refs'].iloc[0])}."
    )
    show(out)


def _verdict(p: float, p_equivalent: float, needed: float, for_margin: float) -> str:
    """One undecided difference in words.

    >>> _verdict(0.3, 0.02, 161.0, 9.0), _verdict(0.01, 1, 12, 40), _verdict(float("nan"), float("nan"), 3, 3)
    ('equivalent (p 0.02), refs 161, 9', 'decided', 'no test')
    """
    if p < LEVEL or p != p:
        return "decided" if p < LEVEL else "no test"
    word = "equivalent" if p_equivalent < LEVEL else "undecided"
    return f"{word} (p {p_equivalent:.2g}), refs {needed:.0f}, {for_margin:.0f}"
