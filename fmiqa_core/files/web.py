"""Requests to hosts that are busy, slow, or cut the connection: what fetch.py asks and how it reads the answers."""

import http.client
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable

from .. import __version__
from ..errors import InputError

TRIES = 5  # in a row without a byte
TIMEOUT = 30  # seconds without a byte
_CUT = (OSError, http.client.HTTPException)  # URLError, timeouts and resets are OSErrors


class FetchError(InputError):
    """This host does not give the file; another may."""


def get(url: str, headers: dict, pause: Callable) -> http.client.HTTPResponse:
    """The answer to a GET; tried again with growing pauses where the host is busy or cannot be reached."""
    for attempt in range(1, TRIES + 1):
        wait = 2.0**attempt
        try:
            request = urllib.request.Request(url, headers={"User-Agent": f"fmiqa/{__version__}"} | headers)
            return urllib.request.urlopen(request, timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            error.close()
            if "Range" in headers and error.code in (400, 416, 501):
                return get(url, {}, pause)
            reason = f"HTTP {error.code} {' '.join(str(error.reason).split())}"
            if error.code not in (408, 425, 429) and error.code < 500:
                break
            asked = error.headers.get("Retry-After", "")
            wait = max(wait, min(60, int(asked))) if asked.isdigit() else wait
        except (*_CUT, ValueError) as error:
            cause = getattr(error, "reason", error)
            reason = str(getattr(cause, "strerror", None) or cause or type(cause).__name__)
            if isinstance(cause, (socket.gaierror, ValueError)):  # no such host, no network at all, no address, no certificate
                break
        if attempt < TRIES:
            pause(wait)
    raise FetchError(f"{host(url) or url}: {reason}")


def read(answer: http.client.HTTPResponse, count: int) -> bytes | None:
    """Up to `count` bytes, b"" at the end, None where the connection was cut."""
    try:
        return answer.read1(count)
    except _CUT:
        return None


def content_range(answer: http.client.HTTPResponse) -> tuple[int, int] | None:
    """First byte and total of a partial answer; None for a whole one."""
    unit, _, rest = answer.headers.get("Content-Range", "").partition(" ")
    span, _, total = rest.partition("/")
    first = span.partition("-")[0]
    sound = answer.status == 206 and unit == "bytes" and first.isdigit() and total.isdigit()
    return (int(first), int(total)) if sound else None


def version(answer: http.client.HTTPResponse) -> str | None:
    """What If-Range takes: a strong ETag, else the date."""
    tag = answer.headers.get("ETag", "")
    return tag if tag.startswith('"') else answer.headers.get("Last-Modified")


def host(url: str) -> str:
    return urllib.parse.urlsplit(url).netloc
