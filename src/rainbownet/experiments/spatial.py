"""Spatial eigenvectors of filters, the same in every layer and for any labels (Guth & Ménard, Re-Align 2024)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from rainbownet.analysis import spatial_cosines, spatial_eigenvectors
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Figure, Outcome, Rule, Tables, each_seed
from rainbownet.experiments.learned import span
from rainbownet.experiments.verdict import Judgement, at_least, unknown
from rainbownet.plotting.style import COLOURS, legend, panels

NETWORK = "simple_vgg11"
GROUPS: dict[str, tuple[int, dict[str, Any]]] = {"CIFAR-10": (0, {}), "random labels": (4, {"random_labels": 0})}
"""First seed and data: the first two are networks of the other figure, where both have the same architecture."""

APART = 100
"""Between seeds of one group, so that groups never share one."""

WITHIN, BETWEEN, BEFORE = "layers of one network", "true / random labels", "before training"
SHOWN = 5
LEADING = 3


def compute(context: Context) -> Outcome:
    """Return eigenvectors of the spatial covariance of every layer's filters, and how alike they are."""
    found = [_of_seed(context, k) for k in range(context.scale.width_seeds)]
    cosines = pd.concat([table for table, _ in found], ignore_index=True)
    tables = {"cosines": cosines, "vectors": _flat(found[0][1])}
    words = f"{context.scale.width_seeds} {NETWORK} each ({context.scale.vgg_words})"
    return Outcome(tables, words, (_by_layer(cosines),))


def _of_seed(context: Context, k: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return cosines and eigenvectors of one network of each group."""
    scale = context.scale
    found = {}
    for group, (first, options) in GROUPS.items():
        recipe = scale.patient if options else scale.vgg_recipe
        given = {"limit": scale.vgg_images, **options}
        seeds = [first + APART * k]
        net = context.train(NETWORK, recipe=recipe, seeds=seeds, widths=[scale.vgg_width], **given).all()[0]
        table = spatial_eigenvectors(net)
        numbers = {name: j for j, name in enumerate(dict.fromkeys(table["layer"]), start=1)}
        found[group] = table.assign(depth=table["layer"].map(numbers), group=group)
    untrained = context.untrained(scale.vgg_recipe)
    start = context.train(NETWORK, recipe=untrained, seeds=[APART * k], widths=[scale.vgg_width]).all()[0]
    own, random = found.values()
    initial = spatial_eigenvectors(start)
    pairs = ((own, own, WITHIN), (own, random, BETWEEN), (initial, initial, BEFORE))
    cosines = [_tidy(spatial_cosines(a, b), a, b, kind) for a, b, kind in pairs]
    return pd.concat(cosines, ignore_index=True).assign(seed=k), pd.concat(found.values(), ignore_index=True)


def _by_layer(cosines: pd.DataFrame) -> str:
    """Return how alike each layer's eigenvectors are to those of earlier layers: where they stop being the same."""
    within = cosines[(cosines["kind"] == WITHIN) & (cosines["rank"] <= LEADING)]
    means = within.groupby("depth_b")["cosine"].mean()
    listed = ", ".join(f"{value:.2f} in layer {depth}" for depth, value in means.items())
    return (
        f"Mean |cosine| of ranks 1 to 3 with the layers before, from the second on: {listed}. Maps are 8 wide in "
        "layers 3 and 4, 4 in 5 and 6, and 2 in 7 and 8, where most taps of a filter see padding."
    )


def _tidy(table: pd.DataFrame, a: pd.DataFrame, b: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Keep pairs of different layers from the second on, and the leading ranks."""
    numbers_a, numbers_b = ({n: j for j, n in enumerate(dict.fromkeys(t["layer"]), start=1)} for t in (a, b))
    table = table.assign(depth_a=table["layer_a"].map(numbers_a), depth_b=table["layer_b"].map(numbers_b), kind=kind)
    kept = (table["depth_a"] > 1) & (table["depth_b"] > 1) & (table["rank"] <= SHOWN)
    kept &= table["depth_a"] < table["depth_b"] if a is b else kept
    return table[kept].drop(columns=["layer_a", "layer_b"])


def _flat(vectors: pd.DataFrame) -> pd.DataFrame:
    kept = vectors[vectors["rank"] <= SHOWN]
    return kept.rename(columns={"eigenvector": "vector"})[["group", "depth", "rank", "share", "vector"]]


def _layers(tables: Tables) -> tuple[str, Judgement]:
    cosines = tables["cosines"]
    by_rank = cosines[cosines["kind"] == WITHIN].groupby("rank")["cosine"].mean().loc[:LEADING]
    ours = f"mean |cosine| {span(by_rank)} for ranks 1 to {LEADING}; before training {_control(cosines):.2f}"
    return ours, _alike(cosines, WITHIN)


def _labels(tables: Tables) -> tuple[str, Judgement]:
    cosines = tables["cosines"]
    mean = sum(_means(cosines, BETWEEN)) / len(each_seed(cosines))
    ours = f"mean |cosine| {mean:.2f} of ranks 1 to {LEADING} between true and random labels"
    return ours, _alike(cosines, BETWEEN)


def _alike(cosines: pd.DataFrame, kind: str) -> Judgement:
    """Judge whether eigenvectors are nearer to the same ones than to those of untrained networks."""
    control = _control(cosines)
    if not control < 1:
        return unknown("the control, an untrained network, was not measured")
    return at_least(_means(cosines, kind), (1 + control) / 2, "mean |cosine|, half way from untrained to equal")


def _means(cosines: pd.DataFrame, kind: str) -> list[float]:
    chosen = cosines[(cosines["kind"] == kind) & (cosines["rank"] <= LEADING)]
    return [float(part["cosine"].mean()) for part in each_seed(chosen)]


def _control(cosines: pd.DataFrame) -> float:
    return float(cosines[(cosines["kind"] == BEFORE) & (cosines["rank"] <= LEADING)]["cosine"].mean())


RULES = (
    Rule("layers", "the spatial eigenvectors are the same in all layers from the second on", "look the same", _layers),
    Rule("labels", "even with random labels", "look the same", _labels),
)


def draw(tables: Tables) -> Any:
    """Draw the eigenvectors of every layer of the first network, and cosines by rank."""
    vectors, cosines = tables["vectors"], tables["cosines"]
    figure, (pictures, axis) = panels(1, 2, width=5.6)
    part = vectors[vectors["group"] == "CIFAR-10"]
    depths = sorted(set(part["depth"]))
    side = round(len(part["vector"].iloc[0]) ** 0.5)
    canvas = np.full((SHOWN * (side + 1) - 1, len(depths) * (side + 1) - 1), np.nan)
    for _, row in part.iterrows():
        vector = np.asarray(row["vector"], dtype=float)
        vector = vector * np.sign(vector[np.abs(vector).argmax()])
        top, left = (int(row["rank"]) - 1) * (side + 1), depths.index(row["depth"]) * (side + 1)
        canvas[top : top + side, left : left + side] = vector.reshape(side, side)
    bound = np.nanmax(np.abs(canvas))
    pictures.imshow(canvas, cmap="RdBu_r", vmin=-bound, vmax=bound)
    pictures.grid(visible=False)
    pictures.set_xticks([k * (side + 1) + side / 2 - 0.5 for k in range(len(depths))], depths)
    pictures.set_yticks([k * (side + 1) + side / 2 - 0.5 for k in range(SHOWN)], range(1, SHOWN + 1))
    pictures.set_xlabel("layer")
    pictures.set_ylabel("rank")
    pictures.set_title("Spatial eigenvectors, CIFAR-10", loc="left")
    for (kind, found), colour in zip(cosines.groupby("kind", sort=False), COLOURS, strict=False):
        mean = found.groupby("rank")["cosine"].mean()
        axis.plot(mean.index, mean, "o-", color=colour, label=kind)
    axis.set_ylim(0, 1.05)
    axis.set_xticks(range(1, SHOWN + 1))
    axis.set_xlabel("rank")
    axis.set_title("|cosine| between layers 2 to 8", loc="left")
    legend(axis)
    return figure


FIGURE = Figure(
    "spatial",
    "Spatial eigenvectors of filters",
    "Guth & Ménard, Re-Align 2024, figure 1",
    compute,
    RULES,
    draw,
)
