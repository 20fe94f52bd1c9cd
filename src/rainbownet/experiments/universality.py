"""What different data sets and labels teach: similarity by layer (Guth & Ménard, Re-Align 2024, figures 3 and 4)."""

from __future__ import annotations

from typing import Any

import pandas as pd
from torch import nn

from rainbownet.analysis import (
    Aligned,
    align_networks,
    eigenvector_cosines,
    group_similarity,
    initial_variances,
)
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Figure, Outcome, Rule, Tables, each_seed
from rainbownet.experiments.published import OTHER_TASK, SAME_TASK
from rainbownet.experiments.verdict import Judgement, at_least, at_most, every, unknown
from rainbownet.plotting.style import COLOURS, GREY, legend, panels
from rainbownet.training import evaluate

GROUPS: dict[str, dict[str, Any]] = {
    "CIFAR-10": {},
    "CIFAR-10 again": {},
    "CIFAR-5": {"classes": tuple(range(5))},
    "CIFAR-100": {"data": "cifar100"},
    "random labels": {"random_labels": 0},
    "random labels again": {"random_labels": 1},
}
CLASSES = {"CIFAR-5": 5, "CIFAR-100": 100}
LEARNED = 0.6
"""Training accuracy from which random labels count as learned."""

APART = 100
"""Between seeds of one group's networks, so that groups never share one."""

EARLY, LABELS = 4, 5
"""Last layer that counts as early, and up to which two sets of random labels were published as alike."""

BETWEEN = (SAME_TASK + OTHER_TASK) / 2
"""S half way between the same task and another."""

PAIRS = (
    ("CIFAR-10", "CIFAR-10 again"),
    ("CIFAR-10", "CIFAR-5"),
    ("CIFAR-10", "CIFAR-100"),
    ("CIFAR-10", "random labels"),
    ("random labels", "random labels again"),
)


def taught(context: Context, seed: int = 0) -> tuple[Aligned, pd.DataFrame, dict[str, float]]:
    """Return networks taught by each group's data, aligned on CIFAR-10, what they learned, and initial variances."""
    scale = context.scale
    nets, rows = [], []
    for k, (group, given) in enumerate(GROUPS.items()):
        if group == "CIFAR-100" and not context.has("cifar100"):
            continue
        options = {"limit": scale.vgg_images, **given}
        random = "random_labels" in given
        trained = context.train(
            scale.vgg,
            recipe=scale.patient if random else scale.vgg_recipe,
            seeds=[k + APART * seed],
            widths=[scale.vgg_width],
            kwargs={"classes": CLASSES[group]} if group in CLASSES else None,
            **options,
        )
        nets += trained.all()
        images = context.images(options.pop("data", "cifar10"), **options)
        rows.append({"group": group, "seed": seed, "training_accuracy": evaluate(nets[-1], images).accuracy})
    aligned = align_networks(nets, context.batches(context.images()), layers=_layers(nets[0]))
    return aligned, pd.DataFrame(rows), initial_variances(aligned, [_start(context, scale.vgg_width, seed)])


def _start(context: Context, width: float, seed: int) -> nn.Module:
    """Return an untrained network, of the law that every network was initialised by."""
    recipe = context.untrained(context.scale.vgg_recipe)
    return context.train(context.scale.vgg, recipe=recipe, seeds=[APART * seed], widths=[width]).all()[0]


def _layers(net: nn.Module) -> list[str]:
    """Return the names of the convolutions that mix channels."""
    return [name for name, module in net.named_modules() if isinstance(module, nn.Conv2d) and module.groups == 1]


def depth(layers: list[str]) -> dict[str, int]:
    """Return the number of each layer, from 1."""
    return {name: k for k, name in enumerate(layers, start=1)}


def compute(context: Context) -> Outcome:
    """Return the normalised similarity S by layer, and cosines of leading eigenvectors."""
    found = [_of_seed(context, seed) for seed in range(context.scale.width_seeds)]
    tables = {
        name: pd.concat([part[name] for part in found], ignore_index=True)
        for name in ("similarity", "eigenvectors", "learned")
    }
    groups = list(dict.fromkeys(tables["learned"]["group"]))
    words = f"{len(found)} {context.scale.vgg} ({context.scale.vgg_words}) for each of {', '.join(groups)}"
    return Outcome(tables, words, (_by_width(context, tables["similarity"]),))


def _of_seed(context: Context, seed: int) -> dict[str, pd.DataFrame]:
    """Return S, cosines and training accuracies of one network of each group."""
    aligned, learned, variance = taught(context, seed)
    groups = learned["group"].tolist()
    table = group_similarity(aligned, groups, variance=variance)
    numbers = depth(list(aligned.layers))
    chosen = [pair for pair in PAIRS if set(pair) <= set(groups)]
    table = table[[pair in chosen for pair in zip(table["a"], table["b"], strict=True)]]
    table = table.assign(depth=table["layer"].map(numbers), pair=table["a"] + " / " + table["b"], seed=seed)
    table = table.assign(variance=table["layer"].map(variance))
    vectors = eigenvector_cosines(aligned, groups, count=8)
    vectors = vectors[(vectors["a"] == "CIFAR-10") & (vectors["rank_a"] == vectors["rank_b"])]
    vectors = vectors.assign(depth=vectors["layer"].map(numbers), pair=vectors["a"] + " / " + vectors["b"], seed=seed)
    return {"similarity": table, "eigenvectors": vectors, "learned": learned}


def _by_width(context: Context, table: pd.DataFrame) -> str:
    """Return S of the same data at this width and at half of it: what narrow networks lack."""
    scale = context.scale
    half = scale.vgg_width / 2
    pair = context.train(scale.vgg, recipe=scale.vgg_recipe, seeds=[0, 1], widths=[half], limit=scale.vgg_images).all()
    aligned = align_networks(pair, context.batches(context.images()), layers=_layers(pair[0]))
    variance = initial_variances(aligned, [_start(context, half, 0)])
    narrow = group_similarity(aligned, PAIRS[0], variance=variance)["similarity"].mean()
    wide = table.loc[(table["a"] == PAIRS[0][0]) & (table["b"] == PAIRS[0][1]), "similarity"].mean()
    return (
        f"Tested: is S of the same data below 1 because the networks are narrow? Its mean over layers is {narrow:.2f} "
        f"at width {half:g} and {wide:.2f} at width {scale.vgg_width:g}."
    )


def _levels(tables: Tables, pair: tuple[str, str], low: int, high: int) -> list[float]:
    """Return the mean S of a pair over some layers, for each seed; nothing where the pair was not compared."""
    table = tables["similarity"]
    chosen = table[(table["a"] == pair[0]) & (table["b"] == pair[1]) & table["depth"].between(low, high)]
    return [float(part["similarity"].mean()) for part in each_seed(chosen)] if len(chosen) else []


def _early(tables: Tables, pair: tuple[str, str]) -> list[float]:
    return _levels(tables, pair, 1, EARLY)


def _falls(tables: Tables, pair: tuple[str, str]) -> list[float]:
    late = _levels(tables, pair, EARLY + 1, 10**6)
    return [a - b for a, b in zip(_early(tables, pair), late, strict=True)]


def _said(values: list[float]) -> str:
    """Return a mean with its standard deviation over seeds."""
    if not values:
        return "–"
    found = pd.Series(values)
    return f"{found.mean():.2f}" + (f" ± {found.std():.2f}" if len(found) > 1 else "")


def _same(tables: Tables) -> tuple[str, Judgement]:
    early, late = _early(tables, PAIRS[0]), _levels(tables, PAIRS[0], EARLY + 1, 10**6)
    ours = f"S {_said(early)} up to layer {EARLY}, {_said(late)} beyond"
    if known := _estimated(tables):
        return ours, known
    falls = at_least(_falls(tables, PAIRS[0]), 0.0, "S of early layers above that of late ones")
    return ours, every([at_least(early, BETWEEN, f"S up to layer {EARLY}"), falls])


def _natural(tables: Tables) -> tuple[str, Judgement]:
    natural = [pair for pair in PAIRS[1:3] if _early(tables, pair)]
    ours = "; ".join(
        f"{pair[1]} {_said(_early(tables, pair))}, then {_said(_levels(tables, pair, EARLY + 1, 10**6))}"
        for pair in natural
    )
    control = _early(tables, PAIRS[3])
    ours += f"; random labels {_said(control)}"
    if known := _estimated(tables):
        return ours, known
    judgements = []
    for pair in natural:
        above = [a - b for a, b in zip(_early(tables, pair), control, strict=True)]
        judgements.append(at_least(above, (SAME_TASK - OTHER_TASK) / 2, f"S of {pair[1]} above random labels"))
        judgements.append(at_least(_falls(tables, pair), 0.0, f"S of {pair[1]}, early above late"))
    return ours, every(judgements)


def _others(tables: Tables) -> tuple[str, Judgement]:
    random = _early(tables, PAIRS[3])
    learned = tables["learned"].query("group == 'random labels'")["training_accuracy"].mean()
    ours = f"S {_said(random)} up to layer {EARLY} (of the random labels {100 * learned:.0f} % were learned)"
    if known := _estimated(tables) or _memorised(tables):
        return ours, known
    above = [a - b for a, b in zip(_early(tables, PAIRS[0]), random, strict=True)]
    apart = at_least(above, (SAME_TASK - OTHER_TASK) / 2, "S of the same data above it")
    return ours, every([at_most(random, BETWEEN, "S of true and random labels"), apart])


def _twice(tables: Tables) -> tuple[str, Judgement]:
    twice, control = (_levels(tables, pair, 1, LABELS) for pair in (PAIRS[4], PAIRS[3]))
    ours = f"S {_said(twice)} up to layer {LABELS}"
    if known := _estimated(tables) or _memorised(tables):
        return ours, known
    above = [a - b for a, b in zip(twice, control, strict=True)]
    return ours, at_least(above, (SAME_TASK - OTHER_TASK) / 2, "S of two sets above S of true and random labels")


def _vectors(tables: Tables) -> tuple[str, Judgement]:
    vectors = tables["eigenvectors"]
    first = vectors[(vectors["depth"] > 1) & (vectors["rank_a"] == 1)]
    listed = ", ".join(
        f"{str(pair).split(' / ')[1]} {part['cosine'].mean():.2f}" for pair, part in first.groupby("pair")
    )
    chance = float(vectors["chance"].mean())
    own = first[first["pair"] == " / ".join(PAIRS[0])]
    means = [part["cosine"].mean() for part in each_seed(own)] if len(own) else []
    return f"{listed} (by chance {chance:.2f})", at_least(means, (1 + chance) / 2, "|cosine| of the first, same data")


def _estimated(tables: Tables) -> Judgement | None:
    """Return that it cannot be told, where S was not computed with the variance of the initialisation."""
    if "variance" in tables["similarity"]:
        return None
    return unknown("S was computed with the bulk's variance estimated; that of the initialisation is needed")


def _memorised(tables: Tables) -> Judgement | None:
    """Return that it cannot be told, where random labels were not learned."""
    learned = tables["learned"]
    least = learned[learned["group"].str.contains("random")]["training_accuracy"].min()
    return (
        None
        if least > LEARNED
        else unknown(f"{100 * least:.0f} % of random labels learned, {100 * LEARNED:.0f} % needed")
    )


RULES = (
    Rule("same", "the same data from another initialisation: S near 1, falling with depth", "near 1, falling", _same),
    Rule(
        "natural",
        "natural images of other classes: high in early and middle layers, less towards the classifier",
        "high, vanishing at the end",
        _natural,
    ),
    Rule("others", "true labels and random ones teach other things", "about 0.2", _others),
    Rule("twice", "two sets of random labels teach much the same", "high up to layer 5", _twice),
    Rule("vectors", "leading eigenvectors are shared after alignment", "cosines near 1 for natural data", _vectors),
)


def draw(tables: Tables) -> Any:
    """Draw S by layer, and cosines of eigenvectors."""
    figure, (left, right) = panels(1, 2, width=5.6)
    table, vectors = tables["similarity"], tables["eigenvectors"]
    for (pair, part), colour in zip(table.groupby("pair", sort=False), COLOURS, strict=False):
        part = part.groupby("depth", as_index=False)["similarity"].mean()
        left.plot(part["depth"], part["similarity"], "o-", markersize=4, color=colour, label=pair)
    left.axhspan(0.15, 0.25, color=GREY, alpha=0.2, linewidth=0, label="published, true / random labels")
    left.axhline(1, color=GREY, linewidth=0.8)
    left.set_ylim(-0.3, 1.3)
    left.set_title("Similarity of what was learned, S", loc="left")
    deep = vectors[vectors["depth"] > 1]
    for (pair, part), colour in zip(deep.groupby("pair", sort=False), COLOURS, strict=False):
        mean = part.groupby("rank_a")["cosine"].mean()
        right.plot(mean.index, mean, "o-", markersize=4, color=colour, label=pair)
    right.axhline(vectors["chance"].mean(), color=GREY, linestyle=":", label="chance")
    right.set_ylim(0, 1.05)
    right.set_xlabel("rank of the eigenvector")
    right.set_title("|cosine| of eigenvectors, mean of layers 2 to 8", loc="left")
    left.set_xlabel("layer")
    legend(left)
    legend(right)
    return figure


FIGURE = Figure(
    "universality",
    "What other data and other labels teach",
    "Guth & Ménard, Re-Align 2024, figures 3 and 4",
    compute,
    RULES,
    draw,
)
