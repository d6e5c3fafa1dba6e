"""The figures and tables of `figures/` as the gallery shows them: caption, provenance, code, what to cite."""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..files import paths

# Figures of these notebooks hold pixels. Only those of the demo photographs may be spread.
WITH_PIXELS = ("00", "01", "10")
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


@dataclass(frozen=True)
class Item:
    """A figure (`fig04_...`) or a table (`tab04_...`)."""

    name: str
    provenance: dict  # figures/NAME.json
    image: str | None = None  # in the site, of a figure
    size: tuple[int, int] = (0, 0)

    @property
    def kind(self) -> str:
        return "figures" if self.name.startswith("fig") else "tables"

    @property
    def number(self) -> str:
        """Of the notebook that made it."""
        return self.name[3:5]

    @property
    def page(self) -> str:
        return f"{self.kind}/{self.name}.html"

    @property
    def caption(self) -> str:
        return self.provenance["caption"]

    @property
    def title(self) -> str:
        return title(self.caption)

    @property
    def demo(self) -> bool:
        return "demo" in self.name.split("_")

    @property
    def cite(self) -> list[str]:
        return self.provenance["cite"]

    @property
    def version(self) -> str:
        return self.provenance["fmiqa"]

    @property
    def report(self) -> str | None:
        return self.provenance.get("report")

    @property
    def packages(self) -> str:
        return ", ".join(f"{name} {number}" for name, number in self.provenance["packages"].items())

    @property
    def parameters(self) -> list[tuple[str, str]]:
        shown = self.provenance["parameters"].items()
        return [(key, ", ".join(map(str, value)) if isinstance(value, list) else str(value)) for key, value in shown]

    @property
    def inputs(self) -> list[tuple[str, str]]:
        return list(self.provenance["inputs"].items())


def listing() -> list[Item]:
    """Every figure and table in `figures/`, by name, but those that hold pixels which are not ours to spread."""
    files = sorted(f for f in paths.figures().glob("*.json") if re.match(r"(fig|tab)\d\d_", f.name))
    return [Item(file.stem, _provenance(file)) for file in files if may_be_shown(file.stem)]


def _provenance(file: Path) -> dict:
    wanted = ("caption", "fmiqa", "parameters", "inputs", "packages", "cite")
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        missing = [key for key in wanted if key not in found]
    except (ValueError, TypeError) as error:
        raise InputError(f"{paths.shown(file)} is damaged ({error}): make it anew with `fmiqa reproduce`.") from error
    if missing:
        raise InputError(f"{paths.shown(file)} has no {', '.join(missing)}: make it anew with `fmiqa reproduce`.")
    return found


def title(caption: str) -> str:
    """What a caption says first, up to a full stop, colon or semicolon; not within brackets, and more than a word.

    >>> title("Left: SRCC (dark: most images). More.")
    'Left: SRCC (dark: most images)'
    """
    depth = 0
    for at, (here, after) in enumerate(zip(caption, caption[1:] + " ", strict=True)):
        depth += (here == "(") - (here == ")")
        if here in ".:;" and after == " " and not depth and at > 12:
            return caption[:at]
    return caption


def may_be_shown(name: str) -> bool:
    """False for a figure with pixels of anything but the demo photographs.

    >>> may_be_shown("fig01_maps_demo"), may_be_shown("fig01_maps_live"), may_be_shown("fig04_heat_live")
    (True, False, True)
    """
    return name.startswith("tab") or name[3:5] not in WITH_PIXELS or name.endswith("_demo")


def bibtex(item: Item) -> str:
    """An entry for each citation of `item`, and one for this software."""
    entries = [next((entry for key, entry in BIBTEX.items() if key in cite), _misc(cite)) for cite in item.cite]
    software = (
        f"@software{{fmiqa,\n  title   = {{fmiqa}},\n  author  = {{The fmiqa authors}},\n  version = {{{item.version}}}\n}}"
    )
    return "\n\n".join([*entries, software])


def drawn_alone(name: str) -> bool:
    """Whether one function of one table makes this figure."""
    from ..figures import catalogue

    try:
        return name.startswith("fig") and bool(catalogue.key(name))
    except InputError:
        return False


def _misc(cite: str) -> str:
    key = "".join(re.findall(r"[a-z]+", cite.lower())[:3])
    return f"@misc{{{key},\n  note = {{{cite}}}\n}}"


def code(item: Item, book: str, defaults: dict) -> list[tuple[str, str, str]]:
    """(label, id, text): shell and Python code that makes `item` anew by the notebook called `book`.

    `defaults`: the notebook's parameters; those of `item` that differ are passed on. A figure that is drawn from one
    table can also be drawn on its own.
    """
    used = item.provenance["parameters"]
    lists = {"datasets": used.get("dataset"), "backbones": ",".join(used.get("protocols", ()))}
    used = {name: value for name, value in lists.items() if value} | used
    changed = {k: str(v) for k, v in used.items() if k in defaults and v != defaults[k]}
    options = "".join(f" -p {key} {shlex.quote(value)}" for key, value in changed.items())
    shell = f"fmiqa reproduce {item.number}{options}  # notebook {book}"
    passed = f", parameters={json.dumps(changed)}" if changed else ""
    python = f'from fmiqa_core.notebook import run\n\nrun.run(["{item.number}"]{passed})  # notebook {book}'
    if drawn_alone(item.name):
        shell = f"fmiqa figure {item.name} --width 180 --out {item.name}.pdf\n\n# or with its numbers:\n{shell}"
        python = (
            "import pandas as pd\n\nfrom fmiqa_core import figures\nfrom fmiqa_core.figures import catalogue\n"
            "from fmiqa_core.files import paths\n\nfigures.style()\n"
            f'table = pd.read_csv(paths.figures() / "{item.name}.csv")\n'
            f'figure = catalogue.draw("{item.name}", table, width=180 / 25.4)\nfigure.savefig("{item.name}.pdf")'
        )
    return [("shell", "shell", shell), ("Python", "python", python)]
