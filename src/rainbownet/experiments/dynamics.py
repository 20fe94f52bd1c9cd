"""Weights along training: amplified, hardly turned (Guth et al., JMLR 2024, figure 9)."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from rainbownet.analysis import training_dynamics, weight_trajectories
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Figure, Outcome, Rule, Tables, each_seed
from rainbownet.experiments.learned import learned_layers, number, span
from rainbownet.experiments.published import AMPLIFICATION, DYNAMICS_EPOCH, TURN
from rainbownet.experiments.scales import FOLLOWED, kept
from rainbownet.experiments.verdict import Judgement, Verdict, at_least, at_most, unknown
from rainbownet.plotting.style import BLACK, COLOURS, legend, panels, ramp


def compute(context: Context) -> Outcome:
    """Follow a middle layer over the epochs that were kept."""
    scale = context.scale
    last = scale.recipe.epochs
    recipe = kept(scale.free)
    eight = scale.eight
    trained = context.train(
        scale.deep,
        recipe=recipe,
        widths=[scale.base],
        seeds=range(scale.width_seeds),
        kwargs={"normalize": False} if eight else None,
    )
    times = [*(e for e in FOLLOWED if e < last), last] if last < FOLLOWED[-1] else list(FOLLOWED)
    nets = [trained.at(width=scale.base, epoch=epoch) for epoch in times]
    layers = learned_layers(nets[0])
    layer = layers[2] if eight else layers[1]
    table = pd.concat(
        training_dynamics(
            [trained.at(width=scale.base, seed=seed, epoch=epoch) for epoch in times], layer, epochs=times
        ).assign(seed=seed)
        for seed in range(scale.width_seeds)
    )
    count = int(table["rank"].max())
    tracks = [
        weight_trajectories(nets, layer, epochs=times, ranks=pair).assign(plane=f"{pair[0]}, {pair[1]}")
        for pair in ((1, 2), (1, max(3, count // 2)), (max(3, count // 2), max(4, count // 2 + 1)))
    ]
    tables = {"dynamics": table.assign(layer=layer), "trajectories": pd.concat(tracks, ignore_index=True)}
    words = f"{scale.width_seeds} {scale.deep} of width {scale.base:g}, {number(layer)}, no weight decay"
    return Outcome(tables, words)


def _ends(tables: Tables) -> list[pd.DataFrame]:
    """Return rows of the last epoch by rank, for each seed."""
    table = tables["dynamics"]
    return [part.set_index("rank") for part in each_seed(table[table["epoch"] == table["epoch"].max()])]


def _amplifies(tables: Tables) -> tuple[str, Judgement]:
    epoch = tables["dynamics"]["epoch"].max()
    first = [end.loc[1, "amplification"] for end in _ends(tables)]
    ours = f"a_1 = {sum(first) / len(first):.1f} at epoch {epoch:g}"
    # Half of the published amplification, in logarithms.
    judgement = at_least(first, math.sqrt(AMPLIFICATION[1]), "a_1")
    if judgement.verdict is Verdict.DISAGREE and epoch < DYNAMICS_EPOCH:
        return ours, unknown(f"{judgement.reason}; {epoch:g} epochs, the paper shows {DYNAMICS_EPOCH}")
    return ours, judgement


def _keep(tables: Tables) -> tuple[str, Judgement]:
    ends = _ends(tables)
    last = [end["amplification"].iloc[-1] for end in ends]
    ours = f"a_{ends[0].index.max()} = {sum(last) / len(last):.2f}"
    # Half way to the direction that was published as amplified least of the others.
    return ours, at_most(
        [abs(math.log(value)) for value in last], math.log(AMPLIFICATION[100]) / 2, "|log a| of the last"
    )


def _turn(tables: Tables) -> tuple[str, Judgement]:
    ends = _ends(tables)
    count = int(ends[0].index.max())
    middle = [end.loc[count // 4 : count // 2, "cosine"] for end in ends]
    ours = f"c_r {span(pd.concat(middle))} for r = {count // 4} to {count // 2}"
    between = (TURN[100] + min(TURN.values())) / 2
    return ours, at_least([own.mean() for own in middle], between, "mean c_r")


RULES = (
    Rule("amplifies", "training amplifies the first direction several times", "a_1 ≈ 6 at epoch 20", _amplifies),
    Rule("keep", "the last directions keep their size", "a_512 ≈ 1.0", _keep),
    Rule("turn", "and weights hardly turn away from where they started", "c_r ≈ 0.88 for r = 100 to 250", _turn),
)


def draw(tables: Tables) -> Any:
    """Draw amplification and cosine against rank, and trajectories in three planes."""
    figure, (size, turn, *planes) = panels(1, 5, width=3.7, height=3.6)
    table, tracks = tables["dynamics"], tables["trajectories"]
    epochs = sorted(set(table["epoch"]))
    for epoch, colour in zip(epochs, ramp(len(epochs)), strict=True):
        part = table[table["epoch"] == epoch].groupby("rank", as_index=False)[["amplification", "cosine"]].mean()
        size.plot(part["rank"], part["amplification"], color=colour, label=f"epoch {epoch:g}")
        turn.plot(part["rank"], part["cosine"].clip(0, 1), color=colour)
    most = table["rank"].max()
    for axis, known in ((size, AMPLIFICATION), (turn, TURN)):
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
    "dynamics",
    "Weights along training",
    "Guth et al., JMLR 2024, figure of the training dynamics",
    compute,
    RULES,
    draw,
)
