"""The pair of images of notebook 10: the user's own, or one of the demo set; and what its files are called."""

from pathlib import Path

from ..data import demo
from ..data.words import file_name
from ..errors import InputError

DEMO = "demo"


def pair(ref: str, dis: str, name: str = "") -> tuple[Path, Path, str]:
    """Reference, distorted image and the part of the files' names that is theirs; both empty: a pair of the demo set.

    `name` empty: after the distorted image. No pair of the user's is called as the demo's, whose files it would replace:
    InputError for that, and for one image without the other.
    """
    if not ref and not dis:
        folder = demo.make()
        return folder / "ref" / "chelsea.png", folder / "jpeg" / "chelsea_4.png", name or DEMO
    if not ref or not dis:
        raise InputError(f"Only {'dis' if dis else 'ref'} is named: give both images, or none for the demo pair.")
    if name == DEMO:
        raise InputError(f"The name {DEMO} is that of the demo pair, whose figure would be replaced: choose another.")
    name = name or file_name(Path(dis).stem)
    return Path(ref), Path(dis), f"own_{name}" if name == DEMO else name
