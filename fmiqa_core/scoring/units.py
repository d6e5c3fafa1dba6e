"""The unit of work: one reference with all its distorted images, in one file of its own.

A unit's file name holds a key of everything that determines its numbers, so a rerun skips what is complete, redoes
what is damaged, and ends with the same bytes after a kill -9 anywhere. A `Unit` can be pickled and computed in any
process that has the package, the images and the weights at the same paths.
"""

import hashlib
import json
import math
import sys
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .. import backbones, images, protocol
from ..errors import InputError
from ..files import hashes, paths
from . import baselines, memory, perturbations

if TYPE_CHECKING:
    from torch import Tensor

AHEAD = 2  # batches of images decoded in the background


@dataclass(frozen=True)
class Unit:
    """What `run` computes, and where it writes it."""

    folder: Path  # of the dataset
    ref: str
    dis: tuple[str, ...]
    settings: dict  # everything else that determines the numbers
    weights: Path | None  # the user's own file; its hash is in `settings`
    device: str
    key: str
    file: Path
    content: str  # hash of the reference's file


def make(folder: Path, ref: str, dis: Sequence[str], settings: dict, weights: Path | None, device: str, out: Path) -> Unit:
    """The unit, with the key of its settings and of the content of its images. InputError where one cannot be read."""
    content = {}
    for name in [ref, *dis]:
        try:
            content[name] = hashes.of(folder / name)
        except OSError as error:
            raise InputError(f"Cannot read image file {folder / name}: {error.strerror}.") from error
    key = hashlib.sha256(json.dumps([settings, content], sort_keys=True).encode()).hexdigest()
    stem = Path(ref).stem.encode(errors="replace")[:150].decode(errors="ignore")  # a name has 255 bytes at most
    file = out / f"{stem}-{key[:20]}.json"
    return Unit(folder, ref, tuple(dis), settings, weights, device, key, file, content[ref])


def variants(settings: dict) -> dict[str, Sequence[str]]:
    """Protocol -> its distances; several of them ("variants") take the same input and share a forward pass."""
    return settings.get("variants") or {settings["protocol"]: settings["distances"]}


def prefix(settings: dict, protocol_name: str) -> str:
    """What a column of scores begins with: nothing, or the protocol, where there are several."""
    return f"{protocol_name}/" if "variants" in settings else ""


def run(unit: Unit) -> None:
    """Compute the unit and write its file. On a device without enough memory the batch is halved, and said so."""
    import torch

    from ..backbones.exact import exact
    from ..features import extractor

    memory.keep()
    network = extractor(unit.settings["backbone"], unit.device, unit.settings["precision"], unit.weights)
    batch_size = unit.settings["batch_size"]
    while True:
        try:
            with exact():
                rows = _score(unit, network, batch_size)
            break
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            if not isinstance(error, (torch.OutOfMemoryError, MemoryError)) and "allocate memory" not in str(error):
                raise
            if batch_size == 1:
                raise InputError(f"{unit.ref}: not enough memory even for one window on {network.device}.") from error
            batch_size //= 2
            print(f"fmiqa: out of memory, {unit.ref} goes on with {batch_size} windows a batch.", file=sys.stderr)
        torch.cuda.empty_cache()  # outside the except block, which holds the frames that hold the tensors
    content = json.dumps({"key": unit.key, "batch_size": batch_size, "rows": rows})
    with paths.atomic(unit.file) as temporary:
        temporary.write_text(hashlib.sha256(content.encode()).hexdigest() + "\n" + content, encoding="utf-8")


def read(unit: Unit) -> dict | None:
    """`rows` and the `batch_size` they were computed with; None where the file is missing, damaged or another's."""
    try:
        digest, content = unit.file.read_text(encoding="utf-8").split("\n", 1)
    except (FileNotFoundError, ValueError):  # ValueError: no second line, or not UTF-8
        return None
    if hashlib.sha256(content.encode()).hexdigest() != digest:
        return None
    found = json.loads(content)
    return found if found["key"] == unit.key else None


def _score(unit: Unit, network, batch_size: int) -> list[dict]:
    """Rows of the unit: the reference's windows once, then those of several distorted images per forward pass.

    Distorted images are decoded in the background and dropped after their batch, so memory does not grow with
    their number.
    """
    import torch

    from .. import windows

    record, names = backbones.get(unit.settings["backbone"]), variants(unit.settings)
    protocols = {name: protocol.get(name) for name in names}
    kinds = {switches.of_a_side for switches in protocols.values()}
    any_of_them = next(iter(protocols.values()))  # they take the same input
    perturb = perturbations.get(unit.settings["perturbation"])
    source = images.read(unit.folder / unit.ref)

    def decode(name):  # -> (3, H, V) uint8
        image = images.read(unit.folder / name)
        if image.size != source.size:
            raise InputError(f"{unit.folder / name} is {_size(image)}, its reference {unit.ref} is {_size(source)}.")
        return torch.from_numpy(_array(perturb(source, image)[1]))

    ref = torch.from_numpy(_array(perturb(source, source)[0]))
    try:
        places = windows.positions(*ref.shape[-2:], any_of_them.even_windows)
    except InputError as error:
        raise InputError(f"{unit.folder / unit.ref} and its distorted images, after any perturbation: {error}") from None

    def crops(image, chunk):
        cut = torch.stack([image[:, t : t + windows.SIZE, s : s + windows.SIZE] for t, s in chunk]).float() / 255
        return protocol.inputs(cut, record, any_of_them)

    def sides(features):
        return {kind: protocol.sides(features, kind) for kind in kinds}

    collected = [defaultdict(lambda: ([], [])) for _ in unit.dis]
    whole = [{} for _ in unit.dis]  # of the baselines, which see no windows
    with torch.inference_mode(), ThreadPoolExecutor(1) as pool:
        for start in range(0, len(places), batch_size):
            chunk = places[start : start + batch_size]
            ref_sides = sides(network(crops(ref, chunk)))
            step = max(1, batch_size // len(chunk))
            decoded = _ahead(pool, decode, unit.dis, AHEAD * step)
            for first in range(0, len(unit.dis), step):
                batch = dict(zip(range(first, min(first + step, len(unit.dis))), decoded, strict=False))
                new = [i for i, image in batch.items() if not torch.equal(image, ref)]  # an identical image is exactly at 0
                features = network(torch.cat([crops(batch[i], chunk) for i in new])) if new else None
                for i in batch:
                    if start == 0 and "baselines" in unit.settings:
                        whole[i] = _baselines(unit, ref, batch[i])
                    at = len(chunk) * new.index(i) if i in new else 0
                    dis_sides = sides(features[at : at + len(chunk)]) if i in new else ref_sides
                    for name, switches in protocols.items():
                        both = (found[switches.of_a_side] for found in (ref_sides, dis_sides))
                        for distance, (value, parts) in protocol.compare(*both, names[name], switches).items():
                            values, layers = collected[i][prefix(unit.settings, name), distance]
                            values.extend(value.tolist())
                            layers.extend([] if parts is None else parts.tolist())
                del features, dis_sides  # else they are kept beside those of the next batch
    return [_row(unit, *each, len(places)) for each in zip(unit.dis, collected, whole, strict=True)]


def _baselines(unit: Unit, ref: "Tensor", dis: "Tensor") -> dict[str, float]:
    """score_<baseline> of two (3, H, V) uint8 images, as distances."""
    pair = [image[None].float() / 255 for image in (ref, dis)]
    names = unit.settings["baselines"]
    return {f"score_{name}": baselines.distance_of(name, baselines.score(name, *pair)) for name in names}


def _ahead(pool: ThreadPoolExecutor, work: Callable, items: Sequence, depth: int) -> Iterator:
    """work(item) in order, up to `depth` of them computed ahead of the caller."""
    running = deque()
    for item in items:
        running.append(pool.submit(work, item))
        if len(running) > depth:
            yield running.popleft().result()
    while running:
        yield running.popleft().result()


def _row(unit: Unit, dis: str, found: dict, whole: dict, n_windows: int) -> dict:
    """Unweighted mean over the windows, and what was computed on the whole image."""
    row = {"ref": unit.ref, "dis": dis, "n_windows": n_windows, **whole}
    for (start, name), (values, parts) in found.items():
        row[f"{start}score_{name}"] = math.fsum(values) / n_windows
        for i, layer in enumerate(zip(*parts, strict=True)):
            row[f"{start}layer_{name}_{i}"] = math.fsum(layer) / n_windows
    bad = [column for column, value in row.items() if isinstance(value, float) and not math.isfinite(value)]
    if bad:
        raise InputError(f"{dis} gave a value that is not finite in {bad[0]}: try precision fp32.")
    return row


def _size(image) -> str:
    return f"{image.width} x {image.height} px"


def _array(image):
    import numpy as np

    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1))
