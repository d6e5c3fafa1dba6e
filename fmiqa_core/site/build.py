"""The gallery: one static site of notebooks, figures, tables and a layer explorer, for any browser, without a network.

Everything that it shows is made from `figures/`, `notebooks/` and the demo photographs; same input, same bytes.
"""

import dataclasses
import hashlib
import json
import os
import re
import shutil
from pathlib import Path

from .. import __version__
from ..data import demo
from ..errors import InputError
from ..files import paths, progress
from . import citing, tables
from . import explorer as explorers
from . import facts as key_facts
from . import items as listed
from . import pages as notebooks

ASSETS = Path(__file__).parent / "templates"
MARK = "gallery.json"  # name and sha256 of every file; written last, so a folder that has it is a whole gallery
PICTURES = {"png": "PNG", "svg": "SVG", "pdf": "PDF"}
NUMBERS = {"csv": "CSV, the numbers", "md": "Markdown", "tex": "LaTeX", "json": "JSON, the provenance"}


def build(out: Path | None = None, photographs=tuple(demo.PHOTOGRAPHS)) -> Path:
    """Write the site to `out` (default: figures/site) and return it. `photographs`: those of the explorer.

    The site is put together beside `out` and takes its place when it is whole.
    Raises InputError where there are no figures to show, or `out` holds something else than a gallery.
    """
    out = Path(out) if out is not None else paths.figures() / "site"
    _check(out)
    _items()  # before anything is computed
    files = pages(photographs)
    paths.make_folder(out.parent)
    partial, old = (out.with_name(f".{out.name}.{os.getpid()}.{end}") for end in ("partial", "old"))
    try:
        for name, content in files.items():
            file = partial / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        if out.exists():
            out.replace(old)
        partial.replace(out)
    finally:
        for folder in (partial, old):
            shutil.rmtree(folder, ignore_errors=True)
    return out


def _check(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: name a folder for the gallery.")
    if out.is_dir() and any(out.iterdir()) and not (out / MARK).is_file():
        raise InputError(f"{out} holds something else than a gallery: name a new or an empty folder.")


def _items() -> list[listed.Item]:
    """The figures and tables of the notebooks that are here; InputError where there is none, or a picture is missing."""
    items, numbers = listed.listing(), {file.name[:2] for file in notebooks.chain()}
    if items and not numbers:
        raise InputError(f"No notebooks in {paths.shown(paths.notebooks())}: run from a checkout, or set FMIQA_HOME to one.")
    items = [item for item in items if item.number in (*numbers, "")]
    if not items:
        raise InputError(f"No figures in {paths.shown(paths.figures())} to show: run `fmiqa reproduce` first.")
    for item in items:
        if item.kind == "figures" and not (paths.figures() / f"{item.name}.png").is_file():
            raise InputError(f"{paths.shown(paths.figures())} has no {item.name}.png: run `fmiqa reproduce {item.number}`.")
    return items


def pages(photographs=tuple(demo.PHOTOGRAPHS)) -> dict[str, bytes]:
    """Every file of the site: name -> content."""
    files = {f"assets/{f.name}": f.read_bytes() for f in sorted(ASSETS.iterdir()) if f.suffix in (".js", ".css")}
    pictures, explorer = explorers.files(photographs)
    files |= {f"explorer/{name}": content for name, content in pictures.items()}
    items = []
    for item in progress.each(_items(), "figures and tables", "pages"):
        item, own = _files_of(item)
        items.append(item)
        files |= own
    known = {item.name: item for item in items}
    chain = progress.each(notebooks.chain(), "notebooks", "pages")
    books = [notebooks.convert(file, lambda href: _link(href, known)) for file in chain]
    for book in books:
        files |= {f"notebooks/img/{name}": content for name, content in book.images.items()}
    for name, text in _render(items, books, explorer).items():
        files[name] = text.encode()
    digest = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    files[MARK] = (json.dumps({"fmiqa": __version__, "files": digest}, indent=1) + "\n").encode()
    return files


def _downloads(item: listed.Item) -> dict[str, str]:
    """Ending -> text of the files of `item` that are here and may be passed on."""
    kinds = NUMBERS if item.withheld else PICTURES | NUMBERS
    return {end: text for end, text in kinds.items() if (paths.figures() / f"{item.name}.{end}").is_file()}


def _files_of(item: listed.Item) -> tuple[listed.Item, dict[str, bytes]]:
    """`item` with its picture, and the files that can be downloaded."""
    stem = f"{item.kind}/{item.name}"
    files = {f"{stem}.{end}": (paths.figures() / f"{item.name}.{end}").read_bytes() for end in _downloads(item)}
    if f"{stem}.png" not in files:
        return item, files
    small, size = notebooks.thumbnail(files[f"{stem}.png"])
    name = f"figures/small/{item.name}.webp"
    return dataclasses.replace(item, image=f"{stem}.png", thumbnail=name, size=size), files | {name: small}


def _link(href: str, known: dict[str, listed.Item]) -> str | None:
    """What a notebook's link becomes in notebooks/NN.html; None for a file that the site does not have."""
    if re.match(r"(https?:|mailto:|#)", href) or href == "../explorer.html":
        return href
    name, _, anchor = href.partition("#")
    stem = Path(name).name.split(".")[0]
    if name.endswith(".ipynb"):
        inside = (paths.notebooks() / f"{stem}.ipynb").is_file() and re.match(r"\d\d_", stem)
        return f"{stem}.html" + (f"#{notebooks.slug(anchor)}" if anchor else "") if inside else "../notebooks.html"
    return f"../{known[stem].page}" if stem in known else None


def _render(items, books, explorer) -> dict[str, str]:
    """Name -> HTML of every page."""
    import jinja2

    loader = jinja2.FileSystemLoader(ASSETS)
    templates = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    common = {"version": __version__, "books": books, "section": "", "root": "", "layout": "plain", "links": citing.links()}

    def page(template, **values):
        return templates.get_template(template).render({**common, **values})

    groups = {kind: _groups([i for i in items if i.kind == kind], books) for kind in ("figures", "tables")}
    facts, key = key_facts.facts(items), key_facts.key_figures(items)
    out = {
        "index.html": page("index.html", title="Gallery", hero=explorer["hero"], facts=facts, key=key),
        "explorer.html": page(
            "explorer.html", title="Layer explorer", section="explorer", agreement=key_facts.agreement(items), **explorer
        ),
        "notebooks.html": page(
            "list.html", title="Notebooks", section="notebooks", groups=[], chain=True, lead=key_facts.LEADS["notebooks"]
        ),
    }
    for kind, groups_of_kind in groups.items():
        title, lead = kind.capitalize(), key_facts.LEADS[kind]
        out[f"{kind}.html"] = page("list.html", title=title, section=kind, groups=groups_of_kind, chain=False, lead=lead)
        shown = [item for group in groups_of_kind for item in group["entries"]]
        for before, item, after in _neighbours(shown):
            out[item.page] = page("item.html", **_item(item, books), previous=before, next=after)
    for before, book, after in _neighbours(books):
        values = {"section": "notebooks", "root": "../", "title": book.title, "layout": "wide"}
        out[book.page] = page("notebook.html", book=book, previous=before, next=after, **values)
    return out


def _item(item, books) -> dict:
    """What the page of a figure or table shows."""
    book = next((b for b in books if b.number == item.number), None)
    source = paths.figures()
    table = source / f"{item.name}.md"
    return {
        "title": item.title,
        "section": item.kind,
        "root": "../",
        "item": item,
        "book": book,
        "code": listed.code(item, book.title, book.defaults) if book else [],
        "bibtex": citing.bibtex(item),
        "table": tables.sortable(table.read_text(encoding="utf-8"), item.title) if table.is_file() else "",
        "downloads": [(f"{item.name}.{end}", text) for end, text in _downloads(item).items()],
    }


def _groups(items, books) -> list[dict]:
    """The items of each notebook, in the chain's order, then those of none."""
    found = [{"number": b.number, "title": b.title, "entries": [i for i in items if i.number == b.number]} for b in books]
    found.append({"number": "", "title": "Saved beside them", "entries": [i for i in items if not i.number]})
    return [group for group in found if group["entries"]]


def _neighbours(things: list) -> list[tuple]:
    return list(zip([None, *things], things, [*things[1:], None], strict=False))
