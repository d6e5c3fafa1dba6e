"""Baselines: the authors' released per-image values, other packages, the causes of what differs, and refusals."""

import hashlib
import math
import multiprocessing
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path

import pandas as pd
import piq
import pytest
import torch
from skimage.metrics import structural_similarity

from fmiqa_core import images
from fmiqa_core.data import datasets, demo, methods
from fmiqa_core.errors import InputError
from fmiqa_core.files import paths
from fmiqa_core.scoring import baselines, one_thread, perturbations, score_dataset
from fmiqa_core.scoring.baselines import BASELINES

COMPARED = ["psnr", "msssim", "fsim"]
BARS = {"psnr": 1e-3, "msssim": 1e-4, "fsim": 1e-4, "stlpips_alex": 1e-4, "stlpips_vgg": 1e-4}
LEARNED = ("lpips", "lpips_vgg", "dists")
HEAVY_NOISE = "wn/img4.bmp"
OTHERS = {"tid2013": ("reference_images", "distorted_images"), "pipal": ("Train_Ref", "Train_Dis")}


@pytest.fixture(scope="module")
def rows(live_table):
    """The row numbers, in the released files, of the LIVE pairs at hand."""
    folder, table = live_table.folder, live_table.table
    found = [i for i in table.index if all((folder / table.at[i, side]).is_file() for side in ("ref", "dis"))]
    assert len(found) >= 97
    return found


@pytest.fixture(scope="module")
def pair(live_table):
    """Row number, perturbation -> the two images, (1, 3, H, V)."""

    def read(row: int, perturbation: str = "none"):
        files = (live_table.folder / live_table.table.at[row, side] for side in ("ref", "dis"))
        both = perturbations.get(perturbation)(*map(images.read, files))
        return tuple(images.to_tensor(image)[None] for image in both)

    return read


@pytest.fixture(scope="module")
def expected(live_table, released):
    """Baseline, perturbation -> the 779 released values in the baseline's own orientation."""

    def values(name: str, perturbation: str = "none"):
        scores = released(f"live_{name}.csv" if perturbation == "none" else f"live_{name}_{perturbation}-1.csv")
        assert scores["dis"].tolist() == [Path(dis).name for dis in live_table.table["dis"]]  # the key is the row order
        return defined(name, scores["pred"])

    return values


def defined(name: str, stored):
    """Values as a released file stores them -> as the baseline defines them."""
    return methods.as_defined(name, stored if name == "psnr" else -stored)


@pytest.fixture(scope="module")
def noisy(live_table):
    """The row with the most negative contrast-structure terms."""
    return live_table.table.index[live_table.table["dis"] == HEAVY_NOISE][0]


def equal_the_released(name, perturbation, rows, pair, expected):
    values = expected(name, perturbation)
    errors = {row: abs(baselines.score(name, *pair(row, perturbation)) - values[row]) for row in rows}
    worst = max(errors, key=errors.get)
    assert errors[worst] <= BASELINES[name].within, f"{name}, {perturbation}: {errors[worst]:.2e} in row {worst}"


def test_what_they_promise_is_within_the_bars():
    assert {name: BASELINES[name].within <= bar for name, bar in BARS.items()} == dict.fromkeys(BARS, True)
    assert {name for name, baseline in BASELINES.items() if baseline.within} == set(BARS)


@pytest.mark.parametrize("name", COMPARED)
def test_some_rows_equal_the_released_values(name, rows, noisy, pair, expected):
    equal_the_released(name, "none", [*rows[::12], noisy], pair, expected)


@pytest.mark.parametrize("name", COMPARED)
def test_odd_sides_equal_the_released_values(name, rows, pair, expected):
    """1 % shifted, 480 columns are 475 and 768 are 760 (95 at the fourth scale)."""
    some = rows[::24]
    assert {pair(row, "tra")[0].shape[-1] for row in some} == {475, 760}
    equal_the_released(name, "tra", some, pair, expected)


QUICK = [*product(COMPARED, OTHERS), ("stlpips_alex", "pipal")]
SLOW = [("stlpips_alex", "tid2013"), *product(["stlpips_vgg"], OTHERS)]


@pytest.mark.parametrize(("name", "dataset"), [*QUICK, *(pytest.param(*case, marks=pytest.mark.long) for case in SLOW)])
def test_other_datasets_equal_the_released_values(name, dataset, released):
    """TID2013 and PIPAL: the key is the lower-cased file name, which begins with the reference's."""
    refs, folder = OTHERS[dataset]
    found = [file for root in paths.data_roots() for file in sorted((root / dataset / folder).glob("*.[bB][mM][pP]"))]
    if not found:
        pytest.skip(f"no images of {dataset} are at hand")
    refs = {file.stem.lower(): file for file in (found[0].parent.parent / refs).iterdir()}
    scores = released(f"{dataset}_{name}.csv")
    values = dict(zip(scores["dis"].str.lower(), defined(name, scores["pred"]), strict=True))
    for dis in found[:: 3 if name in COMPARED else 8]:
        error = abs(baselines.score(name, refs[dis.stem.split("_")[0].lower()], dis) - values[dis.name.lower()])
        assert error <= BASELINES[name].within, f"{error:.2e} at {dis.name}"


@pytest.mark.long
@pytest.mark.parametrize("name", ["stlpips_alex", "stlpips_vgg"])
def test_shift_tolerant_lpips_equals_the_released_values(name, rows, pair, expected):
    equal_the_released(name, "none", rows[::48], pair, expected)
    equal_the_released(name, "tra", rows[::96], pair, expected)


def test_psnr_without_the_small_constant_differs_where_little_is_changed(rows, pair, expected):
    """Why 1e-8 is added to the mean squared error."""
    values = expected("psnr")[rows]
    row = values.idxmax()
    ref, dis = pair(row)
    plain = -10 * math.log10((ref.double() - dis.double()).square().mean())
    assert abs(baselines.score("psnr", ref, dis) - values[row]) <= 1e-5
    assert abs(plain - values[row]) > 4e-4


def clamped_means(ref, dis) -> float:
    """MS-SSIM as most packages have it: the mean over the pixels is clamped at 0 (it never is below), not each pixel."""
    ref, dis = baselines._luma(ref), baselines._luma(dis)
    product = 1.0
    for scale, exponent in enumerate(baselines.SCALES):
        luminance, contrast = baselines._similarities(ref, dis)
        mean = (luminance * contrast if scale == 4 else contrast).mean()
        product *= max(mean.item(), 0) ** exponent
        ref, dis = (torch.nn.functional.avg_pool2d(image, 2) for image in (ref, dis))
    return product


def test_clamping_every_pixel_is_what_piq_lacks(noisy, pair, expected):
    """The released MS-SSIM differs from piq's on heavy noise. Clamping the means instead makes ours piq's."""
    ref, dis = pair(noisy)
    luma = [baselines._luma(image).float() for image in (ref, dis)]
    other = piq.multi_scale_ssim(*luma, data_range=255.0).item()
    assert abs(other - expected("msssim")[noisy]) > 5e-3
    assert clamped_means(ref, dis) == pytest.approx(other, abs=2e-5)
    assert baselines.score("msssim", ref, dis) == pytest.approx(expected("msssim")[noisy], abs=2e-5)
    _, contrast = baselines._similarities(*map(baselines._luma, (ref, dis)))
    assert (contrast < 0).double().mean() > 0.01


@pytest.fixture(scope="module")
def photos():
    ref = demo.reference("coffee", 224)
    return tuple(images.to_tensor(image)[None] for image in (ref, demo.distort(ref, "jpeg", 4)))


def test_ssim_equals_scikit_image(photos):
    ref, dis = (baselines._luma(image)[0, 0].numpy() for image in photos)
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    assert baselines.score("ssim", *photos) == pytest.approx(structural_similarity(ref, dis, **options), abs=1e-10)


@pytest.mark.parametrize("name", ["psnr", "ssim", "msssim", "fsim"])
def test_promises(name, photos):
    ref, dis = photos
    at_best, value = baselines.score(name, ref, ref), baselines.score(name, ref, dis)
    assert at_best == pytest.approx(BASELINES[name].best, abs=1e-6)
    assert value < at_best
    assert BASELINES[name].higher_is_better
    assert baselines.score(name, ref, dis) == value
    assert baselines.score(name, dis, ref) == pytest.approx(value, rel=1e-6)
    assert baselines.distance_of(name, value) > baselines.distance_of(name, at_best)


@pytest.fixture
def threads(monkeypatch):
    """Sets torch's number of threads, and forgets those of the baselines."""
    own = torch.get_num_threads()

    def use(count: int) -> None:
        torch.set_num_threads(count)
        monkeypatch.setattr(one_thread, "_pool", None)

    yield use
    torch.set_num_threads(own)


def test_the_same_bits_on_any_number_of_threads(threads):
    noise = torch.rand(2, 3, 512, 768, generator=torch.Generator().manual_seed(1))
    pair = noise[:1], (noise[:1] + noise[1:] / 4).clamp(0, 1)
    found = {}
    for count in (1, 2, 3, 7):
        threads(count)
        found[count] = [baselines.score(name, *pair) for name in ("psnr", "ssim", "msssim", "fsim")]
        assert torch.get_num_threads() == count
    assert all(values == found[1] for values in found.values()), found


def test_a_run_computes_them_beside_the_network(threads, efficientnet, tmp_path):
    """Bit-equal to `score`, whichever thread does it; later threads still begin with torch's own number."""
    names = ["psnr", "msssim", "fsim"]
    data = datasets.load("demo")
    data = replace(data, table=data.table[data.table["ref"] == data.table["ref"].iloc[0]].iloc[::9].reset_index(drop=True))
    found = {}
    for count in (1, 3):
        threads(count)
        options = {"distances": ["l2"], "baseline_names": names, "device": "cpu", "batch_size": 2}
        table = score_dataset(data, tmp_path / str(count), efficientnet, **options)
        found[count] = table[[f"score_{name}" for name in names]]
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(torch.get_num_threads).result() == count
    pd.testing.assert_frame_equal(found[1], found[3], check_exact=True)
    for name in names:
        pairs = zip(data.table["ref"], data.table["dis"], strict=True)
        values = [baselines.score(name, data.folder / ref, data.folder / dis) for ref, dis in pairs]
        assert found[3][f"score_{name}"].tolist() == [baselines.distance_of(name, value) for value in values]


def test_a_forked_process_has_threads_of_its_own(photos):
    if sys.platform != "linux":
        pytest.skip("of fork")
    value = baselines.score("fsim", *photos)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        assert pool.submit(baselines.score, "fsim", *photos).result(timeout=60) == value


def test_orientation_of_the_released_files():
    """FSIM and MS-SSIM are stored as (1 - value) / 2."""
    assert baselines.distance_of("fsim", 0.5) == 0.25
    assert baselines.distance_of("psnr", 30.0) == -30
    assert baselines.distance_of("lpips", 0.4) == 0.4
    assert not BASELINES["lpips"].higher_is_better
    for name in BASELINES:
        assert methods.as_defined(name, -baselines.distance_of(name, 0.7)) == pytest.approx(0.7)


def test_refusals(photos, monkeypatch):
    ref, dis = photos
    with pytest.raises(InputError, match="Did you mean 'msssim'"):
        baselines.score("ms-ssim", ref, dis)
    for absent in ("deep_wsd_vgg", "stlpips_vgg_kadid"):
        with pytest.raises(InputError, match=r"cannot be computed here: no package .* Leave it out"):
            baselines.score(absent, ref, dis)
    with pytest.raises(InputError, match="21 px"):
        baselines.score("stlpips_alex", ref[..., :20], dis[..., :20])
    with pytest.raises(InputError, match=r"\(1, 3, 224, 224\) with \(1, 3, 224, 200\)"):
        baselines.score("psnr", ref, dis[..., :200])
    with pytest.raises(InputError, match="one pair"):
        baselines.score("psnr", ref.repeat(2, 1, 1, 1), dis.repeat(2, 1, 1, 1))
    with pytest.raises(InputError, match="span"):
        baselines.score("ssim", ref * 255, dis * 255)
    with pytest.raises(InputError, match="161 px"):
        baselines.score("msssim", ref[..., :160], dis[..., :160])
    assert 0 < baselines.score("msssim", ref[..., :161], dis[..., :161]) < 1
    with pytest.raises(InputError, match="no value for these images of 1 x 2 px"):
        baselines.score("fsim", torch.rand(1, 3, 2, 1), torch.rand(1, 3, 2, 1))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install piq"):
        baselines.score("fsim", ref, dis)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """torch's folder of weights, empty; whoever asks for a download fails."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", lambda *_, **__: pytest.fail("a download was tried"))
    monkeypatch.setattr(baselines, "_lpips", baselines._lpips.__wrapped__)
    monkeypatch.setattr(baselines, "_dists", baselines._dists.__wrapped__)
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("name", LEARNED)
def test_no_value_without_weights(name, photos, cache, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: True)
    with pytest.raises(InputError, match=r"not here: get https://\S+\.pth and place it in"):
        baselines.score(name, *photos)
    file = cache / ("alexnet-owt-7be5be79.pth" if name == "lpips" else "vgg16-397923af.pth")
    file.write_bytes(b"cut")
    with pytest.raises(InputError, match="is damaged: delete it"):
        baselines.score(name, *photos)


@pytest.mark.long
def test_lpips_with_weights_at_hand(photos, cache, monkeypatch):
    """The way to a value, with seeded weights in the place of ImageNet's (250 MB), under a name that has their hash."""
    package = pytest.importorskip("lpips")
    from torchvision.models import AlexNet_Weights, alexnet

    torch.manual_seed(0)
    network = alexnet(weights=None).eval()
    torch.save(network.state_dict(), cache / "seeded")
    digest = hashlib.sha256((cache / "seeded").read_bytes()).hexdigest()
    (cache / "seeded").rename(cache / f"alexnet-owt-{digest[:8]}.pth")
    monkeypatch.setattr(AlexNet_Weights.IMAGENET1K_V1.value, "url", f"https://here/alexnet-owt-{digest[:8]}.pth")
    ref, dis = photos
    assert baselines.score("lpips", ref, ref) == 0
    monkeypatch.setattr("torchvision.models.alexnet", lambda **_: network)
    with torch.inference_mode():
        expected = package.LPIPS(net="alex", verbose=False)(2 * ref - 1, 2 * dis - 1).item()
    assert baselines.score("lpips", ref, dis) == pytest.approx(expected, rel=1e-6)
    assert expected > 0


def test_listing_them_needs_no_torch():
    code = "import sys; from fmiqa_core.scoring import baselines; sys.exit('torch' in sys.modules or 'piq' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
