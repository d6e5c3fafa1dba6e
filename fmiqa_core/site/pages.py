"""Notebooks as pages of the gallery: cells and outputs as HTML, pictures as files, links that stay inside the site."""

import ast
import base64
import html
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..files import paths
from . import pixels

THUMBNAIL = (640, 470)  # pixels: twice what a card shows, for fine screens


@dataclass(frozen=True)
class Page:
    """A notebook, converted."""

    number: str
    page: str
    title: str
    question: str
    body: str
    contents: list[tuple[str, str]]  # (id, text) of its sections
    images: dict[str, bytes]  # name -> WebP
    defaults: dict  # parameter -> default


def chain() -> list[Path]:
    """`figures/executed/NN_*.ipynb` where there is one that may be shown, else `notebooks/NN_*.ipynb`."""
    files = sorted(paths.notebooks().glob("[0-9][0-9]_*.ipynb"))
    executed = [paths.figures() / "executed" / file.name for file in files]
    return [run if run.is_file() and _may_be_shown(run) else file for run, file in zip(executed, files, strict=True)]


def _may_be_shown(file: Path) -> bool:
    """Not a notebook that shows pixels and ran on other images than its own: those need not be ours to spread."""
    import nbformat

    set_by_hand = nbformat.read(file, as_version=4).metadata.get("papermill", {}).get("parameters", {})
    return file.name[:2] not in pixels.NOTEBOOKS or not {"dataset", "ref", "dis"} & set(set_by_hand)


def convert(file: Path, link: Callable[[str], str | None]) -> Page:
    """The notebook `file` as a page. `link` gives what a link becomes, None for one that leads out of the site."""
    import nbformat
    from bs4 import BeautifulSoup

    book = nbformat.read(file, as_version=4)
    images, parts = {}, []
    for at, cell in enumerate(book.cells):
        # the site has links and contents of its own
        if {"injected-parameters", "links", "contents"} & set(cell.metadata.get("tags", [])) or not cell.source.strip():
            continue
        parts.append(_markdown(cell.source) if cell.cell_type == "markdown" else _code(cell, f"{file.stem[:2]}-{at}", images))
    soup = BeautifulSoup("\n".join(parts), "html.parser")
    contents = _tidy(soup, link)
    head = book.cells[0].source
    title = re.search(r"# (?:\d\d · )?(.+)", head)
    question = re.search(r"\*\*Question\.\*\*\s*(.+?)(?:\n\n|$)", head, re.DOTALL)
    return Page(
        file.stem[:2],
        f"notebooks/{file.stem}.html",
        title[1] if title else file.stem,
        " ".join(question[1].split()) if question else "",
        str(soup),
        contents,
        images,
        _defaults(book),
    )


def _markdown(source: str) -> str:
    from nbconvert.filters.markdown_mistune import markdown2html_mistune

    return f'<section class="text">{markdown2html_mistune(source)}</section>'


def _code(cell, name: str, images: dict[str, bytes]) -> str:
    from nbconvert.filters.highlight import Highlight2HTML

    outputs = [_output(output, f"{name}-{i}.webp", images) for i, output in enumerate(cell.outputs)]
    return f'<div class="cell">{Highlight2HTML()(cell.source, "python")}{"".join(outputs)}</div>'


def _output(output, name: str, images: dict[str, bytes]) -> str:
    """One output as HTML, the richest form that needs no script."""
    if output.output_type == "stream":
        return _text(output.text)
    if output.output_type == "error":
        return _text("\n".join(output.traceback))
    data = output.get("data", {})
    if "application/vnd.jupyter.widget-view+json" in data:
        return '<p class="note">Interactive in JupyterLab; here: the <a href="../explorer.html">layer explorer</a>.</p>'
    if "image/png" in data:
        content, width, height = webp(base64.b64decode(data["image/png"]))
        images[name] = content
        return f'<img class="output" src="img/{name}" alt="" width="{width}" height="{height}" loading="lazy">'
    if "text/html" in data:
        return f'<div class="output">{data["text/html"]}</div>'
    if "text/markdown" in data:
        return f'<div class="output">{_markdown(data["text/markdown"])}</div>'
    return _text(data["text/plain"]) if "text/plain" in data else ""


def _text(text: str) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text).rstrip("\n")
    return f'<pre class="output">{html.escape(plain, quote=False)}</pre>'


def webp(png: bytes) -> tuple[bytes, int, int]:
    """A picture as lossless WebP, half the size of a PNG, and its width and height."""
    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGB")
    return _as_webp(image, lossless=True, quality=50), *image.size


def thumbnail(png: bytes) -> tuple[bytes, tuple[int, int]]:
    """A picture as a small WebP, the whole of it; and the width and height of the picture itself."""
    from PIL import Image

    image = Image.open(io.BytesIO(png)).convert("RGB")
    size = image.size
    image.thumbnail(THUMBNAIL, Image.Resampling.LANCZOS)
    return _as_webp(image, quality=80), size


def _as_webp(image, **how) -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", method=4, **how)
    return out.getvalue()


def _tidy(soup, link) -> list[tuple[str, str]]:
    """In place: links, unique ids, names for what is read aloud, no scripts. Returns the sections."""
    for tag in soup.find_all(["script", "style", "iframe"]):
        tag.decompose()
    for tag in soup.select("a.anchor-link"):
        tag["aria-label"] = "Link to this section"
    for tag in soup.find_all("a", href=True):
        target = link(tag["href"])
        if target is None:  # leads to a file of the repository, which is not in the site
            tag.unwrap()
        else:
            tag["href"] = target
    seen, contents, section = {}, [], "the notebook"
    for tag in soup.find_all(["h1", "h2", "h3", "img", "pre", "table"]):
        if tag.name in ("h1", "h2", "h3"):
            anchor = tag.find("a", class_="anchor-link")
            section = tag.get_text().removesuffix("¶")
            name = slug(section)
            seen[name] = seen.get(name, 0) + 1
            tag["id"] = name if seen[name] == 1 else f"{name}-{seen[name]}"
            if anchor:
                anchor["href"] = f"#{tag['id']}"
            if tag.name == "h2":
                contents.append((tag["id"], section))
        elif tag.name == "img":
            tag["alt"] = tag.get("alt") or f"Picture of section “{section}”"
        elif tag.name == "pre":
            tag["tabindex"] = "0"  # may scroll sideways, so the keyboard must reach it
        else:
            tag.wrap(soup.new_tag("div", attrs={"class": "scroll", "tabindex": "0", "role": "group", "aria-label": "Table"}))
            del tag["border"]
    return contents


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "section"


def _defaults(book) -> dict:
    """Parameter -> default, from the cell tagged `parameters`."""
    source = next((c.source for c in book.cells if "parameters" in c.metadata.get("tags", [])), "")
    lines = [line for line in ast.parse(source).body if isinstance(line, ast.Assign)]
    return {line.targets[0].id: ast.literal_eval(line.value) for line in lines}
