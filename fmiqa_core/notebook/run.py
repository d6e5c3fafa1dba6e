"""The notebook chain, headless: papermill executes `notebooks/NN_*.ipynb` in order into `figures/executed/`."""

import ast
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from ..errors import InputError, first_line, unknown
from ..figures import settled
from ..files import paths, streams
from ..site import items
from . import contents, profiles
from .profiles import Profile

FILES = ("ref", "dis")  # parameters that name a file


def run(
    names: list[str], profile: str | Profile = "demo", parameters: dict[str, str] | None = None, refresh: bool = False
) -> int:
    """Execute the notebooks called `names` (numbers, names or files; none = all), stop at the first failure.

    `profile`: a name, or a `Profile` as it is. `parameters` must be known to at least one of them (papermill itself would
    only warn); files among them are looked for in the current folder. Returns 0, or after naming the notebook and cell that
    failed 2 for wrong input and 1 otherwise. Prints every figure, table and notebook that was written. All of them done, the
    gallery is written (`gallery.build`). Committed figures stay where those of this run agree with them within tolerance, and
    one line says so (`figures.settled`); `refresh` stores this run's.
    """
    chain = select(names)
    known = check(chain, parameters or {})
    profile = profile if isinstance(profile, Profile) else profiles.of(profile, parameters)
    wanted = {file: profile.parameters(file.name) for file in chain}
    values = {file: {k: _value(k, v, own[k]) for k, v in wanted[file].items() if k in own} for file, own in known.items()}
    executed = paths.make_folder(paths.figures() / "executed")
    before = _snapshot()
    for number, file in enumerate(chain, start=1):
        print(f"[{number}/{len(chain)}] {file.name} ...", file=sys.stderr, flush=True)
        started = time.monotonic()
        failure = _execute(file, executed / file.name, values[file])
        if failure:
            print(f"fmiqa: {failure}", file=sys.stderr)
            return 2 if "InputError" in failure else 1
        print(f"[{number}/{len(chain)}] {file.name} done in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
        if refresh:
            _refresh(executed / file.name, file)
    if refresh:
        contents.refresh()
    written = [file for file, state in _snapshot().items() if before.get(file) != state]
    moved, line = ({}, "") if refresh else settled.settle(written)
    print("Written:")
    for file in sorted(moved.get(file, file) for file in written):
        print(f"  {paths.relative(file)}")
    if not names and items.listing():  # after the whole chain, where it drew something
        from ..site import build

        print(f"  {paths.relative(build.build() / 'index.html')}")
    if line:
        print(line)
    return 0


def check(chain: list[Path], parameters: Iterable[str]) -> dict[Path, dict[str, object]]:
    """The parameters that each notebook has; InputError for one that none of them has."""
    known = {file: _parameters(file) for file in chain}
    for key in parameters:
        if not any(key in own for own in known.values()):
            raise unknown("notebook parameter", key, sorted({name for own in known.values() for name in own}))
    return known


def select(names: list[str]) -> list[Path]:
    every = sorted(paths.notebooks().glob("[0-9][0-9]_*.ipynb"))
    if not every:
        raise InputError(f"No notebooks in {paths.notebooks()}: run from a checkout, or set FMIQA_HOME to one.")
    chosen = set()
    for name in names:
        stem = Path(name).name.removesuffix(".ipynb")
        found = [file for file in every if stem in (file.stem, file.stem[:2])]
        if not found:
            raise unknown("notebook", name, [file.stem for file in every])
        chosen.update(found)
    return [file for file in every if not names or file in chosen]


def _parameters(file: Path) -> dict[str, object]:
    """Parameter -> default value."""
    from papermill import inspect_notebook

    try:
        return {name: ast.literal_eval(found["default"]) for name, found in inspect_notebook(str(file)).items()}
    except (ValueError, SyntaxError) as error:
        raise InputError(
            f"{file.name} cannot be run: its kernel or its parameters cell is not understood ({error})."
        ) from error


def _value(key: str, text: str, default: object) -> object:
    """`-p KEY VALUE` comes as text: it becomes what the notebook's default is; the path of a file becomes absolute.

    Files are those of the parameters FILES, and any .csv, alone or in a list with commas: a notebook runs in its own
    folder, the user stands elsewhere.
    """
    kind = type(default)
    if kind is str and text and key in FILES:
        return _file(key, text)
    if kind is str and ".csv" in text.lower():
        parts = [part.strip() for part in text.split(",")]
        return ",".join(_file(key, part) if part.lower().endswith(".csv") else part for part in parts)
    try:
        return {"True": True, "False": False}[text] if kind is bool else kind(text)
    except (KeyError, ValueError):
        raise InputError(f"Notebook parameter {key} is a {kind.__name__} like {default!r}, not {text!r}.") from None


def _file(key: str, text: str) -> str:
    file = Path(text).absolute()
    if not file.is_file():
        raise InputError(f"Notebook parameter {key}: no file {text} in {Path.cwd()}.")
    if key not in FILES and "," in str(file):
        raise InputError(f"Notebook parameter {key}: {file} has a comma, which separates datasets: rename it or its folder.")
    return str(file)


def _execute(file: Path, target: Path, parameters: dict) -> str | None:
    """Run one notebook; None, or the sentence that says which cell failed. Never leaves a part under `target`."""
    import papermill

    from . import kernel

    failed = target.with_suffix(".failed.ipynb")
    for old in (target, failed):
        old.unlink(missing_ok=True)
    try:
        with kernel.environment():
            papermill.execute_notebook(
                str(file),
                str(failed),
                parameters,
                cwd=str(file.parent),
                kernel_name="python3",
                kernel_manager_class=kernel.Kernel,
                progress_bar=streams.terminal(sys.stderr),
                extra_arguments=["--log-level=CRITICAL"],  # its notes on transport are not the reader's concern
            )
    except papermill.PapermillExecutionError as error:
        reason = first_line(error.evalue) if error.evalue.strip() else ""
        return f"{file.name} failed in cell {error.cell_index}: {error.ename}: {reason} (see {paths.relative(failed)})"
    except RuntimeError as error:  # the kernel died, for example for want of memory
        return f"{file.name} failed: {error}"
    failed.replace(target)
    return None


def _snapshot() -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for file in paths.figures().rglob("*.*") if file.is_file()}


def _refresh(executed: Path, file: Path) -> None:
    """Store an executed notebook for reading: without papermill's timings and injected parameters."""
    import nbformat

    book = nbformat.read(executed, as_version=4)
    book.metadata.pop("papermill", None)
    book.cells = [cell for cell in book.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    for cell in book.cells:
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
    with paths.atomic(file) as temporary:
        nbformat.write(book, temporary)
