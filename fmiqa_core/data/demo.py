"""The `demo` dataset: photographs that scikit-image ships x distortions x levels, made deterministically.

It has severity ranks, not human scores. Every place that shows a number from it says so.
"""

import io
import json
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from ..files import paths

SIZE = 256  # px, centre crop: 4 windows an image
PHOTOGRAPHS = {  # name -> file of scikit-image: free photographs, and one scene of the Middlebury 2014 stereo benchmark
    "chelsea": "chelsea.png",
    "astronaut": "astronaut.png",
    "coffee": "coffee.png",
    "motorcycle_left": "motorcycle_left.png",
    "rocket": "rocket.jpg",
}
LEVELS = {  # distortion -> parameter at levels 1 to 5
    "blur": (0.7, 1.2, 2.0, 3.5, 6.0),  # sigma of a Gaussian, px
    "jpeg": (75, 40, 20, 10, 5),  # quality
    "noise": (0.01, 0.03, 0.06, 0.12, 0.25),  # standard deviation of white noise, of the range [0, 1]
    "scale": (1.3, 2.0, 3.0, 4.0, 6.0),  # down- and upscaling factor
    "contrast": (0.9, 0.75, 0.6, 0.45, 0.3),  # factor on the deviation from the image's mean
}
NOTE = "demo data: severity ranks, not human scores"


def reference(name: str, size: int = SIZE) -> Image.Image:
    """The photograph's centre crop of size x size px, RGB."""
    import skimage

    image = Image.open(Path(skimage.__file__).parent / "data" / PHOTOGRAPHS[name]).convert("RGB")
    left, top = ((side - size) // 2 for side in image.size)
    return image.crop((left, top, left + size, top + size))


def distort(image: Image.Image, distortion: str, level: int, seed: int = 0) -> Image.Image:
    """`image` with `distortion` at `level` 1 to 5 (parameters: LEVELS). `seed` draws the noise.

    >>> red = Image.new("RGB", (2, 2), (255, 0, 0))
    >>> distort(red, "contrast", 5).getpixel((0, 0))
    (136, 60, 60)
    """
    amount = LEVELS[distortion][level - 1]
    if distortion == "jpeg":
        file = io.BytesIO()
        image.save(file, "JPEG", quality=amount)
        return Image.open(file).convert("RGB")
    if distortion == "scale":
        small = image.resize([round(side / amount) for side in image.size], Image.Resampling.BICUBIC)
        return small.resize(image.size, Image.Resampling.BICUBIC)
    values = np.asarray(image, dtype=np.float64) / 255
    if distortion == "blur":
        values = gaussian_filter(values, sigma=(amount, amount, 0))
    elif distortion == "noise":
        values = values + np.random.default_rng(seed).normal(0, amount, values.shape)
    elif distortion == "contrast":
        values = values.mean() + amount * (values - values.mean())
    return Image.fromarray((values.clip(0, 1) * 255).round().astype(np.uint8))


def rows() -> list[dict]:
    """One row per distorted image: ref, dis, distortion, level."""
    return [
        {"ref": f"ref/{name}.png", "dis": f"{distortion}/{name}_{level}.png", "distortion": distortion, "level": level}
        for name in PHOTOGRAPHS
        for distortion in LEVELS
        for level in range(1, 6)
    ]


def make() -> Path:
    """Write what is missing of the set to `data/demo` and return that folder; all of it where it was made otherwise."""
    folder = paths.make_folder(paths.data() / "demo")
    recipe = json.dumps({"size": SIZE, "photographs": PHOTOGRAPHS, "levels": LEVELS}, indent=1)
    mark = folder / "recipe.json"  # written last: without it nothing in the folder is trusted
    trusted = mark.is_file() and mark.read_text(encoding="utf-8") == recipe
    for file, row in {row[side]: row for side in ("ref", "dis") for row in rows()}.items():
        _write(folder / file, row, trusted)
    if not trusted:
        with paths.atomic(mark) as temporary:
            temporary.write_text(recipe, encoding="utf-8")
    return folder


def _write(file: Path, row: dict, trusted: bool) -> None:
    if trusted and file.is_file():
        return
    paths.make_folder(file.parent)
    name = Path(row["ref"]).stem
    image = reference(name)
    if file.parent.name != "ref":  # noise differs between photographs and levels
        image = distort(image, row["distortion"], row["level"], seed=10 * list(PHOTOGRAPHS).index(name) + row["level"])
    with paths.atomic(file) as temporary:
        image.save(temporary)
