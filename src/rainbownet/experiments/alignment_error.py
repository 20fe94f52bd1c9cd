"""Activations converge with width, up to a rotation: scattering networks and ResNets (Guth et al., JMLR 2024)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import linregress
from torch import nn

from rainbownet.analysis import activation_convergence, align_networks, width_slopes
from rainbownet.data.batches import Loader
from rainbownet.experiments.context import Context, Trained
from rainbownet.experiments.figure import Figure, Outcome, Rule, Tables, each_seed
from rainbownet.experiments.learned import blocks, learned_layers, number, span
from rainbownet.experiments.published import ACTIVATION_ERROR, RESNET_ERROR, log_slope
from rainbownet.experiments.standardised import standardised_errors
from rainbownet.experiments.verdict import Judgement, at_least, at_most, every, unknown
from rainbownet.plotting.style import BLACK, legend, log_ticks, panels, ramp, width_axis

RESNET = "resnet18_bnpost"
STANDARDISED = "standardised"
"""Column that says that means were taken off and deviations divided, as published."""


def compute(context: Context) -> Outcome:
    """Return errors of alignment to the widest network, on test images, of two kinds of network."""
    scale = context.scale
    images, test = context.batches(context.images()), context.batches(context.images(split="test"))
    deep = context.family(scale.deep)
    errors = []
    for seed in range(scale.width_seeds):
        nets = _of_seed(deep, scale.widths, seed)
        aligned = align_networks(nets, images, reference=len(nets) - 1, layers=learned_layers(nets[0]), test=test)
        errors.append(activation_convergence(aligned, scale.widths).assign(seed=seed))
    table = pd.concat(errors, ignore_index=True)
    columns = ["layer", "width", "seed", "error", "cosine_error", "similarity"]
    tables = {"errors": table[columns], "slopes": width_slopes(table)}
    words = f"{scale.deep}, {scale.each_width}, references of width {scale.widths[-1]:g}"
    alone = scale.reference_seeds is not None and scale.reference_seeds < scale.width_seeds
    notes = [f"Each network is compared with the widest {'of seed 0' if alone else 'of its own seed'}."]
    if scale.residual_widths:
        tables["resnet"] = _residual(context, images, test)
        words += f"; {scale.width_seeds} {RESNET} of each of widths {_row(scale.residual_widths, 3)}"
        notes.append(
            "Right: inputs of the convolutions of blocks and of the classifier, shortcuts left out, every channel "
            "centred and divided by its deviation, as published."
        )
    return Outcome(tables, words, (" ".join(notes),))


def _residual(context: Context, images: Loader, test: Loader) -> pd.DataFrame:
    """Return errors of the standardised activations of ResNets against the widest of their seed."""
    widths, seeds = context.scale.residual_widths, range(context.scale.width_seeds)
    others = context.train(RESNET, widths=widths, seeds=seeds)
    found = []
    for seed in seeds:
        nets = _of_seed(others, widths, seed)
        layers = [*blocks(nets[0]), "fc"]
        errors = standardised_errors(nets, widths, images, test, layers)
        found.append(errors.assign(seed=seed, **{STANDARDISED: True}))
    return pd.concat(found, ignore_index=True)


def _of_seed(trained: Trained, widths: Iterable[float], seed: int) -> list[nn.Module]:
    """Return a network of each width, of the given seed where there is one and of seed 0 else."""
    return [trained.at(width=width, seed=seed if (width, seed) in trained.keys else 0) for width in widths]


def _falls(tables: Tables) -> tuple[str, Judgement]:
    table = tables["errors"]
    across = table.pivot_table(index="layer", columns="width", values="error", sort=False)
    low, high = min(across.columns), max(across.columns)
    slowest = max(log_slope(values, low, high) for values in ACTIVATION_ERROR.values())
    judgements = [
        at_most(_slopes(part, "error"), slowest / 2, f"slope at {number(str(layer))}")
        for layer, part in table.groupby("layer", sort=False)
    ]
    ours = f"from {span(across[low])} at {low:g} to {span(across[high])} at {high:g}"
    return ours, every(judgements) if len(across.columns) > 2 else unknown("two widths give no slope")


def _deeper(tables: Tables) -> tuple[str, Judgement]:
    table = tables["errors"]
    wide = table[table["width"] == table["width"].max()]
    layers = list(dict.fromkeys(table["layer"]))
    gaps = []
    for part in each_seed(wide):
        by_layer = part.set_index("layer")["error"]
        gaps.append(by_layer[layers[-1]] - by_layer[layers[0]])
    means = wide.groupby("layer", sort=False)["error"].mean()
    ours = ", ".join(f"{number(str(layer))} {value:.2f}" for layer, value in means.items())
    half = (ACTIVATION_ERROR["7"][1.0] - ACTIVATION_ERROR["1"][1.0]) / 2
    return ours, at_least(gaps, half, "error of the last layer above that of the first")


def residual(tables: Tables) -> tuple[str, Judgement]:
    """Judge whether the first layers of a ResNet come nearer to the widest, and the last hardly."""
    if "resnet" not in tables:
        return "not measured", unknown("no ResNet-18 was trained at this scale")
    table = tables["resnet"]
    across = table.pivot_table(index="layer", columns="width", values="cosine_error", sort=False)
    convolutions = across[across.index != "fc"]
    first, last = convolutions.index[0], convolutions.index[-1]
    ours = f"first {_row(across.loc[first])}; last {_row(across.loc[last])}, at {_row(across.columns, 3)}"
    if STANDARDISED not in table:
        return ours, unknown("activations were not centred and standardised")
    if len(across.columns) < 3:
        return ours, unknown("two widths give no slope")
    low, high = min(across.columns), max(across.columns)
    theirs = [log_slope(RESNET_ERROR[name], low, high) for name in ("first", "last")]
    slopes = [_slopes(table[table["layer"] == name], "cosine_error") for name in (first, last)]
    apart = np.subtract(slopes[1], slopes[0])
    judgements = [
        at_most(slopes[0], theirs[0] / 2, "slope of the first"),
        at_least(apart, (theirs[1] - theirs[0]) / 2, "slope of the last above that of the first"),
    ]
    return ours, every(judgements)


def _slopes(table: pd.DataFrame, value: str) -> list[float]:
    """Return the slope of logarithms against width, for each seed."""
    slopes = []
    for part in each_seed(table):
        x, y = (np.log(part[name].astype(float)) for name in ("width", value))
        slopes.append(float(linregress(x, y).slope) if len(part) > 1 else math.nan)
    return slopes


def _row(values: Iterable[float], digits: int = 2) -> str:
    return ", ".join(f"{value:.{digits}g}" for value in values)


RULES = (
    Rule(
        "falls",
        "the error falls with width in every layer of a scattering network",
        "φ_1 .35 at 1/8 to .076 at 2, φ_7 .67 to .34",
        _falls,
    ),
    Rule("deeper", "deeper layers converge more slowly", "φ_1 .118, φ_3 .421, φ_7 .468 at width 1", _deeper),
    Rule(
        "resnet",
        "it falls in the first layers of a ResNet-18, and hardly in the last",
        "inputs of the first .575 to .154 from 1/8 to 1, the last 1.66 to 1.35",
        residual,
    ),
)


def draw(tables: Tables) -> Any:
    """Draw the error of each layer against width, scattering left and ResNet right."""
    figure, axes = panels(1, 2 if "resnet" in tables else 1, width=5.6)
    left = axes[0]
    kinds = [(left, tables["errors"], "error", ACTIVATION_ERROR)]
    if "resnet" in tables:
        kinds.append((axes[1], tables["resnet"], "cosine_error", RESNET_ERROR))
        axes[1].set_ylabel("2 (1 − cosine)")
        axes[1].set_title("ResNet-18", loc="left")
    for axis, table, value, published in kinds:
        layers = list(dict.fromkeys(table["layer"]))
        for layer, colour in zip(layers, ramp(len(layers)), strict=True):
            part = table[table["layer"] == layer].groupby("width", as_index=False)[value].mean()
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
    left.set_title("Scattering: distance to the widest network", loc="left")
    return figure


FIGURE = Figure(
    "alignment_error",
    "Activations converge with width",
    "Guth et al., JMLR 2024, figure of the convergence of activations",
    compute,
    RULES,
    draw,
)
