"""Spectra over the depth of a scattering network and of a ResNet-18 (Guth et al., JMLR 2024, figure on ImageNet)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from rainbownet.analysis import activation_spectra, align_networks, weight_spectra
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Figure, Outcome, Rule, Tables, each_seed
from rainbownet.experiments.learned import blocks, learned_layers, span
from rainbownet.experiments.published import FIRST_OVER_MEAN, SECOND_EIGENVALUE
from rainbownet.experiments.verdict import Judgement, at_least, every
from rainbownet.plotting.style import BLACK, legend, panels, ramp

LONG = 20
"""Epochs from which a training is not called short."""

LONGER = 4
"""How many times as long a short one is made to see what it lacks."""


def compute(context: Context) -> Outcome:
    """Return activation and weight spectra of every layer of two networks."""
    scale = context.scale
    batches = context.batches(context.images())
    seeds = range(scale.width_seeds)
    trained = {
        "scattering": context.train(scale.deep, widths=[scale.base], seeds=seeds),
        "ResNet-18": context.train("resnet18_bnpost", recipe=scale.recipe, widths=[scale.vgg_width], seeds=seeds),
    }
    activations, weights = [], []
    for name, own in trained.items():
        for seed, net in zip(seeds, own.all(), strict=True):
            layers = learned_layers(net) if name == "scattering" else blocks(net)
            aligned = align_networks(net, batches, layers=layers, holdout=0.0)
            numbers = {layer: k for k, layer in enumerate(aligned.layers, start=2)}
            for found, spectra in ((activations, activation_spectra(aligned)), (weights, weight_spectra(aligned))):
                table = spectra[spectra["eigenvalue"] > 0]
                found.append(table.assign(network=name, depth=table["layer"].map(numbers), seed=seed))
    columns = ["network", "depth", "seed", "rank"]
    tables = {
        "activations": pd.concat(activations)[[*columns, "over_first"]],
        "weights": pd.concat(weights)[[*columns, "over_mean"]],
    }
    words = (
        f"{len(seeds)} {scale.deep} of width {scale.base:g} and {len(seeds)} resnet18_bnpost of width "
        f"{scale.vgg_width:g}, on CIFAR-10"
    )
    note = "The paper's networks learned ImageNet; these learned CIFAR-10, whose images the ResNet shrinks to a point."
    return Outcome(tables, words, (note, *_longer(context)))


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


def _second(tables: Tables) -> tuple[str, Judgement]:
    second = tables["activations"].query("rank == 2")
    by_network = second.groupby("network", sort=False)["over_first"]
    ours = "; ".join(f"{name} {span(values)}" for name, values in by_network)
    apart = []
    for part in each_seed(second):
        means = part.groupby("network")["over_first"].mean()
        apart.append(means["ResNet-18"] - means["scattering"])
    theirs = {name: sum(values) / len(values) for name, values in SECOND_EIGENVALUE.items()}
    half = (theirs["ResNet-18"] - theirs["scattering"]) / 2
    return ours, at_least(apart, half, "ResNet-18's mean above the scattering network's")


def stand_out(tables: Tables) -> tuple[str, Judgement]:
    """Judge whether in every layer the first eigenvalue of weights is far above their mean."""
    top = tables["weights"].query("rank == 1")
    ours = "; ".join(f"{name} {span(values, 0)}" for name, values in top.groupby("network", sort=False)["over_mean"])
    return ours, every(
        at_least([own["over_mean"].min() for own in each_seed(part)], FIRST_OVER_MEAN, f"{name}, least over layers")
        for name, part in top.groupby("network", sort=False)
    )


RULES = (
    Rule(
        "second",
        "the first eigenvalue of activations stands out in scattering networks more than in a ResNet",
        "; ".join(f"{name} {min(values)} to {max(values)}" for name, values in SECOND_EIGENVALUE.items())
        + " (second over first)",
        _second,
    ),
    Rule(
        "ten",
        "the first eigenvalues of weights are ten times the mean or more",
        "at least 10 × the mean, in every layer",
        stand_out,
    ),
)


def draw(tables: Tables) -> Any:
    """Draw activation spectra above and weight spectra below, first layer dark to last layer light."""
    figure, axes = panels(2, 2, height=3.6)
    for row, (table, value) in enumerate((("activations", "over_first"), ("weights", "over_mean"))):
        for column, (name, found) in enumerate(tables[table].groupby("network", sort=False)):
            axis = axes[2 * row + column]
            depths = sorted(set(found["depth"]))
            for depth, colour in zip(depths, ramp(len(depths)), strict=True):
                part = found[found["depth"] == depth].groupby("rank", as_index=False)[value].mean()
                label = f"layer {depth}" if depth in (depths[0], depths[-1]) else None
                plot = axis.loglog if row == 0 else axis.semilogy
                plot(part["rank"], part[value], color=colour, linewidth=1.2, label=label)
            if row == 0:
                low, high = min(SECOND_EIGENVALUE[str(name)]), max(SECOND_EIGENVALUE[str(name)])
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
    RULES,
    draw,
)
