"""The words of the command line: `fmiqa COMMAND ...`."""

import argparse
from pathlib import Path

from .. import DEFAULT_DISTANCE, __version__
from . import commands, getting, judging, reproducing

PLACES = """environment:
  FMIQA_HOME   the folder that all is written to: it holds data/, figures/ and notebooks/
               (default: the checkout that fmiqa is installed from, else the current folder)
  FMIQA_DATA   further data folders, only read, searched after data/; separated as in PATH

Figure 4 of the paper for your backbone on your images, with the human scores in mine.csv:
  fmiqa score-dataset mine.csv --backbone B --out scores/mine
  fmiqa figure fig04_layerwise --data scores/mine/scores.parquet
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parser() -> argparse.ArgumentParser:
    made = _Parser(
        prog="fmiqa",
        description="Perceptual distances from intermediate features of foundation models.",
        epilog=PLACES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.set_defaults(run=lambda _args: made.print_help())  # as git and pip do where no command is named
    made.add_argument("--version", action="version", version=f"fmiqa {__version__}")
    names = made.add_subparsers(metavar="COMMAND", parser_class=_Parser)

    def command(name, run, text):
        sub = names.add_parser(name, help=text.replace("%", "%%"), description=text)  # argparse formats help alone
        sub.set_defaults(run=run)
        return sub

    def network(sub):
        sub.add_argument("--backbone", default="dinov2_vits14", metavar="B", help="a name, timm:<id> or open_clip:<arch>/<tag>")
        sub.add_argument("--weights", type=Path, metavar="FILE", help="weights of the user's own, safetensors or torch")
        sub.add_argument(
            "--protocol", default="paper", metavar="P", help="paper (as the authors' code), corrected, or paper+SWITCH"
        )
        sub.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:0 or mps")
        text = "of the network: fp32, bf16, and on a GPU fp16 (the best fast one) or tf32"
        sub.add_argument("--precision", default="fp32", help=text)

    command("doctor", commands.doctor, "what is here, what is missing, how to get it")

    sub = command("download", getting.download, "get datasets, weights or the released scores, or make the demo dataset")
    sub.add_argument("names", nargs="+", metavar="NAME")
    sub.add_argument("--yes", action="store_true", help="accept the terms of use that are shown")

    sub = command("score", commands.score, "distance between two images")
    sub.add_argument("ref", metavar="REF")
    sub.add_argument("dis", metavar="DIS")
    network(sub)
    text = f"l2, cos, skld, jsd, wsd, swd or embed_cos (default: {DEFAULT_DISTANCE})"
    sub.add_argument("--distance", default=DEFAULT_DISTANCE, metavar="D", help=text)
    text = "of these layers alone, from 0; --layers=-1: the last (l2, cos; in corrected also skld, jsd, wsd)"
    sub.add_argument("--layers", metavar="N,N,...", help=text)
    sub.add_argument("--json", action="store_true", help="print a JSON object")
    text = "draw where the images differ, in colour, with the unit (l2, cos; in corrected also skld, jsd, wsd)"
    sub.add_argument("--map", metavar="FILE.png", help=text)
    sub.add_argument("--map-overlay", action="store_true", help="draw --map as a tint of the distorted image, in grey")
    text = "write the map's values: .npy, float32 (height, width); or .png, 16-bit grey, the value of white in its text `white`"
    sub.add_argument("--map-raw", metavar="FILE", help=text)

    sub = command("score-dataset", commands.score_dataset, "score all images of a dataset into OUT/scores.parquet")
    sub.add_argument("name", metavar="NAME", help="of a dataset, or your own table FILE.csv: ref, dis and, if any, mos or dmos")
    network(sub)
    sub.add_argument("--distances", metavar="D,D,...", help="default: all that the backbone can have, but swd")
    sub.add_argument(
        "--baselines", default="", metavar="B,B,...", help="also psnr, ssim, msssim, fsim, lpips, lpips_vgg or dists"
    )
    sub.add_argument("--perturbation", default="none", help="none, tra (shift), sca (scale) or rot (rotate) by 1 %% or degree")
    sub.add_argument("--root", metavar="DIR", help="where the images lie (default: data/, then FMIQA_DATA)")
    sub.add_argument("--partial", action="store_true", help="take what is there of an incomplete dataset")
    sub.add_argument(
        "--rows",
        metavar="SEL",
        help="only these references or distortions, comma-separated; or a file that lists images; or live_5refs",
    )
    sub.add_argument("--out", type=Path, metavar="DIR", help="default: where the notebooks look, data/scores/DATASET/BACKBONE")
    sub.add_argument("--replace", action="store_true", help="write over the scores of another run in DIR")
    sub.add_argument("--batch-size", type=int, metavar="N", help="windows per forward pass (default: what suits the device)")
    where = sub.add_mutually_exclusive_group()
    where.add_argument("--workers", type=int, metavar="N", help="spread over N processes, a GPU or a share of the cores each")
    where.add_argument("--dask", metavar="ADDRESS", help="spread over the workers of this Dask scheduler (tcp://host:8786)")

    sub = command("correlate", judging.correlate, "SRCC, PLCC and KRCC of a scores.parquet, with 95 % intervals")
    sub.add_argument("scores", metavar="SCORES.PARQUET")
    sub.add_argument("--by", metavar="distortion|ref|layer", help="add rows for each; the row `all` stays")
    sub.add_argument("--out", type=Path, metavar="FILE.csv", help="write the numbers, too")

    sub = command("compare", judging.compare, "agreement of several runs and the released methods on the same images, paired")
    sub.add_argument("scores", nargs="+", metavar="SCORES", help="scores.parquet, or its folder; of one dataset")
    sub.add_argument("--released", action="store_true", help="with the authors' released methods (`fmiqa download released`)")
    text = "only these: BACKBONE_DISTANCE, embed_BACKBONE_cos for final features, dinov2_vits14_cos@4 for a layer"
    sub.add_argument("--methods", metavar="M,M,...", help=text)
    text = "differences of SRCC within M are called equivalent where the test shows it (default: 0.01)"
    sub.add_argument("--margin", type=float, metavar="M", help=text)
    text = "for agreement.csv, contrast.csv, equivalence.csv and the figure comparison.*"
    sub.add_argument("--out", type=Path, metavar="DIR", help=text)

    sub = command("released", commands.released, "recompute data/released/*.csv from the authors' released scores")
    sub.add_argument(
        "--resamples", type=int, default=2000, metavar="N", help="of the references, for the intervals (default 2000)"
    )

    sub = command("figure", commands.figure, "draw a figure again: from your table, in your size, format and language")
    sub.add_argument("name", metavar="NAME", help="as in figures/; the dataset may be left out where there is one only")
    text = "with the columns of figures/NAME.csv (default: that file); for fig04_layerwise and fig04_cumulative also a run, "
    text += "DIR/scores.parquet, of score-dataset"
    sub.add_argument("--data", type=Path, metavar="FILE", help=text)
    sub.add_argument("--methods", metavar="M,M,...", help="show only these, in this order (default: all)")
    sub.add_argument("--width", type=float, metavar="MM", help="88 is one column, 180 two (default: as in figures/)")
    sub.add_argument("--format", choices=("pdf", "png", "svg"), help="default: by the ending of --out, else pdf")
    sub.add_argument("--words", nargs="+", default=[], metavar="OLD=NEW", help="texts to replace, for other languages")
    sub.add_argument("--out", type=Path, metavar="FILE", help="default: NAME.FORMAT in the current folder")

    sub = command("gallery", commands.gallery, "write the figures, tables, notebooks and a layer explorer as a static site")
    sub.add_argument("--out", type=Path, metavar="DIR", help="default: figures/site")

    def profile(sub):
        text = "demo (minutes, offline), or full: the paper's datasets, backbones and perturbations"
        sub.add_argument("--profile", default="demo", help=text)
        sub.add_argument("--partial", action="store_true", help="take what is here of datasets and backbones")
        text = "datasets, backbones, perturbations, precision, batch_size or device"
        sub.add_argument("-p", nargs=2, action="append", default=[], metavar=("KEY", "VALUE"), help=text)
        return sub

    sub = profile(command("plan", reproducing.plan, "what a reproduction would do, what of it is done, and what it costs"))
    sub.add_argument("--json", action="store_true", help="print a JSON object")

    sub = command("reproduce", reproducing.reproduce, "run the notebook chain headless; the paper with --profile full")
    sub.add_argument("notebooks", nargs="*", metavar="NOTEBOOK", help="numbers or names (default: all)")
    profile(sub)
    sub.add_argument("--yes", action="store_true", help="accept the terms of use of what is downloaded")
    sub.add_argument("--refresh", action="store_true", help="also store the executed notebooks in notebooks/, for a commit")
    return made
