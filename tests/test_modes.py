"""On a shared machine: what one user writes others can read as the umask says, and what they may not read is called that."""

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from fmiqa_core import backbones
from fmiqa_core.backbones import hub, networks, weights
from fmiqa_core.errors import InputError
from fmiqa_core.files import paths


@pytest.fixture
def umask() -> Iterator:
    """Sets the umask for this test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_written_files_follow_the_umask(tmp_path, umask, mask, mode):
    """safetensors writes its file for its owner alone."""
    umask(mask)
    with paths.atomic(tmp_path / "a.safetensors") as temporary:
        save_file({"a": torch.ones(2)}, temporary)
    with paths.atomic(tmp_path / "a.txt") as temporary:
        temporary.write_text("text", encoding="utf-8")
    assert {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {
        "a.safetensors": mode,
        "a.txt": mode,
    }


@contextlib.contextmanager
def another_user() -> Iterator[None]:
    """Root may read everything, so root becomes nobody."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def shared(monkeypatch) -> Iterator[Path]:
    """A home that every user can enter."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        monkeypatch.setenv("FMIQA_HOME", folder)
        monkeypatch.setenv("FMIQA_DATA", "")
        yield Path(folder)


@pytest.fixture
def record(monkeypatch):
    record = backbones.get("timm:test_vit.r160_in1k")
    monkeypatch.setattr(hub, "fetch", lambda _record: networks.build(record).state_dict())
    return record


def test_converted_weights_can_be_read_by_others(shared, record, umask):
    umask(0o022)
    file = weights.convert(record)
    assert sorted(file.parent.iterdir()) == [file, file.with_suffix(".sha256")]
    assert {stat.S_IMODE(one.stat().st_mode) for one in file.parent.iterdir()} == {0o644}
    with another_user():
        assert weights.load(record)


@pytest.mark.parametrize("which", ["weights", "sha256", "given"])
def test_what_may_not_be_read_is_called_that(shared, record, which):
    """Not damaged, and not without its digest."""
    file = weights.convert(record)
    closed = file.with_suffix(".sha256") if which == "sha256" else file
    closed.chmod(0)
    with another_user(), pytest.raises(InputError) as refusal:
        weights.identity(record, file) if which == "given" else weights.load(record)
    assert str(refusal.value) == f"{closed} may not be read by this user: have its owner run `chmod a+r {closed}`."
