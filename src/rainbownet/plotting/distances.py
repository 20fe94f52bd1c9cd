"""The figure of the infinite width: distance of samples to the limit against width, by layer, with slopes and bound."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from rainbownet.plotting.style import BLACK, COLOURS, GREY, legend, log_ticks, panels, save

OUTPUT = "output"
"""What a table of distances calls the output of the network."""


def draw_distances(distances: pd.DataFrame, rates: pd.DataFrame, path: Path, *, title: str | None = None) -> None:
    """Draw distances of samples to the limit against width.

    Args:
        distances: What `rainbownet.limit.limit_distances` returned.
        rates: What `rainbownet.limit.convergence_rates` returned.
        path: The file; its ending, `.png` or `.pdf`, says which kind.
        title: Above the figure.

    Raises:
        MissingExtra: Without matplotlib.
        RainbowError: If the ending is another.
        FileError: If it cannot be written.
    """
    figure, (axis,) = panels(width=7.2, height=5.0)
    names = list(dict.fromkeys(distances["layer"]))
    slopes = rates.set_index("layer")["slope"]
    for place, name in enumerate(names):
        found = distances[distances["layer"] == name].groupby("width")["distance"]
        mean = found.mean()
        colour = BLACK if name == OUTPUT else COLOURS[place % len(COLOURS)]
        label = f"{name if name == OUTPUT else f'layer {name}'}: slope {slopes[name]:.2f}"
        axis.fill_between(mean.index, found.min(), found.max(), color=colour, alpha=0.15, linewidth=0)
        style = {"marker": "o", "markersize": 5, "linewidth": 2.6 if name == OUTPUT else 1.8}
        axis.plot(mean.index, mean, color=colour, label=label, **style)
    widths = sorted(set(distances["width"]))
    first = distances[(distances["layer"] == OUTPUT) & (distances["width"] == widths[0])]["distance"].mean()
    bound = rates.set_index("layer").loc[OUTPUT, "bound"]
    for slope, line, label in ((-0.5, ":", "slope −½"), (bound, "--", f"proved bound: slope {bound:.2f}")):
        values = [first * (width / widths[0]) ** slope for width in widths]
        axis.plot(widths, values, color=GREY, linestyle=line, linewidth=1.4, label=label)
    axis.set_xscale("log", base=2)
    axis.set_xticks(widths, [f"×{width:g}" for width in widths])
    log_ticks(axis, distances["distance"])
    axis.set_xlabel("width of the sample")
    axis.set_ylabel("relative distance to the limit")
    legend(axis)
    if title is not None:
        axis.set_title(title, loc="left", fontsize=12)
    save(figure, path)
