"""Pictures of what the library returns, from its tables: laws of a rainbow, a sample's alignment, a comparison."""

from __future__ import annotations

from typing import Any

import pandas as pd

from rainbownet.plotting.style import BLACK, COLOURS, GREY, axes_for, grid, legend, ramp, spread

MOST = 30
"""Names that an axis or a legend can hold; of more, those evenly spread are written."""


def plot_laws(spectra: pd.DataFrame, *, ax: Any = None) -> Any:
    """Draw the spectrum of each law, from the first population to the last.

    Args:
        spectra: A row per population and direction: `population`, `rank`, `over_mean`.
        ax: Matplotlib axes to draw on; new ones by default.

    Returns:
        The axes.

    Raises:
        MissingExtra: Without matplotlib.
    """
    ax = axes_for(ax, "Eigenvalues of the law of each population against rank")
    grid(ax)
    names = list(dict.fromkeys(spectra["population"]))
    written = set(spread(names, MOST))
    for name, colour in zip(names, ramp(len(names)), strict=True):
        own = spectra[(spectra["population"] == name) & (spectra["over_mean"] > 0)]
        marker = "." if len(own) < 2 else ""
        ax.plot(own["rank"], own["over_mean"], color=colour, marker=marker, label=name if name in written else None)
    ax.axhline(1, color=GREY, linewidth=1, linestyle="--")
    ax.set(xscale="log", yscale="log", xlabel="rank", ylabel="eigenvalue / mean")
    ax.set_title("Covariance of each law (dashed: a white one)", fontsize=10)
    if names:
        legend(ax, title="population", ncols=1 + (len(written) - 1) // 15, loc="upper left", anchor=(1.0, 1.0))
    return ax


def plot_alignment(alignment: pd.DataFrame, *, ax: Any = None) -> Any:
    """Draw how well each layer of a sample reads what the trained one reads.

    Args:
        alignment: A row per layer: `layer`, `cosine`, `error`, `held_out`.
        ax: Matplotlib axes to draw on; new ones by default.

    Returns:
        The axes.

    Raises:
        MissingExtra: Without matplotlib.
    """
    layers = [str(name) for name in alignment["layer"]]
    ax = axes_for(ax, "Cosine and error of the aligned activations by layer", width=_wide(layers))
    places = range(len(layers))
    ax.plot(places, alignment["cosine"], "o-", color=COLOURS[0], label="cosine, 1 if equal")
    ax.plot(places, alignment["error"], "s--", color=COLOURS[1], label="relative error, 0 if equal")
    held = bool(len(alignment)) and bool(alignment["held_out"].all())
    ax.set_title(f"Aligned activations, {'held-out images' if held else 'on the images fitted'}", fontsize=10)
    ax.set_ylim(0, max(1.03, 1.05 * float(alignment["error"].max())) if len(alignment) else 1.03)
    _layers(ax, layers)
    return ax


def plot_accuracies(table: pd.DataFrame, *, ax: Any = None) -> Any:
    """Draw accuracies beside each other.

    Args:
        table: A row per network: `network`, `accuracy`.
        ax: Matplotlib axes to draw on; new ones by default.

    Returns:
        The axes.

    Raises:
        MissingExtra: Without matplotlib.
    """
    ax = axes_for(ax, "Accuracy of the sample beside its three companions", height=2.6)
    names, values = list(table["network"]), [100 * value for value in table["accuracy"]]
    colours = [GREY, COLOURS[5], COLOURS[0], COLOURS[4]]
    bars = ax.barh(range(len(names)), values, color=[colours[k % len(colours)] for k in range(len(names))], height=0.65)
    ax.bar_label(bars, [f"{value:.1f} %" for value in values], padding=3, fontsize=9, color=BLACK)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    grid(ax)
    ax.set(xlabel="accuracy, %", xlim=(0, 112))
    ax.set_xticks(range(0, 101, 20))
    return ax


def plot_comparison(table: pd.DataFrame, *, ax: Any = None) -> Any:
    """Draw how alike two networks are, layer by layer, beside what random networks and rotations give.

    Args:
        table: What `rainbownet.compare` returned.
        ax: Matplotlib axes to draw on; new ones by default.

    Returns:
        The axes.

    Raises:
        MissingExtra: Without matplotlib.
    """
    layers = [str(name) for name in table["layer"]]
    ax = axes_for(ax, "Similarity of two networks by layer, beside random ones", width=_wide(layers) + 2.2)
    held = {name: table[f"held_{name}"].fillna(table[name]) for name in ("similarity", "centred")}
    lines = [
        (held["similarity"], "o-", COLOURS[0], "activations"),
        (table.get("random"), "o:", COLOURS[0], "  with a random network"),
        (held["centred"], "D-", COLOURS[2], "activations minus their means"),
        (table.get("random_centred"), "D:", COLOURS[2], "  with a random network"),
        (table["weights_aligned"], "s-", COLOURS[1], "weights, aligned"),
        (table["weights"], "s--", COLOURS[1], "  as they are"),
        (table["weights_random"], "s:", COLOURS[1], "  rotated at random"),
    ]
    for values, style, colour, label in lines:
        if values is not None and values.notna().any():
            ax.plot(range(len(layers)), values, style, color=colour, markersize=4.5, label=label)
    ax.set(ylim=(min(0.0, float(held["similarity"].min())), 1.03), ylabel="cosine")
    ax.set_title("Two networks after a rotation, layer by layer", fontsize=10)
    _layers(ax, layers, outside=True)
    return ax


def _layers(ax: Any, layers: list[str], *, outside: bool = False) -> None:
    """Name the layers along the horizontal axis, and add the legend."""
    grid(ax)
    places = spread(range(len(layers)), MOST)
    shown = [layers[place] for place in places]
    steep = len(shown) > 6 or max((len(name) for name in shown), default=0) > 8
    ax.set_xticks(places, shown, rotation=45 if steep else 0, ha="right" if steep else "center")
    ax.set_xlabel("layer that reads")
    legend(ax, **({"loc": "upper left", "anchor": (1.0, 1.0)} if outside else {}))


def _wide(layers: list[str]) -> float:
    return max(5.2, 0.34 * min(len(layers), MOST) + 2)
