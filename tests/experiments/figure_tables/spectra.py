"""Spectra of activations and weights over width and depth: tables for each verdict of each rule."""

from collections.abc import Iterable

import pandas as pd

from experiments.figure_tables.tables import APART, ONE, THREE, WIDTHS, Cases, Tables, per_seed, rows


def power_law(slope: float, spread: dict[int, float]) -> Tables:
    keys = [{"layer": "block2.linear", "width": 1.0, "seed": seed} for seed in spread]
    fits = rows(keys, exponent=lambda k: slope * spread[k["seed"]]).assign(error=0.01, r2=0.99)
    return {"fits": fits, "spectra": pd.DataFrame([key | {"rank": 320, "over_first": 1e-3} for key in keys])}


def by_width(values: Iterable[float], spread: dict[int, float]) -> Tables:
    """λ_32 over λ_1 at each width; seeds change the widest."""
    found = []
    for seed, factor in spread.items():
        for layer in ("block2.linear", "block3.linear"):
            known = list(values)
            known[-1] *= factor
            found += [
                {"layer": layer, "width": width, "seed": seed, "rank": 32, "over_first": value}
                for width, value in zip(WIDTHS, known, strict=True)
            ]
    return {"spectra": pd.DataFrame(found)}


def over_first(scattering: float, residual: float, spread: dict[int, float]) -> Tables:
    found = {"scattering": scattering, "ResNet-18": residual}
    keys = [{"network": name, "seed": seed, "rank": 2, "depth": 2} for name in found for seed in spread]
    table = rows(keys, over_first=lambda key: found[key["network"]] * spread[key["seed"]])
    return {"activations": table}


def over_mean(value: float, spread: dict[int, float]) -> Tables:
    keys = [
        {"network": name, "seed": seed, "rank": 1, "depth": depth}
        for name in ("scattering", "ResNet-18")
        for seed in spread
        for depth in (2, 3)
    ]
    return {"weights": rows(keys, over_mean=lambda key: (value if key["depth"] == 2 else 30) * spread[key["seed"]])}


def second(value: float, spread: dict[int, float]) -> Tables:
    keys = [{"network": "ResNet-18", "seed": seed, "rank": 2, "depth": depth} for seed in spread for depth in (2, 3)]
    return {"activations": rows(keys, over_first=lambda key: value * spread[key["seed"]])}


STEADY = (0.04, 0.025, 0.0225, 0.021)
"""Eigenvalues that settle with width."""

FALLING = (0.04, 0.03, 0.02, 0.01)
"""Eigenvalues that fall at every width as before: monotone, and nothing settles."""

CASES: Cases = {
    ("activation_spectra", "power_law"): {
        "agree": [power_law(1.1, THREE)],
        "disagree": [power_law(2.0, THREE), power_law(0.4, THREE)],
        "cannot tell": [power_law(1.1, ONE), power_law(1.3, APART)],
    },
    ("activation_spectra", "wide_agree"): {
        "agree": [by_width(STEADY, THREE)],
        "disagree": [by_width(FALLING, THREE)],
        "cannot tell": [by_width(STEADY, ONE), by_width(STEADY, per_seed((0.7, 1.0, 1.3)))],
    },
    ("network_spectra", "second"): {
        "agree": [over_first(0.2, 0.7, THREE)],
        "disagree": [over_first(0.4, 0.45, THREE), over_first(0.7, 0.2, THREE)],
        "cannot tell": [over_first(0.2, 0.7, ONE), over_first(0.2, 0.5, APART)],
    },
    ("network_spectra", "ten"): {
        "agree": [over_mean(13.0, THREE)],
        "disagree": [over_mean(7.0, THREE)],
        "cannot tell": [over_mean(13.0, ONE), over_mean(11.0, APART)],
    },
}
