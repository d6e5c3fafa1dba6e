"""The figures and tables of `figures/` as the gallery shows them: caption, provenance, code, what to cite."""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..files import paths
from . import pixels, titles

MADE = r"(fig|tab)\d\d_"  # names of what the notebooks make
WANTED = ("caption", "fmiqa", "parameters", "inputs", "packages", "cite")


@dataclass(frozen=True)
class Item:
    """A figure (`fig04_...`), a table (`tab04_...`), or one that somebody saved beside them under another name."""

    name: str
    kind: str  # figures or tables
    provenance: dict  # figures/NAME.json; {} of a picture that has none
    title: str
    image: str | None = None  # in the site, of a figure
    thumbnail: str | None = None  # the same, small
    size: tuple[int, int] = (0, 0)

    @property
    def number(self) -> str:
        """Of the notebook that made it; "" where none of the chain did."""
        return self.name[3:5] if re.match(MADE, self.name) else ""

    @property
    def page(self) -> str:
        return f"{self.kind}/{self.name}.html"

    @property
    def caption(self) -> str:
        return self.provenance.get("caption", self.title)

    @property
    def withheld(self) -> str:
        """Why its picture is not in the site; "" where it is."""
        return pixels.withheld(self.name, self.provenance) if self.kind == "figures" else ""

    @property
    def reservation(self) -> str:
        """What is to be known before it is passed on; "" where nothing is."""
        if not self.provenance:
            return "No provenance: the gallery cannot say what this picture rests on."
        return self.withheld or (pixels.own(self.name) if self.kind == "figures" else "")

    @property
    def demo(self) -> bool:
        return "demo" in self.name.split("_")

    @property
    def cite(self) -> list[str]:
        return self.provenance.get("cite", [])

    @property
    def version(self) -> str:
        return self.provenance.get("fmiqa", "")

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
    """Every figure and table in `figures/`, by name, with those that were saved there beside the notebooks'."""
    files = sorted(f for f in paths.figures().glob("*.json") if not f.name.startswith("."))
    found = {file.stem: provenance for file in files if (provenance := _provenance(file)) is not None}
    pictures = [f.stem for f in paths.figures().glob("*.png") if not f.name.startswith(".")]
    found |= {name: {} for name in sorted(pictures) if name not in found}
    kinds = {name: _kind(name) for name in found}
    out = []
    for kind in ("figures", "tables"):
        captions = {name: one.get("caption", name) for name, one in found.items() if kinds[name] == kind}
        out += [Item(name, kind, found[name], title) for name, title in titles.distinct(captions).items()]
    return out


def _kind(name: str) -> str:
    if re.match(MADE, name):
        return "figures" if name.startswith("fig") else "tables"
    return "figures" if (paths.figures() / f"{name}.png").is_file() else "tables"


def _provenance(file: Path) -> dict | None:
    """What `file` says; None where it is no provenance, and no notebook's file: somebody's own JSON."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        missing = [key for key in WANTED if key not in found]
        wrong = f"has no {', '.join(missing)}" if missing else ""
    except (ValueError, TypeError) as error:
        wrong = f"is damaged ({error})"
    if wrong and re.match(MADE, file.name):
        raise InputError(f"{paths.shown(file)} {wrong}: make it anew with `fmiqa reproduce`.")
    return None if wrong else found


def drawn_alone(name: str) -> bool:
    """Whether one function of one table makes this figure."""
    from ..figures import catalogue

    try:
        return name.startswith("fig") and bool(catalogue.key(name))
    except InputError:
        return False


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
