"""The bar beside a map: where it ends, and its three ticks."""

import numpy as np


def highest(values: np.ndarray) -> float:
    """The maximum to three digits: more of them differ from processor to processor."""
    return float(f"{np.max(values):.3g}")


def three_ticks(bar, top: float, middle: float, digits: int = 2) -> None:
    """Ticks of a matplotlib `Colorbar` at 0, `middle` and `top`, to so many significant digits."""
    bar.set_ticks([0, middle, top], labels=["0", *(f"{value:.{digits}g}" for value in (middle, top))])
