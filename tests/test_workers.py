"""`--workers`: the bytes of one process, whoever starts it, and nothing that stays behind when it is interrupted or killed."""

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time
import uuid
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
import torch
from nbclient import NotebookClient

from fmiqa_core import scoring
from fmiqa_core.data import datasets
from fmiqa_core.errors import InputError
from fmiqa_core.scoring import processes

needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc on this system")
ROWS = {"backbone": "efficientnet_lite0", "distances": ["l2", "cos"], "device": "cpu"}


@pytest.fixture
def few(demo_home):
    """Five references of the demo set, two distorted images each."""
    table = datasets.load("demo").table
    kept = table[table["distortion"].isin(["blur", "noise"]) & table["level"].eq(3)].reset_index(drop=True)
    assert (len(kept), kept["ref"].nunique()) == (10, 5)
    return replace(datasets.load("demo"), table=kept)


def same_files(one, other) -> bool:
    """Whether both runs left the same names and bytes, scores and units."""
    found = [
        {file.name: file.read_bytes() for file in (*out.glob("units/*.json"), out / "scores.parquet")} for out in (one, other)
    ]
    return found[0] == found[1] and len(found[0]) > 1


def test_two_workers_give_the_same_bytes(few, home):
    options = {"baseline_names": ["psnr"], "device": "cpu"}
    scoring.score_dataset(few, home / "serial", "baselines", **options)
    ticks = []
    with scoring.workers(2, "cpu") as pool:
        table = scoring.score_dataset(few, home / "two", "baselines", executor=pool, tick=ticks.append, **options)
        assert table.attrs["computed_units"] == len(ticks) == 5
        bad = few.folder / few.table["dis"].iloc[0]
        bad.write_bytes(bad.read_bytes()[:500])
        with pytest.raises(InputError, match=rf"1 of 5 references failed, the others are done.*{bad.name} cannot be decoded"):
            scoring.score_dataset(few, home / "bad", "baselines", executor=pool, **options)
    assert same_files(home / "serial", home / "two")


def same_with_a_network(data, rows: int, home, name) -> None:
    data = replace(data, table=data.table.groupby("ref", sort=False).head(rows).reset_index(drop=True))
    assert data.table["ref"].nunique() == 5
    scoring.score_dataset(data, home / "serial", name, device="cpu")
    with scoring.workers(2, "cpu") as pool:
        scoring.score_dataset(data, home / "two", name, device="cpu", executor=pool)
    assert same_files(home / "serial", home / "two")


@pytest.mark.long
def test_two_workers_give_the_same_bytes_with_a_network(few, home, dinov2):
    same_with_a_network(few, 2, home, dinov2)


@pytest.mark.long
def test_two_workers_give_the_same_bytes_of_live(live, home, dinov2):
    same_with_a_network(live, 1, home, dinov2)


@pytest.mark.parametrize(
    ("devices", "seen"),
    [
        ([], [None, None, None, None]),
        (["0"], [None, None, None, None]),  # no choice: what is there, is it
        (["0", "1"], ["0", "1", "0", "1"]),
        (["2", "GPU-5a", "7"], ["2", "GPU-5a", "7", "2"]),
    ],
)
def test_devices_go_round(devices, seen):
    assert [processes.own_device(number, devices) for number in range(4)] == seen


@pytest.mark.parametrize(
    ("device", "visible", "count", "devices"),
    [
        ("auto", None, 3, ["0", "1", "2"]),
        ("cuda", "4, 6", 2, ["4", "6"]),
        ("cuda", "1,9", 1, ["1"]),  # CUDA stops at one that is not there
        ("auto", "", 0, []),
        ("cuda:1", None, 3, []),  # stays
        ("cpu", None, 3, []),
    ],
)
def test_devices_that_there_are(device, visible, count, devices, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    assert processes._devices(device) == devices


def test_cores_are_shared(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(6)), raising=False)
    assert [processes.share(count) for count in (1, 2, 4, 6, 9)] == [6, 3, 1, 1, 1]


def test_a_worker_has_its_share_of_threads_and_devices(monkeypatch):
    monkeypatch.setattr(processes, "_devices", lambda _: ["5", "3"])
    monkeypatch.setattr(processes, "share", lambda _: 1)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with scoring.workers(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == 1
        assert pool.submit(os.getenv, "CUDA_VISIBLE_DEVICES").result() == "5"


@pytest.mark.parametrize(("count", "said"), [(0, "at least 1"), (-2, "at least 1"), (10**12, "1000 at most")])
def test_no_such_number_of_workers(demo_home, home, refused, count, said):
    line = refused("score-dataset", "demo", "--out", home / "out", "--workers", count)
    assert line == f"fmiqa: The number of workers must be {said}, not {count}."
    assert not (home / "out").exists()


def test_workers_or_a_cluster(refused):
    assert "--dask: not allowed with argument --workers" in refused("score-dataset", "demo", "--workers", 2, "--dask", "a:1")


# Programs of their own: the process tree is looked at from outside.


class Run:
    """`fmiqa score-dataset ... --workers 2` in a group and with a mark of its own, which its processes inherit."""

    def __init__(self, out, *more):
        self.out, self.mark = out, f"fmiqa-test-{uuid.uuid4().hex}"
        words = [
            "--backbone",
            ROWS["backbone"],
            "--distances",
            "l2,cos",
            "--device",
            "cpu",
            "--workers",
            "2",
            "--out",
            str(out),
        ]
        argv = [sys.executable, "-m", "fmiqa_core", "score-dataset", "demo", "--rows", "blur,noise", *words, *more]
        environment = os.environ | {"FMIQA_TEST_MARK": self.mark}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.program = subprocess.Popen(argv, env=environment, start_new_session=True, preexec_fn=_listening, **pipes)

    def tree(self) -> dict[int, str]:
        """Process -> its command, of all that this run has started and that has not ended."""
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # ended meanwhile
                if self.mark.encode() in (folder / "environ").read_bytes():  # a zombie has none
                    found[int(folder.name)] = (folder / "cmdline").read_text(encoding="utf-8").replace("\0", " ")
        return found

    def workers(self) -> list[int]:
        return [process for process, command in self.tree().items() if "spawn_main" in command]

    def finished(self) -> dict[Path, int]:
        return {file: file.stat().st_mtime_ns for file in self.out.glob("units/*.json") if not file.name.startswith(".")}

    def wait_for(self, what, seconds=120.0) -> None:
        """Until `what` holds, or the program has ended."""
        end = time.monotonic() + seconds
        while self.program.poll() is None and not what():
            assert time.monotonic() < end
            time.sleep(0.005)

    def gone(self, seconds: float = 60) -> None:
        """All of it, soon; an orphan would stay for ever."""
        end = time.monotonic() + seconds
        while left := self.tree():
            assert time.monotonic() < end, left
            time.sleep(0.02)

    def close(self) -> None:
        for process in (self.program.pid, *self.tree()):
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        self.program.communicate()


@pytest.fixture
def start(efficientnet, demo_home):
    with contextlib.ExitStack() as stack:

        def one(*argv):
            return stack.enter_context(contextlib.closing(Run(*argv)))

        yield one


def _listening() -> None:
    """A program started from a script's background takes no notice of Ctrl-C, and passes that on."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def completed(start, out, computed: int) -> None:
    """A run goes to its end, and computes so many references."""
    run = start(out)
    said, err = run.program.communicate(timeout=300)
    assert run.program.returncode == 0, err
    assert f"{computed} of 5 references computed" in said
    run.gone()


@pytest.mark.parametrize("runs", [pytest.param(5, marks=pytest.mark.long), pytest.param(25, marks=pytest.mark.exhaustive)])
@needs_proc
def test_kill_at_random_moments(start, demo_home, home, runs):
    """The caller is killed at a moment drawn from what follows each of its units, in turn, and the start."""
    moments, interrupted, partial = random.Random(0), 0, 0
    run = start(home / "whole")
    assert run.program.wait(300) == 0
    demo = datasets.select(datasets.load("demo"), "blur,noise")
    with scoring.workers(2, "cpu") as pool:
        for number in range(runs):
            run = start(home / f"{number}")
            run.wait_for((run.out / "units").is_dir)
            run.wait_for(lambda run=run, least=number % 5: len(run.finished()) >= least)
            time.sleep(moments.uniform(0, 0.3))
            run.program.kill()
            interrupted += run.program.wait() == -signal.SIGKILL
            run.gone()  # a worker that loads its libraries as its caller dies hears of it when they are loaded
            finished = run.finished()
            partial += 0 < len(finished) < 5
            for file in finished:
                assert file.read_bytes() == (home / "whole" / "units" / file.name).read_bytes()
            table = scoring.score_dataset(demo, run.out, executor=pool, **ROWS)
            assert table.attrs["computed_units"] == 5 - len(finished)
            assert {file: run.finished()[file] for file in finished} == finished
            assert same_files(run.out, home / "whole")
            assert not list(run.out.rglob("*.partial*"))
    assert interrupted >= 0.6 * runs, "the runs ended before they were killed"
    assert partial >= 0.2 * runs, "no run was killed between its first and its last unit"


@pytest.mark.long
@needs_proc
def test_a_killed_worker_is_told_in_a_sentence(start, home):
    run = start(home / "out")
    run.wait_for(run.finished)
    os.kill(run.workers()[0], signal.SIGKILL)
    said, err = run.program.communicate(timeout=60)
    assert run.program.returncode == 2
    assert said == ""
    (line,) = err.splitlines()
    assert re.match(
        r"fmiqa: \d of 5 references failed, the others are done and kept: .*its worker process ended abruptly", line
    )
    run.gone()
    completed(start, home / "out", 5 - len(run.finished()))


@pytest.mark.long
@needs_proc
@pytest.mark.parametrize("to", ["group", "caller"])
@pytest.mark.parametrize("moment", ["folder", "worker", "unit"])
def test_interrupted(start, home, to, moment):
    """Ctrl-C, which reaches the whole group, or a signal to the caller alone; as the workers start, or in their work."""
    run = start(home / "out")
    run.wait_for({"folder": (home / "out" / "units").is_dir, "worker": run.workers, "unit": run.finished}[moment])
    (os.killpg if to == "group" else os.kill)(run.program.pid, signal.SIGINT)
    said, err = run.program.communicate(timeout=60)
    assert run.program.returncode == 130, err
    assert (said, err) == ("", "fmiqa: interrupted; what was finished is kept, run the command again to go on.\n")
    run.gone()
    if moment == "unit":
        assert run.finished()
        completed(start, home / "out", 5 - len(run.finished()))


@pytest.mark.long
@needs_proc
@pytest.mark.parametrize("seconds", [0.05, 0.1, 0.15, 0.2])
def test_interrupted_as_a_worker_starts(start, home, seconds):
    """Before it runs a line of the package, when Python's own answer to Ctrl-C is a traceback."""
    run = start(home / "out")
    run.wait_for(run.workers)
    time.sleep(seconds)
    os.killpg(run.program.pid, signal.SIGINT)
    _, err = run.program.communicate(timeout=60)
    assert (run.program.returncode, err.count("\n")) == (130, 1), err
    run.gone()


SCRIPT = """
from dataclasses import replace
from fmiqa_core import datasets, scoring

print("begun", flush=True)
demo = datasets.select(datasets.load("demo"), "blur")
with scoring.workers(2, "cpu") as pool:
    table = scoring.score_dataset(demo, {out!r}, "baselines", baseline_names=["psnr"], executor=pool)
print(table.attrs["computed_units"], "computed")
"""


@pytest.mark.long
@pytest.mark.parametrize("how", ["-c", "stdin", "script without a guard", "notebook", "console script"])
def test_whoever_starts_it(how, demo_home, home, tmp_path):
    """Nothing but the package is imported in a worker, so the caller may be anything."""
    code = SCRIPT.format(out=str(home / "out"))
    if how == "notebook":
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
        NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
        said = "".join(output["text"] for output in notebook.cells[0].outputs if output["output_type"] == "stream")
    else:
        (tmp_path / "script.py").write_text(code, encoding="utf-8")
        program = Path(sys.executable).with_name("fmiqa")
        options = [
            "score-dataset",
            "demo",
            "--rows",
            "blur",
            "--backbone",
            "baselines",
            "--baselines",
            "psnr",
            "--workers",
            "2",
        ]
        argv = {
            "-c": [sys.executable, "-c", code],
            "stdin": [sys.executable, "-"],
            "script without a guard": [sys.executable, tmp_path / "script.py"],
            "console script": [program, *options, "--out", home / "out"],
        }[how]
        run = subprocess.run(argv, input=code, capture_output=True, text=True, timeout=120, cwd=tmp_path)
        assert run.returncode == 0, run.stderr
        assert "Traceback" not in run.stderr
        said = run.stdout
    assert re.search(r"5 (of 5 references )?computed", said)
    assert said.count("begun") == (how != "console script")
