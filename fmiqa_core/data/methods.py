"""The table of methods: what each is called, its family, its label in figures and tables. It never fails.

A method is a distance on the features of a backbone, or another measure. Its name is BACKBONE_DISTANCE, with `embed_` in
front for the final features and `@L` behind for a single layer from 0: `dino_vitb16_l2`, `embed_dino_vitb16_cos`,
`dinov2_vits14_cos@4`. The authors' release calls some backbones otherwise (`dinov1_l2`); either spelling names the method.
A backbone that is not in the table is called by its own name.
"""

from dataclasses import dataclass

BACKBONES = {  # name -> label
    "dino_vitb16": "DINOv1 ViT-B/16",
    "dinov2_vitb14": "DINOv2 ViT-B/14",
    "clip_vitb32": "CLIP ViT-B/32",
    "clip_rn50": "CLIP RN50",
    "imagenet_vitb16": "ImageNet ViT-B/16",
    "openclip_convnext_base_w": "OpenCLIP ConvNeXt-B",
    "tecoa4_convnext_base_w": "TeCoA ConvNeXt-B",
    "tecoa4_vitb32": "TeCoA ViT-B/32",
    "dinov2_vits14": "DINOv2 ViT-S/14",
    "efficientnet_lite0": "EfficientNet-Lite0",
    "dinov3_vitb16": "DINOv3 ViT-B/16",
    "siglip2_vitb16": "SigLIP 2 ViT-B/16",
    "mae_vitb16": "MAE ViT-B/16",
    "eva02_vitb14": "EVA-02 ViT-B/14",
}
PAPER = tuple(BACKBONES)[:8]  # the paper's
RELEASED = {  # the release's spelling -> the backbone
    "dinov1": "dino_vitb16",
    "dinov2": "dinov2_vitb14",
    "clip_vitb32": "clip_vitb32",
    "clip_rn50": "clip_rn50",
    "imagenet_vit": "imagenet_vitb16",
    "openclip_convnext_base": "openclip_convnext_base_w",
    "openclip_convnext_laion_tecoa4": "tecoa4_convnext_base_w",
    "openclip_vitb32_laion_tecoa4": "tecoa4_vitb32",
}
DISTANCES = {"l2": "L2", "cos": "cosine", "skld": "SKLD", "jsd": "JSD", "wsd": "WSD", "swd": "SWD"}
FAMILIES = ("foundation", "deep statistics", "learned", "traditional")
PERTURBATIONS = {"none": "clean", "tra": "1 % shift", "sca": "1 % scaling", "rot": "1° rotation"}
OTHERS = {  # method -> family, backbone, features, distance, label
    "psnr": ("traditional", "none", "none", "psnr", "PSNR"),
    "ssim": ("traditional", "none", "none", "ssim", "SSIM"),
    "msssim": ("traditional", "none", "none", "msssim", "MS-SSIM"),
    "fsim": ("traditional", "none", "none", "fsim", "FSIM"),
    "lpips": ("learned", "alexnet", "intermediate", "lpips", "LPIPS-Alex"),
    "lpips_vgg": ("learned", "vgg16", "intermediate", "lpips", "LPIPS-VGG"),
    "lpips_vgg_kadid": ("learned", "vgg16", "intermediate", "lpips", "LPIPS-VGG (KADID)"),
    "stlpips_alex": ("learned", "alexnet", "intermediate", "stlpips", "ST-LPIPS-Alex"),
    "stlpips_vgg": ("learned", "vgg16", "intermediate", "stlpips", "ST-LPIPS-VGG"),
    "stlpips_vgg_kadid": ("learned", "vgg16", "intermediate", "stlpips", "ST-LPIPS-VGG (KADID)"),
    "dists": ("learned", "vgg16", "intermediate", "dists", "DISTS"),
    **{
        f"deep_{d}_{b}": ("deep statistics", net, "intermediate", d, f"Deep{d.upper()}-{label}")
        for d in ("jsd", "kld", "wsd")
        for b, net, label in (("vgg", "vgg19", "VGG"), ("eff", "efficientnet", "Eff"))
    },
}
SIMILARITIES = ("ssim", "msssim", "fsim")  # 1 where nothing differs; as a distance (1 - value) / 2
_SPELLING = {ours: theirs for theirs, ours in RELEASED.items()}


def of_column(features: str, distance: str) -> str:
    """What `distance` is called in a column of scores and by `Metric`: final features have `embed_` in front.

    >>> of_column("embedding", "cos"), of_column("intermediate", "cos")
    ('embed_cos', 'cos')
    """
    return f"embed_{distance}" if features == "embedding" else distance


@dataclass(frozen=True)
class Method:
    """What a name says."""

    name: str
    label: str
    family: str  # one of FAMILIES
    backbone: str
    features: str  # intermediate, embedding (the final ones) or none
    distance: str
    layer: int | None = None  # None: all of them


def backbone_label(name: str) -> str:
    """The label of a backbone in either spelling; its own name where the table has none.

    >>> backbone_label("dinov1"), backbone_label("timm:vit_tiny_patch16_224.augreg_in21k")
    ('DINOv1 ViT-B/16', 'timm:vit_tiny_patch16_224.augreg_in21k')
    """
    return BACKBONES.get(RELEASED.get(name, name), name)


def distance_label(name: str) -> str:
    """
    >>> distance_label("cos"), distance_label("embed_cos"), distance_label("fsim"), distance_label("mine")
    ('cosine', 'final features', 'FSIM', 'mine')
    """
    if name == "embed_cos":
        return "final features"
    return DISTANCES.get(name) or (OTHERS[name][-1] if name in OTHERS else name)


def unit(name: str) -> str:
    """In what the values of the method `name` are told apart.

    >>> unit("psnr"), unit("fsim"), unit("dinov1_l2")
    ('dB', 'of 1', 'relative')
    """
    name = canonical(name)
    return "dB" if name == "psnr" else "of 1" if name in SIMILARITIES else "relative"


def as_defined(name: str, values):
    """Values that are oriented so that larger = better, as `data.scores` has them -> as the method `name` defines them.

    >>> as_defined("psnr", 30.0), as_defined("fsim", -0.25), as_defined("dinov1_l2", -0.5)
    (30.0, 0.5, 0.5)
    """
    return {"dB": values, "of 1": 1 + 2 * values, "relative": -values}[unit(name)]


def label(name: str) -> str:
    """What any name is called: a backbone's, a distance's or a method's; itself where it is none that is known.

    >>> label("dinov1"), label("embed_cos"), label("my_net_cos"), label("my_net")
    ('DINOv1 ViT-B/16', 'final features', 'my_net cosine', 'my_net')
    """
    name = str(name)
    if RELEASED.get(name, name) in BACKBONES:
        return backbone_label(name)
    known = distance_label(name)
    body, _, distance = name.partition("@")[0].rpartition("_")
    return describe(name).label if known == name and body and distance in DISTANCES else known


def name_of(backbone: str, distance: str, layer: int | None = None) -> str:
    """
    >>> name_of("dinov1", "l2"), name_of("dinov2_vits14", "embed_cos"), name_of("dinov2_vits14", "cos", 4)
    ('dino_vitb16_l2', 'embed_dinov2_vits14_cos', 'dinov2_vits14_cos@4')
    """
    if distance in OTHERS:
        return distance
    final = "embed_" if distance.startswith("embed_") else ""
    body = f"{final}{RELEASED.get(backbone, backbone)}_{distance.removeprefix('embed_')}"
    return body if layer is None else f"{body}@{layer}"


def describe(name: str) -> Method:
    """The method called `name`, in either spelling.

    >>> describe("dinov1_l2").name, describe("dino_vitb16_l2").label, describe("embed_clip_rn50_cos").features
    ('dino_vitb16_l2', 'DINOv1 ViT-B/16 L2', 'embedding')
    >>> describe("timm:vit_tiny_cos@3").label, describe("lpips").family, describe("mine").family
    ('timm:vit_tiny cosine, layer 3', 'learned', 'foundation')
    """
    whole, at, layer = str(name).partition("@")
    if whole in OTHERS:
        return Method(whole, OTHERS[whole][-1], *OTHERS[whole][:-1])
    body, _, distance = whole.rpartition("_")
    final = body.startswith("embed_")
    theirs = body.removeprefix("embed_")
    if not theirs:  # no name of this kind
        return Method(whole, whole, "foundation", whole, "intermediate", whole)
    backbone = RELEASED.get(theirs, theirs)
    label = f"{backbone_label(backbone)} {'final' if final else distance_label(distance)}"
    number = int(layer) if at and layer.isdigit() else None
    full = name_of(backbone, f"embed_{distance}" if final else distance, number)
    label += "" if number is None else f", layer {number}"
    return Method(full, label, "foundation", backbone, "embedding" if final else "intermediate", distance, number)


def canonical(name: str) -> str:
    """`name` with our spelling of the backbone.

    >>> canonical("embed_dinov1_cos"), canonical("psnr")
    ('embed_dino_vitb16_cos', 'psnr')
    """
    return describe(name).name


def released_spelling(name: str) -> str:
    """`name` as the authors' release spells it, where it spells it otherwise.

    >>> released_spelling("embed_dino_vitb16_cos"), released_spelling("dinov2_vits14_l2")
    ('embed_dinov1_cos', 'dinov2_vits14_l2')
    """
    found = describe(name)
    if found.family != "foundation" or found.backbone not in _SPELLING:
        return found.name
    return found.name.replace(found.backbone, _SPELLING[found.backbone], 1)
