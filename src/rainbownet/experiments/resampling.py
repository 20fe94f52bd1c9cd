"""Accuracy of resampled networks against width: Guth et al., JMLR 2024, figure of the rainbow approximation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

import rainbownet as rn
from rainbownet.data import loader
from rainbownet.experiments.context import Context
from rainbownet.experiments.figure import Claim, Figure, Outcome
from rainbownet.plotting.style import COLOURS, PUBLISHED, legend, panels, width_axis
from rainbownet.training import evaluate

METHODS = {"published method": rn.PAPER, "ours": rn.BEST.but(draw="gaussian")}
"""The modulus is even: antithetic pairs would be wasted on it."""

ENOUGH = 20_000
"""Images to retrain a classifier of some thousand features on; with fewer it would learn their noise."""

VALUES = {
    0.125: {"trained": 88.0, "rainbow": 54.8, "retrained": 67.15},
    0.25: {"trained": 89.7, "rainbow": 67.2, "retrained": 77.13},
    0.5: {"trained": 91.1, "rainbow": 76.3, "retrained": 81.68},
    1.0: {"trained": 91.6, "rainbow": 81.4, "retrained": 85.52},
    2.0: {"trained": 91.9, "rainbow": 84.0, "retrained": 87.55},
    4.0: {"trained": 91.9, "rainbow": 84.7, "retrained": 88.72},
}
"""Published: eight layers with skip, 150 epochs."""


def compute(context: Context) -> Outcome:
    """Train a network of each width and draw another from its law."""
    scale = context.scale
    eight = scale.deep == "cifar_scattering"
    kwargs: dict[str, Any] = {"skip": True} if eight else {}
    trained = context.train(scale.deep, widths=scale.widths, kwargs=kwargs)
    train, test = context.images(), context.images(split="test")
    batches = context.batches(train)
    rows = []
    for width, seed in trained.keys:
        net = trained.at(width=width, seed=seed)
        last = sum(name.startswith("block") for name, _ in net.named_children())
        rows.append({"width": width, "what": "trained", "accuracy": 100 * evaluate(net, test).accuracy})
        for name, preset in METHODS.items():
            rainbow = rn.fit(net, batches, preset=preset, head=[f"block{last}", "classifier.linear"])
            sample = rainbow.sample(batches, seed=0)
            rows.append({"width": width, "what": name, "accuracy": 100 * evaluate(sample, test).accuracy})
            if len(train) >= ENOUGH:
                again = rn.retrain_classifier(sample, loader(train, batch_size=250), max_images=ENOUGH)
                what = f"{name}, classifier retrained"
                rows.append({"width": width, "what": what, "accuracy": 100 * evaluate(again, test).accuracy})
            if name == "ours":
                control = rainbow.white().sample(batches, seed=0)
                accuracy = 100 * evaluate(control, test).accuracy
                rows.append({"width": width, "what": "ours, white control", "accuracy": accuracy})
    table = pd.DataFrame(rows)
    return Outcome({"accuracy": table}, _claims(table), f"{scale.deep} of each width, one seed")


def _claims(table: pd.DataFrame) -> list[Claim]:
    across = table.pivot_table(index="width", columns="what", values="accuracy")
    narrow, wide = across.iloc[0], across.iloc[-1]
    gap = [row["trained"] - row["published method"] for row in (narrow, wide)]
    rise = wide["published method"] - narrow["published method"]
    gains = across["ours"] - across["published method"]
    return [
        Claim(
            "resampled accuracy grows with width",
            "54.8 % at 1/8 to 84.7 % at 4",
            f"{narrow['published method']:.1f} % to {wide['published method']:.1f} %",
            bool(rise > 0),
        ),
        Claim(
            "the gap to the trained network closes with width",
            "33.2 points at 1/8, 7.2 at 4",
            f"{gap[0]:.1f} points to {gap[1]:.1f}",
            bool(gap[1] < gap[0]),
        ),
        Claim(
            "(ours) least squares and means are better at every width",
            "not in the paper",
            f"{gains.min():+.1f} to {gains.max():+.1f} points",
            bool(gains.min() > 0),
        ),
    ]


def draw(tables: Mapping[str, pd.DataFrame]) -> Any:
    """Draw accuracy against width, published values beside."""
    figure, (axis,) = panels(width=7.2, height=5.0)
    table = tables["accuracy"]
    colours = dict(zip(("trained", *METHODS), COLOURS, strict=False))
    for what, rows in table.groupby("what", sort=False):
        base = str(what).split(",")[0]
        line = {"trained": "-"}.get(
            str(what), "-" if "," not in str(what) else "--" if "retrained" in str(what) else ":"
        )
        axis.plot(rows["width"], rows["accuracy"], line, marker="o", markersize=4, color=colours[base], label=what)
    widths = sorted(set(table["width"]))
    for key, label in (("trained", "published: trained"), ("rainbow", "published: rainbow")):
        known = [(width, VALUES[width][key]) for width in widths if width in VALUES]
        if known:
            axis.plot(*zip(*known, strict=True), **PUBLISHED, label=label, alpha=0.45 if key == "trained" else 1.0)
    width_axis(axis, widths)
    axis.set_ylabel("test accuracy, %")
    axis.set_title("Networks drawn from their law", loc="left")
    legend(axis, ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.12))
    return figure


FIGURE = Figure(
    "resampling",
    "Accuracy of networks drawn from their law, against width",
    "Guth, Ménard, Rochette & Mallat, JMLR 2024, section 4.2",
    compute,
    draw,
)
