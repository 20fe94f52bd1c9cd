"""ResNet-18 on ImageNet, which is streamed: convergence with width and spectra (Guth et al., JMLR 2024)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import nn

from rainbownet.analysis import Aligned, activation_spectra, align_networks, weight_spectra
from rainbownet.data import Stream, StreamLoader, loader, stream
from rainbownet.errors import RainbowError
from rainbownet.experiments.alignment_error import STANDARDISED, residual
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Figure, Outcome, Rule, Tables, each_seed
from rainbownet.experiments.learned import blocks, span
from rainbownet.experiments.network_spectra import stand_out
from rainbownet.experiments.published import RESNET_ERROR, SECOND_EIGENVALUE
from rainbownet.experiments.standardised import standardised_errors
from rainbownet.experiments.verdict import Judgement, at_least
from rainbownet.naming import load_weights, resolve
from rainbownet.nets import build
from rainbownet.plotting.style import BLACK, legend, log_ticks, panels, ramp, width_axis
from rainbownet.public import is_public
from rainbownet.training import RECIPES, Recipe, train

NETWORK = "resnet18_bnpost"
WIDEST = 1.0
SEEDS = 3
"""Networks of each width, at most; the paper trained one."""

ALIGN = 10_000
"""Pictures to align on where the scale leaves it open."""

HELD = ("validation", "val", "test")
"""What the split of held-out pictures may be called, the first that is there."""


def prepare(context: Context) -> None:
    """Train the networks that are missing; under `torchrun` on all its processes together."""
    images, test = pictures(context)
    for width, seed in _members(context):
        out = _folder(context, images, width, seed)
        if (out / "model.safetensors").exists():
            continue
        net = build(NETWORK, width=width, classes=len(images.classes), seed=seed)
        recipe = recipe_of(context)
        train(
            net, images, recipe=recipe, out=out, test=test, seed=seed, device=context.device, progress=context.progress
        )
        if context.report is not None:
            context.report(f"{out.name}: trained, {recipe.epochs} epochs")


def pictures(context: Context) -> tuple[Stream, Stream]:
    """Return the pictures to learn from and those held out, cut to the scale.

    Raises:
        RainbowError: If no data set was named.
        DataError: If it is not there or has no held-out pictures.
    """
    if context.large is None:
        raise RainbowError("imagenet: name the data set, such as --data imagenet-1k or a folder in that layout")
    scale = context.scale
    images = stream(context.large, split="train", size=scale.side, limit=scale.images)
    return images, stream(context.large, split=HELD, size=scale.side, limit=scale.test)


def recipe_of(context: Context) -> Recipe:
    """Return the published recipe, or one cycle of the epochs of a smaller scale."""
    recipe = replace(RECIPES["resnet-imagenet"], augment="imagenet", checkpoints=(), channels_last=True)
    if context.scale.recipe.schedule == "step":
        return recipe
    own = context.scale.recipe
    return replace(recipe, epochs=own.epochs, batch_size=min(own.batch_size, recipe.batch_size), schedule="onecycle")


def _members(context: Context) -> Iterator[tuple[float, int]]:
    for seed in range(min(SEEDS, context.scale.width_seeds)):
        for width in _widths(context):
            yield width, seed


def _widths(context: Context) -> list[float]:
    return [width for width in context.scale.widths if width <= WIDEST]


def _folder(context: Context, images: Stream, width: float, seed: int) -> Path:
    recipe = recipe_of(context)
    name = f"{NETWORK}-w{width:g}-s{seed}-e{recipe.epochs}-{images.fingerprint()}"
    return context.runs / "imagenet" / name


def compute(context: Context) -> Outcome:
    """Return errors of alignment to the widest network, and spectra of the widest, on held-out pictures."""
    prepare(context)
    images, test = pictures(context)
    device = torch.device(context.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    count = min(len(images), context.scale.align or ALIGN)
    fitted = loader(_first(images, count), batch_size=100, device=device)
    held = loader(test, batch_size=100, device=device)
    nets: dict[tuple[float, int], nn.Module] = {}
    for width, seed in _members(context):
        net = build(NETWORK, width=width, classes=len(images.classes))
        load_weights(net, _folder(context, images, width, seed) / "model.safetensors")
        nets[width, seed] = net.eval().to(device)
    widths = _widths(context)
    errors, activations, weights = [], [], []
    for seed in dict.fromkeys(seed for _, seed in nets):
        own = [nets[width, seed] for width in widths]
        layers = [*blocks(own[0]), "fc"]
        found = standardised_errors(own, widths, fitted, held, layers)
        errors.append(found.assign(seed=seed, **{STANDARDISED: True}))
        aligned = align_networks(own[-1], fitted, layers=blocks(own[-1]), max_images=count, holdout=0.0)
        for tables, table in zip((activations, weights), _spectra(aligned), strict=True):
            tables.append(table.assign(network="ResNet-18", seed=seed))
    tables = {
        "resnet": pd.concat(errors, ignore_index=True),
        "activations": pd.concat(activations, ignore_index=True),
        "weights": pd.concat(weights, ignore_index=True),
        "accuracy": _accuracy(context, images),
    }
    top = tables["accuracy"].groupby("width")["accuracy"].mean()
    words = f"{len(errors)} {NETWORK} of each width on {images.name}, {len(images)} pictures of side {images.size}"
    note = (
        f"References are of width {widths[-1]:g} (8 in the paper), each of the same seed; accuracies on held-out "
        f"pictures: {', '.join(f'{value:.1f} % at {width:g}' for width, value in top.items())}."
    )
    return Outcome(tables, words, (note, *_beside(context, fitted, count, device)))


def _spectra(aligned: Aligned) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the spectra of what each layer reads, over the first eigenvalue, and of its weights, over the mean."""
    depths = {layer: k for k, layer in enumerate(aligned.layers, start=2)}
    found = ((activation_spectra(aligned), "over_first"), (weight_spectra(aligned), "over_mean"))
    tables = []
    for spectra, value in found:
        table = spectra[spectra["eigenvalue"] > 0]
        tables.append(table.assign(depth=table["layer"].map(depths))[["depth", "rank", value]])
    return tables[0], tables[1]


def _beside(context: Context, fitted: StreamLoader, count: int, device: torch.device) -> list[str]:
    """Return what the spectra of a trained network of someone else are, in words."""
    name = context.checkpoint
    if name is None:
        return []
    net = resolve(name, **({"pretrained": True} if is_public(name) else {})).eval().to(device)
    aligned = align_networks(net, fitted, layers=blocks(net), max_images=count, holdout=0.0)
    activations, weights = _spectra(aligned)
    second = activations.loc[activations["rank"] == 2, "over_first"]
    first = weights.loc[weights["rank"] == 1, "over_mean"]
    return [
        f"{name}, on the same pictures: second over first eigenvalue of activations {span(second)}, first eigenvalue "
        f"of weights {span(first, 0)} times the mean."
    ]


def _first(images: Stream, count: int) -> Stream:
    return images if count >= len(images) else replace(images, table=images.table.take(count), count=count)


def _accuracy(context: Context, images: Stream) -> pd.DataFrame:
    """Return what the logs of training say of held-out pictures at the end."""
    rows = []
    for width, seed in _members(context):
        log = pd.read_json(_folder(context, images, width, seed) / "log.jsonl", lines=True)
        rows.append({"width": width, "seed": seed, "accuracy": 100 * float(log["test_accuracy"].iloc[-1])})
    return pd.DataFrame(rows)


def _second(tables: Tables) -> tuple[str, Judgement]:
    second = tables["activations"].query("rank == 2")
    theirs = {name: sum(values) / len(values) for name, values in SECOND_EIGENVALUE.items()}
    half = (theirs["ResNet-18"] + theirs["scattering"]) / 2
    means = [own["over_first"].mean() for own in each_seed(second)]
    return span(second["over_first"]), at_least(means, half, "mean over layers, half way to a scattering network's")


RULES = (
    Rule(
        "resnet",
        "the error falls with width in the first layers, and hardly in the last",
        "inputs of the first .575 to .154 from 1/8 to 1, the last 1.66 to 1.35",
        residual,
    ),
    Rule(
        "second",
        "the first eigenvalue of activations hardly stands out",
        f"{min(SECOND_EIGENVALUE['ResNet-18'])} to {max(SECOND_EIGENVALUE['ResNet-18'])} (second over first)",
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
    """Draw the error of each layer against width, and the spectra of the widest network, first layer dark."""
    figure, (left, middle, right) = panels(1, 3, width=4.6)
    table = tables["resnet"]
    layers = list(dict.fromkeys(table["layer"]))
    for layer, colour in zip(layers, ramp(len(layers)), strict=True):
        part = table[table["layer"] == layer].groupby("width", as_index=False)["cosine_error"].mean()
        label = f"input of {layer}" if layer in (layers[0], layers[-1]) else None
        left.plot(part["width"], part["cosine_error"], "o-", markersize=4, color=colour, label=label)
    widths = sorted(set(table["width"]))
    for k, values in enumerate(RESNET_ERROR.values()):
        known = [(width, values[width]) for width in widths if width in values]
        if known:
            label = None if k else f"published: {', '.join(RESNET_ERROR)}"
            left.plot(*zip(*known, strict=True), color=BLACK, marker="x", linestyle="--", linewidth=1, label=label)
    width_axis(left, widths)
    log_ticks(left, table["cosine_error"])
    left.set_ylabel("2 (1 − cosine)")
    left.set_title("Distance to the widest network", loc="left")
    for axis, name, value in ((middle, "activations", "over_first"), (right, "weights", "over_mean")):
        found = tables[name]
        depths = sorted(set(found["depth"]))
        for depth, colour in zip(depths, ramp(len(depths)), strict=True):
            part = found[found["depth"] == depth].groupby("rank", as_index=False)[value].mean()
            label = f"layer {depth}" if depth in (depths[0], depths[-1]) else None
            (axis.loglog if axis is middle else axis.semilogy)(
                part["rank"], part[value], color=colour, linewidth=1.2, label=label
            )
        axis.set_xlabel("rank")
        axis.set_title("Activations, λ/λ_1" if axis is middle else "Weights, λ/mean", loc="left")
    low, high = min(SECOND_EIGENVALUE["ResNet-18"]), max(SECOND_EIGENVALUE["ResNet-18"])
    middle.loglog([2, 2], [low, high], color=BLACK, linewidth=3, label="published range at rank 2")
    middle.set_ylim(1e-5, 1.5)
    right.axhline(10, color=BLACK, linestyle="--", linewidth=1, label="published: first ≥ 10")
    right.set_ylim(1e-2, None)
    for axis in (left, middle, right):
        legend(axis)
    return figure


FIGURE = Figure(
    "imagenet",
    "ResNet-18 on ImageNet",
    "Guth et al., JMLR 2024, figures of the convergence of activations and of spectra on ImageNet",
    compute,
    RULES,
    draw,
    prepare,
)
