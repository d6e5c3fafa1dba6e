"""The reporting string: one line to paste into a paper, which names all that a number depends on. No torch here."""

from collections.abc import Iterable, Sequence

from . import __version__


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
) -> str:
    """Of scores by `backbone` (its record): with layers, distances, protocol, precision and device.

    `weights`: their source and sha256; `data`: what was scored.
    """
    source, sha256 = weights
    return joined(
        f"{backbone.name}, weights {source} (sha256 {sha256})",
        "final features" if tuple(names) == ("embed_cos",) else f"layers 0-{backbone.layers - 1}",
        ", ".join(names),
        _protocol(protocol),
        f"{precision} on {device}",
        data,
        backbone.caution,
    )


def _protocol(name: str) -> str:
    return f"protocol {name}"
