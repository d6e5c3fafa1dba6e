"""The one exception for wrong input: a sentence that names what is wrong and the remedy."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # how a terminal is told


class InputError(ValueError):
    """Wrong input. The command line prints its message as one line and exits with status 2."""


def unknown(kind: str, name: str, known: Iterable[str]) -> InputError:
    """The error for an unknown name: suggests the nearest known one and lists them all."""
    known = list(known)
    near = get_close_matches(str(name).lower(), known, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return InputError(f"Unknown {kind} {name!r}.{hint} Known: {', '.join(known)}.")


def first_line(error: Exception) -> str:
    """What `error` says first, for a message: one line without a terminal's colours; its class where it says nothing."""
    lines = [line.strip() for line in COLOUR.sub("", str(error)).splitlines()]
    return next(filter(None, lines), type(error).__name__)
