"""Which baselines can be computed on this machine: those whose package and weights are here."""

import importlib.util
from collections.abc import Iterable

from ..errors import InputError
from .baselines import BASELINES, RELEASED, Baseline, get


def at_hand() -> tuple[str, ...]:
    """Those of which the authors released scores and that can be computed here: with their package and their weights."""
    return tuple(name for name, record in BASELINES.items() if name in RELEASED and _is_here(record))


def need(names: Iterable[str]) -> None:
    """InputError, once and before anything is scored, where a package or the weights of one of `names` are not here."""
    records = [get(name) for name in names]
    lacking = [record for record in records if _lacks_package(record)]
    if lacking:
        packages, who = (list(dict.fromkeys(getattr(r, key) for r in lacking)) for key in ("package", "name"))
        raise InputError(
            f"The baselines {', '.join(who)} need packages that are not here: pip install {' '.join(packages)}, or leave "
            "them out."
        )
    for record in records:
        if record.load is not None:
            record.load()


def _is_here(record: Baseline) -> bool:
    if _lacks_package(record):
        return False
    try:
        if record.load is not None:
            record.load()
    except InputError:  # its weights are not here, or damaged
        return False
    return True


def _lacks_package(record: Baseline) -> bool:
    return record.package is not None and importlib.util.find_spec(record.package) is None
