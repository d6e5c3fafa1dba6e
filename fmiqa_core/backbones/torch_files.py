"""torch's own files, read without running anything that they name: what `torch.save` and `torch.jit.save` write.

Such a file is a zip archive of a pickle and of plain numbers. torch opens a TorchScript archive only by compiling the code
inside, and a checkpoint with more than tensors (arguments, an optimizer, a whole module) only by importing what it names.
Here a name in the pickle stands for one of this module's own functions, or for an object that does nothing.
"""

import argparse
import mmap
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor

STORAGES = {
    "Double": torch.float64,
    "Float": torch.float32,
    "Half": torch.float16,
    "BFloat16": torch.bfloat16,
    "Long": torch.int64,
    "Int": torch.int32,
    "Short": torch.int16,
    "Char": torch.int8,
    "Byte": torch.uint8,
    "Bool": torch.bool,
}
MODULE = ("_parameters", "_buffers", "_modules")  # where a pickled module keeps its parts


class Inert:
    """Stands for an object of a class that is not loaded; keeps what it was given, and does nothing."""

    def __init__(self, *_args, **_options):
        pass

    def __setstate__(self, state) -> None:
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, dict):
                self.__dict__.update({key: value for key, value in part.items() if isinstance(key, str)})

    def __setitem__(self, key, value) -> None:
        self.__dict__[str(key)] = value

    def append(self, _value) -> None:
        pass

    def extend(self, _values) -> None:
        pass

    def add(self, _value) -> None:
        pass


class _Recipe:
    """A tensor that is made only when it is asked for: a checkpoint holds more of them than a network has."""

    def __init__(self, storage, offset, size, stride, *_):
        self.storage, self.view = storage, (tuple(size), tuple(stride), offset)

    def __setstate__(self, _state) -> None:
        pass


def _first(value, *_):
    return value


def _of_type(function, _type, arguments, _state):
    return function(*arguments)


KNOWN = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor"): _Recipe,
    ("torch._utils", "_rebuild_tensor_v2"): _Recipe,
    ("torch._utils", "_rebuild_parameter"): _first,
    ("torch._utils", "_rebuild_parameter_with_state"): _first,
    ("torch._tensor", "_rebuild_from_type_v2"): _of_type,
    **{("torch.jit._pickle", f"build_{kind}list"): _first for kind in ("int", "double", "bool", "tensor")},
    ("torch.jit._pickle", "restore_type_tag"): _first,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str):
        if module == "torch" and name.removesuffix("Storage") in STORAGES:
            return STORAGES[name.removesuffix("Storage")]
        return KNOWN.get((module, name)) or type("Inert", (Inert,), {})

    def persistent_load(self, pid):
        return pid[1:]  # dtype, key, where it was, number of elements


def read(file: Path) -> object:
    """What `file` holds: containers, tensors, and `Inert` in the place of all else.

    Raises pickle.UnpicklingError where an older file (not a zip archive) holds more than tensors; OSError, RuntimeError,
    ValueError, KeyError, EOFError or zipfile.BadZipFile for a damaged one.
    """
    if not zipfile.is_zipfile(file):
        with torch.serialization.safe_globals([argparse.Namespace]):  # of arguments, in many checkpoints: it only keeps them
            return torch.load(file, weights_only=True, map_location="cpu")
    with zipfile.ZipFile(file) as archive, open(file, "rb") as stream:
        (pickled,) = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
        with archive.open(pickled) as content:
            loaded = _Unpickler(content).load()
        records = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_COPY)
        return _made(loaded, archive, records, pickled.removesuffix(".pkl"))


def _made(node, archive: zipfile.ZipFile, records: mmap.mmap, root: str):
    """`node` with tensors in the place of their recipes. Numbers stay in the file until they are looked at."""
    storages: dict[str, Tensor] = {}

    def storage(dtype, key, _place, count) -> Tensor:
        if key not in storages:
            info = archive.getinfo(f"{root}/{key}")
            if info.compress_type != zipfile.ZIP_STORED:
                raise ValueError("compressed numbers")
            names = struct.unpack("<HH", records[info.header_offset + 26 : info.header_offset + 30])
            start = info.header_offset + 30 + sum(names)
            if count * dtype.itemsize > info.file_size:
                raise ValueError("fewer numbers than promised")
            storages[key] = torch.frombuffer(records, dtype=dtype, count=count, offset=start) if count else torch.empty(0)
        return storages[key]

    def made(node):
        if isinstance(node, _Recipe):
            return torch.as_strided(storage(*node.storage), *node.view)
        if isinstance(node, dict):
            return {key: made(value) for key, value in node.items()}
        if isinstance(node, Inert):
            node.__dict__.update({key: made(value) for key, value in vars(node).items()})
        return node

    return made(node)


def tensors(node, prefix: str = "") -> dict[str, Tensor]:
    """The tensors of a state dict, or of a module that was saved whole, by their names in it."""
    found = {}
    for name, value in (vars(node) if isinstance(node, Inert) else node).items():
        if isinstance(value, Tensor):
            found[f"{prefix}{name}"] = value
        elif isinstance(value, Inert) or (isinstance(node, Inert) and name in MODULE and isinstance(value, dict)):
            found |= tensors(value, prefix if name in MODULE else f"{prefix}{name}.")
    return found
