"""Activations converge with width, up to a rotation (Guth et al., JMLR 2024, figure 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from rainbownet.analysis import activation_convergence, align_networks, width_slopes
from rainbownet.figures.figure import Claim, Figure, Outcome
from rainbownet.figures.learned import falls, learned_layers, number, span
from rainbownet.figures.style import BLACK, legend, log_ticks, panels, ramp, width_axis
from rainbownet.figures.workshop import Workshop

PUBLISHED = {
    "1": {0.125: 0.35, 0.25: 0.26, 0.5: 0.18, 1.0: 0.118, 2.0: 0.076},
    "3": {0.125: 0.593, 0.25: 0.551, 0.5: 0.496, 1.0: 0.421, 2.0: 0.34, 4.0: 0.257},
    "7": {0.125: 0.666, 0.25: 0.618, 0.5: 0.556, 1.0: 0.468, 2.0: 0.337, 4.0: 0.242},
}
"""Digitised from the left panel: φ_1, φ_3 and φ_7 of the eight-layer network, reference of width 8."""


def compute(workshop: Workshop) -> Outcome:
    """Return errors of alignment to the widest network, on test images."""
    trained = workshop.train(workshop.scale.deep, widths=workshop.scale.widths)
    widths = [float(width) for width, _ in trained.keys]  # pyright: ignore[reportArgumentType]
    nets = trained.all()
    aligned = align_networks(
        nets,
        workshop.batches(workshop.images()),
        reference=len(nets) - 1,
        layers=learned_layers(nets[0]),
        test=workshop.batches(workshop.images(split="test")),
    )
    table = activation_convergence(aligned, widths)
    slopes = width_slopes(table) if len(set(table["width"])) > 1 else pd.DataFrame()
    across = table.pivot_table(index="layer", columns="width", values="error", sort=False)
    claims = [
        Claim(
            "the error falls with width in every layer",
            "φ_1 .35 at 1/8 to .076 at 2, φ_7 .67 to .34",
            f"from {span(across.iloc[:, 0])} at {across.columns[0]:g} to {span(across.iloc[:, -1])} at "
            f"{across.columns[-1]:g}; slopes {span(slopes['slope'])}",
            all(falls(row) for row in across.to_numpy()),
        ),
        Claim(
            "deeper layers converge more slowly",
            "φ_1 .118, φ_3 .421, φ_7 .468 at width 1",
            ", ".join(f"{number(str(layer))} {value:.2f}" for layer, value in across.iloc[:, -1].items()),
            bool(across.iloc[0, -1] < across.iloc[-1, -1]),
        ),
    ]
    tables = {"errors": table[["layer", "width", "error", "cosine_error", "similarity"]], "slopes": slopes}
    return Outcome(tables, claims, f"{workshop.scale.deep}, reference of width {widths[-1]:g}")


def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw the error of each layer against width."""
    figure, (axis,) = panels(width=6.4, height=4.6)
    table = tables["errors"]
    layers = list(dict.fromkeys(table["layer"]))
    for layer, colour in zip(layers, ramp(len(layers)), strict=True):
        part = table[table["layer"] == layer]
        axis.plot(part["width"], part["error"], "o-", markersize=4, color=colour, label=f"input of {number(layer)}")
    widths = sorted(set(table["width"]))
    for phi, values in PUBLISHED.items():
        known = [(width, values[width]) for width in widths if width in values]
        if known:
            style = {"color": BLACK, "marker": "x", "linestyle": "--", "linewidth": 1}
            axis.plot(*zip(*known, strict=True), **style, label="published: φ_1, φ_3, φ_7" if phi == "1" else None)
    width_axis(axis, widths)
    log_ticks(axis, table["error"])
    axis.set_ylabel("relative mean-square error")
    axis.set_title("Distance of activations to the widest network's", loc="left")
    legend(axis)
    return figure


FIGURE = Figure(
    "alignment_error",
    "Activations converge with width",
    "Guth et al., JMLR 2024, figure of the convergence of activations (left panel)",
    compute,
    draw,
)
