"""The one exception for wrong input: a sentence that names what is wrong and the remedy."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """Wrong input. The command line prints its message as one line and exits with status 2."""


def unknown(kind: str, name: str, known: Iterable[str]) -> InputError:
    """The error for an unknown name: suggests the nearest known one and lists them all."""
    known = list(known)
    near = get_close_matches(str(name).lower(), known, n=1, cutoff=0.4)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return InputError(f"Unknown {kind} {name!r}.{hint} Known: {', '.join(known)}.")
