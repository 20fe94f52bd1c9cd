"""The figure of compression: accuracy against bytes, a panel a network."""

import statistics
from pathlib import Path
from typing import Any

from rainbownet.plotting.style import BLACK, COLOURS, GREY, panels, save

SERIES = {
    "ours": ("file of statistics, int8", COLOURS[0], "o-"),
    "white": ("its white controls", COLOURS[0], "o:"),
    "SVD": ("truncated SVD", COLOURS[1], "s-"),
    "pruned weights": ("pruned weights", COLOURS[2], "^-"),
    "pruned channels": ("pruned channels (Torch-Pruning), int8", COLOURS[3], "v-"),
    "bits": ("float32, float16, int8 a row", BLACK, "D"),
}


def series_of(kind: str) -> str | None:
    """Return the series a row belongs to."""
    if kind in ("float32", "float16", "int8"):
        return "bits"
    return next((name for name in SERIES if kind.startswith(name)), None)


def draw(curves: dict[str, Any], path: Path) -> None:
    """Draw the curves of a result into a PNG file."""
    columns = min(3, len(curves) + 1)  # the last panel has the legend
    figure, axes = panels(-(-(len(curves) + 1) // columns), columns, width=4.4, height=3.6)
    for axis, (name, found) in zip(axes, curves.items(), strict=False):
        for key, (label, colour, style) in SERIES.items():
            own = sorted((r for r in found["rows"] if series_of(r["kind"]) == key), key=lambda r: r["bytes"])
            if own:
                sizes = [row["bytes"] / 1e3 for row in own]
                means = [statistics.mean(row["test"]) for row in own]
                spreads = [statistics.stdev(row["test"]) if len(row["test"]) > 1 else 0.0 for row in own]
                face = "white" if key == "white" else colour
                axis.errorbar(
                    sizes, means, spreads, fmt=style, color=colour, label=label, markersize=5, markerfacecolor=face
                )
        for kind, line in (("full rank", "-."), ("identity baseline", ":")):
            value = next((statistics.mean(row["test"]) for row in found["rows"] if row["kind"] == kind), None)
            if value is not None:
                axis.axhline(value, color=GREY, linestyle=line, linewidth=1, label=f"{kind} (×1, float32)")
        axis.axhline(found["trained"], color=BLACK, linestyle="--", linewidth=1, label="trained")
        axis.set_xscale("log")
        axis.set_title(name, loc="left", fontsize=11, weight="bold")
        axis.set_xlabel("kB")
        axis.set_ylabel("test accuracy, %")
    for axis in axes[len(curves) :]:
        axis.set_axis_off()
    axes[-1].legend(*axes[0].get_legend_handles_labels(), loc="center left", frameon=False, fontsize=9)
    save(figure, path)
