"""Covariances factored into channels and positions of the kernels, as fact-conv learns them (White et al., 2024)."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import pandas as pd
from torch import nn

import rainbownet as rn
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Claim, Figure, Outcome
from rainbownet.plotting.style import BLACK, COLOURS, legend, panels, width_axis
from rainbownet.training import evaluate

NETWORK = "tutorial_cnn"
FACTORS = (1.0, 2.0, 4.0)
PUBLISHED = 40.3
"""Accuracy at width 1 with the full covariance and rotations (tutorial); none was published for factored ones."""

ALIGNMENTS = {"rotation": rn.PAPER.but(flatten="features"), "least squares": rn.BEST.but(draw="gaussian")}
LAWS = ("full", "factored", "white")


def compute(context: Context) -> Outcome:
    """Draw a convolutional network from its full, its factored and a white covariance, at several widths."""
    grey = {"grayscale": True}
    train, test = context.images(**grey), context.images(split="test", **grey)
    recipe = context.scale.tutorial
    net = context.train(NETWORK, recipe=recipe, **grey).all()[0]
    trained = 100 * evaluate(net, test).accuracy
    batches = context.batches(train)
    rows = []
    for alignment, preset in ALIGNMENTS.items():
        mean = alignment == "least squares"
        full = rn.fit(net, batches, preset=preset)
        factored = rn.fit(net, batches, preset=preset.but(law=rn.Kronecker(mean=mean)))
        for law, rainbow in zip(LAWS, (full, factored, full.white()), strict=True):
            for factor in FACTORS:
                drawn = rainbow.sample(batches, width=factor, seed=0)
                accuracy = 100 * evaluate(drawn, test).accuracy
                rows.append({"alignment": alignment, "law": law, "width": factor, "accuracy": accuracy})
    tables = {"accuracy": pd.DataFrame(rows).assign(trained=trained), "numbers": numbers(net)}
    return Outcome(tables, _claims(tables), f"{NETWORK}, {recipe.epochs} epochs, {trained:.1f} %")


def numbers(net: nn.Module) -> pd.DataFrame:
    """Return how many numbers a full and a factored covariance of each convolution's kernels have."""
    rows = []
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d):
            channels, positions = module.weight.shape[1], prod(module.weight.shape[2:])
            size = channels * positions
            parts = channels * (channels + 1) // 2 + positions * (positions + 1) // 2
            rows.append({"layer": name, "full": size * (size + 1) // 2, "factored": parts})
    return pd.DataFrame(rows)


def _claims(tables: Mapping[str, pd.DataFrame]) -> list[Claim]:
    across = tables["accuracy"].pivot_table(index=["alignment", "law"], columns="width", values="accuracy", sort=False)
    count = tables["numbers"][["full", "factored"]].sum()
    claims = []
    for alignment in ALIGNMENTS:
        shown = {law: ", ".join(f"{value:.1f}" for value in across.loc[(alignment, law)]) for law in LAWS}
        means = across.loc[alignment].mean(axis=1)
        kept = (means["factored"] - means["white"]) / (means["full"] - means["white"])
        claims.append(
            Claim(
                f"(ours) what a factored covariance, {count['factored']} numbers for {count['full']}, keeps of what "
                f"the full one gains over a white one; {alignment}",
                "fact-conv trains the factors; no accuracy of drawn networks was published",
                f"{100 * kept:.0f} %: full {shown['full']}; factored {shown['factored']}; white {shown['white']} % at "
                f"{', '.join(f'×{factor:g}' for factor in FACTORS)}",
                None,
            )
        )
    return claims


def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw accuracy against width, a panel for each alignment."""
    table = tables["accuracy"]
    figure, axes = panels(1, 2, width=4.8)
    for axis, alignment in zip(axes, ALIGNMENTS, strict=True):
        for law, colour in zip(LAWS, COLOURS, strict=False):
            part = table[(table["alignment"] == alignment) & (table["law"] == law)]
            axis.plot(part["width"], part["accuracy"], "o-", markersize=4, color=colour, label=f"{law} covariance")
        axis.axhline(table["trained"].iloc[0], color="#888888", linewidth=0.8, label="trained")
        if alignment == "rotation":
            axis.plot(1, PUBLISHED, "x", color=BLACK, label="published, full (57.4 % trained)")
        width_axis(axis, list(FACTORS))
        axis.set_ylabel("test accuracy, %")
        axis.set_ylim(0, None)
        axis.set_title(f"Aligned by {'rotations' if alignment == 'rotation' else alignment}", loc="left")
        legend(axis)
    return figure


FIGURE = Figure(
    "factored",
    "Covariances factored into channels and positions",
    "the law of White et al., Learning and Aligning Structured Random Feature Networks, 2024",
    compute,
    draw,
)
