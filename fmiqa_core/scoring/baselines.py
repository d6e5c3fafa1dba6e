"""The classic and learned full-reference measures that the paper compares with: whole image, native size.

PSNR, SSIM and MS-SSIM are a few lines each and written here, ST-LPIPS beside it (`stlpips`); FSIM, LPIPS and DISTS come
from the packages piq and lpips (extra `baselines`). What the definitions leave open is set as in the authors' released
per-image values: 1e-8 is added to the mean squared error of PSNR, the luma of MS-SSIM is rounded, its contrast-structure
terms are clamped at 0 in every PIXEL (as in pyiqa, chaofengc/IQA-PyTorch#105), and odd sides get a row or column of zeros
at both ends before they are halved. piq and pytorch-msssim clamp the mean over the pixels instead: up to 6e-3 apart on
heavy noise.

SSIM: Wang et al. 2004, doi:10.1109/TIP.2003.819861. MS-SSIM: Wang et al. 2003, doi:10.1109/ACSSC.2003.1292216.
FSIM: Zhang et al. 2011, doi:10.1109/TIP.2011.2109730. LPIPS: Zhang et al. 2018, arXiv 1801.03924.
DISTS: Ding et al. 2020, arXiv 2004.07728.
"""

import functools
import importlib.util
import math
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..data import causes, methods
from ..errors import InputError, unknown
from ..files import hashes, locks
from ..images import as_batch, scaled
from . import stlpips as shift_tolerant

if TYPE_CHECKING:
    from torch import Tensor, nn

WINDOW = 11  # px, Gaussian of sigma 1.5 px
RELEASED = ("psnr", "msssim", "fsim", "lpips", "lpips_vgg", "dists")  # ST-LPIPS by name: 5 and 20 s an image on one core
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # exponents of MS-SSIM, finest scale first
LUMA = (0.299, 0.587, 0.114)
NO_WEIGHTS = "no package under a free licence ships it with its weights, and an own version could not be compared with theirs"
ST_NOTE = f"weights {shift_tolerant.WEIGHTS['alex'].shipped}, {shift_tolerant.WEIGHTS['alex'].licence}"


@dataclass(frozen=True)
class Baseline:
    """A measure of one pair of images, (1, 3, H, V) in [0, 1] each, oriented as its own paper has it."""

    name: str  # as in the released files
    function: Callable[["Tensor", "Tensor"], float]  # (ref, dis)
    best: float  # the value of identical images
    package: str | None  # needed beside those that fmiqa always has
    within: float | None  # of every released value that could be compared, in its own unit; None: not compared
    note: str
    load: Callable[[], object] | None = None  # its network, where it has one

    @property
    def higher_is_better(self) -> bool:
        return self.best > 0


def score(name: str, ref, dis) -> float:
    """The value of the baseline `name` for one pair: whatever `Metric` takes as images, of the same size.

    The same bits on any number of threads.

    Raises InputError for an unknown name, unusable images, a missing package, or missing or damaged weights.

    >>> import numpy as np
    >>> black, grey = np.zeros((224, 224, 3)), np.full((224, 224, 3), 0.1)
    >>> round(score("psnr", black, grey), 3)  # 10 log10(1 / 0.01)
    20.0
    """
    import torch

    from ..backbones import exact, forks  # import torch
    from . import one_thread  # imports torch

    baseline = get(name)
    forks.check(torch.device("cpu"))
    ref, dis = (scaled(as_batch(image)[0]) for image in (ref, dis))
    if ref.shape != dis.shape or len(ref) != 1:
        raise InputError(f"{name} compares one pair of images of the same size, not {(*ref.shape,)} with {(*dis.shape,)}.")
    if baseline.package and importlib.util.find_spec(baseline.package) is None:
        raise InputError(f"{name} needs the package {baseline.package}: pip install {baseline.package}.")
    with exact.exact():
        value = one_thread.run(baseline.function, ref.cpu(), dis.cpu())
    if not math.isfinite(value):
        raise InputError(f"{name} has no value for these images of {ref.shape[-1]} x {ref.shape[-2]} px: take larger ones.")
    return value


def distance_of(name: str, value: float) -> float:
    """A value as a distance, larger = more different: similarities as (1 - value) / 2 like the released ones, PSNR as -dB.

    >>> distance_of("ssim", 0.5), distance_of("psnr", 30.0)
    (0.25, -30.0)
    """
    baseline = get(name)
    if not baseline.higher_is_better:
        return value
    return (1 - value) / 2 if baseline.best == 1 else -value


def get(name: str) -> Baseline:
    """The record called `name`; InputError with the nearest name otherwise, or why it is only among the released scores."""
    if name in methods.OTHERS and name not in BASELINES:
        label = methods.describe(name).label
        raise InputError(
            f"{label} cannot be computed here: {NO_WEIGHTS}. Leave it out; its released scores are in notebook 05."
        )
    if name not in BASELINES:
        raise unknown("baseline", name, BASELINES)
    return BASELINES[name]


def psnr(ref: "Tensor", dis: "Tensor") -> float:
    """Peak signal-to-noise ratio of the three channels together, dB; 80 dB for identical images."""
    return -10 * math.log10((ref.double() - dis.double()).square().mean().item() + 1e-8)


def ssim(ref: "Tensor", dis: "Tensor") -> float:
    """Structural similarity of the luma at full size (no downsampling), windows inside the image only."""
    luminance, contrast = _similarities(_luma(ref), _luma(dis))
    return (luminance * contrast).mean().item()


def msssim(ref: "Tensor", dis: "Tensor") -> float:
    """Multi-scale structural similarity of the luma; 5 scales, so the smaller side needs 161 px."""
    from torch.nn.functional import avg_pool2d

    ref, dis = _luma(ref), _luma(dis)
    product = 1.0
    for scale, exponent in enumerate(SCALES):
        if scale:
            odd = [side % 2 for side in ref.shape[-2:]]
            ref, dis = (avg_pool2d(image, 2, padding=odd) for image in (ref, dis))
        luminance, contrast = _similarities(ref, dis)
        contrast = contrast.clamp_min(0)
        similarity = luminance * contrast if scale == len(SCALES) - 1 else contrast
        product *= similarity.mean().item() ** exponent
    return product


def fsim(ref: "Tensor", dis: "Tensor") -> float:
    """Feature similarity with its chromatic part (FSIMc), from piq."""
    from piq import fsim

    return fsim(ref, dis, data_range=1.0, chromatic=True).item()


def lpips(ref: "Tensor", dis: "Tensor", net: str = "alex") -> float:
    """Learned perceptual image patch similarity v0.1, a distance, fed [-1, 1] as it was trained; from lpips."""
    import torch

    with _LOADING:
        network = _lpips(net)
    with _HEAVY, torch.inference_mode():
        return network(ref, dis, normalize=True).item()


def stlpips(ref: "Tensor", dis: "Tensor", net: str = "alex") -> float:
    """Shift-tolerant LPIPS, a distance, fed [-1, 1] as it was trained, and as the authors did."""
    with _LOADING:
        shift_tolerant.load(net)
    with _HEAVY:
        return shift_tolerant.distance(2 * ref - 1, 2 * dis - 1, net)


def dists(ref: "Tensor", dis: "Tensor") -> float:
    """Deep image structure and texture similarity, a distance, from piq (the shorter side is resized to 256 px)."""
    import torch

    with _LOADING:
        network = _dists()
    with _HEAVY, torch.inference_mode():
        return network(ref, dis).item()


_RECORDS = [
    Baseline("psnr", psnr, 80.0, None, 1e-5, "with 1e-8 added to the mean squared error, as in the released values"),
    Baseline("ssim", ssim, 1.0, None, None, "the authors released none; equals scikit-image's on the same luma"),
    Baseline("msssim", msssim, 1.0, None, 2e-5, "rounded luma, clamped in every pixel, as in the released values"),
    Baseline("fsim", fsim, 1.0, "piq", 2e-5, "chromatic"),
    Baseline("lpips", lpips, 0.0, "lpips", None, causes.LPIPS_RANGE, lambda: _lpips("alex")),
    Baseline("lpips_vgg", functools.partial(lpips, net="vgg"), 0.0, "lpips", None, causes.LPIPS_RANGE, lambda: _lpips("vgg")),
    Baseline("dists", dists, 0.0, "piq", None, causes.DISTS_SIZE, lambda: _dists()),
    Baseline("stlpips_alex", stlpips, 0.0, None, 1e-6, ST_NOTE, lambda: shift_tolerant.load("alex")),
    Baseline(
        "stlpips_vgg", functools.partial(stlpips, net="vgg"), 0.0, None, 1e-6, ST_NOTE, lambda: shift_tolerant.load("vgg")
    ),
]
BASELINES = {record.name: record for record in _RECORDS}


def _luma(image: "Tensor") -> "Tensor":
    """(1, 3, H, V) in [0, 1] -> (1, 1, H, V) float64, whole numbers 0-255."""
    image = image.double() * 255
    return (image * image.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True).round()


def _similarities(ref: "Tensor", dis: "Tensor") -> "tuple[Tensor, Tensor]":
    """Luminance and contrast-structure maps of two (1, 1, H, V) images of the range 0-255: (1, 1, H - 10, V - 10) each."""
    if min(ref.shape[-2:]) < WINDOW:
        raise InputError("The images are too small: SSIM needs sides of at least 11 px, MS-SSIM of 161 px.")
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    x, y = _blur(ref), _blur(dis)
    xx, yy, xy = _blur(ref * ref) - x * x, _blur(dis * dis) - y * y, _blur(ref * dis) - x * y
    return (2 * x * y + c1) / (x * x + y * y + c1), (2 * xy + c2) / (xx + yy + c2)


def _blur(image: "Tensor") -> "Tensor":
    import torch
    from torch.nn.functional import conv2d

    offsets = torch.arange(WINDOW, dtype=image.dtype) - WINDOW // 2
    kernel = (-offsets.square() / (2 * 1.5**2)).softmax(0)  # a Gaussian that sums to 1
    return conv2d(conv2d(image, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))


_HEAVY = locks.Threads()  # one image at a time: VGG16 on 768 x 512 px needs about 1 GB
_LOADING = locks.Threads()  # warnings are the process's: two threads would put back each other's filters


@functools.lru_cache(maxsize=2)
def _lpips(net: str) -> "nn.Module":
    from torchvision.models import AlexNet_Weights, VGG16_Weights

    _check_file({"alex": AlexNet_Weights, "vgg": VGG16_Weights}[net].IMAGENET1K_V1.url)
    import lpips as package

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package asks torchvision in a deprecated way
        return package.LPIPS(net=net, verbose=False).requires_grad_(False)


@functools.lru_cache(maxsize=1)
def _dists() -> "nn.Module":
    import piq
    from torchvision.models import VGG16_Weights

    for url in (VGG16_Weights.IMAGENET1K_V1.url, piq.DISTS._weights_url):
        _check_file(url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return piq.DISTS().eval().requires_grad_(False)


def _check_file(url: str) -> None:
    """Refuse to go on where torch's cache has no sound copy of `url`: nothing is downloaded behind the user's back."""
    import torch

    file = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not file.is_file():
        raise InputError(f"The weights {file.name} are not here: get {url} and place it in {file.parent}.")
    promised = re.search(r"-([0-9a-f]{8})\.", file.name)  # torchvision names a file by the start of its sha256
    if promised and not hashes.of(file).startswith(promised[1]):
        raise InputError(f"{file} is damaged: delete it, get {url} and place it there.")
