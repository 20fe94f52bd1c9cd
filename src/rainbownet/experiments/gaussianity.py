"""Histograms of whitened weights against the normal law (Guth et al., JMLR 2024, figure of Gaussianity)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import kstwo

from rainbownet.analysis import gaussianity, qq_table
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Figure, Outcome, Rule, Tables
from rainbownet.experiments.learned import middle, number, span
from rainbownet.experiments.population import population
from rainbownet.experiments.published import NORMALITY, NORMALITY_ROWS
from rainbownet.experiments.verdict import Judgement, decided, measured, unknown
from rainbownet.plotting.style import BLACK, COLOURS, legend, panels

DIRECTIONS = (2, 11, 101)
"""The published labels 1, 10 and 100 are indices from 0."""

UNIFORM = 0.0577
"""Largest distance between the distribution functions of N(0, 1) and of a uniform law of variance 1."""

QUANTILE = 1.358
"""95 % quantile of √n times the distance that chance gives n neurons of N(0, 1) (Kolmogorov)."""


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
    tables = {"tests": table, "quantiles": pd.concat(quantiles, ignore_index=True)}
    return Outcome(tables, f"{len(nets)} {context.scale.deep} of width {context.scale.crowd[0]:g}")


def _normal(tables: Tables) -> tuple[str, Judgement]:
    table = tables["tests"]
    expected = math.sqrt(math.pi / 2) * math.log(2) / np.sqrt(table["rows"])
    ours = (
        f"p {span(table['p'], 4)}, with the variance's estimation allowed for {span(table['p_corrected'], 4)}; "
        f"KS distance {span(table['ks'], 3)}, by chance {span(expected, 3)}"
    )
    enough = (2 * QUANTILE / UNIFORM) ** 2
    telling = table[table["rows"] >= enough]
    if not len(telling):
        most = table["rows"].max()
        return ours, unknown(f"at most {most} neurons; {enough:,.0f} tell a normal law from a uniform one")
    # What chance adds to the largest distance that was published; a uniform law is twice as far.
    allowed = published_distance() + expected[telling.index]
    reason = (
        f"KS distance up to {telling['ks'].max():.3f} where {enough:,.0f} neurons or more tell a uniform law "
        f"({', '.join(number(layer) for layer in dict.fromkeys(telling['layer']))}), ≤ {allowed.min():.3f} needed"
    )
    return ours, decided(bool((telling["ks"] <= allowed).all()), reason)


def published_distance() -> float:
    """Return the largest distance of distribution functions that was published, from its p-value.

    Example:
        >>> round(published_distance(), 3)
        0.022
    """
    smallest = min(p for row in NORMALITY.values() for p in row)
    return float(kstwo.isf(smallest, NORMALITY_ROWS))


def _first_least(tables: Tables) -> tuple[str, Judgement]:
    table = tables["tests"]
    first = table["direction"] == DIRECTIONS[0]
    ours = f"excess kurtosis {span(table.loc[first, 'excess_kurtosis'])} at r = 1"
    if first.all():
        return ours, unknown("no further direction was tested")
    ours += f", {span(table.loc[~first, 'excess_kurtosis'])} further on"
    sizes, errors = [], []
    for _, part in table.groupby("layer", sort=False):
        leading, others = part[part["direction"] == DIRECTIONS[0]], part[part["direction"] != DIRECTIONS[0]]
        if len(leading) and len(others):
            sizes.append(abs(leading["excess_kurtosis"].iloc[0]) - others["excess_kurtosis"].abs().mean())
            own, rest = leading["excess_kurtosis_error"].iloc[0], others["excess_kurtosis_error"]
            errors.append(math.hypot(own, math.sqrt(rest.pow(2).sum()) / len(rest)))
    weights = 1 / np.square(errors)
    mean, half = float(weights @ np.array(sizes) / weights.sum()), 1.96 / math.sqrt(weights.sum())
    reason = f"|excess kurtosis| at r = 1 above that further on by {mean:.2f} ± {half:.2f}, > 0 needed"
    return ours, measured(mean, half, 0.0, reason, sign=1)


RULES = (
    Rule(
        "normal",
        "whitened weights are close to normal: the largest distance of distribution functions is of the order of "
        "chance",
        f"p from {min(map(min, NORMALITY.values()))} to {max(map(max, NORMALITY.values()))} (KS, 6,400 to 25,600 "
        "neurons)",
        _normal,
    ),
    Rule(
        "first_least",
        "the first directions are the least normal",
        "p .0042 at r = 1 of j = 2 against .46 and .14 further on",
        _first_least,
    ),
)


def draw(tables: Tables) -> Any:
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
        known = NORMALITY.get(number(layer))
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
    RULES,
    draw,
)
