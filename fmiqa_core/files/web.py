"""Requests to hosts that are busy, slow, or cut the connection: what fetch.py asks and how it reads the answers."""

import http.client
import queue
import re
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message

from .. import __version__
from ..errors import InputError

TRIES = 5  # in a row without a byte
TIMEOUT = 30  # seconds without a byte
CUT = (OSError, http.client.HTTPException)  # URLError, timeouts and resets are OSErrors


class FetchError(InputError):
    """This host does not give the file; another may."""


@dataclass(frozen=True)
class Source:
    """Where the bytes come from, and how it is asked."""

    url: str
    headers: dict[str, str]
    pause: Callable[[float], object]  # waits so many seconds

    def get(self, headers: dict[str, str]) -> http.client.HTTPResponse:
        """The answer to a GET with `headers` too."""
        return get(self.url, self.headers | headers, self.pause)


def get(url: str, headers: dict, pause: Callable) -> http.client.HTTPResponse:
    """The answer to a GET; tried again with growing pauses where the host is busy or cannot be reached."""
    for attempt in range(1, TRIES + 1):
        wait = 2.0**attempt
        try:
            return urllib.request.urlopen(_request(url, headers), timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            error.close()
            if "Range" in headers and error.code in (400, 416, 501):
                return get(url, {}, pause)
            why = f"HTTP {error.code} {' '.join(str(error.reason).split())}"
            if error.code not in (408, 425, 429) and error.code < 500:
                break
            wait = max(wait, min(60, asked_wait(error.headers)))
        except (*CUT, ValueError) as error:
            why = reason(error)
            if is_final(error):
                break
        if attempt < TRIES:
            pause(wait)
    raise FetchError(f"{host(url) or url}: {why}")


def head(url: str, headers: dict, timeout: float) -> tuple[int, Message]:
    """Status and headers of the answer to one HEAD; a redirect to a path (a new name) is followed, one to an address is not.

    Raises one of CUT where there is none within `timeout` seconds.
    """
    return _within(timeout, lambda: _head(url, headers, timeout))


def _within(seconds: float, call: Callable):
    """What `call()` gives or raises; TimeoutError after `seconds`.

    A socket's own limit is of each address and each silence, and a name server has none: together they may take minutes.
    """
    answers = queue.SimpleQueue()

    def run() -> None:
        try:
            answers.put((call(), None))
        except Exception as error:  # it is the caller's
            answers.put((None, error))

    threading.Thread(target=run, daemon=True).start()  # one that is given up must not hold the process
    try:
        answer, error = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError("timed out") from None
    if error is not None:
        raise error
    return answer


def _head(url: str, headers: dict, timeout: float) -> tuple[int, Message]:
    for _ in range(TRIES):
        try:
            with _STAYING.open(_request(url, headers, "HEAD"), timeout=timeout) as answer:
                return answer.status, answer.headers
        except urllib.error.HTTPError as error:
            error.close()
            status, found = error.code, error.headers
        onwards = found.get("Location", "")
        if not 300 <= status < 400 or host(onwards):
            break
        url = urllib.parse.urljoin(url, onwards)
    return status, found


class _Staying(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


_STAYING = urllib.request.build_opener(_Staying)


def _request(url: str, headers: dict, method: str = "GET") -> urllib.request.Request:
    """What says who asks (Authorization) goes to this host alone, not where it redirects to."""
    request = urllib.request.Request(url, method=method)
    for name, value in ({"User-Agent": f"fmiqa/{__version__}"} | headers).items():
        (request.add_unredirected_header if name == "Authorization" else request.add_header)(name, value)
    return request


def asked_wait(headers: Message) -> int:
    """Seconds that a busy host asks to wait (Retry-After, or the end of a rate limit's period); 0 where it does not."""
    found = re.fullmatch(r"\d+", headers.get("Retry-After", "")) or re.search(r"(?<=;t=)\d+", headers.get("RateLimit", ""))
    return int(found.group()) if found else 0


def reason(error: Exception) -> str:
    """Why there was no connection, in the system's words."""
    cause = getattr(error, "reason", error)
    return str(getattr(cause, "strerror", None) or cause or type(cause).__name__)


def is_final(error: Exception) -> bool:
    """No such host, no network at all, no address, no certificate: asking again will not help."""
    return isinstance(getattr(error, "reason", error), (socket.gaierror, ValueError))


def read(answer: http.client.HTTPResponse, count: int) -> bytes | None:
    """Up to `count` bytes, b"" at the end, None where the connection was cut."""
    try:
        return answer.read1(count)
    except CUT:
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
