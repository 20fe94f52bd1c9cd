"""Markdown that pages of results are written in: tables, and means with their spread."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any


def table(headers: Sequence[Any], rows: Iterable[Sequence[Any]]) -> str:
    r"""Return a table; bars inside cells are escaped.

    Example:
        >>> print(table(["a", "b"], [["|x|", 1]]))
        | a | b |
        | --- | --- |
        | \|x\| | 1 |
    """
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def spread(values: Sequence[float], digits: int = 1) -> str:
    """Return a mean with the sample standard deviation, nothing for no values.

    Args:
        values: The values.
        digits: Digits after the point.

    Example:
        >>> spread([1.0, 2.0, 3.0]), spread([1.0]), spread([]), spread([0.25, 0.75], 2)
        ('2.0 ± 1.0', '1.0', '', '0.50 ± 0.35')
    """
    if not values:
        return ""
    mean = f"{statistics.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.{digits}f}"
