"""Accuracy when a layer keeps few directions (Guth et al., JMLR 2024, figure of informative ranks)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from rainbownet.analysis import clipping_curve, informative_rank
from rainbownet.data import loader
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Claim, Figure, Outcome
from rainbownet.experiments.learned import middle, number
from rainbownet.experiments.population import population
from rainbownet.plotting.style import COLOURS, legend, panels

PUBLISHED = {
    "j = 2": {"weights": (19, 320), "activations": (25, 320), "random": (217, 320)},
    "j = 3": {"weights": (64, 640), "activations": (89, 640), "random": (448, 640)},
    "j = 4": {"weights": (51, 1280), "activations": (76, 1280), "random": (793, 1280)},
    "j = 6": {"weights": (51, 2560), "activations": (204, 2560), "random": (1945, 2560)},
}
"""Smallest rank within one point of full accuracy, and the dimension."""

STEPS = 20


def compute(context: Context) -> Outcome:
    """Clip one layer at a time of the first network, in bases of weights, of activations, and at random."""
    nets, aligned = population(context, context.scale.base, context.scale.seeds)
    test = list(loader(context.images(split="test"), batch_size=500))
    ranks = sorted({1, 2, 3, 5, 8, *(round(k * 10**0.25) for k in (5, 8))})
    parts = []
    for name in middle(aligned):
        dimension = aligned[name].channels
        grid = sorted({*ranks, *(round(dimension * (k / STEPS) ** 2) for k in range(1, STEPS + 1))})
        parts.append(
            clipping_curve(
                nets[0], (), test, layers=[name], aligned=aligned, index=0, ranks=[r for r in grid if r <= dimension]
            )
        )
    curve = pd.concat(parts, ignore_index=True)
    ranks_found = informative_rank(curve)
    across = ranks_found.pivot_table(index="layer", columns="basis", values="rank", sort=False)
    share = {name: across.loc[name] / aligned[name].channels for name in across.index}
    claims = [
        Claim(
            "few directions of the weights hold nearly all of the accuracy",
            "19 of 320 (j = 2), 51 of 1280 (j = 4), 51 of 2560 (j = 6)",
            ", ".join(
                f"{across.loc[name, 'weights']:.0f} of {aligned[name].channels} ({number(name)})"
                for name in across.index
            ),
            all(float(s["weights"]) < 0.2 for s in share.values()),
        ),
        Claim(
            "weights need fewer than activations, and these far fewer than random directions",
            "51, 76, 793 at j = 4",
            "; ".join(
                f"{number(name)}: {', '.join(f'{across.loc[name, kind]:.0f}' for kind in COLUMNS)}"
                for name in across.index
            ),
            bool(
                (across["weights"] <= across["activations"]).all()
                and (across["activations"] < across["random"].fillna(1e9)).all()
            ),
        ),
    ]
    tables = {"curve": curve, "ranks": ranks_found}
    return Outcome(tables, claims, f"{len(nets)} {context.scale.deep} of width {context.scale.base:g}")


COLUMNS = ("weights", "activations", "random")


def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw explained variance and accuracy against rank, a column per layer."""
    curve, ranks = tables["curve"], tables["ranks"]
    layers = list(dict.fromkeys(curve["layer"]))
    figure, axes = panels(2, len(layers), width=4.2, height=3.2)
    for column, layer in enumerate(layers):
        above, below = axes[column], axes[column + len(layers)]
        for kind, colour in zip(COLUMNS, COLOURS, strict=False):
            part = curve[(curve["layer"] == layer) & (curve["basis"] == kind)]
            above.plot(part["rank"], 100 * part["explained"], color=colour, label=kind)
            below.plot(part["rank"], 100 * part["accuracy"], color=colour)
            found = ranks[(ranks["layer"] == layer) & (ranks["basis"] == kind)].iloc[0]
            if found["rank"] == found["rank"]:
                below.plot(found["rank"], 100 * found["accuracy"], "o", color=colour)
            known = PUBLISHED.get(number(layer), {}).get(kind)
            if known is not None:
                place = known[0] / known[1] * found["dimension"]
                below.axvline(place, color=colour, linestyle=":", linewidth=1.4)
        below.axhline(100 * float(curve["full"].iloc[0]), color="#888888", linewidth=0.8)
        above.set_title(f"{number(layer)}", loc="left")
        below.set_xlabel("rank (dots: 1 point lost; dotted: published, as a share)", fontsize=9)
        for axis in (above, below):
            axis.set_xscale("symlog", linthresh=1)
            axis.set_xlim(0.9, None)
    axes[0].set_ylabel("weight variance, %")
    axes[len(layers)].set_ylabel("test accuracy, %")
    legend(axes[0])
    return figure


FIGURE = Figure(
    "clipping",
    "Accuracy when a layer keeps few directions",
    "Guth et al., JMLR 2024, figure of clipped covariances",
    compute,
    draw,
)
