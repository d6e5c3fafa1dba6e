"""How the notebooks hang together: a table of contents in the first, "previous · contents · next" at the end of each.

Both are made from the notebooks' own titles and questions. Run this file's `refresh` after changing one:
`python -c "from fmiqa_core.notebook import contents; contents.refresh()"`; `fmiqa reproduce --refresh` does it too.
"""

import re
from pathlib import Path

from ..errors import InputError
from ..files import paths

CONTENTS, LINKS = "contents", "links"  # tags of the generated cells, and their ids


def refresh(folder: Path | None = None) -> list[Path]:
    """Bring the generated cells of every notebook in `folder` (default: `paths.notebooks()`) up to date.

    Returns the files that changed; the others are not touched. InputError for a notebook without title or question.
    """
    import nbformat

    files = sorted((folder or paths.notebooks()).glob("[0-9][0-9]_*.ipynb"))
    books = {file: nbformat.read(file, as_version=4) for file in files}
    titles = {file.name: title(book, file.name) for file, book in books.items()}
    questions = {file.name: question(book, file.name) for file, book in books.items()}
    changed = []
    for number, (file, book) in enumerate(books.items()):
        before = nbformat.writes(book)
        cells = [cell for cell in book.cells if not {CONTENTS, LINKS} & {*cell.metadata.get("tags", [])}]
        if number == 0:
            cells.insert(1, _cell(CONTENTS, table(titles, questions)))
        book.cells = [*cells, _cell(LINKS, links(list(titles.items()), number))]
        if nbformat.writes(book) != before:
            with paths.atomic(file) as temporary:
                nbformat.write(book, temporary)
            changed.append(file)
    return changed


def title(book, name: str) -> str:
    """The heading of the first cell."""
    return _found(r"\A# (.+)$", book, name, "begin with a cell '# NN · Title'")


def question(book, name: str) -> str:
    """What the first cell asks after "**Question.**", up to the paragraph's last question mark."""
    pattern = r"^\*\*Question\.\*\*\s+(.+?\?)(?:(?!\?|\n\n).)*(?:\n\n|\Z)"
    return " ".join(_found(pattern, book, name, "say '**Question.** ...?'").split())


def table(titles: dict[str, str], questions: dict[str, str]) -> str:
    """Markdown: a row for each notebook, its title linked, and its question."""
    rows = [f"| [{titles[name]}]({name}) | {questions[name].replace('|', chr(92) + '|')} |" for name in titles]
    return "\n".join(["## Contents", "| notebook | question it answers |", "| --- | --- |", *rows])


def links(titles: list[tuple[str, str]], number: int) -> str:
    """Markdown: the neighbours of notebook `number` of `titles` (file name, title), and the way to the contents."""
    parts = [f"[contents]({titles[0][0]}#Contents)"]
    if number > 0:
        parts.insert(0, f"← [{titles[number - 1][1]}]({titles[number - 1][0]})")
    if number < len(titles) - 1:
        parts.append(f"[{titles[number + 1][1]}]({titles[number + 1][0]}) →")
    return " · ".join(parts)


def _cell(tag: str, text: str):
    """A markdown cell whose id is the same every time, so that a rerun gives the same bytes."""
    import nbformat

    return nbformat.v4.new_markdown_cell(text, id=tag, metadata={"tags": [tag]})


def _found(pattern: str, book, name: str, remedy: str) -> str:
    first = book.cells[0].source if book.cells and book.cells[0].cell_type == "markdown" else ""
    match = re.search(pattern, first, re.MULTILINE | re.DOTALL if "Question" in pattern else re.MULTILINE)
    if not match:
        raise InputError(f"{name} has no title or question: it must {remedy}.")
    return match.group(1).strip()
