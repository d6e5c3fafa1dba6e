"""What the authors' released files are called, what each name means, and which files are not what they seem.

A file is `DATASET_METHOD[_PERTURBATION-1].csv`. Larger `pred` = more different, but for PSNR (FSIM and MS-SSIM are
stored as (1 - value) / 2).
"""

import re
from dataclasses import dataclass

from . import methods

DATASETS = {"live": 779, "tid2013": 3000, "pipal": 23200}  # name -> rows of a complete file
PERTURBATIONS = {"": "none", "_tra-1": "tra", "_sca-1": "sca", "_rot-1": "rot"}
EMPTY = ("live_clip_rn50_l2.csv", "pipal_clip_rn50.csv", "pipal_dinov2.csv", "pipal_emb_clip_vitb32_cos.csv")
PARTIAL = {"live_openclip_convnext_base_l2.csv": 6, "pipal_imagenet_vit_cos.csv": 296}  # -> rows that it has
COPIES = {"pipal_imagenet_vit_cos copy.csv": "pipal_imagenet_vit_cos.csv"}  # complete run -> name that it stands for

SIMILARITIES = ("psnr",)  # stored so that larger = more alike

TID2013_TYPES = {
    "01": "Gaussian noise",
    "02": "colour noise",
    "03": "correlated noise",
    "04": "masked noise",
    "05": "high-frequency noise",
    "06": "impulse noise",
    "07": "quantisation noise",
    "08": "Gaussian blur",
    "09": "denoising",
    "10": "JPEG",
    "11": "JPEG 2000",
    "12": "JPEG errors",
    "13": "JPEG 2000 errors",
    "14": "eccentric pattern",
    "15": "local blocks",
    "16": "mean shift",
    "17": "contrast",
    "18": "colour saturation",
    "19": "multiplicative noise",
    "20": "comfort noise",
    "21": "compressed noise",
    "22": "colour quantisation",
    "23": "chromatic aberration",
    "24": "sparse sampling",
}
LIVE_TYPES = {"jp2k": "JPEG 2000", "jpeg": "JPEG", "wn": "white noise", "gblur": "Gaussian blur", "fastfading": "fast fading"}
TYPES = {
    "live": LIVE_TYPES,
    "tid2013": TID2013_TYPES,
    "tid2008": {code: name for code, name in TID2013_TYPES.items() if code <= "17"},
    "pipal": {f"0{i}": f"group 0{i}" for i in range(7)},
}


@dataclass(frozen=True)
class Name:
    """A file name, taken apart."""

    dataset: str
    method: str  # the name without dataset and perturbation
    family: str  # one of FAMILIES
    backbone: str
    features: str  # intermediate, embedding (the final ones) or none
    distance: str
    perturbation: str  # none, tra, sca or rot
    label: str  # of the method, in figures and tables

    @property
    def sign(self) -> int:
        """+1 where the stored value is a similarity, -1 where it is a distance."""
        return 1 if self.method in SIMILARITIES else -1


def parse(file: str) -> Name | None:
    """What `file` (a name without folder) holds; None for a name that this table does not know.

    >>> parse("tid2013_embed_dinov1_cos_rot-1.csv")
    Name(dataset='tid2013', method='embed_dinov1_cos', family='foundation', backbone='dinov1', features='embedding', \
distance='cos', perturbation='rot', label='DINOv1 ViT-B/16 final')
    """
    file = COPIES.get(file, file)
    match = re.fullmatch(rf"({'|'.join(DATASETS)})_(\w+?)(|_tra-1|_sca-1|_rot-1)\.csv", file)
    known = match and describe(match[2])
    if not known:
        return None
    family, backbone, features, distance, label = known
    return Name(match[1], match[2], family, backbone, features, distance, PERTURBATIONS[match[3]], label)


def describe(method: str) -> tuple[str, str, str, str, str] | None:
    """Family, backbone (as the release spells it), features, distance and label of `method`, or None."""
    found = methods.describe(method)
    if method in methods.OTHERS:
        return found.family, found.backbone, found.features, found.distance, found.label
    backbone = method.removeprefix("embed_").rpartition("_")[0]
    final = found.features == "embedding"
    if backbone not in methods.RELEASED or found.distance not in methods.DISTANCES or (final and found.distance != "cos"):
        return None
    return found.family, backbone, found.features, found.distance, found.label


def distortion(dataset: str, dis: str) -> tuple[str, int]:
    """Type code and level of a TID2013 (iNN_TT_L) or PIPAL (Axxxx_GG_NN) file name."""
    _, code, level = dis.rsplit(".", 1)[0].split("_")
    if code not in TYPES[dataset]:
        raise ValueError(f"{dis}: no distortion type {code} in {dataset}")
    return code, int(level)
