"""Files of the layer explorer: pictures of the demo photographs, strips of layer maps, numbers. No other pixels."""

import io
import json

import numpy as np

from .. import report
from ..data import demo
from ..figures.saving import LABELS
from ..files import progress
from . import maps as layer_maps

SHADES = 64  # of the maps
HERO = ("chelsea", "jpeg", 4, "cos")  # on the first page: photograph, distortion, level, distance
HERO_LAYERS = (0, 3, 7, 11)


def files(photographs) -> tuple[dict[str, bytes], dict]:
    """(name in explorer/ -> content, what the templates need to know)."""
    out, found = {}, {}
    for photograph in progress.each(photographs, "layer explorer", "photographs"):
        found[photograph] = layer_maps.load(photograph)
        out |= _photographs(photograph) | _strips(photograph, found[photograph])
    numbers = {
        "backbone": layer_maps.BACKBONE,
        "grid": layer_maps.GRID,
        "levels": {kind: [amount(kind, level) for level in range(1, 6)] for kind in demo.LEVELS},
        "photographs": {name: _numbers(maps) for name, maps in found.items()},
    }
    out["data.js"] = f"window.FMIQA = {json.dumps(numbers, separators=(',', ':'))};\n".encode()
    first = next(iter(found.values()))
    more, hero = _hero(found)
    about = {
        "photographs": list(found),
        "distortions": list(demo.LEVELS),
        "levels": 5,
        "layers": first.layers.shape[-1],
        "distances": [(name, LABELS[name]) for name in layer_maps.DISTANCES],
        "backbone": LABELS[layer_maps.BACKBONE],
        "start": {"distortion": HERO[1], "level": HERO[2], "layer": 3, "distance": HERO[3]},
        "report": report.extended(first.report, demo.NOTE),
        "note": demo.NOTE,
        "hero": hero,
    }
    return out | more, about


def amount(distortion: str, level: int) -> str:
    """The parameter of a distortion in words.

    >>> amount("blur", 3), amount("contrast", 1)
    ('sigma 2 px', 'times 0.9')
    """
    form = {"blur": "sigma {:g} px", "jpeg": "quality {:g}", "noise": "deviation {:g}", "scale": "factor {:g}"}
    return form.get(distortion, "times {:g}").format(demo.LEVELS[distortion][level - 1])


def _pairs() -> list[tuple[str, int]]:
    """(distortion, level) of a photograph's images, in the order of `layer_maps.Maps`."""
    return [(kind, level) for kind in demo.LEVELS for level in range(1, 6)]


def _photographs(name: str) -> dict[str, bytes]:
    from PIL import Image

    folder = demo.make()
    sources = {f"{name}.webp": folder / f"ref/{name}.png"}
    sources |= {f"{name}_{kind}_{level}.webp": folder / f"{kind}/{name}_{level}.png" for kind, level in _pairs()}
    out = {}
    for file, source in sources.items():
        stream = io.BytesIO()
        Image.open(source).save(stream, "WEBP", quality=88, method=4)
        out[file] = stream.getvalue()
    return out


def tops(maps: layer_maps.Maps) -> np.ndarray:
    """(D, distortions, L + 1): the largest value of a layer over the levels of a distortion."""
    most = maps.maps.max((-2, -1))
    return most.reshape(len(most), len(demo.LEVELS), 5, -1).max(2)


def _shades(maps: layer_maps.Maps) -> np.ndarray:
    """(D, P, L + 1, g, g) of integers below SHADES: the square root of each value over its top."""
    scale = np.repeat(tops(maps), 5, axis=1)[..., None, None]
    shares = np.divide(maps.maps, scale, out=np.zeros_like(maps.maps), where=scale > 0)
    return np.rint(np.sqrt(shares.clip(0, 1)) * (SHADES - 1)).astype(np.uint8)


def _strips(name: str, maps: layer_maps.Maps) -> dict[str, bytes]:
    """One PNG per pair and distance: the maps of the layers, then that of all, side by side."""
    shades = _shades(maps)
    return {
        f"{name}_{kind}_{level}_{distance}.png": _png(np.concatenate(list(shades[d, p]), axis=1))
        for d, distance in enumerate(layer_maps.DISTANCES)
        for p, (kind, level) in enumerate(_pairs())
    }


def _png(shades: np.ndarray) -> bytes:
    import matplotlib
    from PIL import Image

    colours = (matplotlib.colormaps["magma"](np.linspace(0, 1, SHADES))[:, :3] * 255).round().astype(np.uint8)
    image, out = Image.fromarray(shades, "P"), io.BytesIO()
    image.putpalette(colours.tobytes())
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def _numbers(maps: layer_maps.Maps) -> dict:
    most = tops(maps)
    return {
        distance: {
            "layers": [[float(f"{v:.5g}") for v in row] for row in maps.layers[d]],
            "tops": {kind: [float(f"{v:.4g}") for v in most[d, k]] for k, kind in enumerate(demo.LEVELS)},
        }
        for d, distance in enumerate(layer_maps.DISTANCES)
    }


def _hero(found: dict[str, layer_maps.Maps]) -> tuple[dict[str, bytes], dict]:
    """The strip on the first page: reference, distorted, some layers."""
    _, kind, level, distance = HERO
    name = HERO[0] if HERO[0] in found else next(iter(found))
    d, p = layer_maps.DISTANCES.index(distance), _pairs().index((kind, level))
    shades = _shades(found[name])[d, p]
    maps = {f"hero_{layer}.png": _png(shades[layer]) for layer in HERO_LAYERS}
    shown = [
        (f"{name}.webp", "reference", f"Photograph {name}"),
        (f"{name}_{kind}_{level}.webp", "distorted", f"{kind} {level}"),
    ]
    shown += [(f"hero_{n}.png", f"layer {n}", f"Map of the {LABELS[distance]} distance in layer {n}") for n in HERO_LAYERS]
    caption = (
        f"{name}, {kind} ({amount(kind, level)}): where layers of {LABELS[layer_maps.BACKBONE]} differ, "
        f"{LABELS[distance]} distance. {demo.NOTE.capitalize()}."
    )
    return maps, {"images": [{"file": f, "label": label, "alt": alt} for f, label, alt in shown], "caption": caption}
