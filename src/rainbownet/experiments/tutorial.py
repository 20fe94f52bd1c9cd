"""The authors' tutorial: alignment and resampling of a perceptron and a small convolutional network, grey CIFAR-10."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

import rainbownet as rn
from rainbownet.analysis import align_networks, weight_spectra
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Claim, Figure, Outcome
from rainbownet.plotting.style import BLACK, COLOURS, legend, panels
from rainbownet.training import evaluate

PUBLISHED = {
    ("tutorial_mlp", "trained"): 42.4,
    ("tutorial_mlp", "published method"): 30.6,
    ("tutorial_cnn", "trained"): 57.4,
    ("tutorial_cnn", "published method"): 40.3,
}
ALIGNMENT = (0.923, 0.879)
"""Printed similarity of two perceptrons at their hidden layers."""

KNEES = (50, 15)
"""Rank of the knee of the weight spectra of layers 1 and 2, read off plots."""

METHODS = {"published method": rn.PAPER.but(flatten="features"), "ours": rn.BEST}


def compute(context: Context) -> Outcome:
    """Train two perceptrons and a convolutional network, align the former and resample one of each."""
    grey = {"grayscale": True}
    train, test = context.images(**grey), context.images(split="test", **grey)
    recipe = context.scale.tutorial
    pair = context.train("tutorial_mlp", recipe=recipe, seeds=(0, 1), **grey).all()
    cnn = context.train("tutorial_cnn", recipe=recipe, **grey).all()[0]
    batches = context.batches(train)
    aligned = align_networks(pair, batches, holdout=0.0)
    table = aligned.table()
    similarity = table[(table["network"] == 1) & (table["channels"] != train.inputs[0].numel())]
    start = context.train("tutorial_mlp", recipe=context.untrained(recipe), **grey).all()
    spectra = weight_spectra(align_networks(pair[0], batches), initial=start)
    rows = []
    for name, net in (("tutorial_mlp", pair[0]), ("tutorial_cnn", cnn)):
        rows.append({"network": name, "what": "trained", "accuracy": 100 * evaluate(net, test).accuracy})
        for method, preset in METHODS.items():
            rainbow = rn.fit(net, batches, preset=preset)
            for what, law in ((method, rainbow), (f"{method}, white control", rainbow.white())):
                drawn = law.sample(batches, seed=0)
                rows.append({"network": name, "what": what, "accuracy": 100 * evaluate(drawn, test).accuracy})
    accuracy = pd.DataFrame(rows)
    tables = {"accuracy": accuracy, "similarity": similarity[["layer", "similarity"]], "spectra": _learned(spectra)}
    return Outcome(tables, _claims(tables), f"two perceptrons, one convolutional network, {recipe.epochs} epochs")


def _learned(spectra: pd.DataFrame) -> pd.DataFrame:
    """Keep the two hidden layers of the perceptron."""
    layers = list(dict.fromkeys(spectra["layer"]))[:2]
    return spectra[spectra["layer"].isin(layers)][["layer", "state", "rank", "eigenvalue"]]


def _claims(tables: Mapping[str, pd.DataFrame]) -> list[Claim]:
    found = tables["accuracy"].set_index(["network", "what"])["accuracy"]
    values = tables["similarity"]["similarity"].tolist()[:2]
    claims = [
        Claim(
            "hidden activations of two networks agree up to a rotation",
            ", ".join(f"{100 * value:.1f} %" for value in ALIGNMENT),
            ", ".join(f"{100 * value:.1f} %" for value in values),
            bool(min(values) > 0.8),
        )
    ]
    for name, words in (("tutorial_mlp", "perceptron"), ("tutorial_cnn", "convolutional network")):
        trained, drawn = (found[name, what] for what in ("trained", "published method"))
        white = found[name, "published method, white control"]
        claims.append(
            Claim(
                f"a resampled {words} keeps most of what training gave",
                f"{PUBLISHED[name, 'published method']} of {PUBLISHED[name, 'trained']} %",
                f"{drawn:.1f} of {trained:.1f} %, white control {white:.1f} %, ours {found[name, 'ours']:.1f} %",
                bool(drawn - 10 > 0.5 * (trained - 10)),
            )
        )
    first = tables["spectra"].pivot_table(
        index="layer", columns="state", values="eigenvalue", aggfunc="max", sort=False
    )
    claims.append(
        Claim(
            "training lifts the first eigenvalues of the weights above the initial ones",
            "6e-3 against 1.9e-3, 2e-2 against 3.8e-3",
            ", ".join(f"{row['trained']:.2g} against {row['initial']:.2g}" for _, row in first.iterrows()),
            bool((first["trained"] > 1.5 * first["initial"]).all()),
        )
    )
    return claims


def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw accuracies and the spectra of the perceptron's weights."""
    figure, (bars, *spectra) = panels(1, 3, width=4.8)
    table = tables["accuracy"]
    kinds = list(dict.fromkeys(table["what"]))
    networks = list(dict.fromkeys(table["network"]))
    for k, (what, colour) in enumerate(zip(kinds, COLOURS, strict=False)):
        part = table[table["what"] == what].set_index("network")["accuracy"]
        places = [n + 0.16 * (k - 2) for n in range(len(networks))]
        bars.bar(places, [part[name] for name in networks], width=0.15, color=colour, label=what)
        for place, name in zip(places, networks, strict=True):
            if (name, what) in PUBLISHED:
                label = "published" if (k, name) == (0, networks[0]) else None
                bars.plot(place, PUBLISHED[name, what], "x", color=BLACK, label=label)
    bars.set_xticks(range(len(networks)), ["perceptron", "convolutional"])
    bars.set_ylabel("test accuracy, %")
    bars.set_ylim(0, 1.5 * table["accuracy"].max())
    legend(bars)
    layers = list(dict.fromkeys(tables["spectra"]["layer"]))
    for axis, layer, knee in zip(spectra, layers, KNEES, strict=True):
        for state, line in (("trained", "-"), ("initial", ":")):
            part = tables["spectra"].query("layer == @layer and state == @state")
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
    draw,
)
