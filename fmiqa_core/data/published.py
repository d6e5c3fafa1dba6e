"""The published datasets: what their folders look like, and what their file names and scores mean."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """What a dataset's folder looks like, and what its file names and scores mean."""

    title: str
    refs: str  # name of the folder of references, in lower case
    distorted: tuple[str, ...]  # names of the folders of distorted images, in lower case; * for anything
    name: str  # regular expression of a distorted image's file name, with groups type and level where it has them
    example: str
    scale: str  # what the scores are
    cite: str
    images: int  # distorted ones of the complete dataset
    references: int
    pixels: tuple[int, int]  # height and width: of every image, of LIVE the most frequent
    lower_is_better: bool = False
    scores: str = ""  # the dataset's own table of scores, a pattern relative to its folder
    by_folder: bool = False  # a file name is a key only together with its folder
    called: str = ""  # what its folder's name holds, where another dataset has the same file names
    host: str = ""  # the dataset whose images are these too, under other names (`panels`)

    def key(self, path: str) -> str:
        """What identifies the image at `path`, relative to the dataset's folder."""
        return (path if self.by_folder else path.rpartition("/")[2]).lower()


LAYOUTS = {
    "live": Layout(
        "LIVE",
        "refimgs",
        ("jp2k", "jpeg", "wn", "gblur", "fastfading"),
        r"img\d+\.bmp",
        "gblur/img1.bmp",
        "realigned DMOS, higher = worse",
        "H.R. Sheikh, Z. Wang, L. Cormack, A.C. Bovik, LIVE Image Quality Assessment Database Release 2, "
        "http://live.ece.utexas.edu/research/quality",
        779,
        29,
        (512, 768),
        lower_is_better=True,
        by_folder=True,
    ),
    "tid2013": Layout(
        "TID2013",
        "reference_images",
        ("distorted_images",),
        r"i\d\d_(?P<type>\d\d)_(?P<level>\d)\.bmp",
        "distorted_images/i01_01_1.bmp",
        "MOS 0-9, higher = better",
        "N. Ponomarenko et al., Image database TID2013: Peculiarities, results and perspectives, Signal Processing: "
        "Image Communication 30 (2015) 57-77, doi:10.1016/j.image.2014.10.009",
        3000,
        25,
        (384, 512),
        scores="mos_with_names.txt",
    ),
    "tid2008": Layout(
        "TID2008",
        "reference_images",
        ("distorted_images",),
        r"i\d\d_(?P<type>\d\d)_(?P<level>\d)\.bmp",
        "distorted_images/I01_01_1.bmp",
        "MOS 0-9 of TID2008's observers, higher = better",
        "N. Ponomarenko et al., TID2008 - A Database for Evaluation of Full-Reference Visual Quality Assessment Metrics, "
        "Advances of Modern Radioelectronics 10 (2009) 30-45",
        1700,
        25,
        (384, 512),
        scores="mos_with_names.txt",
        called="2008",
        host="tid2013",
    ),
    "pipal": Layout(
        "PIPAL",
        "train_ref",
        ("train_dis*", "distortion_*", "dist_imgs"),
        r"a\d{4}_(?P<type>\d\d)_\d\d\.bmp",
        "Train_Dis/A0001_00_00.bmp",
        "Elo score of the training set, higher = better",
        "J. Gu et al., PIPAL: a Large-Scale Image Quality Assessment Dataset for Perceptual Image Restoration, ECCV "
        "2020, doi:10.1007/978-3-030-58621-8_37",
        23200,
        200,
        (288, 288),
        scores="Train_Label/*.txt",
    ),
    "kadid10k": Layout(
        "KADID-10k",
        "images",
        ("images",),
        r"i\d\d_(?P<type>\d\d)_(?P<level>\d\d)\.png",
        "images/I01_01_01.png",
        "MOS 1-5 (in a table called dmos.csv), higher = better",
        "H. Lin, V. Hosu, D. Saupe, KADID-10k: A Large-scale Artificially Distorted IQA Database, QoMEX 2019, "
        "doi:10.1109/QoMEX.2019.8743252",
        10125,
        81,
        (384, 512),
        scores="dmos.csv",
    ),
    "csiq": Layout(
        "CSIQ",
        "src_imgs",
        ("dst_imgs",),
        r"\w+\.(?P<type>[a-z0-9]+)\.(?P<level>\d)\.png",
        "dst_imgs/AWGN/1600.AWGN.1.png",
        "DMOS 0-1, higher = worse",
        "E.C. Larson, D.M. Chandler, Most apparent distortion: full-reference image quality assessment and the role "
        "of strategy, Journal of Electronic Imaging 19(1) 011006 (2010), doi:10.1117/1.3267105",
        866,
        30,
        (512, 512),
        lower_is_better=True,
    ),
}


def title(dataset: str) -> str:
    """What `dataset` is called in a sentence: its published title, or of an own table the file's name without its ending.

    >>> title("kadid10k"), title("mine.csv")
    ('KADID-10k', 'mine')
    """
    return LAYOUTS[dataset].title if dataset in LAYOUTS else Path(dataset).stem
