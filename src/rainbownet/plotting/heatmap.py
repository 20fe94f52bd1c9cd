"""Heat maps of layers against layers, the best match of each layer marked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from rainbownet.extras import require
from rainbownet.plotting.style import BLACK, axes_for


def heatmap(matrix: pd.DataFrame, *, title: str = "", ax: Any = None) -> Any:
    """Draw a matrix of similarities.

    Args:
        matrix: Layers of one side × layers of the other; NaN where nothing is known.
        title: Above the map.
        ax: Matplotlib axes to draw on; new ones, of a size that lets names be read, by default.

    Returns:
        The axes.

    Raises:
        MissingExtra: Without matplotlib.
    """
    values = matrix.to_numpy(dtype=float)
    width, height = 2.4 + 0.27 * values.shape[1], 1.8 + 0.27 * values.shape[0]
    ax = axes_for(ax, f"{title} of each layer with each layer", width=width, height=height)
    low = min(0.0, float(np.nanmin(values))) if np.isfinite(values).any() else 0.0
    high = max(1.0, float(np.nanmax(values))) if np.isfinite(values).any() else 1.0
    image = ax.imshow(values, cmap="cividis", vmin=max(low, -1.0), vmax=high, aspect="auto", interpolation="nearest")
    ax.set_xticks(range(values.shape[1]), list(matrix.columns), rotation=90, fontsize=7)
    ax.set_yticks(range(values.shape[0]), list(matrix.index), fontsize=7)
    ax.set_xlabel(matrix.columns.name or "")
    ax.set_ylabel(matrix.index.name or "")
    ax.set_title(title, fontsize=9)
    for row, line in enumerate(values):
        if np.isfinite(line).any():
            ax.plot(int(np.nanargmax(line)), row, "o", markersize=3.5, markerfacecolor="white", markeredgecolor=BLACK)
    ax.figure.colorbar(image, ax=ax, shrink=0.8)
    return ax


def heatmaps(matrices: Mapping[str, pd.DataFrame], *, columns: int = 4) -> Any:
    """Draw several matrices side by side.

    Args:
        matrices: By title.
        columns: Maps in a row.

    Returns:
        The figure.

    Raises:
        MissingExtra: Without matplotlib.
    """
    figures = require("matplotlib.figure", extra="plot")
    across = min(columns, len(matrices))
    down = -(-len(matrices) // across)
    tallest, widest = (max(matrix.shape[axis] for matrix in matrices.values()) for axis in (0, 1))
    size = across * min(2.4 + 0.27 * widest, 4.6), down * min(1.8 + 0.27 * tallest, 4.6)
    figure = figures.Figure(figsize=size, dpi=130, layout="constrained")
    axes = figure.subplots(down, across, squeeze=False).flat
    for ax, (title, matrix) in zip(axes, matrices.items(), strict=False):
        heatmap(matrix, title=title, ax=ax)
    for ax in list(axes)[len(matrices) :]:
        ax.set_axis_off()
    return figure
