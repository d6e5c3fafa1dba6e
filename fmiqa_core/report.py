"""The reporting string: one line to paste into a paper, which names all that a number depends on. No torch here."""

from collections.abc import Iterable, Sequence

from . import __version__

DIGITS = 12  # of a sha256, short enough for a paper; `fmiqa score --json` and the scores of a dataset have the whole one


def joined(*parts: str) -> str:
    """The version, then `parts`; empty ones are left out.

    >>> joined("scores of others", "", "LIVE")
    'fmiqa 0.1.0 | scores of others | LIVE'
    """
    return " | ".join([f"fmiqa {__version__}", *filter(None, parts)])


def extended(report: str, part: str) -> str:
    """A reporting string, and one more thing that a reader must know."""
    return f"{report} | {part}"


def of_protocols(report: str, names: Iterable[str]) -> str:
    """The reporting string of a number in protocol paper -> that of the same in each of `names`."""
    return report.replace(_protocol("paper"), _protocol(", ".join(names)))


def line(
    backbone,
    names: Sequence[str],
    protocol: str,
    precision: str,
    device: str,
    weights: tuple[str, str],
    data: str = "",
    layers: Sequence[int] | None = None,
) -> str:
    """Of scores by `backbone` (its record): with layers, distances, protocol, precision and device.

    `weights`: their source and sha256; `data`: what was scored; `layers`: those that were taken, ascending (None: all).
    """
    source, sha256 = weights
    return joined(
        f"{backbone.name}, weights {source} (sha256 {sha256[:DIGITS]})",
        "final features" if tuple(names) == ("embed_cos",) else _layers(range(backbone.layers) if layers is None else layers),
        ", ".join(names),
        _protocol(protocol),
        f"{precision} on {device}",
        data,
        backbone.caution,
    )


def _layers(numbers: Sequence[int]) -> str:
    """
    >>> _layers([4]), _layers([3, 4]), _layers([0, 1, 2, 3, 7])
    ('layer 4', 'layers 3, 4', 'layers 0-3, 7')
    """
    runs = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = (f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)
    return f"layer{'s' * (len(numbers) > 1)} {', '.join(parts)}"


def _protocol(name: str) -> str:
    return f"protocol {name}"
