"""One file with everything that is committed, and its checksums, for a deposit: `make archive`.

    python tests/tools/archive.py           build/fmiqa-VERSION-COMMIT.zip
    python tests/tools/archive.py FOLDER    there

The same commit gives the same bytes on every machine: files come from git in the order of their names, with the time of
the commit, and are stored uncompressed, since two builds of zlib compress differently. SHA256SUMS within lists them all.
"""

import hashlib
import io
import re
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SUMS = "SHA256SUMS"


def git(*arguments: str) -> bytes:
    """What git prints of the repository; SystemExit in a sentence where it cannot."""
    plain = ("-c", "core.autocrlf=false", "-c", "core.quotepath=false")  # whatever the user has set
    try:
        run = subprocess.run(["git", "-C", REPOSITORY, *plain, *arguments], capture_output=True)
    except FileNotFoundError:
        raise SystemExit("An archive is made of a git checkout, and there is no git: install it.") from None
    if run.returncode:
        raise SystemExit(f"An archive is made of a git checkout, and {REPOSITORY} is none: clone the repository.")
    return run.stdout


def contents() -> dict[str, tuple[bytes, int]]:
    """Name -> content and mode of every file of the last commit; SystemExit where the tree holds anything else."""
    dirty = [line[3:] for line in git("status", "--porcelain").decode().splitlines()]
    if dirty:
        shown = ", ".join(dirty[:3]) + f" and {len(dirty) - 3} more" * (len(dirty) > 3)
        raise SystemExit(f"The tree is not what is committed ({shown}): commit or remove it, then archive.")
    files = {}
    with tarfile.open(fileobj=io.BytesIO(git("archive", "--format=tar", "HEAD"))) as tar:
        for member in filter(tarfile.TarInfo.isfile, tar):
            files[member.name] = (tar.extractfile(member).read(), 0o755 if member.mode & 0o100 else 0o644)
    return files


def write(folder: Path) -> Path:
    """The archive of the last commit in `folder`, under its final name only when it is whole."""
    files = contents()
    commit, seconds = git("log", "-1", "--format=%H %ct").decode().split()
    version = re.search(rb'^__version__ = "(.+)"$', files["fmiqa_core/__init__.py"][0], re.MULTILINE)[1].decode()
    name = f"fmiqa-{version}"
    sums = "".join(f"{hashlib.sha256(content).hexdigest()}  {file}\n" for file, (content, _) in sorted(files.items()))
    files[SUMS] = (sums.encode(), 0o644)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}-{commit[:12]}.zip"
    partial = target.with_suffix(".partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
        archive.comment = commit.encode()  # where git's own archives have it, too
        for file, (content, mode) in sorted(files.items()):
            entry = zipfile.ZipInfo(f"{name}/{file}", time.gmtime(int(seconds))[:6])
            entry.create_system, entry.external_attr = 3, (0o100000 | mode) << 16  # Unix, a plain file
            archive.writestr(entry, content)
    return partial.replace(target)


if __name__ == "__main__":
    file = write(Path(sys.argv[1]) if len(sys.argv) > 1 else REPOSITORY / "build")
    print(f"{file}  {file.stat().st_size / 1e6:.1f} MB\nsha256 {hashlib.sha256(file.read_bytes()).hexdigest()}")
