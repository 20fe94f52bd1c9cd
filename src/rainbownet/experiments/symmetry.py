"""Symmetry (Theorem 3): networks taught flipped images against flips and quarter turns, and laws averaged over both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import torch
from torch import nn

import rainbownet as rn
from rainbownet.analysis import FLIPS, TURNS, Flip, QuarterTurns, invariance, symmetrized, symmetry
from rainbownet.analysis.groups import Action
from rainbownet.data import Images
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Figure, Outcome, Rule, Tables
from rainbownet.experiments.verdict import Judgement, at_least, every
from rainbownet.plotting.style import COLOURS, legend, panels
from rainbownet.training import RECIPES, Recipe

ACTIONS: Mapping[str, tuple[Action, Sequence[Action]]] = {"flips": (Flip(), FLIPS), "turns": (QuarterTurns(1), TURNS)}

WIDTHS = (1.0, 4.0)

PAIRS = 200
"""Images whose kernels are compared."""


@dataclass(frozen=True)
class _Subject:
    """A network, what it is taught, and how."""

    network: str
    data: str
    options: Mapping[str, Any]
    recipe: Recipe


def compute(context: Context) -> Outcome:
    """Train networks on flipped images, and measure them, untrained ones, and samples of their laws."""
    subjects = [_Subject("digits_cnn", "digits", {"limit": None}, RECIPES["digits"])]
    if context.data is not None and (context.data / "cifar10").is_dir():
        subjects.append(_Subject("tutorial_cnn", "cifar10", {"grayscale": True}, context.scale.tutorial))
    layers, samples = [], []
    seeds = range(context.scale.width_seeds)
    for subject in subjects:
        recipe = replace(subject.recipe, augment="flip")
        options: dict[str, Any] = {"seeds": seeds, "data": subject.data, **subject.options}
        trained = context.train(subject.network, recipe=recipe, **options).all()
        initial = context.train(subject.network, recipe=context.untrained(recipe), **options).all()
        batches = context.batches(context.images(subject.data, **subject.options))
        test = context.images(subject.data, "test", **subject.options)
        for seed, net, start in zip(seeds, trained, initial, strict=True):
            keys = {"network": subject.network, "seed": seed}
            for state, own in (("trained", net), ("initial", start)):
                layers += [_layers(own, name, batches).assign(state=state, **keys) for name in ACTIONS]
            samples.append(_samples(net, batches, test, seed).assign(**keys))
    tables = {"layers": pd.concat(layers, ignore_index=True), "samples": pd.concat(samples, ignore_index=True)}
    words = " and of ".join(f"{s.network} ({s.recipe.epochs} epochs)" for s in subjects)
    note = (
        "The theorem is about kernels: its classifier is invariant where it is trained on invariant features. That of "
        "a sample is the trained one, aligned, and averaging the laws gives it nothing on turned images."
    )
    return Outcome(tables, f"{len(seeds)} networks of {words}, taught flipped images", [note])


def _layers(net: nn.Module, name: str, batches: Any) -> pd.DataFrame:
    """Return the symmetry of the layers that read neurons."""
    table = symmetry(net, ACTIONS[name][0], batches).iloc[1:]
    return table[["layer", "error", "commutator", "commutator_random"]].assign(action=name)


def _samples(net: nn.Module, batches: Any, test: Images, seed: int) -> pd.DataFrame:
    """Return how invariant the kernels of samples are, and how they classify images and moved images."""
    rainbow = rn.fit(net, batches)
    pixels = test.normalise(test.inputs)
    found = []
    for name, (action, group) in ACTIONS.items():
        laws = {"law": rainbow, "averaged": symmetrized(rainbow, group, batches)}
        drawn = [
            (law, width, own.sample(batches, width=width, seed=seed)) for law, own in laws.items() for width in WIDTHS
        ]
        for law, width, module in [("trained", 1.0, net), *drawn]:
            accuracies = [_accuracy(module, x, test.targets) for x in (pixels, action.move(pixels))]
            # The last layer is the classifier, which is not drawn.
            kernels = invariance(module, action, pixels[:PAIRS]).iloc[:-1]
            row = {"action": name, "law": law, "width": width, "accuracy": accuracies[0], "moved": accuracies[1]}
            found += [row | kernel for kernel in kernels.to_dict("records")]
    return pd.DataFrame(found)


def _accuracy(net: nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> float:
    with torch.no_grad():
        guesses = torch.cat([net(part).argmax(1) for part in inputs.split(500)])
    return 100 * (guesses == targets).double().mean().item()


def _gains(tables: Tables, network: str, value: Any) -> list[float]:
    """Return by how much turns exceed flips in trained networks, beyond untrained ones, for each seed."""
    table = tables["layers"][tables["layers"]["network"] == network]
    means = table.assign(value=value(table)).pivot_table(index="seed", columns=["state", "action"], values="value")
    trained, initial = (means[state]["turns"] - means[state]["flips"] for state in ("trained", "initial"))
    return (trained - initial).tolist()


def _flips(value: Any, what: str) -> Any:
    def judge(tables: Tables) -> tuple[str, Judgement]:
        table = tables["layers"]
        judgements, ours = [], []
        for network, part in table.assign(value=value(table)).groupby("network", sort=False):
            means = part[part["state"] == "trained"].groupby("action")["value"].mean()
            ours.append(f"{network}: {means['flips']:.2f} for flips, {means['turns']:.2f} for quarter turns")
            gains = _gains(tables, str(network), value)
            judgements.append(at_least(gains, 0.0, f"{network}, {what}: turns above flips, untrained ones subtracted"))
        return "; ".join(ours), every(judgements)

    return judge


def _averaged(tables: Tables) -> tuple[str, Judgement]:
    table = tables["samples"][tables["samples"]["action"] == "turns"]
    table = table[(table["width"] == table["width"].max()) & (table["law"] != "trained")]
    judgements, ours = [], []
    for network, part in table.groupby("network", sort=False):
        wide = part.pivot_table(index="seed", columns="law", values=["difference", "accuracy", "moved"])
        kernel, plain, moved = (wide[name].mean() for name in ("difference", "accuracy", "moved"))
        ours.append(
            f"{network}: kernels differ by {kernel['averaged']:.2f} instead of {kernel['law']:.2f}; accuracy "
            f"{plain['averaged']:.1f} instead of {plain['law']:.1f} %, turned {moved['averaged']:.1f} instead of "
            f"{moved['law']:.1f} %"
        )
        gains = wide["difference"]["law"] - wide["difference"]["averaged"]
        judgements.append(at_least(gains, 0.0, f"{network}, difference of kernels less by"))
    return "; ".join(ours), every(judgements)


def _relative(table: pd.DataFrame) -> pd.Series:
    return table["commutator"] / table["commutator_random"]


def _error(table: pd.DataFrame) -> pd.Series:
    return table["error"]


RULES = (
    Rule(
        "equivariant",
        "features are more equivariant to flips, which training images are invariant to, than to quarter turns",
        "a theorem of the limit",
        _flips(_error, "equivariance error"),
    ),
    Rule(
        "commutes",
        "covariances of weights commute with flips more than with quarter turns",
        "a theorem of the limit",
        _flips(_relative, "commutator over a random one"),
    ),
    Rule(
        "averaged",
        "wide samples of a law averaged over quarter turns are more invariant to them",
        "a theorem of the limit",
        _averaged,
    ),
)


def draw(tables: Tables) -> Any:
    """Draw commutators and errors by layer, and the kernels and accuracies of samples by width."""
    networks = list(dict.fromkeys(tables["layers"]["network"]))
    figure, axes = panels(len(networks), 4, width=4.2, height=3.8)
    for k, network in enumerate(networks):
        rows = {name: table[table["network"] == network] for name, table in tables.items()}
        by_layer, kernels, accuracies = axes[4 * k : 4 * k + 2], axes[4 * k + 2], axes[4 * k + 3]
        for axis, value, label in zip(
            by_layer, (_error, _relative), ("equivariance error", "commutator / random"), strict=True
        ):
            _by_layer(axis, rows["layers"].assign(value=value), f"{network}: {label}")
        for action, colour in zip(ACTIONS, COLOURS, strict=False):
            part = rows["samples"][rows["samples"]["action"] == action]
            for law, line in (("law", ":"), ("averaged", "-")):
                means = part[part["law"] == law].groupby("width")[["difference", "accuracy", "moved"]].mean()
                label = f"{action}, {law}"
                kernels.plot(means.index, means["difference"], f"{line}o", color=colour, label=label)
                accuracies.plot(means.index, means["moved"], f"{line}o", color=colour, label=f"{label}, moved")
        for axis, title in ((kernels, "samples: kernels, moved against not"), (accuracies, "samples: accuracy, %")):
            axis.set_xscale("log", base=2)
            axis.set_xlabel("width of the sample")
            axis.set_ylim(0, None)
            axis.set_title(title, loc="left", fontsize=10)
            legend(axis)
    return figure


def _by_layer(axis: Any, table: pd.DataFrame, title: str) -> None:
    for action, colour in zip(ACTIONS, COLOURS, strict=False):
        for state, line in (("trained", "-"), ("initial", ":")):
            part = table[(table["action"] == action) & (table["state"] == state)]
            means = part.groupby("layer", sort=False)["value"].mean()
            names, label = [str(layer) for layer in means.index], f"{action}, {state}"
            axis.plot(names, means, f"{line}o", color=colour, label=label)
    axis.set_xlabel("layer that reads")
    axis.set_ylim(0, None)
    axis.set_title(title, loc="left", fontsize=10)
    legend(axis)


FIGURE = Figure(
    "symmetry",
    "Symmetries of the data: equivariant features, commuting covariances, averaged laws",
    "Guth et al., JMLR 2024, theorem 3",
    compute,
    RULES,
    draw,
)
