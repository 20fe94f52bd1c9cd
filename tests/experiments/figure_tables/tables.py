"""What all made-up tables share: rows from keys, seeds and how far they are apart."""

from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd

Tables = dict[str, pd.DataFrame]
Cases = dict[tuple[str, str], dict[str, list[Tables]]]
"""By figure and rule, and by verdict, tables that lead to it."""

SEEDS = (0, 1, 2)
WIDTHS = (0.125, 0.25, 0.5, 1.0)
SCATTER = (0.99, 1.0, 1.01)
"""What three seeds multiply a value with, so that they differ a little."""

WILD = (0.1, 1.0, 1.9)
"""And so that they differ as much as the value itself."""


def rows(keys: Iterable[dict[str, Any]], **columns: Callable[[dict[str, Any]], Any]) -> pd.DataFrame:
    """Return a row for each key, further columns computed from it."""
    return pd.DataFrame([key | {name: value(key) for name, value in columns.items()} for key in keys])


def per_seed(scatter: Iterable[float] = SCATTER, seeds: Iterable[int] = SEEDS) -> dict[int, float]:
    return dict(zip(seeds, scatter, strict=False))


ONE, THREE, APART = per_seed((1.0,), (0,)), per_seed(), per_seed(WILD)
