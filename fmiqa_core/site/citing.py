"""What the gallery cites, and where paper, code and data are to be had."""

import re

from ..data import sources
from ..files import paths
from .items import Item

LINKS = {  # text -> how CITATION.cff names it, and the address
    "Paper": (r"\s+value:\s*[\"']?arXiv:([\d.]+)", "https://arxiv.org/abs/{}"),
    "Repository": (r"repository-code:\s*[\"']?([^\"'\s]+)", "{}"),
    "Archive": (r"doi:\s*[\"']?(10\.[^\"'\s]+)", "https://doi.org/{}"),
}
BIBTEX = {  # what a citation holds -> its entry
    "Ghildyal": """@inproceedings{ghildyal2025foundation,
  title     = {Foundation Models Boost Low-Level Perceptual Similarity Metrics},
  author    = {Ghildyal, Abhijay and Barman, Nabajeet and Zadtootaghaj, Saman},
  booktitle = {IEEE International Conference on Acoustics, Speech and Signal Processing (ICASSP)},
  year      = {2025}
}""",
    "LIVE Image Quality": """@misc{sheikh_live2,
  title        = {{LIVE} Image Quality Assessment Database Release 2},
  author       = {Sheikh, H. R. and Wang, Z. and Cormack, L. and Bovik, A. C.},
  howpublished = {\\url{http://live.ece.utexas.edu/research/quality}}
}""",
    "ZS-IQA": """@misc{zsiqa_scores,
  title        = {{ZS-IQA}: released per-image scores},
  author       = {Ghildyal, Abhijay},
  howpublished = {\\url{https://github.com/abhijay9/ZS-IQA}},
  note         = {commit 1d8c1ce}
}""",
    "skimage": """@article{vanderwalt2014scikit,
  title   = {scikit-image: image processing in {Python}},
  author  = {van der Walt, St{\\'e}fan and Sch{\\"o}nberger, Johannes L. and Nunez-Iglesias, Juan and Boulogne, Fran{\\c{c}}ois
             and Warner, Joshua D. and Yager, Neil and Gouillart, Emmanuelle and Yu, Tony and {the scikit-image contributors}},
  journal = {PeerJ},
  volume  = {2},
  pages   = {e453},
  year    = {2014},
  doi     = {10.7717/peerj.453}
}""",
}


def links() -> list[tuple[str, str]]:
    """(text, address) of the paper, of the code that this gallery comes from, and of the authors' code and scores.

    Paper, repository and DOI as CITATION.cff names them; what it does not name is left out.
    """
    file = paths.home() / "CITATION.cff"
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    found = [(name, address, re.search(rf"^{line}", text, re.MULTILINE)) for name, (line, address) in LINKS.items()]
    known = [(name, address.format(match[1])) for name, address, match in found if match]
    return [*known, ("The authors' code and scores", sources.RELEASED.url.partition("/archive/")[0])]


def bibtex(item: Item) -> str:
    """An entry for each citation of `item`, and one for this software."""
    entries = [next((entry for key, entry in BIBTEX.items() if key in cite), _misc(cite)) for cite in item.cite]
    software = (
        f"@software{{fmiqa,\n  title   = {{fmiqa}},\n  author  = {{The fmiqa authors}},\n  version = {{{item.version}}}\n}}"
    )
    return "\n\n".join([*entries, software])


def _misc(cite: str) -> str:
    key = "".join(re.findall(r"[a-z]+", cite.lower())[:3])
    return f"@misc{{{key},\n  note = {{{cite}}}\n}}"
