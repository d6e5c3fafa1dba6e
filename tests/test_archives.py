"""Archives that are not trusted: unpacked whole and inside their folder, or not at all."""

import io
import stat
import tarfile
import zipfile

import pytest

from fmiqa_core import InputError
from fmiqa_core.data import datasets, demo
from fmiqa_core.files import archives, locks

FILES = {"SET/refs/a.png": b"reference" * 999, "SET/dis/a_1.png": bytes(range(256)) * 99, "SET/empty.txt": b""}
KINDS = ("tar", "tar.gz", "tar.xz", "tar.bz2", "zip")


def pack(file, files=FILES, members=()):
    """An archive of the kind that the ending of `file` says; `members`: further TarInfo or ZipInfo."""
    if file.suffix == ".zip":
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
            for member in members:
                archive.writestr(member, b"target")
        return file
    kind = file.suffix.removeprefix(".").replace("tgz", "gz")
    with tarfile.open(file, "w" if kind == "tar" else f"w:{kind}") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for member in members:
            archive.addfile(member)
    return file


def refused(archive, folder, match):
    """One line, and nothing has been written anywhere."""
    before = {*folder.parent.rglob("*")}
    for call in (lambda: archives.check(archive), lambda: archives.unpack(archive, folder)):
        with pytest.raises(InputError, match=match) as caught:
            call()
        assert archive.name in str(caught.value)
        assert "\n" not in str(caught.value)
    assert {*folder.parent.rglob("*")} - before <= {folder.with_name(f".{folder.name}.lock")}


@pytest.mark.parametrize("kind", KINDS)
def test_unpacked_whole(tmp_path, kind):
    archive = pack(tmp_path / f"set.{kind}")
    archives.check(archive)
    folder = archives.unpack(archive, tmp_path / "set")
    assert {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()} == FILES
    assert {path.name for path in tmp_path.iterdir()} == {archive.name, "set", ".set.lock"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name", ["../evil.png", "SET/../../evil.png", "/evil.png", "C:/evil.png", "..\\evil.png", "\\evil.png"]
)
def test_names_that_point_outside(tmp_path, kind, name):
    archive = pack(tmp_path / f"set.{kind}", FILES | {name: b"evil"})
    refused(archive, tmp_path / "set", "points outside")


def test_folder_that_points_outside(tmp_path):
    folder = tarfile.TarInfo("../evil")
    folder.type = tarfile.DIRTYPE
    refused(pack(tmp_path / "set.tar", members=[folder]), tmp_path / "set", "points outside")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../evil", "refs/a.png"])
@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_in_a_tar(tmp_path, kind, target):
    link = tarfile.TarInfo("SET/link.png")
    link.type, link.linkname = kind, target
    refused(pack(tmp_path / "set.tar.gz", members=[link]), tmp_path / "set", "link")


def test_link_in_a_zip(tmp_path):
    link = zipfile.ZipInfo("SET/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    refused(pack(tmp_path / "set.zip", members=[link]), tmp_path / "set", "link")


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_devices(tmp_path, kind):
    device = tarfile.TarInfo("SET/device")
    device.type = kind
    refused(pack(tmp_path / "set.tar", members=[device]), tmp_path / "set", "device")


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9, 0.99])
@pytest.mark.parametrize("kind", KINDS)
def test_truncated(tmp_path, kind, part):
    whole = pack(tmp_path / f"whole.{kind}").read_bytes()
    archive = tmp_path / f"set.{kind}"
    archive.write_bytes(whole[: int(len(whole) * part)])
    if kind == "tar" and not any(whole[int(len(whole) * part) :]):
        archive.write_bytes(whole[: 3 * 512 + len(FILES["SET/refs/a.png"]) // 512 * 512])  # what is cut must be data
    refused(archive, tmp_path / "set", "damaged, cut or no archive")


def test_tar_that_ends_between_two_files(tmp_path):
    """Nothing but the missing end tells that a file is missing."""
    one = {"a.png": b"x" * 512}
    whole = pack(tmp_path / "whole.tar", one | {"b.png": b"y" * 512}).read_bytes()
    archive = tmp_path / "set.tar"
    archive.write_bytes(whole[:1024])
    refused(archive, tmp_path / "set", "ends early")
    archive.write_bytes(whole[:1024] + b"\1" * 512 + whole[1536:])  # a broken header: tarfile takes it for the end
    refused(archive, tmp_path / "set", "ends early")


@pytest.mark.parametrize("kind", ["tar.gz", "tar.xz", "tar.bz2", "zip"])
def test_flipped_bit(tmp_path, kind):
    content = bytearray(pack(tmp_path / f"whole.{kind}").read_bytes())
    content[len(content) // 3] ^= 4
    archive = tmp_path / f"set.{kind}"
    archive.write_bytes(content)
    refused(archive, tmp_path / "set", "damaged, cut or no archive")


@pytest.mark.parametrize("content", [b"", b"<html>Log in</html>" * 99])
def test_no_archive(tmp_path, content):
    archive = tmp_path / "set.tgz"
    archive.write_bytes(content)
    refused(archive, tmp_path / "set", "damaged, cut or no archive")


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_empty_archive(tmp_path, kind):
    refused(pack(tmp_path / f"set.{kind}", {}), tmp_path / "set", "no files")


def test_rar_is_told_how_to_unpack(tmp_path):
    archive = tmp_path / "tid2013.rar"
    archive.write_bytes(b"Rar!\x1a\x07\x00" + bytes(99))
    refused(archive, tmp_path / "set", "unrar x tid2013.rar")


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_bomb(tmp_path, kind):
    refused(pack(tmp_path / f"set.{kind}", {"zeros.bmp": bytes(9 << 20)}), tmp_path / "set", "20 times its size")


def test_photographs_are_no_bomb(tmp_path):
    content = io.BytesIO()
    demo.reference("astronaut", 224).save(content, "BMP")
    archives.check(pack(tmp_path / "set.tar.gz", {f"{i}.bmp": content.getvalue() for i in range(20)}))


def test_the_same_name_twice(tmp_path):
    again = tarfile.TarInfo("SET/refs/a.png")
    archive = pack(tmp_path / "set.tar", members=[again])
    with pytest.raises(InputError, match=r"a\.png twice"):
        archives.unpack(archive, tmp_path / "set")
    assert {path.name for path in tmp_path.iterdir()} == {"set.tar", ".set.lock"}


def test_a_folder_that_is_there_is_kept(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="move it away"):
        archives.unpack(pack(tmp_path / "set.tar"), tmp_path / "set")
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["mine.txt"]


def test_disk_full(tmp_path, small_disk):
    archive = pack(tmp_path / "set.tar", {"big.bin": bytes(300_000)})
    with pytest.raises(InputError, match=r"cannot be unpacked.*No space left") as caught:
        archives.unpack(archive, small_disk / "set")
    assert "\n" not in str(caught.value)
    assert [path.name for path in small_disk.iterdir()] == [".set.lock"]


def test_what_a_killed_run_left_is_not_found_and_goes(tmp_path):
    """kill -9 in the middle leaves .set.partial: no dataset to anyone, and removed by the next run."""
    left = tmp_path / ".set.partial" / "SET"
    for name in ("refimgs/a.bmp", "jpeg/img1.bmp"):
        (left / name).parent.mkdir(parents=True)
        (left / name).touch()
    assert datasets.find("live", [tmp_path]) is None
    assert datasets.find("live", [left]) == left
    archives.unpack(pack(tmp_path / "set.tar"), tmp_path / "set")
    assert not left.exists()


def test_one_unpacks_at_a_time(tmp_path):
    with locks.alone(tmp_path / ".set.lock"), pytest.raises(InputError, match="by another process"):
        archives.unpack(pack(tmp_path / "set.tar"), tmp_path / "set")
