"""The commands that judge scores: `fmiqa correlate` and `fmiqa compare`."""

from pathlib import Path

from ..errors import InputError
from . import judged


def correlate(args):
    """Agreement of a run with people, by distortion, reference or layer if asked for."""
    from ..data import methods
    from ..data.scores import of_file
    from ..stats import agreement as statistics
    from ..stats import bootstrap, resamples

    if args.by not in (None, *statistics.BY):
        raise InputError(f"--by takes {', '.join(statistics.BY[:-1])} or {statistics.BY[-1]}, not {args.by!r}.")
    out = None if args.out is None else _writable(args.out)
    scores = of_file(args.scores, layers=args.by == "layer")
    by = None if args.by == "layer" else args.by
    table = _agreement(resamples.groups(scores, by), bootstrap.FIT_RESAMPLES)
    if args.by == "layer":
        layers = table["method"].str.extract(r"@(\d+)")[0]
        if layers.isna().all():
            raise InputError(f"{args.scores} has no layer parts: score l2 or cos, or take protocol corrected.")
        table["group"] = layers.radd("layer ").fillna("all")
        table = table.assign(number=layers.fillna(-1).astype(int)).sort_values("number", kind="stable").drop(columns="number")
    table["distance"] = list(map(methods.of_column, table["features"], table["distance"]))
    shown = table[["group", "distance", "n", "refs"]].copy()
    if scores.methods["protocol"].nunique() > 1:
        shown.insert(1, "protocol", table["protocol"])
    judged.show(shown.assign(**judged.cells(table, statistics.STATISTICS, always=True)))
    clusters = "images of the reference" if args.by == "ref" else "references"
    print(
        f"\n{judged.about(scores)} 95 % intervals: t over {clusters}, from {bootstrap.RESAMPLES} resamples of them "
        f"({bootstrap.FIT_RESAMPLES} for the PLCC after a 4-parameter logistic, plcc_fit4). srcc_byref: mean SRCC within "
        "references. nan: not defined here (one reference, under 6 images for the fit, a fit that did not converge, or "
        "too many images for the interval of krcc)."
    )
    judged.notes(scores)
    if out is not None:
        _write(table.drop(columns=["source"]), out)


def compare(args):
    """Agreement of several runs, and of the authors' released methods, on the images that all of them have, paired."""
    import matplotlib
    import pandas as pd

    from ..data import scores as containers
    from ..figures import comparison, saving
    from ..stats import agreement as statistics
    from ..stats import bootstrap, ceilings, contrasts, intervals, resamples

    wanted = None if args.methods is None else [name.strip() for name in args.methods.split(",") if name.strip()]
    if wanted == []:
        raise InputError("--methods names none: leave it out for all, or write M,M,...")
    margin = intervals.MARGIN if args.margin is None else args.margin
    if not 0 < margin < 1:
        raise InputError(f"--margin {margin:g} should be a difference of SRCC between 0 and 1, like {intervals.MARGIN}.")
    layers = any("@" in name for name in wanted or ())
    runs = [containers.of_file(file, layers) for file in args.scores]
    if args.released:
        kinds = dict.fromkeys(kind for run in runs for kind in run.methods["perturbation"])
        runs.append(containers.of_release(runs[0].dataset, kinds))
    scores = containers.join(runs)
    scores = scores if wanted is None else scores.only(wanted)
    folder = None if args.out is None else _folder(args.out)
    groups = resamples.groups(scores)
    table = _agreement(groups).drop(columns="group").sort_values("srcc", ascending=False, kind="stable")
    pairs = contrasts.of_groups(groups).drop(columns="group")
    same = contrasts.sameness(groups[0], pairs, margin)
    people = ceilings.known(scores.dataset)
    judged.show(table[["method", "source", "n", "refs"]].assign(**judged.cells(table, statistics.STATISTICS)))
    judged.ceiling(people, groups[0].scores)
    judged.pairs(pairs, same, table["method"].iloc[0])
    print(
        f"\n{judged.about(scores)} 95 % intervals: t over references, from {bootstrap.RESAMPLES} resamples of them; "
        "p_holm: two-sided, Holm over all pairs. byref: mean of the SRCC within references. A difference that is not beyond "
        "noise is undecided, not none."
    )
    judged.notes(scores)
    for line in scores.reports:
        print(line)
    if folder is None:
        return
    same.insert(0, "dataset", scores.dataset)
    for file, numbers in (("agreement", table), ("contrast", pairs), ("equivalence", same)):
        _write(numbers, folder / f"{file}.csv")
    matplotlib.use("Agg")
    saving.style()
    figure = comparison.comparison(pd.concat([table, ceilings.rows(people)], ignore_index=True))
    saving.freeze(figure)
    for ending in saving.FORMATS:
        print(saving.write(figure, folder / f"comparison.{ending}"))


def _agreement(groups, fits_count: int = 0):
    """`agreement.of_groups`, with a bar on a terminal."""
    from ..files import progress
    from ..stats import agreement as statistics

    total = len(groups) * len(statistics.STATISTICS) * len(groups[0].scores.values)
    with progress.bar(desc="resampling", total=total, leave=False) as bar:
        return statistics.of_groups(groups, fits_count, tick=bar.update)


def _folder(folder: Path) -> Path:
    from ..files import paths

    return paths.make_folder(folder)


def _writable(file: Path) -> Path:
    if file.suffix.lower() != ".csv":
        raise InputError(f"--out {file} should end in .csv.")
    _folder(file.absolute().parent)
    return file


def _write(table, file: Path) -> None:
    from ..files import paths

    with paths.atomic(file) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
    print(file)
