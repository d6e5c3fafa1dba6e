"""The command line: `fmiqa COMMAND`, the same as `python -m fmiqa_core`.

Exit status: 0 everything asked for was done; 1 a notebook failed; 2 wrong input (one line on stderr);
130 interrupted; 141 who read the output has gone (`| head`), as the shell says it of others. Heavy imports wait until a
command needs them.
"""

import contextlib
import os
import sys

from .commands import arguments
from .errors import InputError
from .files import streams


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    if "stdout" in streams.prepare():
        print("fmiqa: standard output is closed: send it to a file, or to /dev/null.", file=sys.stderr)
        return 2
    os.environ.update(MPLBACKEND="agg", MATPLOTLIBRC=os.devnull)  # no window, no settings of the user's in a figure
    try:
        try:
            return _run(argv)
        finally:
            streams.flush()
    except BrokenPipeError:
        streams.abandon()
        return 141
    except OSError as error:  # the output's: a full disk
        streams.abandon()
        with contextlib.suppress(OSError):  # it may be stderr's own
            print(f"fmiqa: the output cannot be written ({error.strerror}).", file=sys.stderr)
        return 2


def _run(argv: list[str] | None) -> int:
    args = arguments.parser().parse_args(argv)
    try:
        return args.run(args) or 0
    except InputError as error:
        print(f"fmiqa: {error}", file=sys.stderr)
        return 2
    except OSError as error:  # a full disk, a folder that vanished
        if isinstance(error, BrokenPipeError) and streams.unread():
            raise
        print(f"fmiqa: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("fmiqa: interrupted; what was finished is kept, run the command again to go on.", file=sys.stderr)
        return 130
