"""Covariances of weights: spectra with more networks and width, clipping, convergence (Guth et al., JMLR 2024)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from rainbownet.analysis import align_networks, clipping_curve, covariance_convergence, weight_spectra, width_slopes
from rainbownet.analysis.dynamics import weight_rows
from rainbownet.analysis.spectra import row_eigenvalues
from rainbownet.data import loader
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Claim, Figure, Outcome
from rainbownet.experiments.learned import falls, number, span
from rainbownet.plotting.style import BLACK, COLOURS, legend, log_ticks, panels, ramp, width_axis

EPOCHS = (0, 1, 2, 5, 10, 20)
NETWORK = "paper_scattering4"
LAYERS = ("block2.linear", "block3.linear")

ERRORS = {
    "j = 2": {0.125: 0.708, 0.25: 0.567, 0.5: 0.448, 1.0: 0.364, 2.0: 0.285, 4.0: 0.233},
    "j = 3": {0.125: 0.896, 0.25: 0.812, 0.5: 0.708, 1.0: 0.597, 2.0: 0.494, 4.0: 0.397},
}
"""Digitised; ten networks of each width, reference of width 32."""

CLIPPED = {1: 18.8, 5: 45.4, 10: 63.7, 20: 74.3, 30: 79.6, 50: 80.4, 128: 80.94}
"""Accuracy of the first network clipped to so many directions of its own covariance, in %, j = 2."""

SPECTRUM = {20: 8.1, 50: 1.9, 100: 0.94, 200: 0.56, 320: 0.33}
"""Eigenvalue times dimension by rank, 50 networks, j = 2."""


def compute(context: Context) -> Outcome:
    """Return spectra, clipping and convergence of the first learned covariances."""
    scale = context.scale
    recipe = scale.free
    batches = context.batches(context.images())
    same = context.train(NETWORK, recipe=recipe, widths=[scale.base], seeds=range(scale.seeds)).all()
    untrained = context.untrained(recipe)
    start = context.train(NETWORK, recipe=untrained, widths=[scale.base], seeds=range(scale.seeds)).all()
    aligned = align_networks(same, batches, layers=LAYERS)
    pooled = sorted({1, min(10, len(same)), len(same)})
    spectra = weight_spectra(aligned, pooled=pooled, initial=start)
    spectra = spectra[spectra["layer"] == LAYERS[0]]
    test = list(loader(context.images(split="test"), batch_size=500))
    dimension = aligned[LAYERS[0]].channels
    grid = sorted({r for r in (*CLIPPED, 2, 3, 75, dimension) if r <= dimension})
    clipped = clipping_curve(
        same[0], (), test, bases=["weights"], layers=[LAYERS[0]], aligned=aligned, index=0, ranks=grid
    )
    wide = context.train(NETWORK, recipe=recipe, widths=scale.widths, seeds=range(scale.width_seeds))
    widths = [float(width) for width, _ in wide.keys]  # pyright: ignore[reportArgumentType]
    nets = wide.all()
    across = align_networks(nets, batches, reference=len(nets) - 1, layers=LAYERS)
    errors = covariance_convergence(across, widths)
    by_width = pd.concat(
        [
            weight_spectra(align_networks(nets[widths.index(w)], batches, layers=LAYERS[:1])).assign(width=w)
            for w in dict.fromkeys(widths)
        ],
        ignore_index=True,
    )
    slopes = width_slopes(errors)
    tables = {
        "spectra": spectra[["state", "networks", "rank", "times_dimension", "rescaled"]],
        "by_width": by_width[["width", "rank", "times_dimension"]],
        "clipped": clipped,
        "errors": errors,
        "slopes": slopes,
    }
    words = f"{len(same)} {NETWORK} of width {scale.base:g}, {scale.width_seeds} of each other width, no weight decay"
    return Outcome(tables, _claims(tables), words, (_growth(context),))


def _growth(context: Context) -> str:
    """Return how the first eigenvalue grew with training: what short trainings lack."""
    scale = context.scale
    recipe = context.with_checkpoints(sorted({*EPOCHS, scale.free.epochs}), recipe=scale.free)
    trained = context.train(NETWORK, recipe=recipe, widths=[scale.base])
    found = {}
    for epoch in recipe.checkpoints:
        rows = weight_rows(trained.at(width=scale.base, epoch=epoch), LAYERS[0])
        found[epoch] = row_eigenvalues(rows)[0].item() * rows.shape[1]
    listed = ", ".join(f"{value:.1f} at {epoch}" for epoch, value in found.items())
    return f"The first eigenvalue × D of one network (j = 2) by epoch: {listed}. It grows as long as training goes on."


def _claims(tables: Mapping[str, pd.DataFrame]) -> list[Claim]:
    trained = tables["spectra"].query("state == 'trained'")
    most = trained[trained["networks"] == trained["networks"].max()].set_index("rank")["times_dimension"]
    first = tables["spectra"].query("state == 'initial'").groupby("networks")["times_dimension"].max()
    across = tables["errors"].pivot_table(index="layer", columns="width", values="error", sort=False)
    slopes = tables["slopes"].set_index("layer")["slope"]
    clipped = tables["clipped"].set_index("rank")["accuracy"]
    half = clipped[clipped >= clipped.max() - 0.01].index.min()
    return [
        Claim(
            "few eigenvalues of the covariance grow far beyond those of the initialisation",
            "first eigenvalue × D of 50 to 60 against 0.8 to 3.6 at the start",
            f"{most.iloc[0]:.1f} against {span(first, 1)}",
            bool(most.iloc[0] > 3 * first.max()),
        ),
        Claim(
            "a network keeps its accuracy in few directions (j = 2)",
            "79.6 of 80.9 % at rank 30",
            f"{100 * clipped.loc[half]:.1f} of {100 * tables['clipped']['full'].iloc[0]:.1f} % at rank {half}",
            bool(half <= 50),
        ),
        Claim(
            "covariances converge with width",
            "error ∝ s^−0.33 (j = 2), s^−0.34 (j = 3)",
            ", ".join(f"s^{slopes[layer]:.2f} ({number(str(layer))})" for layer in slopes.index),
            all(falls(row) for row in across.to_numpy()),
        ),
    ]


def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw the four panels."""
    figure, (a, b, c, d) = panels(2, 2)
    spectra = tables["spectra"]
    counts = sorted(set(spectra["networks"]))
    for count, colour in zip(counts, COLOURS, strict=False):
        for state, line in (("trained", "-"), ("initial", ":")):
            part = spectra[(spectra["networks"] == count) & (spectra["state"] == state)]
            value = "times_dimension" if state == "trained" else "rescaled"
            label = f"{count} network{'s' if count > 1 else ''}" if state == "trained" else None
            a.semilogy(part["rank"], part[value], line, color=colour, label=label)
    a.semilogy(list(SPECTRUM), list(SPECTRUM.values()), "x", color=BLACK, label="published, 50 networks at s = 1")
    a.set_title("(a) eigenvalues × D, j = 2 (dotted: start)", loc="left")
    by_width = tables["by_width"]
    widths = sorted(set(by_width["width"]))
    for width, colour in zip(widths, ramp(len(widths)), strict=True):
        part = by_width[by_width["width"] == width]
        b.semilogy(part["rank"], part["times_dimension"], color=colour, label=f"s = {width:g}")
    b.set_title("(b) by width", loc="left")
    for axis in (a, b):
        axis.set_xlabel("rank")
        low = spectra.loc[spectra["state"] == "trained", "times_dimension"]
        axis.set_ylim(max(1e-2, low[low > 1e-9].min() / 2), None)
    clipped = tables["clipped"]
    c.plot(clipped["rank"], 100 * clipped["accuracy"], "o-", markersize=4, color=COLOURS[0], label="ours")
    c.plot(list(CLIPPED), list(CLIPPED.values()), "x--", color=BLACK, linewidth=1, label="published (s = 1)")
    c.set_title("(c) accuracy when clipped, j = 2", loc="left")
    c.set_xlabel("rank")
    c.set_ylabel("test accuracy, %")
    c.set_xscale("log")
    errors = tables["errors"]
    at = sorted(set(errors["width"]))
    for layer, colour in zip(dict.fromkeys(errors["layer"]), COLOURS, strict=False):
        part = errors[errors["layer"] == layer]
        d.plot(part["width"], part["error"], "o-", markersize=4, color=colour, label=number(layer))
        known = [(w, ERRORS[number(layer)][w]) for w in at if w in ERRORS.get(number(layer), {})]
        if known:
            d.plot(*zip(*known, strict=True), "x--", color=BLACK, linewidth=1)
    width_axis(d, at)
    log_ticks(d, [*errors["error"], *(v for known in ERRORS.values() for w, v in known.items() if w in at)])
    d.set_title("(d) distance to the widest (crosses: published)", loc="left")
    for axis in (a, b, c, d):
        legend(axis)
    return figure


FIGURE = Figure(
    "weight_covariance",
    "Covariances of weights: learned spikes, convergence with width",
    "Guth et al., JMLR 2024, figure of the convergence of weight covariances",
    compute,
    draw,
)
