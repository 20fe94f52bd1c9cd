"""What data and labels teach, and spatial eigenvectors: tables for each verdict of each rule."""

from typing import Any

import pandas as pd

from experiments.figure_tables.tables import APART, ONE, THREE, Cases, Tables, rows


def cosines(within: float, between: float, before: float, spread: dict[int, float]) -> Tables:
    found = {"layers of one network": within, "true / random labels": between, "before training": before}
    keys = [{"kind": kind, "rank": rank, "seed": s} for kind in found for rank in (1, 2, 3) for s in spread]

    def value(key: dict[str, Any]) -> float:
        kind = key["kind"]
        return found[kind] * (1.0 if kind == "before training" else spread[key["seed"]])

    return {"cosines": rows(keys, cosine=value)}


def levels(spread: dict[int, float], *, memorised: float = 0.95, variance: bool = True, **early: Any) -> Tables:
    """S of each pair, early and late: same, five, hundred, random, twice."""
    pairs = {
        "same": ("CIFAR-10", "CIFAR-10 again"),
        "five": ("CIFAR-10", "CIFAR-5"),
        "hundred": ("CIFAR-10", "CIFAR-100"),
        "random": ("CIFAR-10", "random labels"),
        "twice": ("random labels", "random labels again"),
    }
    given = {"same": (0.95, 0.7), "five": (0.9, 0.3), "hundred": (0.9, 0.3), "random": (0.2, 0.1), "twice": (0.9, 0.9)}
    given |= early
    found = []
    for name, (a, b) in pairs.items():
        for depth in range(1, 9):
            for seed, factor in spread.items():
                level = given[name][0] if depth <= 5 else given[name][1]
                own = factor if name != "random" else 1.0
                row = {"a": a, "b": b, "pair": f"{a} / {b}", "depth": depth, "seed": seed, "similarity": level * own}
                found.append(row | ({"variance": 0.1} if variance else {}))
    groups = ["random labels", "random labels again"]
    learned = pd.DataFrame([{"group": g, "seed": s, "training_accuracy": memorised} for g in groups for s in spread])
    return {"similarity": pd.DataFrame(found), "learned": learned}


def eigenvectors(cosine: float, spread: dict[int, float]) -> Tables:
    keys = [{"pair": "CIFAR-10 / CIFAR-10 again", "depth": d, "rank_a": 1, "seed": s} for d in (2, 3) for s in spread]
    return {"eigenvectors": rows(keys, cosine=lambda k: cosine * spread[k["seed"]]).assign(chance=0.05)}


CASES: Cases = {
    ("spatial", "layers"): {
        "agree": [cosines(0.9, 0.3, 0.27, THREE)],
        "disagree": [cosines(0.4, 0.9, 0.27, THREE), cosines(0.8, 0.9, 0.8, THREE)],
        "cannot tell": [cosines(0.9, 0.9, 0.27, ONE), cosines(0.7, 0.9, 0.27, APART)],
    },
    ("spatial", "labels"): {
        "agree": [cosines(0.3, 0.9, 0.27, THREE)],
        "disagree": [cosines(0.9, 0.4, 0.27, THREE)],
        "cannot tell": [cosines(0.9, 0.9, 0.27, ONE), cosines(0.9, 0.7, 0.27, APART)],
    },
    ("universality", "same"): {
        "agree": [levels(THREE)],
        "disagree": [levels(THREE, same=(0.3, 0.2)), levels(THREE, same=(0.8, 0.95))],
        "cannot tell": [levels(ONE), levels(APART, same=(0.7, 0.6)), levels(THREE, variance=False)],
    },
    ("universality", "natural"): {
        "agree": [levels(THREE)],
        # CIFAR-100 is less alike than random labels.
        "disagree": [levels(THREE, hundred=(0.15, 0.08)), levels(THREE, five=(0.9, 0.99))],
        "cannot tell": [levels(ONE), levels(APART), levels(THREE, variance=False)],
    },
    ("universality", "others"): {
        "agree": [levels(THREE)],
        "disagree": [levels(THREE, random=(0.9, 0.9)), levels(THREE, same=(0.3, 0.2), random=(0.29, 0.2))],
        "cannot tell": [levels(ONE), levels(THREE, memorised=0.2), levels(THREE, variance=False)],
    },
    ("universality", "twice"): {
        "agree": [levels(THREE)],
        "disagree": [levels(THREE, twice=(0.29, 0.2))],
        "cannot tell": [levels(ONE), levels(THREE, memorised=0.2), levels(APART, twice=(0.7, 0.7))],
    },
    ("universality", "vectors"): {
        "agree": [eigenvectors(0.95, THREE)],
        "disagree": [eigenvectors(0.22, THREE)],
        "cannot tell": [eigenvectors(0.95, ONE), eigenvectors(0.6, APART)],
    },
}
