"""A web server on loopback that misbehaves as told: for the tests of downloads."""

import contextlib
import http.server
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

PATIENCE = 60  # seconds, after which what a test waits for will not come


@dataclass
class Host:
    """What the server has, how it behaves, and what it was asked."""

    files: dict[str, bytes]
    url: str = ""
    etag: str | None = '"one"'
    ranges: bool = True  # answer Range requests with 206; else with the whole file
    refuse_ranges: int = 0  # answer them with this status instead
    errors: list[int] = field(default_factory=list)  # statuses of the next answers
    cuts: list[int] = field(default_factory=list)  # bytes after which the next bodies are cut
    cut_always: int | None = None
    length: bool = True  # say how long the body is
    claim: int = 0  # added to the true length
    delay: float = 0  # seconds before every block
    change: tuple[int, str, bytes] | None = None  # from this request on: another ETag and other content everywhere
    redirects: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str | None, str | None]] = field(default_factory=list)  # path, Range, If-Range
    together: int = 0  # answers of more than a byte wait until so many clients have one of them
    limit: int | None = None  # bytes in all, after which every answer waits for this to be raised
    counted: Counter = field(default_factory=Counter)  # bytes by path, of answers under way too
    busy: int = 0  # answers under way
    waiting: int = 0  # clients that have not got all of an answer of more than a byte: a probe is not waited for
    most: int = 0  # of them at one time
    turn: threading.Condition = field(default_factory=threading.Condition)

    @property
    def sent(self) -> Counter:
        """Bytes by path, once answers that clients have turned away from have ended, too."""
        with self.turn:
            assert self.turn.wait_for(lambda: not self.busy, PATIENCE), "an answer does not end"
            return self.counted.copy()

    def forget(self):
        """What was asked and sent until now, those answers as well."""
        for found in (self.sent, self.counted, self.asked):
            found.clear()

    def hold(self, more: int) -> None:
        """Let `more` bytes be sent, and return when they have been; the rest waits until `limit` is raised again."""
        with self.turn:
            self.limit = sum(self.counted.values()) + more
            self.turn.notify_all()
            assert self.turn.wait_for(lambda: sum(self.counted.values()) >= self.limit, PATIENCE), "nobody asks for more"

    def release(self) -> None:
        with self.turn:
            self.limit = None
            self.turn.notify_all()


def _handler(host: Host):
    turn = host.turn

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            wanted = self.headers.get("Range")
            with turn:
                host.asked.append((self.path, wanted, self.headers.get("If-Range")))
                status = host.errors.pop(0) if host.errors else 0
                if host.change and len(host.asked) >= host.change[0]:
                    host.etag, content = host.change[1:]
                    host.files = dict.fromkeys(host.files, content)
            if self.path in host.redirects:
                self.send_response(302)
                self.send_header("Location", host.redirects[self.path])
                self.end_headers()
            elif status or self.path not in host.files:
                self.send_error(status or 404)
            elif wanted and host.refuse_ranges:
                self.send_error(host.refuse_ranges)
            else:
                self.answer(host.files[self.path], wanted)

        def answer(self, content, wanted):
            fresh = self.headers.get("If-Range") in (None, host.etag)
            first, last = 0, len(content) - 1
            if wanted and host.ranges and fresh:
                first, last = (int(n) for n in wanted.removeprefix("bytes=").split("-"))
                last = min(last, len(content) - 1)
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
            else:
                self.send_response(200)
            body = content[first : last + 1]
            if host.etag:
                self.send_header("ETag", host.etag)
            if host.length:
                self.send_header("Content-Length", str(len(body) + host.claim))
            with turn:  # before the client has the headers, and may go away
                cut = host.cuts.pop(0) if host.cuts and len(body) > 1 else host.cut_always
                host.busy += 1
            try:
                self.end_headers()
                self.send(body if cut is None else body[:cut])
            finally:
                with turn:
                    host.busy -= 1
                    turn.notify_all()

        def send(self, body):
            awaited = len(body) > 1
            self.count(awaited)
            try:
                for at in range(0, len(body), 4096):
                    if host.delay:
                        time.sleep(host.delay)
                    block = body[at : at + 4096]
                    if at + len(block) == len(body):  # when the client has all, it may ask for more
                        self.count(-awaited)
                        awaited = False
                    with turn:
                        turn.wait_for(lambda: host.limit is None or sum(host.counted.values()) < host.limit)
                        host.counted[self.path] += len(block)  # before the client has them and the test looks
                        turn.notify_all()
                    try:
                        self.wfile.write(block)
                    except OSError:  # the client went away
                        with turn:
                            host.counted[self.path] -= len(block)
                        return
            finally:
                self.count(-awaited)

        def count(self, more):
            """`more` clients wait for the rest of an answer; the first ones until they are `together`."""
            with turn:
                host.waiting += more
                host.most = max(host.most, host.waiting)
                turn.notify_all()
                if more > 0:
                    turn.wait_for(lambda: host.most >= host.together, PATIENCE)

    return Handler


@contextlib.contextmanager
def serve(files: dict[str, bytes]):
    """A `Host` that answers on loopback inside the block."""
    host = Host(files)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(host))
    server.daemon_threads = True
    host.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield host
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
