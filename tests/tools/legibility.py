"""What can be checked of a figure without eyes: texts outside the canvas, texts on each other, letters too small."""

from itertools import combinations
from math import hypot, radians, sin

from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

SMALLEST = 5.5  # pt
TOUCH = 0.5  # px of a box that count for nothing
DPI = 200


def complaints(figure: Figure) -> list[str]:
    """One sentence per fault of `figure`, laid out as it is saved."""
    figure.set_dpi(DPI)
    figure.draw_without_rendering()
    canvas = figure.bbox
    texts = [(text, box) for text, box in shown(figure)]
    found = [f"{_name(t)} has {t.get_fontsize():g} pt" for t, _ in texts if t.get_fontsize() < SMALLEST]
    for text, box in texts:
        if box.x0 < canvas.x0 - TOUCH or box.y0 < canvas.y0 - TOUCH or box.x1 > canvas.x1 + TOUCH or box.y1 > canvas.y1 + TOUCH:
            found.append(f"{_name(text)} leaves the canvas")
    for (a, first), (b, second) in combinations(texts, 2):
        if _on_each_other(a, first, b, second):
            found.append(f"{_name(a)} lies on {_name(b)}")
    return found


def shown(figure: Figure) -> list[tuple[Text, Bbox]]:
    """Visible texts with the box of their letters in px; ticks outside the axis limits are none."""
    renderer = figure.canvas.get_renderer()
    ticks = {}
    for axis in figure.axes:
        for side in (axis.xaxis, axis.yaxis):
            drawn = side._update_ticks() if axis.get_visible() and axis.axison else []
            within = {id(label) for tick in drawn for label in (tick.label1, tick.label2)}
            for tick in (*side.get_major_ticks(), *side.get_minor_ticks()):
                ticks |= {id(label): id(label) in within for label in (tick.label1, tick.label2)}
            ticks |= {id(side.label): axis.axison, id(side.offsetText): axis.axison}
    texts = [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip() and ticks.get(id(t), True)]
    return [(text, text.get_window_extent(renderer)) for text in texts]


def _on_each_other(a: Text, first: Bbox, b: Text, second: Bbox) -> bool:
    """Whether the boxes overlap; texts that are turned by the same slant are measured across it."""
    if not first.padded(-TOUCH).overlaps(second.padded(-TOUCH)):
        return False
    if a.get_rotation() % 90 and a.get_rotation() == b.get_rotation():
        (ax, ay), (bx, by) = (text.get_transform().transform(text.get_position()) for text in (a, b))
        lines = 1 + max(text.get_text().count("\n") for text in (a, b))
        return hypot(ax - bx, ay - by) * sin(radians(a.get_rotation())) < lines * 1.1 * a.get_fontsize() * DPI / 72
    return True


def _name(text: Text) -> str:
    return repr(text.get_text())
