"""A figure as somebody else needs it: other numbers, methods, size, file format or language."""

import math
import re
from difflib import get_close_matches
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.text import Text

from ..data import words as naming
from ..errors import InputError
from ..files import paths
from . import catalogue, from_scores, saving
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
    data     a .csv with the columns of the figure's own, or a run: a scores.parquet or its folder (None: its own .csv)
    methods  those to show, in this order (None: all)
    width    in mm (None: as in `figures/`)
    form     pdf, png or svg (None: by the ending of `out`, else pdf)
    words    text in the figure -> text to put in its place
    out      file to write (None: NAME.FORM in the current folder)

    Raises InputError for a name, column, method, width or word that is not there.
    """
    known = catalogue.key(name)
    source = catalogue.file(name) if data is None else Path(data)
    scores = from_scores.load(source) if from_scores.is_run(source) else None
    if scores is not None:
        name = f"{known}_{naming.file_name(scores.attrs['dataset'])}"
    elif data is None or (name == known and source.stem.startswith(f"{known}_")):
        name = source.stem  # with its dataset, by which axes are labelled
    least = catalogue.DRAWINGS[known].narrowest
    if width is not None and not least <= width <= catalogue.WIDEST:
        raise InputError(f"{known} can be read from {least:g} to {catalogue.WIDEST:g} mm of width, not at {width:g}.")
    target = _target(name, form, out)
    if scores is None:
        table, human = catalogue.read(source, name), catalogue.human(source, name)
    else:
        table, human = from_scores.table(known, scores), from_scores.human(scores)
    if methods is not None:
        table = catalogue.choose(table, name, methods)
    with matplotlib.rc_context():
        style()
        try:
            figure = catalogue.draw(name, table, None if width is None else width / 25.4, human)
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

    Whole words within a longer text are replaced too: {"cosine": "Kosinus"} makes "cosine, one layer" "Kosinus, one layer".
    Raises InputError for a word that no text has.
    """
    left = set(words)
    longest = sorted(filter(None, words), key=len, reverse=True)
    old = re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in longest) or r"(?!)")

    def new(text: str) -> str:
        left.difference_update(old.findall(text))
        return old.sub(lambda found: words[found[0]], text)

    figure.draw_without_rendering()  # ticks have no texts before
    for side in (getattr(axis, which) for axis in figure.axes for which in ("xaxis", "yaxis")):
        texts = [tick.get_text() for tick in side.get_ticklabels()]
        changed = [new(text) for text in texts]
        if changed != texts:
            side.set_ticks(side.get_ticklocs(), changed)
            if side.axis_name == "x":
                _stagger(figure, side)
    for text in figure.findobj(Text):
        text.set_text(new(text.get_text()))
    missing = next((word for word in words if word in left), None)
    if missing is not None:
        known = sorted({" ".join(text.get_text().split()) for text in figure.findobj(Text)} - {""})
        near = get_close_matches(missing, known, n=1, cutoff=0.4)
        raise InputError(f"No text {missing!r} in this figure." + (f" Did you mean {near[0]!r}?" if near else ""))


def _stagger(figure: Figure, side) -> None:
    """A label of the x axis that would lie on the one before it stands a line lower."""
    figure.draw_without_rendering()
    end, lower, texts = -math.inf, False, []
    for label in side.get_ticklabels():
        box = label.get_window_extent()
        lower = bool(box.x0 < end) and not lower
        end = box.x1
        texts.append("\n" * lower + label.get_text())
    side.set_ticks(side.get_ticklocs(), texts)
