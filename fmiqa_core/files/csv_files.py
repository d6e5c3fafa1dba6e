"""CSV files that people write: their cells, or one sentence that says what is wrong, in which line, and what to do.

Stricter than the csv module, which lets a quote that stays open swallow all rows after it.
"""

import re
from pathlib import Path

import pandas as pd

from ..errors import InputError

KINDS = {  # what a file begins with -> what it is
    b"PK\x03\x04": "it is an Excel or zip file",
    b"\xd0\xcf\x11\xe0": "it is an Excel file",
    b"\x1f\x8b": "it is compressed",
    b"\xff\xfe": "it is UTF-16, not a text file in UTF-8",
    b"\xfe\xff": "it is UTF-16, not a text file in UTF-8",
}
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
# leading blanks, a cell in quotes or a plain one, what ends it
CELL = re.compile(r'[ \t]*+(?:"((?:[^"]|"")*+)"[ \t]*+|([^",\r\n][^,\r\n]*+)?)(,|\r\n|\r|\n|\Z)')
END = re.compile(r"\r\n|\r|\n")
DIGITS = "%.6g"  # of committed tables: more would differ from processor to processor


def text(file: Path, what: str = "a CSV") -> str:
    """The content, without a byte order mark. InputError where there is no file, or it is not text in UTF-8."""
    try:
        content = Path(file).read_bytes()
    except FileNotFoundError:
        raise InputError(f"No such table: {file}.") from None
    except OSError as error:
        raise InputError(f"{file} cannot be read as {what}: {error.strerror}.") from error
    kind = next((kind for start, kind in KINDS.items() if content.startswith(start)), None)
    at = content.find(b"\0")
    if kind is None and at >= 0:
        kind = f"line {_line(content, at)} holds a NUL byte, so it is damaged or not a text file in UTF-8"
    if kind is None:
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            kind = f"line {_line(content, error.start)} is not UTF-8 but perhaps Latin-1, so it is not a text file in UTF-8"
    raise InputError(f"{file} cannot be read as {what}: {kind}. Save it as CSV in UTF-8.")


def read(file: Path, needs: tuple[str, ...] = ()) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """`text` and `parse`."""
    return parse(file, text(file), needs)


def parse(file: Path, content: str, needs: tuple[str, ...] = ()) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The heading, and (line, cells) of every other row that is not blank; cells are stripped, as many as the heading's.

    Raises InputError naming the line. `needs`: columns that are looked for; where cells are separated by something else
    than commas they cannot be found, and that is said.
    """
    sign = separator(content)
    if sign != "," and needs:
        decimal = ', decimal=","' if sign == ";" else ""
        raise InputError(
            f"{file} has no column {needs[0]}: its cells are separated by {SEPARATORS[sign]}, and should be by commas, with "
            f"points in numbers (4.5). In Python: pandas.read_csv(FILE, sep={sign!r}{decimal}).to_csv(NEW, index=False)."
        )
    rows = cells(file, content)
    if not rows:
        raise InputError(f"{file} is empty.")
    (_, head), *rows = rows
    for line, row in rows:
        if len(row) != len(head):
            raise InputError(
                f"{file}: line {line} has {len(row)} cells, the heading {len(head)}; not every line has the {len(head)} "
                f"columns {', '.join(head)}."
            )
    return head, rows


def heading(content: str) -> str:
    """The first line that is not blank."""
    return END.split(content.lstrip(), maxsplit=1)[0]


def separator(content: str) -> str:
    """What separates the cells of the heading."""
    head = heading(content)
    if match := re.fullmatch(r"sep=(.)", head):  # a spreadsheet's own first line
        return match[1] if match[1] in SEPARATORS else ","
    return max((",", *SEPARATORS), key=head.count)  # the first where they are equal


def cells(file: Path, content: str) -> list[tuple[int, list[str]]]:
    """(line where it begins, stripped cells) of every row that is not blank.

    Raises InputError for a quote that stays open, that closes within a cell, or that has swallowed what looks like rows.
    """
    rows, row, at, line, start = [], [], 0, 1, 1
    while at < len(content):
        match = CELL.match(content, at)
        if not match:
            raise InputError(f"{file}: {_quote(content, at, line)}: close it, or write two for a quote sign in a quoted cell.")
        quoted, plain, end = match.groups()
        first, *more = END.split(quoted or "")
        width = len(rows[0][1]) if rows else len(row) + first.count(",") + 1
        fills = len(row) + first.count(",") + 1 >= width  # what is quoted in the first line would complete the row
        if fills and any(part.count(",") >= len(row) for part in more):  # and another would reach this column
            raise InputError(
                f"{file}: a quote opens in line {line} and closes in line {line + len(more)}, and between them stands what "
                "looks like rows: close it in its line, or write such a cell in one line."
            )
        row.append((plain if quoted is None else quoted.replace('""', '"')) or "")
        line, at = line + len(more), match.end()
        if end != "," or at == len(content):
            row += [""] * (end == ",")  # the file ends after a comma
            row = [cell.strip() for cell in row]
            rows += [(start, row)] * any(row)
            row, line = [], line + 1
            start = line
    return rows


def refuse_doubled(file: Path, head: list[str], columns: tuple[str, ...]) -> None:
    """InputError where one of `columns` stands twice in the heading."""
    for column in columns:
        if head.count(column) > 1:
            raise InputError(f"{file} has {head.count(column)} columns {column}: keep one, or rename the others.")


def _line(content: bytes, at: int) -> int:
    return len(END.split(content[:at].decode("latin-1")))


def _quote(content: str, at: int, line: int) -> str:
    """What is wrong with the quoted cell that begins at `at`, after blanks, in `line`."""
    closed = re.compile(r'[ \t]*"(?:[^"]|"")*+"').match(content, at)
    if not closed:
        return f"a quote opens in line {line} and is not closed"
    last = line + len(END.findall(closed[0]))
    return f"a quote opens in line {line}, and where it closes (line {last}) its cell goes on"


def stored(table: pd.DataFrame) -> pd.DataFrame:
    """`table` with its numbers as a file with DIGITS gives them back: what is drawn of it can be drawn of the file again."""
    floats = list(table.select_dtypes("floating"))
    return table.assign(**table[floats].map(lambda number: float(DIGITS % number)))


def write(table: pd.DataFrame, file: Path) -> None:
    """Write `table` with DIGITS, also where numbers stand among empty cells or text: pandas' float_format leaves those out."""

    def short(cell):
        return DIGITS % cell if isinstance(cell, float) and cell == cell else cell

    table = table.infer_objects()
    mixed = list(table.select_dtypes("object"))
    table.assign(**table[mixed].map(short)).to_csv(file, index=False, lineterminator="\n", float_format=DIGITS)
