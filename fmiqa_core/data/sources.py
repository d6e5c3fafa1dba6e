"""What `fmiqa download` can get besides weights: for each item its sources in the order they are tried, and its terms.

A hash is `pinned` (confirmed by a download of ours), `expected` (read on a public page) or unknown (None); those that
are not pinned are recorded at the first download and held to from then on (hashes.py). Hosts go down and throttle:
fetch.py resumes. A file can always be placed by hand in `data/downloads/`, or in `downloads/` of a root of FMIQA_DATA.
"""

import os
from dataclasses import dataclass

from .datasets import CITE
from .published import LAYOUTS

# a mirror on the Hugging Face hub, or on the copy of the hub that HF_ENDPOINT names
HUB = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
HUB += "/datasets/chaofengc/IQA-PyTorch-Datasets/resolve/main/"


@dataclass(frozen=True)
class Source:
    """One file at one host."""

    url: str
    bytes: int | None = None  # exactly, where known
    gigabytes: float = 0  # about, to tell the user
    sha256: str | None = None
    pinned: bool = False

    @property
    def file(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def status(self) -> str:
        return "unknown" if self.sha256 is None else "pinned" if self.pinned else "expected"


@dataclass(frozen=True)
class Item:
    """A dataset as an archive."""

    name: str
    title: str
    sources: tuple[Source, ...]
    by_hand: str  # where its authors offer it to people
    terms: str
    cite: str


_LISTED = (
    Item(
        "live",
        "LIVE Image Quality Assessment Database Release 2",
        (
            Source(
                HUB + "live.tgz",
                721190291,
                0.72,
                "0c23e0ba0d503dd7bfc3d5588fc3e94672e381759881e497c41ca814aa4d9d8f",
            ),
        ),
        "live.ece.utexas.edu/research/quality (the laboratory sends a password after a form)",
        "Copyright (c) 2005 The University of Texas at Austin, all rights reserved. Free to use, copy, modify and distribute "
        "with the copyright notice and with acknowledgement of the LIVE database; the laboratory asks its users to fill in "
        "the form at live.ece.utexas.edu/research/quality.",
        CITE["live"],
    ),
    Item(
        "tid2013",
        "TID2013, Tampere Image Database",
        (
            Source(
                HUB + "tid2013.tgz",
                gigabytes=1.23,
                sha256="ac92094b1469ec0dff181a553b8c84302606ba99f81e38652532cadac886d735",
            ),
        ),
        "ponomarenko.info/tid2013/tid2013.rar (unpack it with `unrar x` or `7z x`)",
        "Offered by its authors for research.",
        CITE["tid2013"],
    ),
    Item(
        "pipal",
        "PIPAL, training set",
        (
            Source(
                HUB + "pipal.tar",
                5843353600,
                5.84,
                "6bcb713ba0f9ad9ff6c11fc4c680ec88e633a674d16dc9d0700786d24b40f6b4",
            ),
        ),
        "jasongt.com/projectpages/pipal.html (Google Drive)",
        "Offered by its authors for research.",
        CITE["pipal"],
    ),
    Item(
        "kadid10k",
        "KADID-10k, Konstanz artificially distorted image quality database",
        (
            Source("https://datasets.vqa.mmsp-kn.de/archives/kadid10k.zip", 3067408471, 3.07),
            Source(HUB + "kadid10k.tgz", gigabytes=3.07),
        ),
        "database.mmsp-kn.de/kadid-10k-database.html",
        "Images under the Pixabay licence; offered by its authors for research.",
        CITE["kadid10k"],
    ),
    Item(
        "csiq",
        "CSIQ, Categorical Subjective Image Quality database",
        (
            Source(
                HUB + "csiq.tgz",
                gigabytes=0.38,
                sha256="e34c372c98e751c5490dadeb536e37666296b6c4f651df30cc04c0547ffee5b0",
            ),
        ),
        "s2.smu.edu/~eclarson/csiq",
        "No licence text is known; used for research by custom. Ask its authors for anything else.",
        CITE["csiq"],
    ),
)
ITEMS = {item.name: item for item in _LISTED}
ITEMS |= {name: ITEMS[layout.host] for name, layout in LAYOUTS.items() if layout.host}  # has its images

COMMIT = "1d8c1ce9709029fd9c9ab221c029e42ec5eb91b7"
RELEASED = Source(f"https://github.com/abhijay9/ZS-IQA/archive/{COMMIT}.tar.gz")  # held to by its members: released.DIGEST
