"""Symmetry: tables for each verdict of each rule."""

from typing import Any

from experiments.figure_tables.tables import APART, ONE, THREE, Cases, Tables, per_seed, rows


def symmetric(turns: float, spread: dict[int, float], *, initial: float = 0.2) -> Tables:
    """Errors and commutators, 0.1 for flips in trained networks, and one number for both actions in untrained ones."""
    found = {("trained", "flips"): 0.1, ("trained", "turns"): turns}
    keys = [
        {"network": "digits_cnn", "layer": layer, "state": state, "action": action, "seed": s}
        for layer in ("4", "8")
        for state in ("trained", "initial")
        for action in ("flips", "turns")
        for s in spread
    ]

    def value(key: dict[str, Any]) -> float:
        return found.get((key["state"], key["action"]), initial) * spread[key["seed"]]

    return {"layers": rows(keys, error=value, commutator=value).assign(commutator_random=1.0)}


def invariant(averaged: float, spread: dict[int, float]) -> Tables:
    """Kernels of samples that differ by 0.5 under turned images, and by another number for the averaged law."""
    difference = {"law": 0.5, "averaged": averaged, "trained": 1.0}
    keys = [
        {"network": "digits_cnn", "action": "turns", "law": law, "width": width, "seed": s}
        for law in difference
        for width in (1.0, 4.0)
        for s in spread
    ]
    table = rows(keys, difference=lambda k: difference[k["law"]] * (spread[k["seed"]] if k["law"] == "law" else 1))
    return {"samples": table.assign(accuracy=90.0, moved=10.0)}


CASES: Cases = {
    **{
        ("symmetry", name): {
            "agree": [symmetric(0.5, THREE)],
            # Flips are no better than turns.
            "disagree": [symmetric(0.05, THREE)],
            "cannot tell": [symmetric(0.5, ONE), symmetric(0.5, per_seed((-1.0, 0.5, 2.0)))],
        }
        for name in ("equivariant", "commutes")
    },
    ("symmetry", "averaged"): {
        "agree": [invariant(0.1, THREE)],
        "disagree": [invariant(0.8, THREE)],
        "cannot tell": [invariant(0.1, ONE), invariant(0.4, APART)],
    },
}
