"""Accuracies of samples, and dependence of networks: tables for each verdict of each rule."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from experiments.figure_tables.tables import APART, ONE, THREE, WIDTHS, Cases, Tables, rows


def accuracies(
    drawn: Iterable[float], spread: dict[int, float], gained: float = 5.0, by_law: float = 4.0, trained: float = 80.0
) -> Tables:
    """Accuracies by width; seeds multiply the points below the trained networks, those gained and those of the law."""
    found = []
    for seed, factor in spread.items():
        for width, value in zip(WIDTHS, drawn, strict=True):
            published = trained - (trained - value) * factor
            ours = published + gained * factor
            what = {
                "trained": trained,
                "published method": published,
                "ours": ours,
                "ours, white control": ours - by_law * factor,
            }
            found += [{"width": width, "seed": seed, "what": name, "accuracy": a} for name, a in what.items()]
    return {"accuracy": pd.DataFrame(found)}


def similarity(trained: float, initial: float | None, spread: dict[int, float]) -> Tables:
    states = {"trained": trained} | ({} if initial is None else {"initial": initial})
    keys = [{"layer": layer, "state": state, "seed": s} for layer in ("3", "5") for state in states for s in spread]
    return {"similarity": rows(keys, similarity=lambda k: states[k["state"]] * spread[k["seed"]])}


def kept(network: str, drawn: float, white: float, spread: dict[int, float]) -> Tables:
    what = {"trained": 42.0, "published method": drawn, "published method, white control": white, "ours": 35.0}
    keys = [{"network": network, "seed": seed, "what": name} for seed in spread for name in what]

    def value(key: dict[str, Any]) -> float:
        moved = key["what"] == "published method"
        return white + (drawn - white) * spread[key["seed"]] if moved else what[key["what"]]

    return {"accuracy": rows(keys, accuracy=value)}


def lifted(ratio: float, spread: dict[int, float]) -> Tables:
    keys = [
        {"layer": layer, "state": state, "rank": 1, "seed": seed}
        for layer in ("1", "3")
        for state in ("trained", "initial")
        for seed in spread
    ]
    return {
        "spectra": rows(keys, eigenvalue=lambda k: 2e-3 * (ratio * spread[k["seed"]] if k["state"] == "trained" else 1))
    }


def laws(alignment: str, factored: float, spread: dict[int, float]) -> Tables:
    found = {"full": 60.0, "factored": factored, "white": 40.0}
    keys = [
        {"alignment": alignment, "law": law, "width": width, "seed": seed}
        for law in found
        for width in (1.0, 2.0)
        for seed in spread
    ]

    def value(key: dict[str, Any]) -> float:
        return 40 + (found[key["law"]] - 40) * (spread[key["seed"]] if key["law"] == "factored" else 1.0)

    numbers = pd.DataFrame({"layer": ["2"], "full": [320400], "factored": [853]})
    return {"accuracy": rows(keys, accuracy=value), "numbers": numbers}


def dependent(after: float, spread: dict[int, float]) -> Tables:
    """Excess of one network over others: 2 before alignment, none for independent draws."""
    excess = {"before": 2.0, "after": after, "draws": 0.0}
    keys = [
        {"layer": layer, "kind": kind, "state": state, "network": m}
        for layer in ("3", "5")
        for kind in ("within", "across")
        for state in excess
        for m in spread
    ]
    return {"dependence": rows(keys, excess=lambda k: excess[k["state"]] * spread[k["network"]])}


CASES: Cases = {
    ("resampling", "grows"): {
        "agree": [accuracies((50, 60, 65, 75), THREE)],
        "disagree": [accuracies((60, 60, 60, 61), THREE), accuracies((60, 58, 56, 50), THREE)],
        "cannot tell": [accuracies((50, 60, 65, 75), ONE), accuracies((50, 54, 60, 64), APART)],
    },
    ("resampling", "closes"): {
        "agree": [accuracies((50, 60, 68, 75), THREE)],
        # The ends alone close, the line over all widths does not.
        "disagree": [accuracies((60, 60, 60, 60), THREE), accuracies((70, 60, 59, 72), THREE)],
        "cannot tell": [
            accuracies((50, 60, 68, 75), ONE),
            {"accuracy": accuracies((50, 60, 68, 75), THREE)["accuracy"].query("width in (0.125, 1.0)")},
        ],
    },
    ("resampling", "better"): {
        "agree": [accuracies((50, 60, 65, 75), THREE, gained=5.0, by_law=4.0)],
        # A white draw has +7 of the +8 points.
        "disagree": [
            accuracies((50, 60, 65, 75), THREE, gained=8.0, by_law=1.0),
            accuracies((50, 60, 65, 75), THREE, gained=-2.0, by_law=4.0),
        ],
        "cannot tell": [accuracies((50, 60, 65, 75), ONE), accuracies((50, 60, 65, 75), APART)],
    },
    ("tutorial", "aligned"): {
        "agree": [similarity(0.93, 0.5, THREE)],
        # Untrained networks are as alike.
        "disagree": [similarity(0.93, 0.97, THREE), similarity(0.6, 0.5, THREE)],
        "cannot tell": [similarity(0.93, None, THREE), similarity(0.93, 0.5, ONE), similarity(0.75, 0.5, APART)],
    },
    **{
        ("tutorial", f"{short}_keeps"): {
            "agree": [kept(name, 37.0, 25.0, THREE)],
            # A white draw does nearly as well.
            "disagree": [kept(name, 28.0, 25.0, THREE), kept(name, 30.0, 30.0, THREE)],
            "cannot tell": [
                kept(name, 37.0, 25.0, ONE),
                kept(name, 35.0, 25.0, APART),
                # Training gave nothing.
                kept(name, 37.0, 42.0, THREE),
            ],
        }
        for short, name in (("mlp", "tutorial_mlp"), ("cnn", "tutorial_cnn"))
    },
    ("tutorial", "lifts"): {
        "agree": [lifted(4.0, THREE)],
        "disagree": [lifted(1.2, THREE)],
        "cannot tell": [lifted(4.0, ONE), lifted(2.5, APART)],
    },
    **{
        ("dependence", kind): {
            "agree": [dependent(0.1, THREE)],
            "disagree": [dependent(1.8, THREE)],
            "cannot tell": [dependent(0.1, ONE), dependent(0.6, APART)],
        }
        for kind in ("within", "across")
    },
    **{
        ("factored", name): {
            "agree": [laws(alignment, 55.0, THREE)],
            "disagree": [laws(alignment, 43.0, THREE)],
            "cannot tell": [laws(alignment, 55.0, ONE), laws(alignment, 51.0, APART)],
        }
        for name, alignment in (("rotation", "rotation"), ("least_squares", "least squares"))
    },
}
