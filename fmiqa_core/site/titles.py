"""Titles of figures and tables: what their captions say first, and what tells two of one caption apart."""

from ..data import words


def title(caption: str) -> str:
    """What a caption says first, up to a full stop, colon or semicolon; not within brackets, and more than a word.

    >>> title("Left: SRCC (dark: most images). More.")
    'Left: SRCC (dark: most images)'
    """
    depth = 0
    for at, (here, after) in enumerate(zip(caption, caption[1:] + " ", strict=True)):
        depth += (here == "(") - (here == ")")
        if here in ".:;" and after == " " and not depth and at > 12:
            return caption[:at]
    return caption


def distinct(captions: dict[str, str]) -> dict[str, str]:
    """Name -> title, of names -> captions: no two the same; where captions begin alike the title ends in what differs.

    >>> distinct({"fig07_live": "SRCC by type", "fig07_tid2013": "SRCC by type", "fig08_demo": "Switches"})
    {'fig07_live': 'SRCC by type: LIVE', 'fig07_tid2013': 'SRCC by type: TID2013', 'fig08_demo': 'Switches'}
    """
    plain = {name: title(caption) for name, caption in captions.items()}
    out = {}
    for name, short in plain.items():
        alike = [other for other, text in plain.items() if text == short]
        out[name] = f"{short}: {end}" if len(alike) > 1 and (end := _rest(name, alike)) else short
    taken = list(out.values())
    return {name: text if taken.count(text) == 1 else f"{text} ({name})" for name, text in out.items()}


def _rest(name: str, alike: list[str]) -> str:
    """What of `name` the others do not begin with, in words."""
    parts = [other.split("_") for other in alike]
    same = next((i for i, some in enumerate(zip(*parts, strict=False)) if len(set(some)) > 1), min(map(len, parts)))
    return words.title("_".join(name.split("_")[same:])) if len(name.split("_")) > same else ""
