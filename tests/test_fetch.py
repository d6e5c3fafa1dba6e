"""Downloads from a server on loopback that misbehaves: each ends verified or with one clear line, nothing wrong in place."""

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import pytest
from loopback import PATIENCE, serve

from fmiqa_core import InputError
from fmiqa_core.files import fetch, hashes, paths, web

CONTENT = random.Random(0).randbytes(300_000)
SHA = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def host(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    with serve({"/file.bin": CONTENT}) as host:
        yield host


@pytest.fixture
def get(host, home, tmp_path, monkeypatch):
    """Download /file.bin in chunks of 64 KiB, without waiting; the pauses asked for are in `get.pauses`."""
    monkeypatch.setattr(fetch, "CHUNK", 1 << 16)

    def run(path="/file.bin", size=None, expected=SHA, **options):
        def verify(file):
            hashes.check("file.bin", file, expected)

        return fetch.fetch(host.url + path, tmp_path / "in" / "file.bin", verify, size, pause=run.pause, **options)

    run.pauses, run.folder = [], tmp_path / "in"
    run.pause = run.pauses.append
    return run


def sound(get, file):
    """The file is right and nothing else lies beside it but the lock."""
    assert file.read_bytes() == CONTENT
    assert {path.name for path in file.parent.iterdir()} == {"file.bin", ".file.bin.part.lock"}


def nothing_in_place(get):
    assert not (get.folder / "file.bin").exists()


def refused(get, match, **options):
    with pytest.raises(InputError, match=match) as caught:
        get(**options)
    assert "\n" not in str(caught.value)
    nothing_in_place(get)


def test_in_ranges(host, get):
    sound(get, get(size=len(CONTENT)))
    assert len(host.asked) == 1 + 5  # the probe, then one request per chunk
    assert all(version == '"one"' for _, _, version in host.asked[1:])
    assert get.pauses == []


@pytest.mark.parametrize("seed", range(8))
def test_cut_at_random(host, get, seed):
    """What has arrived is kept: no byte is sent twice."""
    host.cuts = [random.Random(seed).randrange(1 << 16) for _ in range(20)]
    sound(get, get())
    assert host.sent["/file.bin"] == len(CONTENT) + 1  # the probe's byte


@pytest.mark.parametrize("seed", range(4))
def test_cut_at_random_without_ranges(host, get, seed):
    host.ranges = False
    host.cuts = [random.Random(seed).randrange(len(CONTENT)) for _ in range(3)]
    sound(get, get())


def test_cut_without_ranges_for_ever(host, get):
    host.ranges, host.cut_always = False, 1000
    refused(get, r"cut the connection 5 times, at last after 1,000 bytes")


def test_host_that_sends_nothing_more(host, get):
    host.cut_always = 0
    refused(get, "sends no more bytes")
    assert len(get.pauses) >= web.TRIES - 1
    host.cut_always = None  # it recovers
    sound(get, get())


def test_slow(host, get):
    """A host that throttles every connection is asked over several, at one time."""
    host.delay, host.together = 0.002, fetch.WORKERS
    started = time.monotonic()
    sound(get, get())
    assert host.most == fetch.WORKERS
    assert time.monotonic() - started < PATIENCE  # nobody waited in vain


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown_on_a_terminal_only(host, tmp_path, terminal):
    """With rate and time left."""
    host.delay = 0.01
    code = "import sys; from pathlib import Path; from fmiqa_core.files import fetch; fetch.fetch(*sys.argv[1:3], print)"
    command = [sys.executable, "-c", code, f"{host.url}/file.bin", str(tmp_path / "file.bin")]
    if not terminal:
        assert subprocess.run(command, capture_output=True, check=True).stderr == b""
        return
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=theirs, check=True, timeout=60)
    os.write(theirs, b"end")  # so that there is something to read
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    os.close(theirs)
    assert re.search(r"300k.*<.*B/s", shown), shown


def test_without_stderr(host, get, monkeypatch):
    """As in a service that was started without one, when it uses the package."""
    monkeypatch.setattr("sys.stderr", None)
    sound(get, get())


def test_stalled(host, get, monkeypatch):
    """A host that goes quiet is cut off and asked again."""
    monkeypatch.setattr(web, "TIMEOUT", 0.2)
    host.delay = 0.5
    refused(get, "sends no more bytes|timed out")


@pytest.mark.parametrize("status", [403, 404, 410])
def test_missing_is_said_at_once(host, get, status):
    host.errors = [status]
    refused(get, f"HTTP {status}")
    assert len(host.asked) == 1
    assert get.pauses == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_error_then_fine(host, get, status):
    host.errors = [status] * 3
    sound(get, get())
    assert get.pauses == [2, 4, 8]


def test_error_for_ever(host, get):
    host.errors = [500] * 99
    refused(get, "HTTP 500")
    assert len(host.asked) == web.TRIES


@pytest.mark.parametrize("status", [400, 416, 501])
def test_ranges_refused(host, get, status):
    host.refuse_ranges = status
    sound(get, get())


def test_ranges_ignored(host, get):
    host.ranges = False
    sound(get, get())
    assert len(host.asked) == 1  # the answer to the probe is the file


def test_length_not_told(host, get):
    host.ranges = host.length = False
    sound(get, get())


def test_length_not_told_and_cut(host, get):
    """Nothing tells that the end is missing, but the hash."""
    host.ranges = host.length = False
    host.cut_always = 1000
    refused(get, "wrong file")
    assert not (get.folder / ".file.bin.part").exists()


def test_wrong_length(host, get):
    refused(get, "300,000 bytes under this name, not 299,999", size=len(CONTENT) - 1)
    host.ranges = host.length = False
    refused(get, "300,000 bytes arrived, not 299,999", size=len(CONTENT) - 1)


def test_claimed_length_is_wrong(host, get):
    host.ranges, host.claim = False, 5
    refused(get, "cut the connection 5 times")


def test_wrong_hash(host, get):
    host.files["/file.bin"] = CONTENT[:-1] + b"x"
    refused(get, "wrong file.*sha256")
    assert not (get.folder / ".file.bin.part").exists()
    host.files["/file.bin"] = CONTENT
    sound(get, get())


def test_unknown_hash_is_held_to(host, get):
    sound(get, get(expected=None))
    (get.folder / "file.bin").unlink()
    host.files["/file.bin"] = CONTENT[::-1]
    refused(get, "recorded when it was first seen", expected=None)


def test_redirect(host, get):
    host.redirects["/here"] = host.url + "/file.bin"
    sound(get, get("/here"))
    host.redirects["/loop"] = host.url + "/loop"
    (get.folder / "file.bin").unlink()
    refused(get, "HTTP 302", path="/loop")


def test_nobody_there(host, get):
    with serve({}) as gone:
        url = gone.url
    with pytest.raises(InputError, match="refused"):
        fetch.fetch(f"{url}/file.bin", get.folder / "file.bin", lambda file: None, pause=get.pauses.append)
    assert get.pauses == [2, 4, 8, 16]
    with pytest.raises(InputError, match="no-address: unknown url type"):
        fetch.fetch("no-address", get.folder / "x", lambda file: None, pause=get.pauses.append)
    with pytest.raises(InputError, match=r"nowhere\.invalid"):
        fetch.fetch("http://nowhere.invalid/x", get.folder / "x", lambda file: None, pause=get.pauses.append)
    nothing_in_place(get)


def stopped_half_way(host, get):
    """Some chunks are there, the host then fails for good."""
    state = get.folder / ".file.bin.part.json"

    def done() -> int:
        return len(json.loads(state.read_text(encoding="utf-8"))["done"]) if state.exists() else 0

    def pause(_seconds):  # so that the connections which fail do not end the run before two chunks have come
        until = time.monotonic() + PATIENCE
        while done() < 2 and time.monotonic() < until:
            time.sleep(0.001)

    host.cuts = [1 << 16, 1 << 16]
    host.cut_always = 0
    get.pause = pause
    refused(get, "sends no more bytes")
    host.cut_always, host.cuts, get.pause = None, [], get.pauses.append
    assert done() == 2
    host.forget()


def test_resumed_by_the_next_run(host, get):
    stopped_half_way(host, get)
    sound(get, get())
    assert host.sent["/file.bin"] == len(CONTENT) - 2 * (1 << 16) + 1


def test_changed_since_then(host, get):
    """Another ETag: the parts of the old version are not used."""
    stopped_half_way(host, get)
    host.etag = '"two"'
    sound(get, get())
    assert host.sent["/file.bin"] == len(CONTENT) + 1


@pytest.mark.parametrize("request_number", [2, 3, 5])
def test_changed_under_way(host, get, request_number):
    """The probe, and the first chunks, still saw the old version."""
    new = CONTENT[::-1]
    host.change = (request_number, '"two"', new)
    assert get(expected=hashlib.sha256(new).hexdigest()).read_bytes() == new


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
def test_nothing_to_tell_versions_apart(host, get, etag):
    """Then a later run does not go on from the part."""
    host.etag = etag
    stopped_half_way(host, get)
    sound(get, get())
    assert host.sent["/file.bin"] == len(CONTENT) + 1


def test_damaged_state_starts_over(host, get):
    stopped_half_way(host, get)
    (get.folder / ".file.bin.part.json").write_text('{"done": ', encoding="utf-8")
    sound(get, get())
    assert host.sent["/file.bin"] == len(CONTENT) + 1


def test_too_little_room(host, get):
    refused(get, r"GB free, .* GB are needed", reserve=1 << 60)
    assert sum(host.sent.values()) <= 1  # said before anything is downloaded


@pytest.mark.parametrize("ranges", [True, False])
def test_disk_full(host, get, small_disk, monkeypatch, ranges):
    """Also where the room seemed enough before."""
    host.ranges = ranges
    target = small_disk / "file.bin"
    for match in ("are needed", "No space left"):
        with pytest.raises(InputError, match=match) as caught:
            fetch.fetch(f"{host.url}/file.bin", target, lambda file: None, pause=get.pauses.append)
        assert "make room" in str(caught.value)
        assert not target.exists()
        monkeypatch.setattr(paths, "need_room", lambda folder, missing: None)


def test_one_download_at_a_time(host, get):
    from fmiqa_core.files import locks

    get.folder.mkdir()
    with locks.alone(get.folder / ".file.bin.part.lock"):
        refused(get, "by another process")
    sound(get, get())


def test_killed_and_run_again(host, tmp_path):
    """kill -9 at five moments, then a run to the end: verified, from what was there."""
    host.files["/file.bin"] = big = CONTENT * 8
    host.delay = 0.002
    code = (
        "import sys; from pathlib import Path; from fmiqa_core.files import fetch, hashes; fetch.CHUNK = 1 << 16;"
        "fetch.fetch(sys.argv[1], Path(sys.argv[2]), lambda f: hashes.check('f', f, sys.argv[3], pinned=True))"
    )
    target = tmp_path / "file.bin"
    command = [sys.executable, "-c", code, f"{host.url}/file.bin", str(target), hashlib.sha256(big).hexdigest()]
    environment = os.environ | {"FMIQA_HOME": str(tmp_path)}
    for moment in range(1, 6):
        run = subprocess.Popen(command, env=environment)
        host.hold(len(big) // 8)
        run.send_signal(signal.SIGKILL)
        run.wait()
        assert not target.exists(), moment
    host.release()
    subprocess.run(command, env=environment, check=True)
    assert target.read_bytes() == big
    lost = 5 * fetch.WORKERS * (1 << 16)  # at most the chunks under way at each kill
    assert len(big) < host.sent["/file.bin"] <= len(big) + lost + 6
