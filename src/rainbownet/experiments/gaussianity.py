"""Histograms of whitened weights against the normal law (Guth et al., JMLR 2024, figure of Gaussianity)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from rainbownet.analysis import gaussianity, qq_table
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Claim, Figure, Outcome
from rainbownet.experiments.learned import middle, number, span
from rainbownet.experiments.population import population
from rainbownet.plotting.style import BLACK, COLOURS, legend, panels

DIRECTIONS = (2, 11, 101)
"""The published labels 1, 10 and 100 are indices from 0."""

PUBLISHED = {"j = 2": (0.0042, 0.463, 0.136), "j = 4": (0.057, 0.045, 0.157), "j = 6": (0.075, 0.756, 0.487)}
"""Kolmogorov–Smirnov p-values printed by the authors' notebook."""


def compute(context: Context) -> Outcome:
    """Return tests of normality of whitened weights, pooled over networks."""
    nets, aligned = population(context, *context.scale.crowd)
    tests, quantiles = [], []
    for name in middle(aligned):
        rows = aligned[name].stacked()
        directions = [d for d in DIRECTIONS if d <= min(rows.shape)]
        tests.append(gaussianity(rows, directions=directions).assign(layer=name))
        quantiles.append(qq_table(rows, directions=directions).assign(layer=name))
    table = pd.concat(tests, ignore_index=True)
    published = [p for row in PUBLISHED.values() for p in row]
    distances = table["ks"]
    expected = math.sqrt(math.pi / 2) * math.log(2) / np.sqrt(table["rows"])
    claims = [
        Claim(
            "whitened weights are close to normal: the largest distance of distribution functions is of the order of "
            "chance",
            f"p from {min(published)} to {max(published)} (KS, 6,400 to 25,600 neurons)",
            f"p {span(table['p'], 4)}, with the variance's estimation allowed for {span(table['p_corrected'], 4)}; "
            f"KS distance {span(distances, 3)}, by chance {span(expected, 3)}",
            bool((table["p"] > 1e-3).mean() >= 0.8),
        ),
        Claim(
            "the first directions are the least normal",
            "p .0042 at r = 1 of j = 2 against .46 and .14 further on",
            f"excess kurtosis {span(table.loc[table['direction'] == DIRECTIONS[0], 'excess_kurtosis'])} at r = 1, "
            f"{span(table.loc[table['direction'] != DIRECTIONS[0], 'excess_kurtosis'])} further on",
            bool(
                table.loc[table["direction"] == DIRECTIONS[0], "excess_kurtosis"].abs().mean()
                > table.loc[table["direction"] != DIRECTIONS[0], "excess_kurtosis"].abs().mean()
            ),
        ),
    ]
    tables = {"tests": table, "quantiles": pd.concat(quantiles, ignore_index=True)}
    return Outcome(tables, claims, f"{len(nets)} {context.scale.deep} of width {context.scale.crowd[0]:g}")


def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw quantiles of whitened weights against normal ones, a panel per layer."""
    quantiles, tests = tables["quantiles"], tables["tests"]
    layers = list(dict.fromkeys(quantiles["layer"]))
    figure, axes = panels(1, len(layers), width=4.2)
    for axis, layer in zip(axes, layers, strict=True):
        part = quantiles[quantiles["layer"] == layer]
        for direction, colour in zip(sorted(set(part["direction"])), COLOURS, strict=False):
            found = part[part["direction"] == direction]
            p = tests[(tests["layer"] == layer) & (tests["direction"] == direction)]["p"].iloc[0]
            axis.plot(found["normal"], found["measured"], ".", color=colour, label=f"r = {direction - 1}: p = {p:.2g}")
        axis.plot([-2.5, 2.5], [-2.5, 2.5], color=BLACK, linewidth=1)
        known = PUBLISHED.get(number(layer))
        label = "" if known is None else f"\npublished p: {', '.join(f'{p:.2g}' for p in known)}"
        axis.set_title(f"{number(layer)}{label}", loc="left", fontsize=10)
        axis.set_xlabel("normal quantile")
        legend(axis)
    axes[0].set_ylabel("quantile of whitened weights")
    return figure


FIGURE = Figure(
    "gaussianity",
    "Whitened weights against the normal law",
    "Guth et al., JMLR 2024, figure of marginal distributions",
    compute,
    draw,
)
