"""Tables of a report: which columns of which data frame are shown, and how values read."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

Columns = Mapping[str, tuple[str, str]]
"""By column of the frame: heading, and how values are shown: "text", "number", "count", "percent" or "p"."""


NETWORKS: Columns = {
    "network": ("Network", "text"),
    "parameters": ("Parameters", "count"),
    "accuracy": ("Accuracy", "percent"),
    "loss": ("Loss", "number"),
}
SAMPLES: Columns = {
    "width": ("Width ×", "number"),
    "law": ("Law", "text"),
    "accuracy": ("Accuracy", "percent"),
    "loss": ("Loss", "number"),
    "cosine": ("Cosine", "number"),
    "error": ("Error", "number"),
    "copy_score": ("Copy score", "number"),
    "copy_baseline": ("of a Gaussian", "number"),
    "images": ("Images", "count"),
}
POPULATIONS: Columns = {
    "population": ("Population", "text"),
    "neurons": ("Neurons", "count"),
    "numbers": ("Numbers each", "count"),
    "rank": ("Rank", "count"),
    "effective_rank": ("Effective rank", "number"),
    "frozen": ("Frozen", "text"),
    "writers": ("Written by", "text"),
    "readers": ("Read by", "text"),
}
LAYERS: Columns = {
    "layer": ("Layer", "text"),
    "channels": ("Channels read", "count"),
    "rows": ("Rows", "count"),
    "dimensions": ("Dimensions", "count"),
    "effective_rank": ("Effective rank", "number"),
    "decay": ("Decay per rank", "number"),
    "decay_error": ("± s.e.", "number"),
    "activation_rank": ("Effective rank read", "number"),
    "activation_exponent": ("Exponent read", "number"),
    "activation_exponent_error": ("± s.e. read", "number"),
}
COMPARISON: Columns = {
    "network": ("Network", "text"),
    "layer": ("Layer", "text"),
    "channels_a": ("Channels", "count"),
    "similarity": ("Similarity", "number"),
    "held_similarity": ("held out", "number"),
    "random": ("with a random network", "number"),
    "error": ("Error", "number"),
    "held_error": ("held out", "number"),
    "centred": ("Centred", "number"),
    "held_centred": ("held out", "number"),
    "random_centred": ("with a random network", "number"),
    "weights": ("Weights as they are", "number"),
    "weights_aligned": ("aligned", "number"),
    "weights_random": ("at random", "number"),
}
BULK: Columns = {
    "layer": ("Layer", "text"),
    "outside": ("Outside", "percent"),
    "outside_whitened": ("Outside, whitened", "percent"),
    "spikes": ("Outliers", "count"),
    "largest": ("Largest", "number"),
    "upper_edge": ("Upper edge", "number"),
    "directions": ("Directions tested", "count"),
    "rejected": ("not normal", "count"),
}
GAUSSIANITY: Columns = {
    "layer": ("Layer", "text"),
    "direction": ("Direction", "count"),
    "rows": ("Rows", "count"),
    "p_corrected": ("p", "p"),
    "p": ("p, as published", "p"),
    "p_kurtosis": ("p of kurtosis", "p"),
    "excess_kurtosis": ("Excess kurtosis", "number"),
    "excess_kurtosis_error": ("± s.e.", "number"),
    "normal": ("Normal", "text"),
}


def present(frame: pd.DataFrame, columns: Columns) -> Columns:
    """Return the columns that a data frame has values for, in order.

    Example:
        >>> frame = pd.DataFrame({"share": [0.25], "loss": [None]})
        >>> present(frame, {"loss": ("Loss", "number"), "share": ("Share", "percent"), "width": ("Width", "number")})
        {'share': ('Share', 'percent')}
    """
    return {name: how for name, how in columns.items() if name in frame and not frame[name].isna().all()}


def shown(value: Any, kind: str) -> str:
    """Return a value as text.

    Example:
        >>> shown(0.12345, "number"), shown(1234, "count"), shown(0.0004, "p"), shown(None, "number")
        ('0.123', '1,234', '< 0.001', '–')
    """
    if isinstance(value, (tuple, list)):
        return ", ".join(map(str, value))
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool) or type(value).__name__ == "bool_":
        return "yes" if value else "no"
    if kind == "percent":
        return f"{100 * value:.1f} %"
    if kind == "count":
        return f"{int(value):,}"
    if kind == "p" and value < 0.001:
        return "< 0.001"
    if kind in ("number", "p"):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)
