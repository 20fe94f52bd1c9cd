"""Activations converge with width, up to a rotation: scattering networks and ResNets (Guth et al., JMLR 2024)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pandas as pd
from torch import nn

from rainbownet.analysis import activation_convergence, align_networks, width_slopes
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Claim, Figure, Outcome
from rainbownet.experiments.learned import blocks, falls, learned_layers, number, span
from rainbownet.plotting.style import BLACK, legend, log_ticks, panels, ramp, width_axis

PUBLISHED = {
    "1": {0.125: 0.35, 0.25: 0.26, 0.5: 0.18, 1.0: 0.118, 2.0: 0.076},
    "3": {0.125: 0.593, 0.25: 0.551, 0.5: 0.496, 1.0: 0.421, 2.0: 0.34, 4.0: 0.257},
    "7": {0.125: 0.666, 0.25: 0.618, 0.5: 0.556, 1.0: 0.468, 2.0: 0.337, 4.0: 0.242},
}
"""Digitised from the left panel: φ_1, φ_3 and φ_7 of the eight-layer network, reference of width 8."""

RESNET = {
    "first": {0.125: 0.575, 0.25: 0.33, 0.5: 0.219, 1.0: 0.154},
    "second": {0.125: 1.29, 0.25: 1.04, 0.5: 0.77, 1.0: 0.576, 2.0: 0.418, 4.0: 0.32},
    "third": {0.125: 1.14, 0.25: 0.88, 0.5: 0.705, 1.0: 0.538, 2.0: 0.398, 4.0: 0.293},
}
"""Digitised from the right panel: inputs of the first layers of a ResNet-18 on ImageNet, twice one minus the cosine."""


def compute(context: Context) -> Outcome:
    """Return errors of alignment to the widest network, on test images, of two kinds of network."""
    scale = context.scale
    table = _errors(context, scale.deep, learned_layers)
    resnet = _errors(context, "resnet18_bnpost", blocks)
    slopes = width_slopes(table)
    across = table.pivot_table(index="layer", columns="width", values="error", sort=False)
    deep = resnet.pivot_table(index="layer", columns="width", values="cosine_error", sort=False)
    claims = [
        Claim(
            "the error falls with width in every layer of a scattering network",
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
        Claim(
            "it falls in the first layers of a ResNet-18, and hardly in the last",
            "inputs of the first .575 to .154 from 1/8 to 1, the last 1.66 to 1.26",
            f"first {_row(deep.iloc[0])}; last {_row(deep.iloc[-1])}, at {_row(deep.columns, 3)}",
            bool(falls(deep.iloc[0]) and deep.iloc[0, -1] < deep.iloc[-1, -1]),
        ),
    ]
    columns = ["layer", "width", "error", "cosine_error", "similarity"]
    tables = {"errors": table[columns], "resnet": resnet[columns], "slopes": slopes}
    return Outcome(tables, claims, f"{scale.deep} and resnet18_bnpost, references of width {scale.widths[-1]:g}")


def _errors(context: Context, network: str, layers: Callable[[nn.Module], list[str]]) -> pd.DataFrame:
    trained = context.train(network, widths=context.scale.widths)
    nets = trained.all()
    aligned = align_networks(
        nets,
        context.batches(context.images()),
        reference=len(nets) - 1,
        layers=layers(nets[0]),
        test=context.batches(context.images(split="test")),
    )
    return activation_convergence(aligned, [float(width) for width, _ in trained.keys if width is not None])


def _row(values: Iterable[float], digits: int = 2) -> str:
    return ", ".join(f"{value:.{digits}g}" for value in values)


def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw the error of each layer against width, scattering left and ResNet right."""
    figure, (left, right) = panels(1, 2, width=5.6)
    kinds = ((left, tables["errors"], "error", PUBLISHED), (right, tables["resnet"], "cosine_error", RESNET))
    for axis, table, value, published in kinds:
        layers = list(dict.fromkeys(table["layer"]))
        for layer, colour in zip(layers, ramp(len(layers)), strict=True):
            part = table[table["layer"] == layer]
            label = f"input of {number(layer)}" if axis is left or layer in (layers[0], layers[-1]) else None
            axis.plot(part["width"], part[value], "o-", markersize=4, color=colour, label=label)
        widths = sorted(set(table["width"]))
        for k, values in enumerate(published.values()):
            known = [(width, values[width]) for width in widths if width in values]
            if known:
                label = f"published: {', '.join(f'φ_{n}' if axis is left else n for n in published)}"
                style = {"color": BLACK, "marker": "x", "linestyle": "--", "linewidth": 1}
                axis.plot(*zip(*known, strict=True), **style, label=None if k else label)
        width_axis(axis, widths)
        log_ticks(axis, table[value])
        legend(axis)
    left.set_ylabel("relative mean-square error")
    right.set_ylabel("2 (1 − cosine)")
    left.set_title("Scattering: distance to the widest network", loc="left")
    right.set_title("ResNet-18", loc="left")
    return figure


FIGURE = Figure(
    "alignment_error",
    "Activations converge with width",
    "Guth et al., JMLR 2024, figure of the convergence of activations",
    compute,
    draw,
)
