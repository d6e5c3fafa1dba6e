"""A stand-in model hub on loopback: repositories laid out, answered and redirected as huggingface_hub knows them."""

import contextlib
import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = (".safetensors", ".bin", ".pt", ".pth", ".npz")  # kept apart from the repository, behind a redirect


@dataclass
class Hub:
    """What the hub has, what goes wrong, and what it was asked."""

    files: dict[str, bytes]  # "owner/repository/file" -> content
    url: str = ""
    elsewhere: str = ""  # the host that large files lie on
    statuses: dict[str, int] = field(default_factory=dict)  # by file name: answered instead
    cut: int | None = None  # bytes after which a large file ends, whatever was promised
    wrong: bool = False  # the last byte of a large file is another one
    pause: float = 0  # seconds before each part of a large file
    token: str = ""  # what a request must bring; without one, or with another, `refusal` is the X-Error-Code
    refusal: str = "GatedRepo"
    busy: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # status and headers of the next answers
    tokens: list[tuple[str, str | None]] = field(default_factory=list)  # path, Authorization
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)  # method, path, Range

    def environment(self, home: Path, offline: bool = False) -> dict[str, str]:
        """For a process that sees this hub and no other; huggingface_hub reads it when it is imported."""
        mine = {"FMIQA_HOME": home, "HF_HOME": home / "hf", "HF_ENDPOINT": self.url, "HF_HUB_OFFLINE": int(offline)}
        mine |= {"HF_HUB_DISABLE_TELEMETRY": 1, "NO_PROXY": "127.0.0.1,localhost", "PYTHONUTF8": 1}
        return {**os.environ, "FMIQA_DATA": "", **{name: str(value) for name, value in mine.items()}}

    def run(self, home: Path, *command: str, offline: bool = False, **options) -> subprocess.CompletedProcess:
        """Python with `command`, at this hub."""
        home.mkdir(parents=True, exist_ok=True)
        words = [sys.executable, *map(str, command)]
        return subprocess.run(
            words, env=self.environment(home, offline), capture_output=True, text=True, encoding="utf-8", timeout=300, **options
        )


def _handler(hub: Hub):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def do_HEAD(self):
            self.answer(body=False)

        def do_GET(self):
            self.answer(body=True)

        def answer(self, body):
            path = self.path.split("?")[0]
            hub.asked.append((self.command, path, self.headers.get("Range")))
            given = self.headers.get("Authorization")
            hub.tokens.append((path, given))
            owner, repository, *rest = path.removeprefix("/api/models").strip("/").split("/")
            known = [name for name in hub.files if name.startswith(f"{owner}/{repository}/")]
            name = "/".join([owner, repository, *rest[2:]])
            if owner == "large":
                self.content(next(c for c in hub.files.values() if hashlib.sha256(c).hexdigest() == repository), body)
            elif hub.busy:
                self.reply(*hub.busy.pop(0))
            elif hub.token and given != f"Bearer {hub.token}":
                self.reply(403 if given and hub.refusal == "GatedRepo" else 401, {"X-Error-Code": hub.refusal})
            elif hub.statuses.get(name.rpartition("/")[2]):
                self.reply(hub.statuses[name.rpartition("/")[2]])
            elif not known:
                self.reply(404, {"X-Error-Code": "RepoNotFound"})
            elif path.startswith("/api/"):
                names = [{"rfilename": one.split("/")[-1]} for one in known]
                about = {"id": f"{owner}/{repository}", "sha": COMMIT, "siblings": names}
                self.reply(200, {"Content-Type": "application/json"}, json.dumps(about).encode(), body)
            elif name not in hub.files:
                self.reply(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            elif name.endswith(LARGE):
                content = hub.files[name]
                digest = hashlib.sha256(content).hexdigest()
                linked = {"X-Linked-Size": str(len(content)), "X-Linked-Etag": f'"{digest}"', "X-Repo-Commit": COMMIT}
                self.reply(302, {**linked, "Location": f"{hub.elsewhere}/large/{digest}"})
            else:
                etag = hashlib.sha1(hub.files[name]).hexdigest()
                self.reply(200, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT}, hub.files[name], body)

        def content(self, content, body):
            """A large file, or the part of it that is asked for."""
            time.sleep(hub.pause)
            content = content[:-1] + bytes([content[-1] ^ hub.wrong])
            wanted = (self.headers.get("Range") or "").removeprefix("bytes=")
            first = int(wanted.split("-")[0]) if wanted else 0
            last = int(wanted.split("-")[1] or len(content) - 1) if wanted else len(content) - 1
            headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()}"', "Accept-Ranges": "bytes"}
            if wanted:
                headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
            self.reply(206 if wanted else 200, headers, content[first : last + 1], body, hub.cut)

        def reply(self, status, headers=None, content=b"", body=True, cut=None):
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                with contextlib.suppress(OSError):  # the client went away
                    self.wfile.write(content[:cut])
            self.close_connection |= cut is not None

    return Handler


@contextlib.contextmanager
def serve(files: dict[str, bytes]):
    """A `Hub` that answers on loopback inside the block."""
    hub = Hub(files)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    hub.url, hub.elsewhere = (f"http://{host}:{server.server_address[1]}" for host in ("127.0.0.1", "localhost"))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
