"""sha256: known ones are held to, unknown ones recorded at first sight and held to from then on."""

import hashlib
import json
import multiprocessing

import pytest

from fmiqa_core import InputError
from fmiqa_core.files import hashes, paths


@pytest.fixture
def file(tmp_path):
    file = tmp_path / "weights.bin"
    file.write_bytes(b"first")
    return file


FIRST = hashlib.sha256(b"first").hexdigest()


def test_pinned_is_checked_and_not_recorded(home, file):
    assert hashes.check("x", file, FIRST, pinned=True) == FIRST
    assert hashes.recorded() == {}
    with pytest.raises(InputError, match="Get it anew"):
        hashes.check("x", file, "0" * 64, pinned=True)


@pytest.mark.parametrize("expected", [None, FIRST])
def test_recorded_at_first_sight_then_enforced(home, file, expected):
    assert hashes.check("x", file, expected) == FIRST
    assert hashes.recorded() == {"x": FIRST}
    assert hashes.check("x", file, expected) == FIRST
    file.write_bytes(b"second")
    with pytest.raises(InputError, match=r"x: .*weights\.bin has sha256"):
        hashes.check("x", file, expected)
    assert hashes.recorded() == {"x": FIRST}
    assert hashes.check("y", file) != FIRST  # another name stands for itself


def test_expected_but_wrong_is_not_recorded(home, file):
    with pytest.raises(InputError, match="public page"):
        hashes.check("x", file, "0" * 64)
    assert hashes.recorded() == {}


@pytest.mark.parametrize("content", ["{", "[]"])
def test_damaged_record_is_refused(home, file, content):
    record = paths.data() / "downloads" / "hashes.json"
    record.parent.mkdir(parents=True)
    record.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"hashes\.json"):
        hashes.check("x", file)
    assert record.read_text(encoding="utf-8") == content


def _check(name, file):
    hashes.check(name, file)


def test_processes_lose_no_record(home, file):
    names = [f"n{i}" for i in range(12)]
    with multiprocessing.get_context("fork").Pool(4) as pool:
        pool.starmap(_check, [(name, file) for name in names], chunksize=1)
    assert json.loads((paths.data() / "downloads" / "hashes.json").read_text(encoding="utf-8")) == dict.fromkeys(names, FIRST)
