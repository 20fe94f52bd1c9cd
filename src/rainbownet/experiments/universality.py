"""What different data sets and labels teach: similarity by layer (Guth & Ménard, Re-Align 2024, figures 3 and 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from torch import nn

from rainbownet.analysis import Aligned, align_networks, eigenvector_cosines, group_similarity
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Claim, Figure, Outcome
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

PAIRS = (
    ("CIFAR-10", "CIFAR-10 again"),
    ("CIFAR-10", "CIFAR-5"),
    ("CIFAR-10", "CIFAR-100"),
    ("CIFAR-10", "random labels"),
    ("random labels", "random labels again"),
)


def taught(context: Context) -> tuple[Aligned, pd.DataFrame]:
    """Return networks taught by each group's data, aligned to the first on CIFAR-10, and how well they learned it."""
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
            seeds=[k],
            widths=[scale.vgg_width],
            kwargs={"classes": CLASSES[group]} if group in CLASSES else None,
            **options,
        )
        nets += trained.all()
        images = context.images(options.pop("data", "cifar10"), **options)
        rows.append({"group": group, "training_accuracy": evaluate(nets[-1], images).accuracy})
    aligned = align_networks(nets, context.batches(context.images()), layers=_layers(nets[0]))
    return aligned, pd.DataFrame(rows)


def _layers(net: nn.Module) -> list[str]:
    """Return the names of the convolutions that mix channels."""
    return [name for name, module in net.named_modules() if isinstance(module, nn.Conv2d) and module.groups == 1]


def depth(layers: list[str]) -> dict[str, int]:
    """Return the number of each layer, from 1."""
    return {name: k for k, name in enumerate(layers, start=1)}


def compute(context: Context) -> Outcome:
    """Return the normalised similarity S by layer, and cosines of leading eigenvectors."""
    aligned, learned = taught(context)
    groups = learned["group"].tolist()
    table = group_similarity(aligned, groups)
    numbers = depth(list(aligned.layers))
    chosen = [pair for pair in PAIRS if set(pair) <= set(groups)]
    table = table[[pair in chosen for pair in zip(table["a"], table["b"], strict=True)]]
    table = table.assign(depth=table["layer"].map(numbers), pair=table["a"] + " / " + table["b"])
    vectors = eigenvector_cosines(aligned, groups, count=8)
    vectors = vectors[(vectors["a"] == "CIFAR-10") & (vectors["rank_a"] == vectors["rank_b"])]
    vectors = vectors.assign(depth=vectors["layer"].map(numbers), pair=vectors["a"] + " / " + vectors["b"])
    tables = {"similarity": table, "eigenvectors": vectors, "learned": learned}
    words = f"{context.scale.vgg} ({context.scale.vgg_words}), one for each of {', '.join(groups)}"
    return Outcome(tables, _claims(tables), words, (_by_width(context, table),))


def _by_width(context: Context, table: pd.DataFrame) -> str:
    """Return S of the same data at this width and at half of it: what narrow networks lack."""
    scale = context.scale
    half = scale.vgg_width / 2
    pair = context.train(scale.vgg, recipe=scale.vgg_recipe, seeds=[0, 1], widths=[half], limit=scale.vgg_images).all()
    aligned = align_networks(pair, context.batches(context.images()), layers=_layers(pair[0]))
    narrow = group_similarity(aligned, PAIRS[0])["similarity"].mean()
    wide = table.loc[(table["a"] == PAIRS[0][0]) & (table["b"] == PAIRS[0][1]), "similarity"].mean()
    return (
        f"Tested: is S of the same data below 1 because the networks are narrow? Its mean over layers is {narrow:.2f} "
        f"at width {half:g} and {wide:.2f} at width {scale.vgg_width:g}."
    )


def _claims(tables: Mapping[str, pd.DataFrame]) -> list[Claim]:
    table, vectors = tables["similarity"], tables["eigenvectors"]
    accuracy = tables["learned"].set_index("group")["training_accuracy"]
    memorised = bool(accuracy[[name for name in accuracy.index if "random" in name]].min() > LEARNED)
    across = table.pivot_table(index="depth", columns="pair", values="similarity", dropna=False)
    early = across.loc[across.index <= 4]
    late = across.loc[across.index > 4]
    same = " / ".join(PAIRS[0])
    random, twice = " / ".join(PAIRS[3]), " / ".join(PAIRS[4])
    natural = [" / ".join(pair) for pair in PAIRS[1:3] if " / ".join(pair) in across]
    means = early.mean()
    first = vectors[(vectors["depth"] > 1) & (vectors["rank_a"] == 1)].groupby("pair")["cosine"].mean()
    return [
        Claim(
            "the same data from another initialisation: S near 1, falling with depth",
            "near 1, falling",
            f"{means[same]:.2f} up to layer 4, {late[same].mean():.2f} beyond",
            bool(means[same] > 0.6 and means[same] > late[same].mean()),
        ),
        Claim(
            "natural images of other classes: high in early and middle layers, less towards the classifier",
            "high, vanishing at the end",
            "; ".join(f"{pair.split(' / ')[1]} {means[pair]:.2f}, then {late[pair].mean():.2f}" for pair in natural),
            bool(natural and all(means[pair] > late[pair].mean() for pair in natural)),
        ),
        Claim(
            "true labels and random ones teach other things",
            "about 0.2",
            f"{means[random]:.2f} up to layer 4, {across[random].mean():.2f} on average (of the random labels "
            f"{100 * accuracy['random labels']:.0f} % were learned)",
            bool(means[random] < means[same]) if memorised else None,
        ),
        Claim(
            "two sets of random labels teach much the same",
            "high up to layer 5",
            f"{means[twice]:.2f} up to layer 4",
            bool(means[twice] > means[random]) if memorised else None,
        ),
        Claim(
            "leading eigenvectors are shared after alignment",
            "cosines near 1 for natural data",
            ", ".join(f"{pair.split(' / ')[1]} {value:.2f}" for pair, value in first.items())
            + f" (by chance {vectors['chance'].mean():.2f})",
            bool(first.get(same, 0.0) > 0.5),
        ),
    ]


def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw S by layer, and cosines of eigenvectors."""
    figure, (left, right) = panels(1, 2, width=5.6)
    table, vectors = tables["similarity"], tables["eigenvectors"]
    for (pair, part), colour in zip(table.groupby("pair", sort=False), COLOURS, strict=False):
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
    draw,
)
