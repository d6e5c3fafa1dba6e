"""Standard input, output and error as services, pipes and old locales leave them: closed, unread, or short of letters."""

import codecs
import contextlib
import os
import select
import sys

MODES = {"stdin": "r", "stdout": "w", "stderr": "w"}


def prepare() -> list[str]:
    """Names of the streams that the caller has closed; they lead to nowhere from now on, and what starts from here finds them.

    A closed one is None in `sys`, and its number would go to the next file that is opened. The others take every text:
    a letter that their encoding lacks is written as an escape, a file's name in the bytes that it has.
    """
    closed = [name for name in MODES if getattr(sys, name) is None]
    for number, name in enumerate(MODES):  # all three before another file is opened, which would take one of them
        if name in closed:
            _open(number)
    for name in closed:
        setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), MODES[name], encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # those of a notebook or a test have no encoding to lack anything
            stream.reconfigure(errors="fmiqa")
    return closed


def _escape(error: UnicodeEncodeError) -> tuple[str | bytes, int]:
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeEncodeError:
        return codecs.backslashreplace_errors(error)


codecs.register_error("fmiqa", _escape)


def _open(number: int) -> None:
    """Have the lowest free number lead to nowhere, if it is this one."""
    try:
        os.fstat(number)
    except OSError:
        os.dup2(nowhere := os.open(os.devnull, os.O_RDWR), number)
        if nowhere != number:
            os.close(nowhere)
        os.set_inheritable(number, True)


def flush() -> None:
    """Write what is left, so that a failure comes here and not when the interpreter ends."""
    sys.stdout.flush()
    sys.stderr.flush()


def unread() -> bool:
    """Whether the program that read stdout or stderr has ended, as `head` does: what a pipe says when it is asked."""
    if not hasattr(select, "poll"):
        return True  # a broken pipe can hardly be another one
    poll = select.poll()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # a notebook's or a test's has no number
            poll.register(stream.fileno(), 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def abandon() -> None:
    """What cannot be written any more leads to nowhere."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


def terminal(stream) -> bool:
    """Whether somebody sits at `stream`, which is None in a process without it."""
    return stream is not None and stream.isatty()


def bar_off() -> bool | None:
    """For `disable` of tqdm, which shows its bar on a terminal only, but asks a stderr that may be None."""
    return True if sys.stderr is None else None
