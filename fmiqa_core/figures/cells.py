"""Numbers as the cells of a table write them; what could not be computed is a dash."""

import math

DASH = "-"


def value(number: float, digits: int = 3, sign: bool = False) -> str:
    """
    >>> value(0.91234), value(0.04, sign=True), value(float("nan"))
    ('0.912', '+0.040', '-')
    """
    return f"{number:{'+' if sign else ''}.{digits}f}" if math.isfinite(number) else DASH


def interval(number: float, low: float, high: float, sign: bool = False) -> str:
    """A number with its interval; a single reference has none.

    >>> interval(0.9, 0.8, 0.95), interval(0.9, float("nan"), float("nan")), interval(*[float("nan")] * 3)
    ('0.900 [0.800, 0.950]', '0.900 [-]', '-')
    """
    if not math.isfinite(number):
        return DASH
    ends = f"{value(low, sign=sign)}, {value(high, sign=sign)}" if math.isfinite(low) and math.isfinite(high) else DASH
    return f"{value(number, sign=sign)} [{ends}]"


def change(before: float, after: float) -> str:
    """
    >>> change(0.9, 0.95), change(float("nan"), float("nan"))
    ('0.900 → 0.950', '-')
    """
    return f"{value(before)} → {value(after)}" if math.isfinite(before) and math.isfinite(after) else DASH
