"""Figures as cells of a table: a value and the samples it is one of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def cell(column: Floats, *, signed: bool = False, digits: int = 3) -> str:
    """The first of a column with the 95 % interval of the others; a difference with its sign.

    >>> cell(np.array([0.5, 0.4, 0.6]))
    '.500 [.41, .59]'
    >>> cell(np.array([-0.2, -0.3, -0.1]), signed=True)
    '-.200 [-.29, -.11] *'
    """
    known = column[1:][~np.isnan(column[1:])]
    if np.isnan(column[0]) or not len(known):
        return "–"
    low, high = np.quantile(known, [0.025, 0.975])
    sign = "+" if signed else ""
    star = " *" if signed and (low > 0 or high < 0) else ""
    return f"{_short(column[0], sign, digits)} [{_short(low, sign)}, {_short(high, sign)}]{star}"


def _short(value: float, sign: str, digits: int = 2) -> str:
    """Without its leading zero, as the papers print a share."""
    text = f"{value:{sign}.{digits}f}"
    head = text.lstrip("+-")
    return text[: len(text) - len(head)] + head.removeprefix("0") if abs(value) < 1 else text
