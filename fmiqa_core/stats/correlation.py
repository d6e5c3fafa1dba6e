"""Agreement of scores with human judgement in one number. Signs are kept: both sides larger = better, positive = agreement."""

import numpy as np
from scipy.stats import kendalltau, rankdata


def srcc(pred: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of each column of `pred` (n,) or (n, K) with `quality` (n,): () or (K,).

    >>> float(srcc([1, 2, 4, 8], [10, 20, 40, 30]).round(3))
    0.8
    """
    return plcc(rankdata(pred, axis=0), rankdata(quality))


def plcc(pred: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """Pearson's correlation, raw, of each column of `pred` with `quality`; NaN where one is constant.

    >>> float(plcc([1, 2, 3], [2, 4, 6]).round(3))
    1.0
    """
    x = np.asarray(pred, float) - np.mean(pred, axis=0)
    y = np.asarray(quality, float) - np.mean(quality)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (y @ x) / np.sqrt(np.square(x).sum(axis=0) * np.square(y).sum())


def krcc(pred: np.ndarray, quality: np.ndarray) -> float:
    """Kendall's tau-b.

    >>> round(float(krcc([1, 2, 3, 4], [1, 2, 4, 3])), 3)
    0.667
    """
    return kendalltau(pred, quality).statistic
