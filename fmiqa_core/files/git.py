"""What the last commit holds of the files in this home."""

import subprocess
from pathlib import Path

from . import paths


def changed(folder: Path) -> set[Path] | None:
    """The committed files below `folder` that are not here as they were committed; None where this is not a checkout."""
    names = _git("diff", "--relative", "--name-only", "-z", "HEAD", "--", str(folder))
    return None if names is None else {paths.home() / name for name in names.decode().split("\0") if name}


def committed(file: Path) -> bytes:
    """The content of `file`, one of `changed`, as it was committed."""
    content = _git("cat-file", "blob", f"HEAD:./{file.relative_to(paths.home()).as_posix()}")
    assert content is not None, file
    return content


def _git(*arguments: str) -> bytes | None:
    """What git prints; None where it fails, or is not installed."""
    try:
        run = subprocess.run(["git", "-C", paths.home(), *arguments], capture_output=True)
    except OSError:
        return None
    return None if run.returncode else run.stdout
