"""`fmiqa plan` and `fmiqa reproduce`: what a reproduction would do, and doing it.

The paper (`--profile full`) is three steps: what is missing is got, the grid is scored, the notebooks are run. Each takes
what is there, so that a killed run goes on where it stopped. What fails in one step keeps the rest from nothing.
"""

import json
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from ..data.dataset import Dataset
    from ..notebook.profiles import Profile
    from ..scoring.grid import Cell


def reproduce(args):
    from ..notebook import profiles, run

    chain, parameters = run.select(args.notebooks), dict(args.p)
    run.check(chain, parameters)
    profile = profiles.of(args.profile, parameters, args.partial)
    failed = []
    if profile.full and any(file.name[:2] in profiles.GRID for file in chain):
        profile, failed = prepare(profile, args.yes)
    status = run.run(args.notebooks, profile, parameters, args.refresh)
    for line in failed:
        print(f"fmiqa: not done: {line}", file=sys.stderr)
    return status or (2 if failed else 0)


def prepare(profile: "Profile", yes: bool) -> tuple["Profile", list[str]]:
    """Get and score what `profile` asks for; what is left of it, and a line for all that failed.

    InputError where nothing is left, and where terms of use are not accepted: before anything is downloaded.
    """
    from ..data import datasets, fetching, sources
    from ..scoring import grid
    from ..scoring import plan as plans

    failed = []
    if profile.partial:
        profile = _at_hand(profile)
    else:
        for name in profile.datasets:
            if name in sources.ITEMS and not plans.dataset(name).here:
                fetching.accept(sources.ITEMS[name], yes)
        profile, failed = _gotten(profile, yes)
    data = {name: datasets.load(name, partial=profile.partial) for name in profile.datasets}
    print(f"[scores] {len(profile.cells())} tables of scores in data/scores ...", file=sys.stderr, flush=True)
    odd = grid.attempt(data, profile.cells(), **profile.how)
    failed += [f"{cell}: {error}" for cell, error in odd.items()]
    left = _left(_without(profile, [*odd]), failed)
    return replace(left, often=_smallest({name: data[name] for name in left.datasets})), failed


def _smallest(data: dict[str, "Dataset"]) -> str:
    """The dataset with the fewest windows of those with enough images and references for intervals; "" where none has."""
    from ..data.layouts import LAYOUTS
    from ..data.scores import is_rated
    from ..windows import positions

    enough = {name: one for name, one in data.items() if is_rated(one.table).sum() >= 20 and one.table["ref"].nunique() >= 5}
    crops = {name: len(positions(*LAYOUTS[name].pixels)) if name in LAYOUTS else 1 for name in enough}
    return min(enough, key=lambda name: len(enough[name].table) * crops[name], default="")


def _without(profile: "Profile", odd: list["Cell"]) -> "Profile":
    """Without the cells `odd`: the datasets that no backbone or not all baselines have, then the backbones that lack others."""
    from ..scoring.settings import BASELINES

    lacking = {name: {cell.backbone for cell in odd if cell.dataset == name} for name in profile.datasets}
    kept = [name for name, lost in lacking.items() if BASELINES not in lost and not {*profile.backbones} <= lost]
    lost = {backbone for name in kept for backbone in lacking[name]}
    left = replace(profile, datasets=tuple(kept), backbones=tuple(b for b in profile.backbones if b not in lost))
    gone = [name for key in ("datasets", "backbones") for name in getattr(profile, key) if name not in getattr(left, key)]
    if gone:
        print(f"fmiqa: the notebooks go on without {', '.join(gone)}.", file=sys.stderr)
    return left


def _gotten(profile: "Profile", yes: bool) -> tuple["Profile", list[str]]:
    """With every dataset, network and the released scores here; without those that could not be had, and why."""
    from .getting import get

    failed = {}
    for name in (*profile.datasets, *profile.backbones, "released"):
        if name.lower().endswith(".csv"):
            continue
        try:
            print(f"[get] {get(name, yes)}", file=sys.stderr, flush=True)
        except InputError as error:
            failed[name] = f"{name}: {error}"
            print(f"fmiqa: {failed[name]}", file=sys.stderr, flush=True)
    kept = {key: tuple(n for n in getattr(profile, key) if n not in failed) for key in ("datasets", "backbones")}
    return _left(replace(profile, **kept), list(failed.values())), list(failed.values())


def _at_hand(profile: "Profile") -> "Profile":
    """Only the datasets and backbones that are here; says which are not."""
    from ..data import datasets
    from ..notebook import profiles

    here = {
        "datasets": [n for n in profile.datasets if n not in datasets.LAYOUTS or datasets.find(n)],
        "backbones": [n for n in profile.backbones if profiles.at_hand(n)],
    }
    for key, names in here.items():
        missing = [name for name in getattr(profile, key) if name not in names]
        if missing:
            print(f"[partial] not here, left out: {', '.join(missing)} (`fmiqa download NAME`).", file=sys.stderr)
    lines = [f"no {key} of {', '.join(getattr(profile, key))} here" for key, names in here.items() if not names]
    return _left(replace(profile, **{key: tuple(names) for key, names in here.items()}), lines)


def _left(profile: "Profile", failed: list[str]) -> "Profile":
    if not profile.datasets or not profile.backbones:
        raise InputError(f"Nothing is left to reproduce: {'; '.join(failed)} See `fmiqa plan --profile full`.")
    return profile


def plan(args):
    from ..notebook import profiles
    from ..scoring import plan as plans

    known = {"datasets", "backbones", "perturbations", *profiles.HOW, "partial"}
    parameters = dict(args.p)
    for key in parameters:
        if key not in known:
            raise InputError(f"-p {key} does not change what is scored: a plan takes {', '.join(sorted(known))}.")
    profile = profiles.of(args.profile, parameters, args.partial)
    found = plans.of(profile.cells(), profile.partial, **profile.how)
    if args.json:
        print(json.dumps(found))
        return
    print(table(found["rows"]))
    print(f"\n{summary(found, profile)}")


def table(rows: list[dict]) -> str:
    """The rows as text, a line each."""
    import pandas as pd

    shown = pd.DataFrame(rows)
    shown["images"] = [f"{row['images']}/{row['of']}" for row in rows]
    shown["time"] = [_time(row["seconds"]) if row["seconds"] else "" for row in rows]
    shown["download"] = [f"{row['bytes'] / 1e9:.2f} GB" if row["bytes"] else "" for row in rows]
    columns = ["dataset", "backbone", "perturbation", "images", "windows", "state", "time", "download", "get"]
    return shown[columns].to_string(index=False)


def summary(found: dict, profile: "Profile") -> str:
    """What is to go, what it costs, and which command does it."""
    states = [row["state"] for row in found["rows"]]
    counts = ", ".join(f"{states.count(one)} {one}" for one in ("done", "stale", "todo", "missing") if one in states)
    more = " --partial" * profile.partial + " --yes" * (profile.full and not profile.partial)
    return (
        f"{len(states)} tables: {counts}. To go: {sum(row['windows'] for row in found['rows']):,} windows, "
        f"{_time(found['seconds'])} on this machine, {found['bytes'] / 1e9:.2f} GB to download (a dataset takes its archive "
        f"and as much again when unpacked). Then: fmiqa reproduce --profile {profile.name}{more}"
    )


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
