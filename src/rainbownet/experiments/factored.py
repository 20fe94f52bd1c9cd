"""Covariances factored into channels and positions of the kernels, as fact-conv learns them (White et al., 2024)."""

from __future__ import annotations

from math import prod
from typing import Any

import pandas as pd
from torch import nn

import rainbownet as rn
from rainbownet.experiments.context import Context, Selection
from rainbownet.experiments.figure import Figure, Outcome, Rule, Tables, each_seed
from rainbownet.experiments.published import TUTORIAL
from rainbownet.experiments.verdict import Judgement, share_kept
from rainbownet.plotting.style import BLACK, COLOURS, legend, panels, width_axis
from rainbownet.training import evaluate

NETWORK = "tutorial_cnn"
FACTORS = (1.0, 2.0, 4.0)
ALIGNMENTS = {"rotation": rn.PAPER.but(flatten="features"), "least squares": rn.BEST.but(draw="gaussian")}
LAWS = ("full", "factored", "white")


def compute(context: Context) -> Outcome:
    """Draw a convolutional network from its full, its factored and a white covariance, at several widths."""
    grey: Selection = {"grayscale": True}
    train, test = context.images(**grey), context.images(split="test", **grey)
    recipe = context.scale.tutorial
    seeds = range(context.scale.width_seeds)
    nets = context.train(NETWORK, recipe=recipe, seeds=seeds, **grey).all()
    batches = context.batches(train)
    rows = []
    for seed, net in zip(seeds, nets, strict=True):
        trained = 100 * evaluate(net, test).accuracy
        for alignment, preset in ALIGNMENTS.items():
            mean = alignment == "least squares"
            full = rn.fit(net, batches, preset=preset)
            factored = rn.fit(net, batches, preset=preset.but(law=rn.Kronecker(mean=mean)))
            for law, rainbow in zip(LAWS, (full, factored, full.white()), strict=True):
                for factor in FACTORS:
                    drawn = rainbow.sample(batches, width=factor, seed=seed)
                    keys = {"alignment": alignment, "law": law, "width": factor, "seed": seed}
                    rows.append({**keys, "accuracy": 100 * evaluate(drawn, test).accuracy, "trained": trained})
    tables = {"accuracy": pd.DataFrame(rows), "numbers": numbers(nets[0])}
    mean = tables["accuracy"]["trained"].mean()
    return Outcome(tables, f"{len(seeds)} {NETWORK}, {recipe.epochs} epochs, {mean:.1f} %")


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


def _keeps(alignment: str) -> Any:
    """Return the judgement of one alignment: the share kept of what the full covariance gains over a white one."""

    def judge(tables: Tables) -> tuple[str, Judgement]:
        table = tables["accuracy"][tables["accuracy"]["alignment"] == alignment]
        count = tables["numbers"][["full", "factored"]].sum()
        across = table.pivot_table(index="law", columns="width", values="accuracy")
        means = [part.groupby("law")["accuracy"].mean() for part in each_seed(table)]
        kept, whole = ([found[law] - found["white"] for found in means] for law in ("factored", "full"))
        shown = "; ".join(f"{law} {', '.join(f'{value:.1f}' for value in across.loc[law])}" for law in LAWS)
        ours = (
            f"{sum(kept) / len(kept):.1f} of {sum(whole) / len(whole):.1f} points with {count['factored']} numbers for "
            f"{count['full']}: {shown} % at {', '.join(f'×{factor:g}' for factor in across.columns)}"
        )
        return ours, share_kept(kept, whole, 0.5, "points above a white covariance")

    return judge


RULES = tuple(
    Rule(
        name,
        f"(ours) a factored covariance keeps most of what the full one gains over a white one; {alignment}",
        "fact-conv trains the factors; no accuracy of drawn networks was published",
        _keeps(alignment),
    )
    for name, alignment in (("rotation", "rotation"), ("least_squares", "least squares"))
)


def draw(tables: Tables) -> Any:
    """Draw accuracy against width, a panel for each alignment."""
    table = tables["accuracy"]
    figure, axes = panels(1, 2, width=4.8)
    for axis, alignment in zip(axes, ALIGNMENTS, strict=True):
        for law, colour in zip(LAWS, COLOURS, strict=False):
            part = table[(table["alignment"] == alignment) & (table["law"] == law)]
            part = part.groupby("width", as_index=False)["accuracy"].mean()
            axis.plot(part["width"], part["accuracy"], "o-", markersize=4, color=colour, label=f"{law} covariance")
        axis.axhline(table["trained"].mean(), color="#888888", linewidth=0.8, label="trained")
        if alignment == "rotation":
            axis.plot(
                1, TUTORIAL[NETWORK]["published method"], "x", color=BLACK, label="published, full (57.4 % trained)"
            )
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
    RULES,
    draw,
)
