"""Whether neurons are independent after alignment, within layers and across them, beside independent draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from rainbownet.analysis import AlignedLayer, align_networks, dependence_across, dependence_within
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Figure, Outcome, Rule, Tables
from rainbownet.experiments.verdict import Judgement, every, share_kept
from rainbownet.plotting.style import COLOURS, legend, panels
from rainbownet.training import RECIPES

NETWORK, DATA = "digits_mlp", "digits"

STATES = ("before", "after", "draws")
"""Weights as they are, aligned, and drawn independently from the law of the aligned ones."""

SHARE = 0.5
"""Dependence is gone where less is left than half way from independent draws to weights as they are."""


def compute(context: Context) -> Outcome:
    """Align perceptrons of many seeds to their mean, and measure dependence before and after."""
    count = context.scale.crowd[1]
    recipe = RECIPES["digits"]
    nets = context.train(NETWORK, recipe=recipe, seeds=range(count), data=DATA, limit=None).all()
    aligned = align_networks(nets, context.batches(context.images(DATA, limit=None)), reference="mean")
    generator = torch.Generator().manual_seed(0)
    parts = [_measured(layer, generator) for layer in aligned if not layer.reader.frozen]
    table = pd.concat(parts, ignore_index=True)
    return Outcome({"dependence": table}, f"{count} {NETWORK}, {recipe.epochs} epochs")


def _measured(layer: AlignedLayer, generator: torch.Generator) -> pd.DataFrame:
    """Return the dependence of the weights of one layer, a row per kind, state and network."""
    own = [rows @ map for rows, map in zip(layer.rows, layer.maps, strict=True)]
    moved = [map @ moment @ map.mH for map, moment in zip(layer.maps, layer.moments, strict=True)]
    states: dict[str, tuple[Sequence[Tensor], Sequence[Tensor]]] = {
        "before": (own, layer.moments),
        "after": (layer.rows, moved),
        "draws": (_drawn(layer.rows, generator), moved),
    }
    found = []
    for state, (rows, moments) in states.items():
        kinds = {"across": dependence_across(rows, moments)}
        # Fewer neurons than directions, as in a classifier, tell nothing of each other.
        if sum(map(len, rows)) > rows[0].shape[1]:
            kinds["within"] = dependence_within(rows)
        found += [
            {"layer": layer.name, "kind": kind, "state": state, "network": m, "excess": value}
            for kind, values in kinds.items()
            for m, value in enumerate(values.tolist())
        ]
    return pd.DataFrame(found)


def _drawn(rows: Sequence[Tensor], generator: torch.Generator) -> list[Tensor]:
    """Return as many rows for each network, drawn one by one from N(0, C), C the second moment of all."""
    stacked = torch.cat(list(rows))
    return [
        torch.randn(len(own), len(stacked), generator=generator, dtype=stacked.dtype) @ stacked / len(stacked) ** 0.5
        for own in rows
    ]


def _gone(kind: str) -> Any:
    def judge(tables: Tables) -> tuple[str, Judgement]:
        table = tables["dependence"]
        wide = table[table["kind"] == kind].pivot_table(index=["layer", "network"], columns="state", values="excess")
        judgements, ours = [], []
        for layer, part in wide.groupby("layer", sort=False):
            before, after, drawn = (part[state].mean() for state in STATES)
            ours.append(f"layer {layer}: {before:+.1%} before, {after:+.2%} after, {drawn:+.2%} drawn")
            gone, whole = (part["before"] - part[state] for state in ("after", "draws"))
            judgements.append(share_kept(gone, whole, SHARE, f"dependence of layer {layer} gone"))
        return "; ".join(ours), every(judgements)

    return judge


RULES = (
    Rule(
        "within",
        "neurons of a layer are independent once aligned",
        "rows are drawn independently in the aligned basis",
        _gone("within"),
    ),
    Rule(
        "across",
        "layers depend on each other through the alignment alone",
        "layers are drawn independently in the aligned basis",
        _gone("across"),
    ),
)


def draw(tables: Tables) -> Any:
    """Draw the excess of every network, before and after alignment and for independent draws."""
    table = tables["dependence"]
    figure, axes = panels(1, 2)
    titles = {"within": "cosines of neurons of one network", "across": "energy read of the network's own layers"}
    names = ("as they are", "aligned", "independent draws")
    for axis, (kind, title) in zip(axes, titles.items(), strict=True):
        part = table[table["kind"] == kind]
        for k, (layer, own) in enumerate(part.groupby("layer", sort=False)):
            for place, state in enumerate(STATES):
                values = own[own["state"] == state]["excess"]
                label = f"layer {layer}" if place == 0 else None
                spots = [place + 0.2 * (k - 0.5)] * len(values)
                axis.plot(spots, values, "o", color=COLOURS[k], alpha=0.5, label=label)
        axis.set_yscale("symlog", linthresh=0.1)
        axis.axhline(0, color="#888888", linewidth=1)
        axis.set_xticks(range(len(STATES)), names)
        axis.set_title(title, loc="left", fontsize=10)
        legend(axis)
    axes[0].set_ylabel("excess over other networks")
    return figure


FIGURE = Figure(
    "dependence",
    "Neurons are independent after alignment, within layers and across",
    "Guth et al., JMLR 2024, definition of rainbow networks",
    compute,
    RULES,
    draw,
)
