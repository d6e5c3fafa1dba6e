"""Perceptual image distances from the intermediate features of frozen foundation models.

Companion to "Foundation Models Boost Low-Level Perceptual Similarity Metrics"
(Ghildyal, Barman, Zadtootaghaj, ICASSP 2025, arXiv 2409.07650).

One dictionary of symbols, used in every signature and shape comment:

====== ==========================================================================
B      image pairs in a batch
W      windows: 224 x 224 crops of one image
L      layers (taps) of a backbone, from 0, in execution order
T, C   tokens (class token first) and channels of a ViT layer
H, h   rows of an image / of a feature map; columns are V (image) and v (feature map)
N      columns of the authors' 64 x N matrix (distances.columns)
====== ==========================================================================

Every distance grows with the difference between the images: 0 = the same to the model.
"""

__version__ = "0.1.0"
DEFAULT_DISTANCE = "cos"  # of a pair, where none is named; the evidence is in notebook 04 (`stats.setting_choice`)
__all__ = ["DEFAULT_DISTANCE", "InputError", "Metric", "Score", "__version__", "datasets", "demo"]
_HOMES = {"Metric": ".metric", "Score": ".metric", "InputError": ".errors", "datasets": ".data.datasets", "demo": ".data.demo"}


def __getattr__(name):  # torch takes seconds to import: only what needs it pays
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    home = import_module(_HOMES[name], __name__)
    return home if name in ("datasets", "demo") else getattr(home, name)


def __dir__():
    return sorted(__all__)
