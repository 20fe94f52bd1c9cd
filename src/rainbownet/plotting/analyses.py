"""Plots of analyses: a picture for each verb of `analyze`, made of its tables alone."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rainbownet.plotting.style import BLACK, COLOURS, GREY, legend, panels, ramp, save, spread

if TYPE_CHECKING:
    import pandas as pd

MOST = 24
"""Panels of one picture; of more layers those evenly spread are drawn."""


def draw_spectra(activations: "pd.DataFrame", weights: "pd.DataFrame", path: Path) -> None:
    """Draw the spectra of every layer: of activations by the largest, of weights by their mean, as the paper does."""
    figure, (left, right) = panels(1, 2)
    layers = list(activations["layer"].unique())
    for layer, colour in zip(layers, ramp(len(layers)), strict=True):
        part = activations.loc[
            (activations["layer"] == layer) & (activations["network"] == activations["network"].iloc[0])
        ]
        left.plot(part["rank"], part["over_first"].clip(1e-8), color=colour, label=layer)
        own = weights.loc[weights["layer"] == layer]
        trained, initial = (own.loc[own["state"] == state] for state in ("trained", "initial"))
        right.plot(trained["rank"], trained["over_mean"], color=colour)
        unit = trained["times_dimension"].iloc[0] / trained["over_mean"].iloc[0]
        right.plot(initial["rank"], initial["rescaled"] / unit, ":", color=colour)
    left.set(xscale="log", yscale="log", xlabel="rank", ylabel="eigenvalue / largest", title="What layers read")
    right.set(yscale="log", xlabel="rank", ylabel="eigenvalue / mean", title="Weights")
    if "initial" in set(weights["state"]):
        right.plot([], [], ":", color=BLACK, label="before training, rescaled")
        legend(right)
    legend(left, title="layer", ncols=1 + len(layers) // 10)
    save(figure, path)


def draw_clipping(curve: "pd.DataFrame", path: Path) -> None:
    """Draw accuracy against rank in every basis, a panel for each layer."""

    def draw(axis: Any, layer: str) -> None:
        own = curve.loc[curve["layer"] == layer]
        for (basis, part), colour in zip(own.groupby("basis", sort=False), COLOURS, strict=False):
            axis.plot(part["rank"], 100 * part["accuracy"], ".-", color=colour, label=basis)
            axis.plot(part["rank"], 100 * part["explained"], ":", color=colour)
        axis.axhline(100 * own["full"].iloc[0], color=GREY, linewidth=1)
        axis.set(xlabel="rank", ylabel="test accuracy, %", ylim=(0, 104), title=f"layer {layer}")

    _grid(list(curve["layer"].unique()), draw, path, note=("k:", "weight energy left, %"))


def draw_convergence(activations: "pd.DataFrame", covariances: "pd.DataFrame", path: Path) -> None:
    """Draw the errors of activations and of covariances against width, a line for each layer."""
    figure, axes = panels(1, 2)
    titles = ("Activations, mean-square error", "Covariances of weights, operator norm")
    for axis, table, title in zip(axes, (activations, covariances), titles, strict=True):
        layers = list(table["layer"].unique())
        for layer, colour in zip(layers, ramp(len(layers)), strict=True):
            means = table.loc[table["layer"] == layer].groupby("width")["error"].mean()
            axis.plot(means.index, means.to_numpy(), "o-", color=colour, label=layer)
        widths = sorted(set(table["width"]))
        axis.set(xscale="log", yscale="log", xlabel="width", ylabel="relative error", title=title)
        axis.set_xticks(widths, [f"{width:g}" for width in widths])
        axis.set_xticks([], minor=True)
        legend(axis, title="layer", ncols=1 + len(layers) // 10)
    save(figure, path)


def draw_similarity(table: "pd.DataFrame", path: Path) -> None:
    """Draw the normalised similarity of every pair of groups, layer by layer."""
    layers = list(table["layer"].unique())
    figure, (axis,) = panels(width=max(5.2, 0.45 * len(layers) + 2))
    pairs = list(table.groupby(["a", "b"], sort=False))
    for k, (_, part) in enumerate(pairs):
        label = f"{part['a'].iloc[0]} – {part['b'].iloc[0]}"
        places = [layers.index(layer) for layer in part["layer"]]
        axis.plot(places, part["similarity"], "o-", color=COLOURS[k % len(COLOURS)], label=label)
    axis.axhline(0, color=GREY, linewidth=1)
    axis.axhline(1, color=GREY, linewidth=1)
    axis.set_xticks(range(len(layers)), layers, rotation=45 if len(layers) > 6 else 0)
    axis.set(xlabel="layer", ylabel="similarity of what was learned")
    axis.set_title("1: one law, 0: a random rotation", fontsize=10)
    legend(axis)
    save(figure, path)


def draw_quantiles(quantiles: "pd.DataFrame", path: Path) -> None:
    """Draw quantiles of whitened weights against those of N(0, 1), a panel for each layer."""

    def draw(axis: Any, layer: str) -> None:
        own = quantiles.loc[quantiles["layer"] == layer]
        directions = list(own["direction"].unique())
        axis.plot([-3, 3], [-3, 3], color=BLACK, linewidth=1)
        for direction, colour in zip(directions, ramp(len(directions)), strict=True):
            part = own.loc[own["direction"] == direction]
            axis.plot(part["normal"], part["measured"], ".", markersize=4, color=colour, label=str(direction))
        axis.set(xlabel="quantiles of N(0, 1)", ylabel="whitened weights", title=f"layer {layer}")

    _grid(list(quantiles["layer"].unique()), draw, path)


def draw_bulks(bulks: "Mapping[str, Sequence[Any]]", path: Path) -> None:
    """Draw the histogram of each spectrum with the Marchenko–Pastur density and the outliers beyond.

    Args:
        bulks: By layer, what `rainbownet.analysis.marchenko_pastur` returns for each network.
        path: Where to write the picture.
    """
    import numpy as np
    import torch

    spectra = {f"{layer}, whitened" if bulk.whitened else layer: bulk for layer, own in bulks.items() for bulk in own}

    def draw(axis: Any, name: str) -> None:
        bulk = spectra[name]
        low, high = bulk.edges
        values = bulk.eigenvalues.numpy()
        bins = np.linspace(0, 1.05 * high, 4 + min(40, int(2 * len(values) ** 0.5)))
        weight = np.full(len(values), 1 / (len(values) * (bins[1] - bins[0])))
        heights, *_ = axis.hist(values, bins=bins, weights=weight, color=COLOURS[5], label="eigenvalues")
        x = torch.linspace(low, high, 200, dtype=torch.float64)[1:-1]
        density = bulk.density(x)
        axis.plot(x.numpy(), density.numpy(), color=BLACK, label="Marchenko–Pastur")
        beyond = values[values > high]
        # At as many rows as columns the density has no bound.
        top = max(heights.max(), min(float(density.max()), 5 * float(density.median())))
        if len(beyond):
            axis.vlines(beyond, 0, 0.3 * top, color=COLOURS[1], linewidth=1.2, label=f"{len(beyond)} beyond")
        axis.set(xlabel="eigenvalue", ylabel="density", title=f"layer {name}", ylim=(0, 1.3 * top))
        if len(beyond) and beyond.max() > 4 * high:
            axis.set_xscale("symlog", linthresh=high)

    _grid(list(spectra), draw, path, each=True)


def draw_dynamics(table: "pd.DataFrame", path: Path) -> None:
    """Draw amplification and cosine against rank, a line for each checkpoint and a row of panels for each layer."""
    layers = spread(list(table["layer"].unique()), MOST // 2)
    figure, axes = panels(len(layers), 2, height=3.2)
    for layer, pair in zip(layers, zip(axes[::2], axes[1::2], strict=True), strict=True):
        own = table.loc[table["layer"] == layer]
        epochs = list(own["epoch"].unique())
        for axis, column in zip(pair, ("amplification", "cosine"), strict=True):
            for epoch, colour in zip(epochs, ramp(len(epochs)), strict=True):
                part = own.loc[own["epoch"] == epoch]
                axis.plot(part["rank"], part[column], color=colour, label=f"{epoch:g}")
            axis.set(xscale="log", xlabel="rank", ylabel=column, title=f"layer {layer}")
        legend(pair[0], title="epoch")
    save(figure, path)


def _grid(
    names: Sequence[str],
    draw: Callable[[Any, str], None],
    path: Path,
    *,
    each: bool = False,
    note: tuple[str, str] | None = None,
) -> None:
    """Draw a panel for each name, a legend in the first or in each."""
    shown = spread(names, MOST)
    columns = min(3, len(shown))
    figure, axes = panels(-(-len(shown) // columns), columns, width=4.2, height=3.4)
    for axis, name in zip(axes, shown, strict=False):
        draw(axis, name)
    if note is not None:
        axes[0].plot([], [], note[0], label=note[1])
    for axis in axes[len(shown) :]:
        axis.set_axis_off()
    for axis in axes[: len(shown)] if each else axes[:1]:
        legend(axis)
    save(figure, path)
