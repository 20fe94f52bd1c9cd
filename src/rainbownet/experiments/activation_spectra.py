"""Spectra of activations: power laws, and the same at every width (Guth et al., JMLR 2024, figure 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import torch

from rainbownet.analysis import activation_spectra, align_networks, fit_power_law
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Claim, Figure, Outcome
from rainbownet.experiments.learned import learned_layers, number, span
from rainbownet.plotting.style import BLACK, legend, panels, ramp

PUBLISHED = {0.125: 0.032, 0.25: 0.023, 8.0: 0.0176}
"""Digitised from figure 2, left: eigenvalue 32 over the first, by width."""

RANK = 32


def compute(context: Context) -> Outcome:
    """Return spectra of what each learned layer reads."""
    trained = context.train(context.scale.deep, widths=context.scale.widths)
    batches = context.batches(context.images())
    parts = []
    for width, seed in trained.keys:
        net = trained.at(width=width, seed=seed)
        aligned = align_networks(net, batches, layers=[*learned_layers(net), "classifier.linear"], holdout=0.0)
        table = activation_spectra(aligned)
        parts.append(table[table["eigenvalue"] > 0].assign(width=width))
    spectra = pd.concat(parts, ignore_index=True)
    spectra = spectra[_sparse(spectra["rank"])]
    fits = pd.DataFrame([_fit(keys, part) for keys, part in spectra.groupby(["layer", "width"], sort=False)])
    tables = {"spectra": spectra[["layer", "width", "rank", "over_first"]], "fits": fits}
    return Outcome(tables, _claims(spectra, fits), f"{context.scale.deep}, a network of each width")


def _sparse(rank: pd.Series) -> pd.Series:
    """Keep every rank up to 40 and evenly spread ones beyond, which is all that a logarithmic axis shows."""
    spread = torch.logspace(1.6, 4.5, 120).round().long().unique().tolist()
    return rank.le(40) | rank.isin(spread)


def _fit(keys: Any, part: pd.DataFrame) -> dict[str, Any]:
    values = torch.tensor(part["over_first"].to_numpy())
    few = int(part["rank"].le(40).sum())
    found = fit_power_law(values[:few], (3, few))
    return {"layer": keys[0], "width": keys[1], "exponent": found.rate, "error": found.rate_error, "r2": found.r2}


def _claims(spectra: pd.DataFrame, fits: pd.DataFrame) -> list[Claim]:
    wide = fits[fits["width"] == fits["width"].max()]
    inner = wide[wide["layer"] != "classifier.linear"]
    shown = sorted(set(spectra["layer"]))[1]
    at = spectra[(spectra["layer"] == shown) & (spectra["rank"] == RANK)].set_index("width")["over_first"]
    last = at.iloc[-2:]
    return [
        Claim(
            "eigenvalues of activations decay as a power of the rank, close to −1",
            "slope close to −1 in every layer",
            f"−{inner['exponent'].max():.2f} to −{inner['exponent'].min():.2f} in learned layers, ranks 3 to 40 "
            f"(R² {span(inner['r2'])})",
            bool(inner["exponent"].between(0.7, 1.5).all()),
        ),
        Claim(
            "spectra of wide networks agree",
            ", ".join(f"{value} at {width:g}" for width, value in PUBLISHED.items()) + f" (λ_{RANK}/λ_1)",
            ", ".join(f"{value:.3f} at {width:g}" for width, value in at.items()),
            bool(abs(last.iloc[0] / last.iloc[1] - 1) < abs(at.iloc[0] / at.iloc[-1] - 1)) if len(at) > 2 else None,
        ),
    ]


def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw one layer at all widths, and all layers at the largest."""
    figure, (left, right) = panels(1, 2)
    spectra = tables["spectra"]
    shown = sorted(set(spectra["layer"]))[1]
    widths = sorted(set(spectra["width"]))
    for width, colour in zip(widths, ramp(len(widths)), strict=True):
        part = spectra[(spectra["layer"] == shown) & (spectra["width"] == width)]
        left.loglog(part["rank"], part["over_first"], color=colour, label=f"s = {width:g}")
    known = [(width, value) for width, value in PUBLISHED.items() if width in widths or width == max(PUBLISHED)]
    left.loglog([RANK] * len(known), [v for _, v in known], "x", color=BLACK, label=f"published, m = {RANK}")
    layers = list(dict.fromkeys(spectra["layer"]))
    for layer, colour in zip(layers, ramp(len(layers)), strict=True):
        part = spectra[(spectra["layer"] == layer) & (spectra["width"] == widths[-1])]
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


FIGURE = Figure(
    "activation_spectra", "Spectra of activations", "Guth et al., JMLR 2024, figure 2", compute, draw
)  # fmt: skip
