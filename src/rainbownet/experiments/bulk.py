"""Spectra of weights against the Marchenko–Pastur law, raw and whitened (Guth et al., JMLR 2024)."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import torch

from rainbownet.analysis import marchenko_pastur
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Figure, Outcome, Rule, Tables
from rainbownet.experiments.learned import middle, number
from rainbownet.experiments.population import population
from rainbownet.experiments.published import OUTSIDE
from rainbownet.experiments.verdict import Judgement, at_least, at_most, every, unknown
from rainbownet.plotting.style import BLACK, COLOURS, legend, panels
from rainbownet.spectra.marchenko_pastur import marchenko_pastur_density

LOOKED_AT = 5
"""Networks whose own spectrum is taken; the paper shows one."""

WHITE_DRAWS = 100


def compute(context: Context) -> Outcome:
    """Return the spectra of some networks' rows, raw and whitened by the covariance of all networks."""
    nets, aligned = population(context, *context.scale.crowd)
    bulks, spectra = [], []
    for name in middle(aligned):
        layer = aligned[name]
        stacked = layer.stacked()
        for k, own in enumerate(layer.rows[1 : 1 + LOOKED_AT] if len(nets) > 1 else layer.rows):
            for kind, factor in (("raw", None), ("whitened", stacked / len(stacked) ** 0.5)):
                bulk = marchenko_pastur(own, factor)
                keys = {"layer": name, "kind": kind, "network": k, "networks": len(nets)}
                bulks.append({**keys, **bulk.as_row(), "outside_percent": 100 * bulk.outside})
                if k == 0:
                    values = bulk.eigenvalues.numpy()
                    spectra.append(pd.DataFrame({"layer": name, "kind": kind, "eigenvalue": values}))
    note = (
        f"The covariance that whitens comes from {len(nets)} networks (50 in the paper), those looked at among them: "
        f"whitened eigenvalues cannot exceed {len(nets)}, and tell something only where the bulk ends below that."
    )
    tables = {"bulk": pd.DataFrame(bulks), "spectra": pd.concat(spectra, ignore_index=True)}
    return Outcome(tables, f"{len(nets)} {context.scale.deep} of width {context.scale.crowd[0]:g}", (note,))


@cache
def white_outside(rows: int, dimensions: int) -> float:
    """Return the share in % of eigenvalues of white rows outside the edges that one draw in a hundred exceeds.

    Example:
        >>> 0 < white_outside(32, 80) <= 10
        True
    """
    generator = torch.Generator().manual_seed(0)
    draws = (torch.randn(rows, dimensions, generator=generator) for _ in range(WHITE_DRAWS))
    shares = [marchenko_pastur(draw).outside for draw in draws]
    return 100 * float(np.quantile(shares, 0.99))


def _raw(tables: Tables) -> tuple[str, Judgement]:
    raw = tables["bulk"].query("kind == 'raw'")
    judgements = []
    for layer, part in raw.groupby("layer", sort=False):
        chance = white_outside(int(part["rows"].iloc[0]), int(part["dimensions"].iloc[0]))
        wanted = max(chance, min(OUTSIDE["raw"]) / 2)
        judgements.append(at_least(part["outside_percent"], wanted, f"% outside at {number(str(layer))}"))
    return f"{_listed(raw, 'outside_percent')} %; the largest {_listed(raw, 'largest')}", every(judgements)


def _whitened(tables: Tables) -> tuple[str, Judgement]:
    bulk = tables["bulk"]
    white = bulk.query("kind == 'whitened'")
    ours = f"{_listed(white, 'outside_percent')} %; the largest {_listed(white, 'largest')}"
    # Whitened by a covariance that its own rows are 1/M of, no eigenvalue can exceed M.
    if "networks" not in white or not (white["upper_edge"] < white["networks"]).all():
        return ours, unknown("too few networks whiten for an eigenvalue to stand out, or it is not known how many")
    between = (max(OUTSIDE["whitened"]) + min(OUTSIDE["raw"])) / 2
    judgements = []
    for layer, part in bulk.groupby("layer", sort=False):
        across = part.pivot_table(index="network", columns="kind", values="outside_percent")
        judgements.append(at_most(across["whitened"], between, f"% outside at {number(str(layer))}"))
        fewer = across["raw"] - across["whitened"]
        judgements.append(at_least(fewer, 0.0, f"points fewer than raw at {number(str(layer))}"))
    return ours, every(judgements)


RULES = (
    Rule(
        "raw",
        "raw weights have many eigenvalues outside the Marchenko–Pastur bulk",
        "21.1, 12.1, 26.8 % at j = 2, 4, 6; the largest 19.4, 24.5, 47",
        _raw,
    ),
    Rule("whitened", "whitened ones few", "1.6, 3.9, 8.4 %; the largest 7.5, 9, 20.5", _whitened),
)


def _listed(table: pd.DataFrame, column: str) -> str:
    return ", ".join(f"{value:.1f}" for value in table.groupby("layer", sort=False)[column].mean())


def draw(tables: Tables) -> Any:
    """Draw histograms of eigenvalues with the law, raw above and whitened below."""
    spectra, bulk = tables["spectra"], tables["bulk"]
    layers = list(dict.fromkeys(spectra["layer"]))
    figure, axes = panels(2, len(layers), width=4.2, height=3.2)
    places = [(kind, layer) for kind in ("raw", "whitened") for layer in layers]
    for axis, (kind, layer) in zip(axes, places, strict=True):
        values = spectra[(spectra["layer"] == layer) & (spectra["kind"] == kind)]["eigenvalue"].to_numpy()
        row = bulk[(bulk["layer"] == layer) & (bulk["kind"] == kind)].iloc[0]
        top = 1.6 * row["upper_edge"]
        axis.hist(values[values <= top], bins=40, range=(0, top), density=True, color=COLOURS[0], alpha=0.6)
        grid = torch.linspace(row["lower_edge"], row["upper_edge"], 200, dtype=torch.float64)
        axis.plot(grid, marchenko_pastur_density(grid, float(row["gamma"])), color=BLACK, label="Marchenko–Pastur")
        spikes = np.minimum(values[values > row["upper_edge"]], top)
        axis.plot(spikes, np.zeros_like(spikes), "|", color=COLOURS[1], markersize=14, label="outside")
        axis.set_title(
            f"{number(layer)}, {kind}: {row['outside_percent']:.1f} % outside, largest {row['largest']:.1f}",
            loc="left",
            fontsize=9.5,
        )
    for axis in axes[-len(layers) :]:
        axis.set_xlabel("eigenvalue")
    legend(axes[0])
    return figure


FIGURE = Figure(
    "bulk",
    "Spectra of weights against the Marchenko–Pastur law",
    "Guth et al., JMLR 2024, figure of the spectral densities of weights",
    compute,
    RULES,
    draw,
)
