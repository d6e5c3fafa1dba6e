"""What each command of `fmiqa` does, a function of its parsed arguments; `cli` reads the command line.

Heavy imports wait until a command needs them.
"""

import contextlib
import json
import sys
from pathlib import Path

from ..errors import InputError
from . import mapping


def doctor(args):
    from .doctor import folders, lines

    print("\n".join([*lines(), *folders()]))


def score(args):
    from .. import images
    from ..files import progress
    from ..metric import Metric
    from ..scoring import memory

    layers = None if args.layers is None else _numbers(args.layers)
    with_map = mapping.check(args)
    ref = images.read(args.ref)  # before the network is loaded: cheap to refuse; and once, it may be a stream
    dis = ref if args.dis == args.ref else images.read(args.dis)
    memory.keep()  # of large images two fifths of the processor time of a CNN are page faults without it
    metric = Metric(args.backbone, args.distance, args.protocol, layers, args.device, args.precision, args.weights)
    with progress.steps(f"{Path(args.ref).name} and {Path(args.dis).name}", "windows") as told:
        result = metric(ref, dis, map=with_map, progress=told)
    written = mapping.write(args, result, metric.layers, dis) if with_map else []
    print("".join(f"{line}\n" for line in written), end="", file=sys.stderr)
    if args.json:
        per_layer = None if result.per_layer is None else result.per_layer.tolist()
        network = metric.extractor
        print(
            json.dumps(
                {
                    "score": result.score,
                    "per_layer": per_layer,
                    "backbone": args.backbone,
                    "distance": args.distance,
                    "protocol": args.protocol,
                    "layers": list(metric.layers) or None,
                    "report": result.report,
                    "weights": {"source": network.weights, "sha256": network.sha256},
                }
            )
        )
        return
    print(f"{result.score:.6g}")
    print(result.report, file=sys.stderr)


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"--layers takes numbers of layers, as in --layers 3,4 or --layers=-1, not {text!r}.") from None


def score_dataset(args):
    from .. import scoring
    from ..data import datasets
    from ..files import paths

    dataset = datasets.load(args.name, args.root, args.partial)
    if args.rows is not None:
        dataset = datasets.select(dataset, args.rows)
    place = (dataset.name, args.backbone, args.protocol, args.perturbation, args.precision)
    out = args.out or scoring.usual_folder(*place)
    distances = None if args.distances is None else [d.strip() for d in args.distances.split(",") if d.strip()]
    with _executor(args) as executor:
        table = scoring.score_dataset(
            dataset,
            out,
            args.backbone,
            distances,
            args.protocol,
            executor=executor,
            replace=args.replace,
            perturbation=args.perturbation,
            device=args.device,
            precision=args.precision,
            batch_size=args.batch_size,
            weights_file=args.weights,
            baseline_names=[b.strip() for b in args.baselines.split(",") if b.strip()],
        )
    info = table.attrs
    if info["left_out"]:
        print(f"Left out, {args.backbone} is a CNN and cannot have them: {', '.join(info['left_out'])}.", file=sys.stderr)
    print(info["report"], file=sys.stderr)
    file = out / "scores.parquet"
    print(
        f"{file if args.out else paths.shown(file)}: {dataset.coverage}; {info['computed_units']} of {info['units']} "
        f"references computed, the rest was there; {info['batch_size']} windows a batch.{dataset.reservations}"
    )


def _executor(args):
    """Where the references are scored, a context: here (None), in worker processes, or on a cluster."""
    from ..scoring import cluster, workers

    if args.dask:
        return cluster.executor(args.dask)
    return contextlib.nullcontext() if args.workers is None else workers(args.workers, args.device)


def released(args):
    from ..data import released, released_twins
    from ..files import paths
    from ..stats import results

    if args.resamples < 100:
        raise InputError(f"--resamples {args.resamples} is too few for 95 % intervals: use at least 100.")
    table = released.load()
    print(results.digest_lines(table))
    print(released_twins.lines(released_twins.table(table)))
    for file in results.write(table, args.resamples):
        print(f"{paths.relative(file)}: {results.FILES[file.stem]}")


def gallery(args):
    from ..files import paths
    from ..site import build

    out = build.build(args.out)
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    print(f"{paths.shown(out / 'index.html')}: {len(list(out.rglob('*.html')))} pages, {size / 1e6:.1f} MB.")


def figure(args):
    import matplotlib

    from ..figures import adapt, catalogue, from_scores
    from ..files import paths

    matplotlib.use("Agg")
    methods = None if args.methods is None else [m.strip() for m in args.methods.split(",") if m.strip()]
    words = dict(_word(text) for text in args.words)
    file = adapt.adapt(args.name, args.data, methods, args.width, args.format, words, args.out)
    if args.data and from_scores.is_run(args.data):
        print(f"{file}: from {args.data}\n{from_scores.about(from_scores.load(args.data))}")
        return
    about = None if args.data else catalogue.file(args.name).with_suffix(".json")
    print(f"{file}: from {args.data or paths.relative(about.with_suffix('.csv'))}")
    if about and about.is_file():
        found = json.loads(about.read_text(encoding="utf-8"))
        print("\n".join([found["caption"], found.get("report", ""), *(f"Cite: {work}" for work in found["cite"])]))


def _word(text: str) -> tuple[str, str]:
    old, equals, new = text.partition("=")
    if not (old and equals):
        raise InputError(f"--words takes OLD=NEW, not {text!r}.")
    return old, new
