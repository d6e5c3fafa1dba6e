"""A figure as somebody else needs it: other numbers, methods, size, file format or language."""

from difflib import get_close_matches
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.text import Text

from ..errors import InputError
from ..files import paths
from . import catalogue, saving
from .style import style


def adapt(
    name: str,
    data: Path | None = None,
    methods: list[str] | None = None,
    width: float | None = None,
    form: str | None = None,
    words: dict[str, str] | None = None,
    out: Path | None = None,
) -> Path:
    """Draw the figure `name` again and write it; returns the file.

    name     as in `figures/`; the dataset may be left out where there is one only
    data     a .csv with the columns of the figure's own (None: its own)
    methods  those to show, in this order (None: all)
    width    in mm (None: as in `figures/`)
    form     pdf, png or svg (None: by the ending of `out`, else pdf)
    words    text in the figure -> text to put in its place
    out      file to write (None: NAME.FORM in the current folder)

    Raises InputError for a name, column, method, width or word that is not there.
    """
    known = catalogue.key(name)
    source = catalogue.file(name) if data is None else Path(data)
    if data is None or (name == known and source.stem.startswith(f"{known}_")):
        name = source.stem  # with its dataset, by which axes are labelled
    least = catalogue.DRAWINGS[known].narrowest
    if width is not None and not least <= width <= catalogue.WIDEST:
        raise InputError(f"{known} can be read from {least:g} to {catalogue.WIDEST:g} mm of width, not at {width:g}.")
    target = _target(name, form, out)
    table = catalogue.read(source, name)
    if methods is not None:
        table = catalogue.choose(table, name, methods)
    with matplotlib.rc_context():
        style()
        try:
            figure = catalogue.draw(name, table, None if width is None else width / 25.4)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            why = f"{source} does not hold all that {known} shows ({error!r}): compare figures/{known}*.csv."
            raise InputError(why) from error
        try:
            relabel(figure, words or {})
            saving.freeze(figure)
            return saving.write(figure, target)
        finally:
            plt.close(figure)


def _target(name: str, form: str | None, out: Path | None) -> Path:
    """The file to write; InputError for a format that is none, or a committed figure that nobody asked to replace."""
    target = Path(f"{name}.{form or 'pdf'}") if out is None else Path(out)
    ending = target.suffix.lower().removeprefix(".")
    if ending not in saving.FORMATS:
        raise InputError(f"A figure is written as {', '.join(saving.FORMATS)}, not as {target.name}.")
    if form not in (None, ending):
        raise InputError(f"--format {form} and --out {target.name} do not agree: leave one out.")
    if out is None and target.resolve().parent == paths.figures().resolve():
        raise InputError(f"{target} is a figure of this folder: say where to write with --out.")
    if not target.resolve().parent.is_dir():
        raise InputError(f"No folder {target.parent}: make it first.")
    return target


def relabel(figure: Figure, words: dict[str, str]) -> None:
    """Replace texts in `figure`, wherever they stand: titles, axes, ticks, legends. Longer ones go first.

    A word within a longer text is replaced too: {"cosine": "Kosinus"} makes "cosine, one layer" "Kosinus, one layer".
    Raises InputError for a word that no text has.
    """
    left = dict(words)

    def new(text: str) -> str:
        for old in sorted(words, key=len, reverse=True):
            if old in text:
                text = text.replace(old, words[old])
                left.pop(old, None)
        return text

    figure.draw_without_rendering()  # ticks have no texts before
    for side in (getattr(axis, which) for axis in figure.axes for which in ("xaxis", "yaxis")):
        texts = [tick.get_text() for tick in side.get_ticklabels()]
        changed = [new(text) for text in texts]
        if changed != texts:
            side.set_ticks(side.get_ticklocs(), changed)
    for text in figure.findobj(Text):
        text.set_text(new(text.get_text()))
    if left:
        known = sorted({" ".join(text.get_text().split()) for text in figure.findobj(Text)} - {""})
        near = get_close_matches(next(iter(left)), known, n=1, cutoff=0.4)
        raise InputError(f"No text {next(iter(left))!r} in this figure." + (f" Did you mean {near[0]!r}?" if near else ""))
