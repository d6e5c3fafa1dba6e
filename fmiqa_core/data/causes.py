"""Why an own score is not the released one, image by image, where it is known: one table, by what a method is made of."""

from . import methods

ROUNDING = 1e-4  # up to this difference nothing but the order and width of the arithmetic need be looked for
LPIPS_RANGE = "fed [-1, 1] as it was trained; the authors fed [0, 1], so their released values differ"
DISTS_SIZE = "resized to 256 px by piq; the authors took the native size"
TRAINED_MODE = "trained-mode network there (drop path active): released scores hold random parts"
RANDOM = "random directions, drawn anew there for each window"
HALF = "half precision there, fp32 here"
HALF_FLOOR = "half precision there: squared norms of tokens may overflow, which would give its cosine a floor"
HALF_ROWS = "half precision there, where the cosine of an all-zero row is left out; in fp32 it counts 1"
CORRECTED = "another protocol than the authors'"
ARITHMETIC = "arithmetic alone: order of operations and fp32"
UNKNOWN = "not known"
_OF_METHOD = {
    "lpips": LPIPS_RANGE,
    "lpips_vgg": LPIPS_RANGE,
    "dists": DISTS_SIZE,
    "clip_vitb32_cos": HALF_FLOOR,
    "clip_rn50_cos": HALF_ROWS,
}
_OF_BACKBONE = {
    "openclip_convnext_base_w": TRAINED_MODE,
    "tecoa4_convnext_base_w": TRAINED_MODE,
    "clip_vitb32": HALF,
    "clip_rn50": HALF,
}


def of(name: str, protocol: str, largest: float) -> str:
    """The cause of differences of up to `largest` between own scores of the method `name`, in `protocol`, and the released.

    >>> of("lpips", "", 0.2) == LPIPS_RANGE, of("fsim", "", 1e-6) == ARITHMETIC, of("dinov1_l2", "paper", 0.3)
    (True, True, 'not known')
    """
    found = methods.describe(name)
    if protocol not in ("", "paper"):
        return CORRECTED
    if largest <= ROUNDING:
        return ARITHMETIC
    if found.distance == "swd":
        return RANDOM
    return _OF_METHOD.get(found.name) or _OF_BACKBONE.get(found.backbone, UNKNOWN)
