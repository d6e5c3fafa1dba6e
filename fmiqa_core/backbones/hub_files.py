"""Files of the model hub: those in its cache on this machine, else fetched as every download here is.

They are resumed, verified by the hub's own sha256, and kept in `data/downloads/hub` only until they are converted: once in
this package's way is enough. What the hub answers instead is told in a sentence that says what to do.
"""

import contextlib
import shutil
import sys
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from email.message import Message
from pathlib import Path

from ..errors import InputError
from ..files import fetch, hashes, locks, paths, progress, web

TIMEOUTS = (5, 10)  # seconds without an answer
PATIENCE = 60  # seconds: a longer wait, which a busy hub asks for, is left to the user
TRIES = 3


class HubError(InputError):
    """The hub, or the way there, does not give a file; a sentence that ends with a remedy."""


def folder(name: str) -> Path:
    """Where files lie that are fetched for the backbone's file `name`."""
    return paths.data() / "downloads" / "hub" / Path(name).stem


def drop(name: str) -> None:
    """Delete what was fetched for the backbone's file `name`."""
    shutil.rmtree(folder(name), ignore_errors=True)


@contextlib.contextmanager
def alone(name: str) -> Iterator[None]:
    """Inside it, no other process of this machine fetches for the backbone's file `name`: it waits, and finds it done."""
    lock = paths.make_folder(folder(name).parent) / f".{Path(name).stem}.lock"
    with contextlib.ExitStack() as stack:
        with progress.ticking(lambda seconds: f"Another process is fetching {name}: waited {seconds} s ..."):
            stack.enter_context(locks.alone(lock))
        yield


def of_repository(source: str, names: Sequence[str], target: Path) -> Path:
    """The first of `names` that the hub's repository `source` (OWNER/NAME, or OWNER/NAME@REVISION) has.

    In the hub's cache, or below `target`. Raises HubError where it cannot be had, InputError for a full disk.
    """
    from huggingface_hub import constants, try_to_load_from_cache

    repository, _, revision = source.partition("@")
    for name in names:
        cached = try_to_load_from_cache(repository, name, revision=revision or None)
        if isinstance(cached, str):
            return _said(Path(cached))
    if constants.HF_HUB_OFFLINE:
        where = f"the hub's cache, {constants.HF_HUB_CACHE}, does not have {repository}"
        raise HubError(f"HF_HUB_OFFLINE is set, and {where}: unset it where there is a network.")
    token = _token()
    for name in names:
        url = f"{_page(repository)}/resolve/{urllib.parse.quote(revision or 'main', safe='')}/{urllib.parse.quote(name)}"
        status, headers = _ask(url, token, repository)
        if status < 400:
            return _fetch(url, target / name, token, headers)
        if headers.get("X-Error-Code") == "RepoNotFound":
            break
    else:
        raise HubError(
            f"{_page(repository)} has no {' or '.join(names)} (HTTP 404): choose another model, or hub (HF_ENDPOINT)."
        )
    raise HubError(f"{_host(url)} has no model {repository}, or it is private: set HF_TOKEN to a token that may read it.")


def of_url(url: str, cache: Path, target: Path) -> Path:
    """A file of another host, whose name ends with the beginning of its sha256 where torch and open_clip say so."""
    name = Path(urllib.parse.urlsplit(url).path).name
    if (cache / name).is_file():
        return _said(cache / name)
    status, headers = _ask(url, None, name)
    if status == 404:
        raise HubError(f"{_host(url)} has no {name} any more: choose another model.")
    digest = name.partition(".")[0].rpartition("-")[2]
    return _fetch(url, target / name, None, headers, digest if len(digest) == 8 and _is_hex(digest) else "")


def _said(cached: Path) -> Path:
    size = cached.stat().st_size / 1e6
    print(f"Found in the cache: {cached} ({size:,.0f} MB), which may be deleted once it is converted.", file=sys.stderr)
    return cached


def _token() -> str | None:
    from huggingface_hub import constants, get_token

    return None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()


def _with(token: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}


def _ask(url: str, token: str | None, repository: str) -> tuple[int, Message]:
    """Status and headers for `url`: there (below 400), or not there. HubError for all else."""
    unreached, busy = 0, 0
    with progress.ticking(lambda seconds: f"No answer of {_host(url)} yet, for {seconds} s ..."):
        while True:
            try:
                status, headers = web.head(url, _with(token), TIMEOUTS[unreached])
            except web.CUT as error:
                unreached += 1
                if unreached == len(TIMEOUTS) or web.is_final(error):
                    why = web.reason(error)
                    raise HubError(
                        f"{_host(url)} cannot be reached ({why}): connect this machine, or name its proxy in HTTPS_PROXY."
                    ) from error
                time.sleep(1)
                continue
            if status < 400 or status == 404:
                return status, headers
            busy += 1
            wait = web.asked_wait(headers) or 2**busy
            if (status != 429 and status < 500) or busy == TRIES or wait > PATIENCE:
                raise _refusal(url, status, headers, token, repository, wait)
            print(f"{_host(url)} answers HTTP {status}: asked again in {wait} s ...", file=sys.stderr)
            time.sleep(wait)


def _refusal(url: str, status: int, headers: Message, token: str | None, repository: str, wait: int) -> HubError:
    code, host, page = headers.get("X-Error-Code", ""), _host(url), _page(repository)
    tokens = f"{_endpoint()}/settings/tokens"
    if status == 429:
        more = "" if token else ", or set HF_TOKEN: who is known may ask more"
        return HubError(f"{host} has been asked too often (HTTP 429): run the command again in {wait} s{more}.")
    if status >= 500:
        return HubError(f"{host} answers HTTP {status}: it is down or busy, run the command again later.")
    if code == "GatedRepo" and token:
        return HubError(
            f"{repository} is gated (HTTP {status}): accept its licence at {page} with the account of your HF_TOKEN."
        )
    if code == "GatedRepo":
        return HubError(f"{repository} is gated (HTTP {status}): accept its licence at {page}, then set HF_TOKEN ({tokens}).")
    if status == 401 and token:
        return HubError(f"{host} does not take your HF_TOKEN for {repository} (HTTP 401): set a valid one ({tokens}).")
    if status == 401:
        return HubError(f"{host} has no {repository} for everyone (HTTP 401): set HF_TOKEN if it is private ({tokens}).")
    what = "your HF_TOKEN may not read it" if token else "it may need HF_TOKEN, or a licence accepted"
    return HubError(f"{host} refuses {repository} (HTTP {status}): {what}, see {page}.")


def _fetch(url: str, target: Path, token: str | None, headers: Message, digest: str = "") -> Path:
    tag = headers.get("X-Linked-Etag", "").strip('"')
    digest = digest or (tag if len(tag) == 64 and _is_hex(tag) else "")
    size = headers.get("X-Linked-Size", "")

    def verify(file: Path) -> None:
        with progress.ticking(lambda seconds: f"Verifying {target.name} ... {seconds} s"):
            found = hashes.of(file) if digest else ""
        if not found.startswith(digest):
            raise InputError(f"its sha256 is {found}, not {digest}")

    if target.is_file():  # fetched before, and not converted for want of room
        return target
    try:
        size = int(size) if size.isdigit() else None
        return fetch.fetch(url, target, verify, size, headers=_with(token), every=progress.EVERY)
    except web.FetchError as error:
        raise HubError(f"{error}: run the command again, it goes on where it stopped.") from error


def _endpoint() -> str:
    from huggingface_hub import constants

    return constants.ENDPOINT


def _page(repository: str) -> str:
    return f"{_endpoint()}/{repository}"


def _host(url: str) -> str:
    return web.host(url) or url


def _is_hex(text: str) -> bool:
    return set(text) <= set("0123456789abcdef")
