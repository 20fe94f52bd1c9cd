"""Spectra over the depth of a scattering network and of a ResNet-18 (Guth et al., JMLR 2024, figure on ImageNet)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from rainbownet.analysis import activation_spectra, align_networks, weight_spectra
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Claim, Figure, Outcome
from rainbownet.experiments.learned import blocks, learned_layers, span
from rainbownet.plotting.style import BLACK, legend, panels, ramp

SECOND = {"scattering": (0.175, 0.339), "ResNet-18": (0.504, 0.965)}
"""Printed by the authors' notebook: smallest and largest ratio of the second to the first activation eigenvalue."""

LONG = 20
"""Epochs from which a training is not called short."""

LONGER = 4
"""How many times as long a short one is made to see what it lacks."""


def compute(context: Context) -> Outcome:
    """Return activation and weight spectra of every layer of two networks."""
    scale = context.scale
    batches = context.batches(context.images())
    nets = {
        "scattering": context.train(scale.deep, widths=[scale.base]).all()[0],
        "ResNet-18": context.train("resnet18_bnpost", recipe=scale.recipe, widths=[scale.vgg_width]).all()[0],
    }
    activations, weights = [], []
    for name, net in nets.items():
        layers = learned_layers(net) if name == "scattering" else blocks(net)
        aligned = align_networks(net, batches, layers=layers, holdout=0.0)
        numbers = {layer: k for k, layer in enumerate(aligned.layers, start=2)}
        for found, spectra in ((activations, activation_spectra(aligned)), (weights, weight_spectra(aligned))):
            table = spectra[spectra["eigenvalue"] > 0]
            found.append(table.assign(network=name, depth=table["layer"].map(numbers)))
    columns = ["network", "depth", "rank"]
    tables = {
        "activations": pd.concat(activations)[[*columns, "over_first"]],
        "weights": pd.concat(weights)[[*columns, "over_mean"]],
    }
    words = f"{scale.deep} of width {scale.base:g}, resnet18_bnpost of width {scale.vgg_width:g}, both on CIFAR-10"
    note = "The paper's networks learned ImageNet; these learned CIFAR-10, whose images the ResNet shrinks to a point."
    return Outcome(tables, _claims(tables), words, (note, *_longer(context)))


def _longer(context: Context) -> list[str]:
    """Return how far the first eigenvalues of weights stand out after a longer training, where ours was short."""
    scale = context.scale
    if scale.recipe.epochs >= LONG:
        return []
    recipe = replace(scale.recipe, epochs=LONGER * scale.recipe.epochs)
    net = context.train(scale.deep, recipe=recipe, widths=[scale.base]).all()[0]
    aligned = align_networks(net, context.batches(context.images()), layers=learned_layers(net), holdout=0.0)
    spectra = weight_spectra(aligned)
    first = spectra.loc[spectra["rank"] == 1, "over_mean"]
    return [
        f"Tested: is training too short for the first eigenvalues of weights? After {recipe.epochs} epochs instead of "
        f"{scale.recipe.epochs} those of the scattering network are {span(first, 0)} times the mean."
    ]


def _claims(tables: Mapping[str, pd.DataFrame]) -> list[Claim]:
    second = tables["activations"].query("rank == 2").groupby("network", sort=False)["over_first"]
    weights = tables["weights"]
    top = weights[weights["rank"] == 1].groupby("network", sort=False)["over_mean"]
    low, high = second.min(), second.max()
    return [
        Claim(
            "the first eigenvalue of activations stands out in scattering networks more than in a ResNet",
            "; ".join(f"{name} {a} to {b}" for name, (a, b) in SECOND.items()) + " (second over first)",
            "; ".join(f"{name} {low[name]:.2f} to {high[name]:.2f}" for name in low.index),
            bool(second.mean()["scattering"] < second.mean()["ResNet-18"]),
        ),
        Claim(
            "the first eigenvalues of weights are ten times the mean or more",
            "at least 10 × the mean",
            "; ".join(f"{name} {span(values, 0)}" for name, values in top),
            bool(top.median().min() >= 10),
        ),
    ]


def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw activation spectra above and weight spectra below, first layer dark to last layer light."""
    figure, axes = panels(2, 2, height=3.6)
    for row, (table, value) in enumerate((("activations", "over_first"), ("weights", "over_mean"))):
        for column, (name, found) in enumerate(tables[table].groupby("network", sort=False)):
            axis = axes[2 * row + column]
            depths = sorted(set(found["depth"]))
            for depth, colour in zip(depths, ramp(len(depths)), strict=True):
                part = found[found["depth"] == depth]
                label = f"layer {depth}" if depth in (depths[0], depths[-1]) else None
                plot = axis.loglog if row == 0 else axis.semilogy
                plot(part["rank"], part[value], color=colour, linewidth=1.2, label=label)
            if row == 0:
                low, high = SECOND[str(name)]
                axis.loglog([2, 2], [low, high], color=BLACK, linewidth=3, label="published range at rank 2")
                axis.set_ylim(1e-5, 1.5)
            else:
                axis.axhline(10, color=BLACK, linestyle="--", linewidth=1, label="published: first ≥ 10")
                axis.set_ylim(1e-2, None)
            axis.set_title(f"{name}: {'activations, λ/λ_1' if row == 0 else 'weights, λ/mean'}", loc="left")
            axis.set_xlabel("rank")
            legend(axis)
    return figure


FIGURE = Figure(
    "network_spectra",
    "Spectra over the depth of two networks",
    "Guth et al., JMLR 2024, figure of activation and weight spectra on ImageNet",
    compute,
    draw,
)
