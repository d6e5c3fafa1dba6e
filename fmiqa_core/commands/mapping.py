"""The maps that `fmiqa score` writes: a picture for people (`--map`), values for programs (`--map-raw`)."""

from pathlib import Path

from ..errors import InputError
from ..files import paths

WHITE = 65535


def check(args) -> bool:
    """Whether a map is asked for; InputError for one that cannot be had or written, before anything is computed."""
    if args.map_overlay and not args.map:
        raise InputError("--map-overlay says how --map is drawn: add --map FILE.png.")
    files = {"--map": (args.map, (".png",)), "--map-raw": (args.map_raw, (".npy", ".png"))}
    wanted = {option: (Path(file), endings) for option, (file, endings) in files.items() if file}
    for option, (file, endings) in wanted.items():
        if file.suffix.lower() not in endings:
            raise InputError(f"{option} writes {_kinds(endings)}: {file} should end in {' or '.join(endings)}.")
    if len(wanted) == 2 and wanted["--map"][0].resolve() == wanted["--map-raw"][0].resolve():
        raise InputError("--map and --map-raw name the same file: give each its own.")
    if not wanted:
        return False
    from .. import backbones, compare, maps, protocol

    compare.check_distances([args.distance], backbones.get(args.backbone), args.protocol)
    maps.check(args.distance, protocol.get(args.protocol))
    for file, _ in wanted.values():
        paths.make_folder(file.absolute().parent)
    return True


def write(args, result, layers, dis) -> list[str]:
    """Write what was asked for of a `Score` with a map; returns a line on each file. `dis`: the distorted image."""
    local, lines = result.map.numpy(), []
    if args.map:
        from ..figures.difference import difference, unit

        label = unit(local, args.distance, layers, result.score)
        with paths.atomic(Path(args.map)) as temporary:
            difference(local, label, dis if args.map_overlay else None).savefig(temporary)
        lines.append(f"{args.map}: {label.replace(chr(10), '; ')}")
    if args.map_raw:
        with paths.atomic(Path(args.map_raw)) as temporary:
            lines.append(f"{args.map_raw}: {_raw(local, temporary)}")
    return lines


def _raw(local, file: Path) -> str:
    """(H, V) float32 as it is, .npy; or .png, 16-bit grey, the value of white in its text field `white`. -> what it holds."""
    import numpy as np
    from PIL import Image, PngImagePlugin

    if file.suffix.lower() == ".npy":
        np.save(file, local)
        return "float32, (height, width), distance at each pixel"
    white = float(local.max())
    text = PngImagePlugin.PngInfo()
    text.add_text("white", repr(white))
    grey = np.rint(local * (WHITE / white if white else 0)).astype(np.uint16)
    Image.fromarray(grey).save(file, pnginfo=text)
    return f"16-bit grey, distance at each pixel = value * {white:.6g} / {WHITE}"


def _kinds(endings) -> str:
    return "a PNG" if len(endings) == 1 else "exact values (.npy) or 16-bit grey (.png)"
