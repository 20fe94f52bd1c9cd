"""How figures look: colours that every eye tells apart, light axes, published values in black or as crosses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

from rainbownet.errors import RainbowError
from rainbownet.extras import require
from rainbownet.files.write import write_file

T = TypeVar("T")

# Okabe & Ito: told apart by every kind of colour vision.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
BLACK, GREY = "#222222", "#888888"
PUBLISHED = {"color": BLACK, "marker": "x", "markersize": 7, "markeredgewidth": 1.8, "linestyle": "--", "linewidth": 1}
"""How published values are drawn beside ours."""


def panels(rows: int = 1, columns: int = 1, *, width: float = 5.2, height: float = 4.2) -> tuple[Any, list[Any]]:
    """Return a figure of panels, each `width` × `height` inches, and its axes row by row.

    Raises:
        MissingExtra: Without matplotlib.
    """
    figures = require("matplotlib.figure", extra="plot")
    figure = figures.Figure(figsize=(width * columns, height * rows), dpi=130, layout="constrained")
    axes = [axis for row in figure.subplots(rows, columns, squeeze=False) for axis in row]
    for axis in axes:
        grid(axis)
    return figure, axes


def axes_for(ax: Any, name: str, *, width: float = 6.4, height: float = 3.8) -> Any:
    """Return the axes of a picture that a method `plot` draws: those given, or new ones that a notebook shows.

    Args:
        ax: Matplotlib axes, or None.
        name: What a new figure is called: the words that stand for it where it cannot be seen.
        width: Inches of a new figure.
        height: Likewise.

    Raises:
        MissingExtra: Without matplotlib.
    """
    if ax is None:
        pyplot = require("matplotlib.pyplot", extra="plot")
        figure, ax = pyplot.subplots(figsize=(width, height), layout="constrained")
        figure.set_label(name)
    return ax


def grid(axis: Any) -> None:
    """Give axes a light grid behind what is drawn, and no frame above and to the right."""
    axis.grid(visible=True, color="#e6e6e6", linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[["top", "right"]].set_visible(False)


def ramp(count: int) -> list[Any]:
    """Return colours from dark to light, for things in an order (layers, widths, epochs)."""
    colormaps = require("matplotlib", extra="plot").colormaps
    return [colormaps["viridis"](0.08 + 0.8 * k / max(1, count - 1)) for k in range(count)]


def spread(things: Sequence[T], most: int) -> list[T]:
    """Return all things, or of more than `most` those evenly spread from the first to the last.

    Example:
        >>> spread("abcdefg", 3)
        ['a', 'd', 'g']
    """
    count = min(most, len(things))
    return [things[k * (len(things) - 1) // max(1, count - 1)] for k in range(count)]


def width_axis(axis: Any, widths: Sequence[float]) -> None:
    """Label a logarithmic axis with widths, halves as fractions."""
    axis.set_xscale("log", base=2)
    axis.set_xticks(list(widths), [f"1/{round(1 / width)}" if width < 1 else f"{width:g}" for width in widths])
    axis.minorticks_off()
    axis.set_xlabel("width s")


def log_ticks(axis: Any, values: Iterable[float]) -> None:
    """Give a vertical axis a logarithmic scale with a few plain numbers over the range of values."""
    found = [value for value in values if value > 0]
    low, high = min(found), max(found)
    marks = [m * 10.0**k for k in range(-6, 4) for m in (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)]
    ticks = [mark for mark in marks if 0.85 * low <= mark <= 1.2 * high]
    step = max(1, round(len(ticks) / 8))
    axis.set_yscale("log")
    axis.set_yticks(ticks[::step], [f"{tick:g}" for tick in ticks[::step]])
    axis.minorticks_off()


def legend(
    axis: Any,
    *,
    title: str | None = None,
    ncols: int = 1,
    loc: str = "best",
    anchor: tuple[float, float] | None = None,
) -> None:
    """Add a legend without a frame.

    Args:
        axis: Where.
        title: What stands above it.
        ncols: Its columns.
        loc: Which corner or side of it is placed, as matplotlib names them.
        anchor: Where that is placed, as shares of the axes; inside them by default.
    """
    axis.legend(frameon=False, fontsize=8.5, title=title, ncols=ncols, loc=loc, bbox_to_anchor=anchor)


def save(figure: Any, path: Path) -> None:
    """Write a figure as PNG or PDF, by the ending.

    Raises:
        RainbowError: If the ending is another.
        FileError: If it cannot be written.
    """
    kind = path.suffix.lower().lstrip(".")
    if kind not in ("png", "pdf"):
        raise RainbowError(f"{path}: a figure ends in .png or .pdf")
    buffer = BytesIO()
    figure.savefig(buffer, format=kind)
    write_file(path, buffer.getvalue())
