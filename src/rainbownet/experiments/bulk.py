"""Spectra of weights against the Marchenko–Pastur law, raw and whitened (Guth et al., JMLR 2024)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch

from rainbownet.analysis import marchenko_pastur
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Claim, Figure, Outcome
from rainbownet.experiments.learned import middle, number
from rainbownet.experiments.population import population
from rainbownet.plotting.style import BLACK, COLOURS, legend, panels
from rainbownet.spectra.marchenko_pastur import marchenko_pastur_density

PUBLISHED = {"raw": (21.1, 12.1, 26.8), "whitened": (1.6, 3.9, 8.4)}
"""Share of eigenvalues outside the edges, %, at j = 2, 4, 6."""


def compute(context: Context) -> Outcome:
    """Return the spectrum of one network's rows, raw and whitened by the covariance of all networks."""
    nets, aligned = population(context, *context.scale.crowd)
    bulks, spectra = [], []
    for name in middle(aligned):
        layer = aligned[name]
        own = layer.rows[min(1, len(nets) - 1)]
        stacked = layer.stacked()
        for kind, factor in (("raw", None), ("whitened", stacked / len(stacked) ** 0.5)):
            bulk = marchenko_pastur(own, factor)
            bulks.append({"layer": name, "kind": kind, **bulk.as_row(), "outside_percent": 100 * bulk.outside})
            spectra.append(pd.DataFrame({"layer": name, "kind": kind, "eigenvalue": bulk.eigenvalues.numpy()}))
    table = pd.DataFrame(bulks)
    across = table.pivot_table(index="layer", columns="kind", values="outside_percent", sort=False)
    largest = table.pivot_table(index="layer", columns="kind", values="largest", sort=False)
    # Whitened by a covariance that its own rows are 1/M of, no eigenvalue can exceed M.
    telling = bool((table.loc[table["kind"] == "whitened", "upper_edge"] < len(nets)).all())
    claims = [
        Claim(
            "raw weights have many eigenvalues outside the Marchenko–Pastur bulk",
            "21.1, 12.1, 26.8 % at j = 2, 4, 6; the largest 19.4, 24.5, 47",
            f"{_listed(across['raw'])} %; the largest {_listed(largest['raw'])}",
            bool((across["raw"] > 1).all()),
        ),
        Claim(
            "whitened ones few",
            "1.6, 3.9, 8.4 %; the largest 7.5, 9, 20.5",
            f"{_listed(across['whitened'])} %; the largest {_listed(largest['whitened'])}",
            bool((across["whitened"] < across["raw"]).all()) if telling else None,
        ),
    ]
    tables = {"bulk": table, "spectra": pd.concat(spectra, ignore_index=True)}
    note = (
        f"The covariance that whitens comes from {len(nets)} networks (50 in the paper), the one looked at among them: "
        f"whitened eigenvalues cannot exceed {len(nets)}, and tell something only where the bulk ends below that."
    )
    return Outcome(tables, claims, f"{len(nets)} {context.scale.deep} of width {context.scale.crowd[0]:g}", (note,))


def _listed(values: pd.Series) -> str:
    return ", ".join(f"{value:.1f}" for value in values)


def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
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
    draw,
)
