"""Where things lie. Everything that the package writes goes below `home()`.

FMIQA_HOME   the folder that holds `data/`, `figures/` and `notebooks/` (default: the checkout that
             this package is installed from, else the current folder)
FMIQA_DATA   further read-only data roots, searched first to last after `data/`; separated as in PATH
"""

import contextlib
import os
import secrets
import shutil
import stat
import tempfile
from pathlib import Path

from ..errors import InputError


def home() -> Path:
    if os.environ.get("FMIQA_HOME"):
        return Path(os.environ["FMIQA_HOME"]).expanduser().resolve()
    checkout = Path(__file__).resolve().parents[2]
    return checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()


def data() -> Path:
    return home() / "data"


def figures() -> Path:
    return home() / "figures"


def notebooks() -> Path:
    return home() / "notebooks"


def data_roots() -> list[Path]:
    """`data/` first, then the folders of FMIQA_DATA."""
    extra = [Path(p).expanduser().resolve() for p in os.environ.get("FMIQA_DATA", "").split(os.pathsep) if p]
    for root in extra:
        if not root.is_dir():
            raise InputError(f"FMIQA_DATA names {root}, which is not a folder: correct the variable or unset it.")
    return [data(), *extra]


def relative(path: Path) -> str:
    """`path` as printed in outputs, the same on every machine: from home() on, or folder and name elsewhere."""
    path = Path(path).absolute()
    return path.relative_to(home()).as_posix() if path.is_relative_to(home()) else "/".join(path.parts[-2:])


def shown(path: Path) -> str:
    """`path` for a message: short below home(), whole elsewhere."""
    path = Path(path).absolute()
    return relative(path) if path.is_relative_to(home()) else str(path)


def make_folder(folder: Path) -> Path:
    """Create `folder` and make sure that it can be written; InputError otherwise."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"Cannot write to folder {folder} ({error.strerror}): choose another one.") from error
    return folder


def need_room(folder: Path, missing: int) -> None:
    """InputError where the disk of `folder` has fewer than `missing` bytes free."""
    free = shutil.disk_usage(folder).free
    if missing > free:
        raise InputError(
            f"{shown(folder)} has {free / 1e9:.2f} GB free, {missing / 1e9:.2f} GB are needed: make room, or set "
            "FMIQA_HOME to another disk."
        )


@contextlib.contextmanager
def atomic(path: Path):
    """A temporary path beside `path` that takes its name only when the block ends well.

    Flushed to the disk before the rename, so that neither a crash nor kill -9 leaves a half-written
    file under the final name. Who may read it goes by the umask, whatever library writes it.
    """
    path = Path(path)
    short = path.stem.encode(errors="replace")[:80].decode(errors="ignore")  # a name has 255 bytes at most
    temporary = path.with_name(f".{short}.{secrets.token_hex(4)}.partial{path.suffix}")  # other threads and hosts write, too
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, _mode(path))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _mode(path: Path) -> int:
    """Of a new file beside `path`; the umask itself can only be read by changing it, for other threads as well."""
    probe = path.with_name(f".{secrets.token_hex(8)}.probe")
    try:
        with open(probe, "xb") as file:
            return stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    finally:
        probe.unlink(missing_ok=True)


def check_readable(file: Path) -> None:
    """InputError where `file` is there and this user may not read it."""
    try:
        with contextlib.suppress(FileNotFoundError), open(file, "rb"):
            pass
    except PermissionError:
        raise InputError(f"{file} may not be read by this user: have its owner run `chmod a+r {file}`.") from None
