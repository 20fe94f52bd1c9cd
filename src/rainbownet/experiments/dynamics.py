"""Weights along training: amplified, hardly turned (Guth et al., JMLR 2024, figure 9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from rainbownet.analysis import training_dynamics, weight_trajectories
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Claim, Figure, Outcome
from rainbownet.experiments.learned import learned_layers, number, span
from rainbownet.plotting.style import BLACK, COLOURS, legend, panels, ramp

EPOCHS = (0, 1, 2, 5, 10, 20)
AMPLIFICATION = {1: 6.0, 50: 1.8, 100: 1.55, 512: 1.0}
COSINE = {1: 0.75, 10: 0.68, 100: 0.88, 250: 0.88, 512: 0.72}
"""Digitised, at epoch 20, j = 4 of the eight-layer network."""


def compute(context: Context) -> Outcome:
    """Follow a middle layer over the epochs that were kept."""
    scale = context.scale
    last = scale.recipe.epochs
    recipe = context.with_checkpoints(sorted({*EPOCHS, last}), recipe=scale.free)
    eight = scale.deep == "cifar_scattering"
    trained = context.train(
        scale.deep, recipe=recipe, widths=[scale.base], kwargs={"normalize": False} if eight else None
    )
    times = [*(e for e in EPOCHS if e < last), last] if last < EPOCHS[-1] else list(EPOCHS)
    nets = [trained.at(width=scale.base, epoch=epoch) for epoch in times]
    layers = learned_layers(nets[0])
    layer = layers[2] if eight else layers[1]
    table = training_dynamics(nets, layer, epochs=times)
    count = int(table["rank"].max())
    tracks = [
        weight_trajectories(nets, layer, epochs=times, ranks=pair).assign(plane=f"{pair[0]}, {pair[1]}")
        for pair in ((1, 2), (1, max(3, count // 2)), (max(3, count // 2), max(4, count // 2 + 1)))
    ]
    end = table[table["epoch"] == times[-1]].set_index("rank")
    middle = end.loc[count // 4 : count // 2, "cosine"]
    claims = [
        Claim(
            "training amplifies the first direction several times",
            "a_1 ≈ 6 at epoch 20",
            f"a_1 = {end.loc[1, 'amplification']:.1f} at epoch {times[-1]}",
            bool(end.loc[1, "amplification"] > 2),
        ),
        Claim(
            "the last directions keep their size",
            "a_512 ≈ 1.0",
            f"a_{count} = {end['amplification'].iloc[-1]:.2f}",
            bool(0.7 < end["amplification"].iloc[-1] < 1.5),
        ),
        Claim(
            "and weights hardly turn away from where they started",
            "c_r ≈ 0.88 for r = 100 to 250",
            f"c_r {span(middle)} for r = {count // 4} to {count // 2}",
            bool(middle.mean() > 0.7),
        ),
    ]
    tables = {"dynamics": table.assign(layer=layer), "trajectories": pd.concat(tracks, ignore_index=True)}
    return Outcome(tables, claims, f"a {scale.deep} of width {scale.base:g}, {number(layer)}, no weight decay")


def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw amplification and cosine against rank, and trajectories in three planes."""
    figure, (size, turn, *planes) = panels(1, 5, width=3.7, height=3.6)
    table, tracks = tables["dynamics"], tables["trajectories"]
    epochs = sorted(set(table["epoch"]))
    for epoch, colour in zip(epochs, ramp(len(epochs)), strict=True):
        part = table[table["epoch"] == epoch]
        size.plot(part["rank"], part["amplification"], color=colour, label=f"epoch {epoch:g}")
        turn.plot(part["rank"], part["cosine"].clip(0, 1), color=colour)
    most = table["rank"].max()
    for axis, known in ((size, AMPLIFICATION), (turn, COSINE)):
        kept = {r: v for r, v in known.items() if r <= most}
        axis.plot(list(kept), list(kept.values()), "x", color=BLACK, label="published, epoch 20")
        axis.set_xscale("log")
        axis.set_xlabel("rank r")
    size.set_title(f"a_r(t), {number(table['layer'].iloc[0])}", loc="left")
    turn.set_title("c_r(t)", loc="left")
    turn.set_ylim(0, 1.05)
    legend(size)
    for axis, (plane, part) in zip(planes, tracks.groupby("plane", sort=False), strict=True):
        shown = part[part["neuron"] < 60]
        for _, track in shown.groupby("neuron"):
            axis.plot(track["x"], track["y"], color=COLOURS[0], linewidth=0.6, alpha=0.5)
        final = shown[shown["epoch"] == shown["epoch"].max()]
        axis.plot(final["x"], final["y"], ".", color=COLOURS[1], markersize=4)
        axis.set_title(f"directions {plane}", loc="left")
        axis.set_aspect("equal", adjustable="datalim")
    return figure


FIGURE = Figure(
    "dynamics", "Weights along training", "Guth et al., JMLR 2024, figure of the training dynamics", compute, draw
)  # fmt: skip
