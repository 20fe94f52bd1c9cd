"""Accuracy when a layer keeps few directions (Guth et al., JMLR 2024, figure of informative ranks)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from rainbownet.analysis import clipping_curve, informative_rank
from rainbownet.data import loader
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Figure, Outcome, Rule, Tables
from rainbownet.experiments.learned import middle, number
from rainbownet.experiments.population import population
from rainbownet.experiments.published import INFORMATIVE
from rainbownet.experiments.verdict import FEWEST, Judgement, at_least, at_most, every, unknown
from rainbownet.plotting.style import COLOURS, legend, panels

STEPS = 20

CLIPPED = 3
"""Networks clipped, each in the basis of all; the paper clips one."""


def compute(context: Context) -> Outcome:
    """Clip one layer at a time of some networks, in bases of weights, of activations, and at random."""
    nets, aligned = population(context, context.scale.base, context.scale.seeds)
    test = list(loader(context.images(split="test"), batch_size=500))
    ranks = sorted({1, 2, 3, 5, 8, *(round(k * 10**0.25) for k in (5, 8))})
    parts = []
    for name in middle(aligned):
        dimension = aligned[name].channels
        grid = sorted({*ranks, *(round(dimension * (k / STEPS) ** 2) for k in range(1, STEPS + 1))})
        found = [r for r in grid if r <= dimension]
        for k, net in enumerate(nets[:CLIPPED]):
            curve = clipping_curve(net, (), test, layers=[name], aligned=aligned, index=k, ranks=found)
            parts.append(curve.assign(network=k, networks=len(nets)))
    ranks_found = pd.concat(informative_rank(p).assign(network=p["network"].iloc[0], networks=len(nets)) for p in parts)
    tables = {"curve": pd.concat(parts, ignore_index=True), "ranks": ranks_found.reset_index(drop=True)}
    return Outcome(tables, f"{len(nets)} {context.scale.deep} of width {context.scale.base:g}")


COLUMNS = ("weights", "activations", "random")


def _few(tables: Tables) -> tuple[str, Judgement]:
    weights = tables["ranks"].query("basis == 'weights'")
    ours = ", ".join(
        f"{part['rank'].mean():.0f} of {part['dimension'].iloc[0]} ({number(str(layer))})"
        for layer, part in weights.groupby("layer", sort=False)
    )
    if few := _alone(tables):
        return ours, few
    wanted = 2 * max(rank / dimension for rank, dimension in (known["weights"] for known in INFORMATIVE.values()))
    return ours, every(
        at_most(part["rank"].fillna(part["dimension"]) / part["dimension"], wanted, f"share at {number(str(layer))}")
        for layer, part in weights.groupby("layer", sort=False)
    )


def _order(tables: Tables) -> tuple[str, Judgement]:
    ranks = tables["ranks"]
    # A basis that never reaches the accuracy needs every direction.
    ranks = ranks.assign(rank=ranks["rank"].fillna(ranks["dimension"]).clip(lower=1))
    across = ranks.pivot_table(index="layer", columns="basis", values="rank", sort=False)
    ours = "; ".join(
        f"{number(str(name))}: {', '.join(f'{row[kind]:.0f}' for kind in COLUMNS)}" for name, row in across.iterrows()
    )
    if few := _alone(tables):
        return ours, few
    judgements = []
    for fewer, more, words in (
        ("weights", "activations", "activations over weights"),
        ("activations", "random", "random over activations"),
    ):
        known = min(math.log(row[more][0] / row[fewer][0]) for row in INFORMATIVE.values())
        for layer, part in ranks.groupby("layer", sort=False):
            own = part.pivot_table(index="network", columns="basis", values="rank")
            judgements.append(
                at_least(np.log(own[more] / own[fewer]), known / 2, f"log {words} at {number(str(layer))}")
            )
    return ours, every(judgements)


def _alone(tables: Tables) -> Judgement | None:
    """Return that it cannot be told, where the basis is not that of several networks."""
    ranks = tables["ranks"]
    if "networks" not in ranks:
        return unknown(f"one network was clipped; {FEWEST} are needed")
    most = int(ranks["networks"].min())
    return None if most >= FEWEST else unknown(f"the basis is that of {most} networks; {FEWEST} are needed")


RULES = (
    Rule(
        "few",
        "few directions of the weights hold nearly all of the accuracy",
        "19 of 320 (j = 2), 51 of 1280 (j = 4), 51 of 2560 (j = 6)",
        _few,
    ),
    Rule(
        "order",
        "weights need fewer than activations, and these far fewer than random directions",
        "51, 76, 793 at j = 4",
        _order,
    ),
)


def draw(tables: Tables) -> Any:
    """Draw explained variance and accuracy against rank, a column per layer."""
    curve, ranks = tables["curve"], tables["ranks"]
    layers = list(dict.fromkeys(curve["layer"]))
    figure, axes = panels(2, len(layers), width=4.2, height=3.2)
    for column, layer in enumerate(layers):
        above, below = axes[column], axes[column + len(layers)]
        for kind, colour in zip(COLUMNS, COLOURS, strict=False):
            part = curve[(curve["layer"] == layer) & (curve["basis"] == kind)]
            part = part.groupby("rank", as_index=False)[["explained", "accuracy"]].mean()
            above.plot(part["rank"], 100 * part["explained"], color=colour, label=kind)
            below.plot(part["rank"], 100 * part["accuracy"], color=colour)
            found = ranks[(ranks["layer"] == layer) & (ranks["basis"] == kind)].iloc[0]
            if found["rank"] == found["rank"]:
                below.plot(found["rank"], 100 * found["accuracy"], "o", color=colour)
            known = INFORMATIVE.get(number(layer), {}).get(kind)
            if known is not None:
                place = known[0] / known[1] * found["dimension"]
                below.axvline(place, color=colour, linestyle=":", linewidth=1.4)
        below.axhline(100 * float(curve["full"].iloc[0]), color="#888888", linewidth=0.8)
        above.set_title(f"{number(layer)}", loc="left")
        below.set_xlabel("rank (dots: 1 point lost; dotted: published, as a share)", fontsize=9)
        for axis in (above, below):
            axis.set_xscale("symlog", linthresh=1)
            axis.set_xlim(0.9, None)
    axes[0].set_ylabel("weight variance, %")
    axes[len(layers)].set_ylabel("test accuracy, %")
    legend(axes[0])
    return figure


FIGURE = Figure(
    "clipping",
    "Accuracy when a layer keeps few directions",
    "Guth et al., JMLR 2024, figure of clipped covariances",
    compute,
    RULES,
    draw,
)
