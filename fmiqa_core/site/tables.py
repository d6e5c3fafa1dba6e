"""Tables of `figures/` as HTML whose columns can be sorted."""

import html
import re


def sortable(markdown: str, caption: str) -> str:
    """HTML of the Markdown table `markdown` (as `figures.save_table` writes it), a button in each head."""
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    head, _, *rows = [_cells(line) for line in lines]
    heads = "".join(f'<th scope="col"><button type="button">{inline(cell) or "&nbsp;"}</button></th>' for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{inline(cell)}</td>" for cell in row) + "</tr>\n" for row in rows)
    name = html.escape(caption)
    return (
        f'<table class="sortable"><caption class="hidden">{name}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>\n{body}</tbody></table>"
    )


def _cells(line: str) -> list[str]:
    return [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def inline(text: str) -> str:
    """The marks that a cell may carry, as HTML: **best**, <u>second</u>, `code`; all else is text.

    >>> inline("**0.97** < 1 †")
    '<strong>0.97</strong> &lt; 1 †'
    """
    out = html.escape(text, quote=False)
    out = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", out)
    out = re.sub(r"&lt;(/?)u&gt;", r"<\1u>", out)
    return re.sub(r"`(.+?)`", r"<code>\1</code>", out)
