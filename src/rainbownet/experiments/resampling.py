"""Accuracy of resampled networks against width: Guth et al., JMLR 2024, figure of the rainbow approximation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import linregress

import rainbownet as rn
from rainbownet.data import loader
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Figure, Outcome, Rule, Tables, each_seed, often
from rainbownet.experiments.published import CLIPPED_ACCURACY, RESAMPLED
from rainbownet.experiments.verdict import Judgement, at_least, every, unknown
from rainbownet.plotting.style import COLOURS, PUBLISHED, legend, panels, width_axis
from rainbownet.training import evaluate

METHODS = {"published method": rn.PAPER, "ours": rn.BEST.but(draw="gaussian")}
"""The modulus is even: antithetic pairs would be wasted on it."""

FOUR_LAYERS = CLIPPED_ACCURACY[max(CLIPPED_ACCURACY)]
"""Accuracy in % of the network of four layers at s = 1, unclipped."""

ENOUGH = 20_000
"""Images to retrain a classifier of some thousand features on; with fewer it would learn their noise."""


def compute(context: Context) -> Outcome:
    """Train networks of each width and draw another from the law of each."""
    scale = context.scale
    kwargs: dict[str, Any] = {"skip": True} if scale.eight else {}
    trained = context.family(scale.deep, kwargs=kwargs)
    train, test = context.images(), context.images(split="test")
    batches = context.batches(train)
    rows = []
    for width, seed in trained.keys:
        net = trained.at(width=width, seed=seed)
        last = sum(name.startswith("block") for name, _ in net.named_children())
        rows.append({"width": width, "seed": seed, "what": "trained", "accuracy": 100 * evaluate(net, test).accuracy})
        for name, preset in METHODS.items():
            rainbow = rn.fit(net, batches, preset=preset, head=[f"block{last}", "classifier.linear"])
            sample = rainbow.sample(batches, seed=seed)
            rows.append({"width": width, "seed": seed, "what": name, "accuracy": 100 * evaluate(sample, test).accuracy})
            if len(train) >= ENOUGH:
                again = rn.retrain_classifier(sample, loader(train, batch_size=250), max_images=ENOUGH)
                what = f"{name}, classifier retrained"
                rows.append(
                    {"width": width, "seed": seed, "what": what, "accuracy": 100 * evaluate(again, test).accuracy}
                )
            control = rainbow.white().sample(batches, seed=seed)
            accuracy = 100 * evaluate(control, test).accuracy
            rows.append({"width": width, "seed": seed, "what": f"{name}, white control", "accuracy": accuracy})
    table = pd.DataFrame(rows)
    words = f"{scale.deep}, {scale.each_width}, a draw from each"
    return Outcome({"accuracy": table}, words, (trained_words(table, eight=scale.eight),))


def trained_words(table: pd.DataFrame, *, eight: bool) -> str:
    """Return what trained networks reach by width, beside what was published, in words.

    Args:
        table: Accuracies by width, seed and what.
        eight: Whether the network is that of eight layers, else that of four.

    Example:
        >>> table = pd.DataFrame({"width": 1.0, "seed": [0, 1], "what": "trained", "accuracy": [79.0, 80.0]})
        >>> trained_words(table, eight=False)
        'Trained, test accuracy in %: 79.5 ± 0.7 (2) at 1; published 80.9 at 1.'
    """
    known = {width: row["trained"] for width, row in RESAMPLED.items()} if eight else {1.0: FOUR_LAYERS}
    ours = []
    for width, part in table[table["what"] == "trained"].groupby("width"):
        spread = f" ± {part['accuracy'].std():.1f}" if len(part) > 1 else ""
        ours.append(f"{part['accuracy'].mean():.1f}{spread} ({len(part)}) at {width:g}")
    theirs = [f"{known[width]:.1f} at {width:g}" for width in sorted(set(table["width"])) if width in known]
    published = f"; published {', '.join(theirs)}" if theirs else ""
    return f"Trained, test accuracy in %: {', '.join(ours)}{published}."


def _across(tables: Tables) -> list[pd.DataFrame]:
    """Return accuracy by width and what, for each seed, of the widths that have networks enough."""
    return [
        part.pivot_table(index="width", columns="what", values="accuracy")
        for part in each_seed(often(tables["accuracy"]))
    ]


def _ends(tables: Tables) -> tuple[float, float]:
    """Return the narrowest and the widest width of ours that was published and has networks enough."""
    known = [width for width in sorted(set(often(tables["accuracy"])["width"])) if width in RESAMPLED]
    return known[0], known[-1]


def _beside(tables: Tables) -> str:
    """Return what networks of other widths gave, which are too few for a verdict, in words."""
    table = tables["accuracy"]
    few = table[~table["width"].isin(often(table)["width"])]
    words = []
    for width, part in few.groupby("width"):
        mean = part.groupby("what")["accuracy"].mean()
        count = part["seed"].nunique()
        words.append(
            f"; beside, at {width:g} ({count} network{'s' if count > 1 else ''}), {mean['published method']:.1f} of "
            f"{mean['trained']:.1f} %"
        )
    return "".join(words)


def _grows(tables: Tables) -> tuple[str, Judgement]:
    low, high = _ends(tables)
    found = [across["published method"] for across in _across(tables)]
    means = sum(found) / len(found)
    ours = f"{means[low]:.1f} % at {low:g} to {means[high]:.1f} % at {high:g}{_beside(tables)}"
    half = (RESAMPLED[high]["rainbow"] - RESAMPLED[low]["rainbow"]) / 2
    return ours, at_least([own[high] - own[low] for own in found], half, f"points from {low:g} to {high:g}")


def _closes(tables: Tables) -> tuple[str, Judgement]:
    low, high = _ends(tables)
    gaps = [across["trained"] - across["published method"] for across in _across(tables)]
    means = sum(gaps) / len(gaps)
    ours = ", ".join(f"{gap:.1f}" for gap in means) + f" points from {low:g} to {high:g}{_beside(tables)}"
    if len(means) < 3:
        return ours, unknown("two widths are two ends, no trend")
    published = [RESAMPLED[width]["trained"] - RESAMPLED[width]["rainbow"] for width in (low, high)]
    wanted = (1 - published[1] / published[0]) / 2
    return ours, at_least([_closed(gap) for gap in gaps], wanted, "share of the gap that closes (line over all widths)")


def _closed(gap: pd.Series) -> float:
    doublings = np.log2(gap.index.to_numpy(dtype=float))
    line = linregress(doublings, gap.to_numpy(dtype=float))
    ends = line.intercept + line.slope * doublings[[0, -1]]
    return float(1 - ends[1] / ends[0]) if ends[0] > 0 else 0.0


def _better(tables: Tables) -> tuple[str, Judgement]:
    found = _across(tables)
    means = sum(found) / len(found)
    gain = means["ours"] - means["published method"]
    white = means["ours, white control"] - means["published method"]
    ours = (
        f"{gain.min():+.1f} to {gain.max():+.1f} points, of which the white control has {white.min():+.1f} to "
        f"{white.max():+.1f}"
    )
    judgements = []
    for width in means.index:
        own = [across.loc[width] for across in found]
        gains = [row["ours"] - row["published method"] for row in own]
        judgements.append(at_least(gains, 0.0, f"points gained at {width:g}"))
        by_law = [row["ours"] - row["ours, white control"] - (row["ours"] - row["published method"]) / 2 for row in own]
        judgements.append(at_least(by_law, 0.0, f"points by the law, above half of those gained, at {width:g}"))
    return ours, every(judgements)


RULES = (
    Rule("grows", "resampled accuracy grows with width", "54.8 % at 1/8 to 84.7 % at 4", _grows),
    Rule("closes", "the gap to the trained network closes with width", "33.2 points at 1/8, 7.2 at 4", _closes),
    Rule(
        "better",
        "(ours) least squares and means are better at every width, and by the law, not by the alignment alone",
        "not in the paper",
        _better,
    ),
)


def draw(tables: Tables) -> Any:
    """Draw accuracy against width, published values beside."""
    figure, (axis,) = panels(width=7.2, height=5.0)
    table = tables["accuracy"]
    colours = dict(zip(("trained", *METHODS), COLOURS, strict=False))
    for what, rows in table.groupby("what", sort=False):
        base = str(what).split(",")[0]
        line = {"trained": "-"}.get(
            str(what), "-" if "," not in str(what) else "--" if "retrained" in str(what) else ":"
        )
        rows = rows.groupby("width", as_index=False)["accuracy"].mean()
        axis.plot(rows["width"], rows["accuracy"], line, marker="o", markersize=4, color=colours[base], label=what)
    widths = sorted(set(table["width"]))
    for key, label in (("trained", "published: trained"), ("rainbow", "published: rainbow")):
        known = [(width, RESAMPLED[width][key]) for width in widths if width in RESAMPLED]
        if known:
            axis.plot(*zip(*known, strict=True), **PUBLISHED, label=label, alpha=0.45 if key == "trained" else 1.0)
    width_axis(axis, widths)
    axis.set_ylabel("test accuracy, %")
    axis.set_title("Networks drawn from their law", loc="left")
    legend(axis, ncols=2, loc="upper center", anchor=(0.5, -0.12))
    return figure


FIGURE = Figure(
    "resampling",
    "Accuracy of networks drawn from their law, against width",
    "Guth, Ménard, Rochette & Mallat, JMLR 2024, section 4.2",
    compute,
    RULES,
    draw,
)
