"""Covariances of weights: spectra with more networks and width, clipping, convergence (Guth et al., JMLR 2024)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
from scipy.stats import t
from torch import nn

from rainbownet.analysis import align_networks, clipping_curve, covariance_convergence, weight_spectra, width_slopes
from rainbownet.analysis.dynamics import weight_rows
from rainbownet.analysis.spectra import row_eigenvalues
from rainbownet.data import loader
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Figure, Outcome, Rule, Tables
from rainbownet.experiments.learned import number, span
from rainbownet.experiments.published import (
    CLIPPED_ACCURACY,
    COVARIANCE_ERROR,
    FIRST_EIGENVALUE,
    WEIGHT_SPECTRUM,
    log_slope,
)
from rainbownet.experiments.scales import kept
from rainbownet.experiments.verdict import FEWEST, Judgement, at_least, every, measured, share_kept, unknown
from rainbownet.plotting.style import BLACK, COLOURS, legend, log_ticks, panels, ramp, width_axis

NETWORK = "paper_scattering4"
CHANCE = 10.0
LAYERS = ("block2.linear", "block3.linear")

CLIP = (30, 320)
"""Rank, and dimension, at which the published accuracy is kept; ours is clipped to the same share."""


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
    grid = sorted({r for r in (*CLIPPED_ACCURACY, 2, 3, 75, dimension) if r <= dimension} | {_clip(dimension)})
    clipped = pd.concat(
        clipping_curve(
            net, (), test, bases=["weights"], layers=[LAYERS[0]], aligned=aligned, index=k, ranks=grid
        ).assign(network=k, networks=len(same))
        for k, net in enumerate(same)
    )
    wide = context.family(NETWORK, recipe=recipe)
    widths = [float(width) for width, _ in wide.keys]  # pyright: ignore[reportArgumentType]
    nets = wide.all()
    across = align_networks(nets, batches, reference=len(nets) - 1, layers=LAYERS)
    errors = covariance_convergence(across, widths).assign(reference_networks=len(scale.seeds_at(widths[-1])))
    by_width = pd.concat(
        [
            weight_spectra(align_networks(nets[widths.index(w)], batches, layers=LAYERS[:1])).assign(width=w)
            for w in dict.fromkeys(widths)
        ],
        ignore_index=True,
    )
    slopes = width_slopes(errors)
    tables = {
        "first": _first(same, start),
        "spectra": spectra[["state", "networks", "rank", "times_dimension", "rescaled"]],
        "by_width": by_width[["width", "rank", "times_dimension"]],
        "clipped": clipped,
        "errors": errors,
        "slopes": slopes,
    }
    words = f"{len(same)} {NETWORK} of width {scale.base:g}, {scale.each_width}, no weight decay"
    return Outcome(tables, words, (_growth(context),))


def _first(trained: Sequence[nn.Module], start: Sequence[nn.Module]) -> pd.DataFrame:
    """Return the first eigenvalue × D of each network, trained and at the start."""
    rows = []
    for state, nets in (("trained", trained), ("initial", start)):
        for k, net in enumerate(nets):
            found = weight_rows(net, LAYERS[0])
            value = row_eigenvalues(found)[0].item() * found.shape[1]
            rows.append({"state": state, "network": k, "times_dimension": value})
    return pd.DataFrame(rows)


def _clip(dimension: int) -> int:
    return max(1, round(CLIP[0] / CLIP[1] * dimension))


def _growth(context: Context) -> str:
    """Return how the first eigenvalue grew with training: what short trainings lack."""
    scale = context.scale
    recipe = kept(scale.free)
    trained = context.train(NETWORK, recipe=recipe, widths=[scale.base])
    found = {}
    for epoch in recipe.checkpoints:
        rows = weight_rows(trained.at(width=scale.base, epoch=epoch), LAYERS[0])
        found[epoch] = row_eigenvalues(rows)[0].item() * rows.shape[1]
    listed = ", ".join(f"{value:.1f} at {epoch}" for epoch, value in found.items())
    return f"The first eigenvalue × D of one network (j = 2) by epoch: {listed}. It grows as long as training goes on."


def _spikes(tables: Tables) -> tuple[str, Judgement]:
    if "first" in tables:
        found = tables["first"].pivot_table(index="network", columns="state", values="times_dimension")
    else:
        alone = tables["spectra"].query("networks == 1 and rank == 1")
        found = alone.pivot_table(index="networks", columns="state", values="times_dimension")
    ours = f"{span(found['trained'], 1)} against {span(found['initial'], 1)}"
    # Half of the published growth, in logarithms.
    ratio = math.sqrt(FIRST_EIGENVALUE[0] / FIRST_EIGENVALUE[1])
    return ours, at_least(found["trained"] / found["initial"], ratio, "first eigenvalue over the initial one")


def _few(tables: Tables) -> tuple[str, Judgement]:
    table = tables["clipped"]
    dimension = int(table["dimension"].iloc[0])
    rank = min(set(table["rank"]), key=lambda r: (abs(r - _clip(dimension)), r))
    at = table[table["rank"] == rank]
    full = CLIPPED_ACCURACY[max(CLIPPED_ACCURACY)]
    lost = 1 - (CLIPPED_ACCURACY[CLIP[0]] - CHANCE) / (full - CHANCE)
    ours = f"{100 * at['accuracy'].mean():.1f} of {100 * at['full'].mean():.1f} % at rank {rank} of {dimension}"
    if "networks" in at and int(at["networks"].iloc[0]) < FEWEST:
        return ours, unknown("the basis is that of the networks clipped alone")
    return ours, share_kept(
        100 * at["accuracy"] - CHANCE, 100 * at["full"] - CHANCE, 1 - 2 * lost, "points of accuracy above chance"
    )


def _converge(tables: Tables) -> tuple[str, Judgement]:
    errors, slopes = tables["errors"], tables["slopes"].set_index("layer")
    ours = ", ".join(f"s^{row['slope']:.2f} ({number(str(layer))})" for layer, row in slopes.iterrows())
    least = int(errors["networks"].min())
    if "reference_networks" in errors:
        least = min(least, int(errors["reference_networks"].min()))
    if least < FEWEST:
        return ours, unknown(f"{least} network of a width; {FEWEST} are needed")
    if slopes["points"].min() < FEWEST:
        return ours, unknown(f"{slopes['points'].min()} widths; {FEWEST} are needed")
    low, high = errors["width"].min(), errors["width"].max()
    judgements = []
    for layer, row in slopes.iterrows():
        wanted = log_slope(COVARIANCE_ERROR[number(str(layer))], low, high) / 2
        half = float(t.ppf(0.975, row["points"] - 2)) * float(row["standard_error"])
        reason = f"slope at {number(str(layer))} {row['slope']:.2f} ± {half:.2f}, ≤ {wanted:.2f} needed"
        judgements.append(measured(row["slope"], half, wanted, reason, sign=-1))
    return ours, every(judgements)


RULES = (
    Rule(
        "spikes",
        "few eigenvalues of the covariance grow far beyond those of the initialisation",
        "first eigenvalue × D of 50 to 60 against 0.8 to 3.6 at the start",
        _spikes,
    ),
    Rule("few", "a network keeps its accuracy in few directions (j = 2)", "79.6 of 80.9 % at rank 30 of 320", _few),
    Rule("converge", "covariances converge with width", "error ∝ s^−0.33 (j = 2), s^−0.34 (j = 3)", _converge),
)


def draw(tables: Tables) -> Any:
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
    a.semilogy(
        list(WEIGHT_SPECTRUM), list(WEIGHT_SPECTRUM.values()), "x", color=BLACK, label="published, 50 networks at s = 1"
    )
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
    clipped = tables["clipped"].groupby("rank", as_index=False)["accuracy"].mean()
    c.plot(clipped["rank"], 100 * clipped["accuracy"], "o-", markersize=4, color=COLOURS[0], label="ours")
    c.plot(
        list(CLIPPED_ACCURACY),
        list(CLIPPED_ACCURACY.values()),
        "x--",
        color=BLACK,
        linewidth=1,
        label="published (s = 1)",
    )
    c.set_title("(c) accuracy when clipped, j = 2", loc="left")
    c.set_xlabel("rank")
    c.set_ylabel("test accuracy, %")
    c.set_xscale("log")
    errors = tables["errors"]
    at = sorted(set(errors["width"]))
    for layer, colour in zip(dict.fromkeys(errors["layer"]), COLOURS, strict=False):
        part = errors[errors["layer"] == layer]
        d.plot(part["width"], part["error"], "o-", markersize=4, color=colour, label=number(layer))
        known = [(w, COVARIANCE_ERROR[number(layer)][w]) for w in at if w in COVARIANCE_ERROR.get(number(layer), {})]
        if known:
            d.plot(*zip(*known, strict=True), "x--", color=BLACK, linewidth=1)
    width_axis(d, at)
    log_ticks(d, [*errors["error"], *(v for known in COVARIANCE_ERROR.values() for w, v in known.items() if w in at)])
    d.set_title("(d) distance to the widest (crosses: published)", loc="left")
    for axis in (a, b, c, d):
        legend(axis)
    return figure


FIGURE = Figure(
    "weight_covariance",
    "Covariances of weights: learned spikes, convergence with width",
    "Guth et al., JMLR 2024, figure of the convergence of weight covariances",
    compute,
    RULES,
    draw,
)
