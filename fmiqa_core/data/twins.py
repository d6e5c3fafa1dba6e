"""Images of published datasets that stand there under several names: twins.csv, a row for each further name.

Columns: dataset, ref, dis, mos (the first name and its human score), twin, twin_mos. Found from the released scores by
`released_twins`; the file is part of the package, so that the datasets know it wherever it is installed.
"""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pandas as pd

from .layouts import LAYOUTS

FILE = Path(__file__).with_name("twins.csv")


@cache
def read() -> pd.DataFrame:
    return pd.read_csv(FILE, float_precision="round_trip")


def note(dataset: str, dis: Iterable[str] | None = None, example: bool = True) -> str:
    """How many images among the rows `dis` of `dataset` (None: all) stand there under several names; "" where none does.

    `example`: with the names of the first.
    """
    table = read()
    table = table[table["dataset"] == dataset]
    if table.empty:
        return ""
    dis = [*table["dis"], *table["twin"]] if dis is None else dis
    here = {LAYOUTS[dataset].key(name) for name in dis}
    groups = {first: [first, *more] for first, more in table.groupby("dis", sort=False)["twin"]}
    keys = [[name for name in names if LAYOUTS[dataset].key(name) in here] for names in groups.values()]
    found = [names for names in keys if len(names) > 1]
    if not found:
        return ""
    rows, several = sum(map(len, found)), len(found) > 1
    text = f"{rows} rows of {dataset} are {len(found)} image{'s' * several} under several names"
    text += ", each name with a human score of its own"
    return text + f" (first: {' = '.join(found[0])})" * example
