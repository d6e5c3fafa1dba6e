"""Chromium for tests, driven by playwright: found on this machine, never downloaded, cut off from the network."""

import contextlib
import os
import shutil
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
FLAGS = [
    "--no-sandbox",  # Chromium as root refuses to start with it
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


@dataclass(frozen=True)
class Opened:
    """A playwright page, and what was seen since it was opened."""

    page: object
    errors: list[str] = field(default_factory=list)  # console errors and uncaught exceptions
    foreign: list[str] = field(default_factory=list)  # requests to anywhere but this machine


def chromium() -> str:
    """Path of a Chromium; FMIQA_CHROMIUM names one that is not on PATH. Skips where there is none, or no playwright."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install 'fmiqa[test]'")
    found = os.environ.get("FMIQA_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.skip(f"no Chromium on PATH ({', '.join(NAMES)}): install the system's package, or set FMIQA_CHROMIUM")
    return found


@contextlib.contextmanager
def open_page(url: str | None = None, width: int = 1280, height: int = 800, scheme: str = "light", **context):
    """Yield an `Opened` page of this size in a fresh profile, at `url` where it is given.

    `scheme`: light or dark, what prefers-color-scheme says. `context`: more for playwright's new_context.
    """
    path = chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        try:
            made = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, **context)
            opened = Opened(made.new_page())
            _watch(opened)
            if url is not None:
                opened.page.goto(url)
            yield opened
        finally:
            browser.close()


def _watch(opened: Opened) -> None:
    def request(seen):
        parts = urlsplit(seen.url)
        if parts.scheme not in ("data", "blob", "about", "file") and parts.hostname not in LOOPBACK:
            opened.foreign.append(seen.url)

    opened.page.on("console", lambda seen: opened.errors.append(seen.text) if seen.type == "error" else None)
    opened.page.on("pageerror", lambda error: opened.errors.append(str(error)))
    opened.page.on("request", request)
    opened.page.on("websocket", request)
