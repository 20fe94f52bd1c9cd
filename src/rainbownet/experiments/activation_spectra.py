"""Spectra of activations: power laws, and the same at every width (Guth et al., JMLR 2024, figure 2)."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import torch

from rainbownet.analysis import activation_spectra, align_networks, fit_power_law
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Figure, Outcome, Rule, Tables, each_seed, often
from rainbownet.experiments.learned import learned_layers, number, span
from rainbownet.experiments.published import ACTIVATION_32, power_deviation, settled_step
from rainbownet.experiments.verdict import Judgement, at_most, unknown
from rainbownet.plotting.style import BLACK, legend, panels, ramp

RANK = 32

FIT = (3, 40)
"""Ranks between which the power is fitted; a layer is judged where it has four times as many."""


def compute(context: Context) -> Outcome:
    """Return spectra of what each learned layer reads."""
    trained = context.family(context.scale.deep)
    batches = context.batches(context.images())
    parts = []
    for width, seed in trained.keys:
        net = trained.at(width=width, seed=seed)
        aligned = align_networks(net, batches, layers=[*learned_layers(net), "classifier.linear"], holdout=0.0)
        table = activation_spectra(aligned)
        parts.append(table[table["eigenvalue"] > 0].assign(width=width, seed=seed))
    spectra = pd.concat(parts, ignore_index=True)
    spectra = spectra[_sparse(spectra["rank"])]
    fits = pd.DataFrame([_fit(keys, part) for keys, part in spectra.groupby(["layer", "width", "seed"], sort=False)])
    tables = {"spectra": spectra[["layer", "width", "seed", "rank", "over_first"]], "fits": fits}
    words = f"{context.scale.deep}, {context.scale.each_width}"
    return Outcome(tables, words)


def _sparse(rank: pd.Series) -> pd.Series:
    """Keep every rank up to 40 and evenly spread ones beyond, which is all that a logarithmic axis shows."""
    spread = torch.logspace(1.6, 4.5, 120).round().long().unique().tolist()
    return rank.le(40) | rank.isin(spread)


def _fit(keys: Any, part: pd.DataFrame) -> dict[str, Any]:
    values = torch.tensor(part["over_first"].to_numpy())
    few = int(part["rank"].le(FIT[1]).sum())
    found = fit_power_law(values[:few], (FIT[0], few))
    keys = dict(zip(("layer", "width", "seed"), keys, strict=True))
    return {**keys, "exponent": found.rate, "error": found.rate_error, "r2": found.r2}


def _power_law(tables: Tables) -> tuple[str, Judgement]:
    keys = ["layer", "width", *(["seed"] if "seed" in tables["fits"] else [])]
    ranks = tables["spectra"].groupby(keys)["rank"].max().rename("ranks").reset_index()
    fits = tables["fits"].merge(ranks, on=keys)
    fits = fits[(fits["layer"] != "classifier.linear") & (fits["ranks"] >= 4 * FIT[1])]
    if not len(fits):
        return "", unknown(f"no layer with {4 * FIT[1]} eigenvalues")
    worst = (fits["exponent"] - 1).abs().groupby([fits[key] for key in keys[1:]]).max()
    ours = (
        f"−{fits['exponent'].max():.2f} to −{fits['exponent'].min():.2f} in learned layers, ranks {FIT[0]} to {FIT[1]} "
        f"(R² {span(fits['r2'])})"
    )
    return ours, at_most(worst, power_deviation(), "largest deviation from −1 in a network")


def _settles(tables: Tables) -> tuple[str, Judgement]:
    spectra = tables["spectra"]
    at = spectra[(spectra["layer"] == _shown(spectra)) & (spectra["rank"] == RANK)]
    means = at.groupby("width")["over_first"].mean()
    ours = ", ".join(f"{value:.3f} at {width:g}" for width, value in means.items())
    told = often(at)
    last = sorted(set(told["width"]))[-2:]
    if told["width"].nunique() < 3:
        return ours, unknown("fewer than three widths")
    steps = []
    for part in each_seed(told):
        narrow, wide = part.set_index("width")["over_first"].loc[last]
        steps.append(abs(math.log(narrow / wide)) / math.log2(last[1] / last[0]))
    return ours, at_most(steps, settled_step(), f"step in logarithms from doubling {last[0]:g}")


def _shown(spectra: pd.DataFrame) -> str:
    return sorted(set(spectra["layer"]))[1]


RULES = (
    Rule(
        "power_law",
        "eigenvalues of activations decay as a power of the rank, close to −1",
        "slope close to −1 in every layer",
        _power_law,
    ),
    Rule(
        "wide_agree",
        "spectra of wide networks agree",
        ", ".join(f"{value} at {width:g}" for width, value in ACTIVATION_32.items()) + f" (λ_{RANK}/λ_1)",
        _settles,
    ),
)


def draw(tables: Tables) -> Any:
    """Draw one layer at all widths, and all layers at the largest."""
    figure, (left, right) = panels(1, 2)
    spectra = tables["spectra"]
    shown = _shown(spectra)
    widths = sorted(set(spectra["width"]))
    for width, colour in zip(widths, ramp(len(widths)), strict=True):
        part = _mean(spectra[(spectra["layer"] == shown) & (spectra["width"] == width)])
        left.loglog(part["rank"], part["over_first"], color=colour, label=f"s = {width:g}")
    known = [(width, value) for width, value in ACTIVATION_32.items() if width in widths or width == max(ACTIVATION_32)]
    left.loglog([RANK] * len(known), [v for _, v in known], "x", color=BLACK, label=f"published, m = {RANK}")
    layers = list(dict.fromkeys(spectra["layer"]))
    for layer, colour in zip(layers, ramp(len(layers)), strict=True):
        part = _mean(spectra[(spectra["layer"] == layer) & (spectra["width"] == widths[-1])])
        right.loglog(part["rank"], part["over_first"], color=colour, label=f"input of {number(layer)}")
    for axis in (left, right):
        most = spectra["rank"].max()
        axis.loglog([1, most], [1, 1 / most], ":", color=BLACK, linewidth=1, label="m⁻¹")
        axis.set_xlabel("rank m")
        axis.set_ylabel("λ_m / λ_1")
        axis.set_ylim(max(1e-6, spectra["over_first"].min()), 1.5)
        legend(axis)
    left.set_title(f"Input of {number(shown)}, by width", loc="left")
    right.set_title(f"Layers at s = {widths[-1]:g}", loc="left")
    return figure


def _mean(spectra: pd.DataFrame) -> pd.DataFrame:
    return spectra.groupby("rank", as_index=False)["over_first"].mean()


FIGURE = Figure(
    "activation_spectra", "Spectra of activations", "Guth et al., JMLR 2024, figure 2", compute, RULES, draw
)  # fmt: skip
