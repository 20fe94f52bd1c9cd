"""The authors' tutorial: alignment and resampling of a perceptron and a small convolutional network, grey CIFAR-10."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import pandas as pd

import rainbownet as rn
from rainbownet.analysis import align_networks, weight_spectra
from rainbownet.experiments.context import Context, Selection
from rainbownet.experiments.figure import Figure, Outcome, Rule, Tables, each_seed
from rainbownet.experiments.published import TUTORIAL, TUTORIAL_KNEES, TUTORIAL_LIFT, TUTORIAL_SIMILARITY
from rainbownet.experiments.verdict import Judgement, at_least, every, share_kept, unknown
from rainbownet.plotting.style import BLACK, COLOURS, legend, panels
from rainbownet.training import evaluate

METHODS = {"published method": rn.PAPER.but(flatten="features"), "ours": rn.BEST}


def compute(context: Context) -> Outcome:
    """Train perceptrons and convolutional networks, align the former two by two, and resample each."""
    grey: Selection = {"grayscale": True}
    train, test = context.images(**grey), context.images(split="test", **grey)
    recipe = context.scale.tutorial
    seeds = range(max(2, context.scale.width_seeds))
    perceptrons = context.train("tutorial_mlp", recipe=recipe, seeds=seeds, **grey).all()
    convolutional = context.train("tutorial_cnn", recipe=recipe, seeds=seeds, **grey).all()
    start = context.train("tutorial_mlp", recipe=context.untrained(recipe), seeds=seeds, **grey).all()
    batches = context.batches(train)
    pixels = train.inputs[0].numel()
    similarity = pd.concat(
        _similarity(nets, state, batches, pixels) for state, nets in (("trained", perceptrons), ("initial", start))
    )
    spectra = pd.concat(
        _learned(weight_spectra(align_networks(net, batches), initial=[own])).assign(seed=seed)
        for seed, net, own in zip(seeds, perceptrons, start, strict=True)
    )
    rows = []
    for name, nets in (("tutorial_mlp", perceptrons), ("tutorial_cnn", convolutional)):
        for seed, net in zip(seeds, nets, strict=True):
            accuracies = {"trained": net}
            for method, preset in METHODS.items():
                rainbow = rn.fit(net, batches, preset=preset)
                accuracies[method] = rainbow.sample(batches, seed=seed)
                accuracies[f"{method}, white control"] = rainbow.white().sample(batches, seed=seed)
            for what, module in accuracies.items():
                accuracy = 100 * evaluate(module, test).accuracy
                rows.append({"network": name, "seed": seed, "what": what, "accuracy": accuracy})
    tables = {"accuracy": pd.DataFrame(rows), "similarity": similarity, "spectra": spectra}
    words = f"{len(seeds)} perceptrons, {len(seeds)} convolutional networks, {recipe.epochs} epochs"
    return Outcome(tables, words)


def _similarity(nets: list[Any], state: str, batches: Any, pixels: int) -> pd.DataFrame:
    """Return the similarity of each pair of perceptrons at their hidden layers."""
    parts = []
    for k, (a, b) in enumerate(combinations(range(len(nets)), 2)):
        table = align_networks([nets[a], nets[b]], batches, holdout=0.0).table()
        hidden = table[(table["network"] == 1) & (table["channels"] != pixels)]
        parts.append(hidden[["layer", "similarity"]].assign(state=state, seed=k))
    return pd.concat(parts, ignore_index=True)


def _learned(spectra: pd.DataFrame) -> pd.DataFrame:
    """Keep the two hidden layers of the perceptron."""
    layers = list(dict.fromkeys(spectra["layer"]))[:2]
    return spectra[spectra["layer"].isin(layers)][["layer", "state", "rank", "eigenvalue"]]


def _aligned(tables: Tables) -> tuple[str, Judgement]:
    table = tables["similarity"]
    states = table["state"] if "state" in table else pd.Series("trained", index=table.index)
    trained, initial = table[states == "trained"], table[states == "initial"]
    means = trained.groupby("layer", sort=False)["similarity"].mean()
    ours = ", ".join(f"{100 * value:.1f} %" for value in means)
    if not len(initial):
        return ours, unknown("the control, two untrained networks, was not measured")
    judgements = []
    for (layer, part), known in zip(trained.groupby("layer", sort=False), TUTORIAL_SIMILARITY, strict=False):
        control = float(initial[initial["layer"] == layer]["similarity"].mean())
        # Half way from untrained networks to what was published; less than untrained ones is no agreement either.
        wanted = max(control, (control + known) / 2)
        judgements.append(at_least(part["similarity"], wanted, f"similarity (untrained {control:.2f})"))
    return ours, every(judgements)


def _keeps(network: str) -> Any:
    """Return the rule's judgement of one network: what the sample keeps above its white control."""

    def judge(tables: Tables) -> tuple[str, Judgement]:
        table = tables["accuracy"][tables["accuracy"]["network"] == network]
        means = table.groupby("what")["accuracy"].mean()
        ours = (
            f"{means['published method']:.1f} of {means['trained']:.1f} %, white control "
            f"{means['published method, white control']:.1f} %, ours {means['ours']:.1f} %"
        )
        across = [part.set_index("what")["accuracy"] for part in each_seed(table)]
        whites = [found["published method, white control"] for found in across]
        kept, whole = (
            [found[what] - white for found, white in zip(across, whites, strict=True)]
            for what in ("published method", "trained")
        )
        return ours, share_kept(kept, whole, 0.5, "points of the trained network above a white draw")

    return judge


def _lifts(tables: Tables) -> tuple[str, Judgement]:
    spectra = tables["spectra"]
    keys = [*(["seed"] if "seed" in spectra else []), "layer"]
    first = spectra.pivot_table(index=keys, columns="state", values="eigenvalue", aggfunc="max", sort=False)
    means = first.groupby("layer", sort=False).mean()
    ours = ", ".join(f"{row['trained']:.2g} against {row['initial']:.2g}" for _, row in means.iterrows())
    ratio = (first["trained"] / first["initial"]).groupby("layer", sort=False)
    judgements = []
    for (layer, values), (trained, initial) in zip(ratio, TUTORIAL_LIFT, strict=False):
        judgements.append(at_least(values, math.sqrt(trained / initial), f"layer {layer}, trained over initial"))
    return ours, every(judgements)


RULES = (
    Rule(
        "aligned",
        "hidden activations of two networks agree up to a rotation",
        ", ".join(f"{100 * value:.1f} %" for value in TUTORIAL_SIMILARITY),
        _aligned,
    ),
    *(
        Rule(
            f"{short}_keeps",
            f"a resampled {words} keeps most of what training gave, above its white control",
            f"{TUTORIAL[name]['published method']} of {TUTORIAL[name]['trained']} %, no control",
            _keeps(name),
        )
        for short, name, words in (
            ("mlp", "tutorial_mlp", "perceptron"),
            ("cnn", "tutorial_cnn", "convolutional network"),
        )
    ),
    Rule(
        "lifts",
        "training lifts the first eigenvalues of the weights above the initial ones",
        "6e-3 against 1.9e-3, 2e-2 against 3.8e-3",
        _lifts,
    ),
)


def draw(tables: Tables) -> Any:
    """Draw accuracies and the spectra of the perceptron's weights."""
    figure, (bars, *spectra) = panels(1, 3, width=4.8)
    table = tables["accuracy"]
    kinds = list(dict.fromkeys(table["what"]))
    networks = list(dict.fromkeys(table["network"]))
    for k, (what, colour) in enumerate(zip(kinds, COLOURS, strict=False)):
        part = table[table["what"] == what].groupby("network")["accuracy"].mean()
        places = [n + 0.16 * (k - 2) for n in range(len(networks))]
        bars.bar(places, [part[name] for name in networks], width=0.15, color=colour, label=what)
        for place, name in zip(places, networks, strict=True):
            if what in TUTORIAL[name]:
                label = "published" if (k, name) == (0, networks[0]) else None
                bars.plot(place, TUTORIAL[name][what], "x", color=BLACK, label=label)
    bars.set_xticks(range(len(networks)), ["perceptron", "convolutional"])
    bars.set_ylabel("test accuracy, %")
    bars.set_ylim(0, 1.5 * table["accuracy"].max())
    legend(bars)
    layers = list(dict.fromkeys(tables["spectra"]["layer"]))
    for axis, layer, knee in zip(spectra, layers, TUTORIAL_KNEES, strict=True):
        for state, line in (("trained", "-"), ("initial", ":")):
            part = tables["spectra"].query("layer == @layer and state == @state")
            part = part.groupby("rank", as_index=False)["eigenvalue"].mean()
            axis.semilogy(part["rank"], part["eigenvalue"], line, color=COLOURS[0], label=state)
        axis.axvline(knee, color=BLACK, linestyle="--", linewidth=1, label=f"published knee, {knee}")
        axis.set_xlabel("rank")
        axis.set_title(f"Weights of layer {layers.index(layer) + 1}: eigenvalues", loc="left")
        values = tables["spectra"].query("layer == @layer")["eigenvalue"]
        axis.set_ylim(max(values.max() * 1e-5, values[values > 0].min()), None)
        legend(axis)
    return figure


FIGURE = Figure(
    "tutorial",
    "The authors' tutorial: alignment, spectra, resampling",
    "Guth & Ménard, CCN tutorial 2023",
    compute,
    RULES,
    draw,
)
