"""Weights: normality, bulk, covariances, clipping, dynamics: tables for each verdict of each rule."""

from typing import Any

import numpy as np
import pandas as pd
import torch

from experiments.figure_tables.tables import APART, ONE, SEEDS, THREE, Cases, Tables, per_seed, rows
from rainbownet.analysis import gaussianity as normality
from rainbownet.analysis import marchenko_pastur


def rows_of(law: str, count: int) -> Tables:
    generator = np.random.default_rng(0)
    values = generator.standard_normal((count, 12)) if law == "normal" else generator.uniform(-1, 1, (count, 12))
    # Variances that differ make the directions those of single columns.
    values = values * np.linspace(4, 1, 12)
    table = normality(torch.from_numpy(values), directions=[2, 11])
    return {"tests": table.assign(layer="block4.linear")}


def kurtoses(first: float, later: float, error: float) -> Tables:
    table = pd.DataFrame({"direction": [2, 11, 101], "excess_kurtosis": [first, later, -later]})
    return {"tests": table.assign(excess_kurtosis_error=error, layer="block2.linear")}


def outside(raw: float, whitened: float, spread: dict[int, float], networks: int = 50) -> Tables:
    keys = [{"layer": "block2.linear", "kind": kind, "network": k} for kind in ("raw", "whitened") for k in spread]
    share = {"raw": raw, "whitened": whitened}
    table = rows(keys, outside_percent=lambda key: share[key["kind"]] * spread[key["network"]])
    return {"bulk": table.assign(rows=64, dimensions=160, upper_edge=6.66, largest=9.0, networks=networks)}


def white_bulk() -> Tables:
    """The bulk of white rows, whose share outside is chance."""
    generator = torch.Generator().manual_seed(1)
    shares = [100 * marchenko_pastur(torch.randn(64, 160, generator=generator)).outside for _ in SEEDS]
    tables = outside(1.0, 0.0, per_seed())
    raw = tables["bulk"]["kind"] == "raw"
    tables["bulk"].loc[raw, "outside_percent"] = shares
    return tables


def first_eigenvalues(trained: float, spread: dict[int, float]) -> Tables:
    keys = [{"state": state, "network": k} for state in ("trained", "initial") for k in spread]
    values = {"trained": trained, "initial": 2.0}
    grown = {"trained": spread, "initial": dict.fromkeys(spread, 1.0)}
    return {"first": rows(keys, times_dimension=lambda k: values[k["state"]] * grown[k["state"]][k["network"]])}


def clipped(accuracy: float, spread: dict[int, float], networks: int = 3) -> Tables:
    keys = [{"network": k} for k in spread]
    table = rows(keys, accuracy=lambda key: accuracy * spread[key["network"]])
    return {"clipped": table.assign(rank=15, dimension=160, full=0.8, networks=networks)}


def slopes(value: float, error: float, points: int = 4, networks: int = 3) -> Tables:
    found = pd.DataFrame({"layer": ["block2.linear", "block3.linear"], "slope": value, "standard_error": error})
    widths = pd.DataFrame({"width": [0.125, 4.0], "networks": networks, "reference_networks": networks})
    return {"slopes": found.assign(points=points), "errors": widths}


def ranks(weights: float, activations: float, random: float, spread: dict[int, float], networks: int = 3) -> Tables:
    found = {"weights": weights, "activations": activations, "random": random}
    keys = [{"layer": "block2.linear", "basis": basis, "network": k} for basis in found for k in spread]
    # Only the basis of the weights differs between networks.
    table = rows(
        keys, rank=lambda key: found[key["basis"]] * (spread[key["network"]] if key["basis"] == "weights" else 1.0)
    )
    return {"ranks": table.assign(dimension=160, networks=networks)}


def dynamics(first: float, last: float, cosine: float, spread: dict[int, float], epoch: int = 20) -> Tables:
    keys = [{"seed": seed, "rank": rank, "epoch": epoch} for seed in spread for rank in range(1, 9)]

    def size(key: dict[str, Any]) -> float:
        start = {1: first, 8: last}.get(key["rank"], 1.0)
        return start ** spread[key["seed"]]

    return {"dynamics": rows(keys, amplification=size, cosine=lambda key: cosine * spread[key["seed"]])}


CASES: Cases = {
    ("gaussianity", "normal"): {
        "agree": [rows_of("normal", 6400)],
        "disagree": [rows_of("uniform", 6400)],
        "cannot tell": [rows_of("uniform", 400), rows_of("normal", 400)],
    },
    ("gaussianity", "first_least"): {
        "agree": [kurtoses(-0.6, 0.1, 0.1)],
        "disagree": [kurtoses(0.1, 0.6, 0.1)],
        "cannot tell": [kurtoses(-0.6, 0.1, 1.0)],
    },
    ("bulk", "raw"): {
        "agree": [outside(15.0, 3.0, THREE)],
        "disagree": [outside(2.0, 1.0, THREE), white_bulk()],
        "cannot tell": [outside(15.0, 3.0, ONE), outside(7.0, 3.0, APART)],
    },
    ("bulk", "whitened"): {
        "agree": [outside(15.0, 3.0, THREE)],
        "disagree": [outside(15.0, 14.0, THREE), outside(2.0, 5.0, THREE)],
        "cannot tell": [outside(15.0, 3.0, THREE, networks=5), outside(15.0, 3.0, ONE)],
    },
    ("weight_covariance", "spikes"): {
        "agree": [first_eigenvalues(40.0, THREE)],
        "disagree": [first_eigenvalues(4.0, THREE)],
        "cannot tell": [first_eigenvalues(40.0, ONE), first_eigenvalues(10.0, APART)],
    },
    ("weight_covariance", "few"): {
        "agree": [clipped(0.79, per_seed((0.999, 1.0, 1.001)))],
        "disagree": [clipped(0.60, THREE)],
        "cannot tell": [clipped(0.79, THREE, networks=1), clipped(0.79, ONE, networks=3), clipped(0.77, APART)],
    },
    ("weight_covariance", "converge"): {
        "agree": [slopes(-0.33, 0.01)],
        "disagree": [slopes(-0.03, 0.01), slopes(0.2, 0.01)],
        "cannot tell": [slopes(-0.33, 0.01, networks=1), slopes(-0.33, 0.01, points=2), slopes(-0.2, 0.2)],
    },
    ("clipping", "few"): {
        "agree": [ranks(15, 25, 120, THREE)],
        # 50 of 64 directions are not few, however small 50 is.
        "disagree": [ranks(125, 130, 150, THREE)],
        "cannot tell": [ranks(15, 25, 120, THREE, networks=1), ranks(15, 25, 120, ONE), ranks(30, 35, 120, APART)],
    },
    ("clipping", "order"): {
        "agree": [ranks(15, 21, 150, THREE)],
        "disagree": [ranks(25, 20, 150, THREE), ranks(15, 21, 25, THREE)],
        "cannot tell": [ranks(15, 21, 150, THREE, networks=1), ranks(15, 21, 150, APART)],
    },
    ("dynamics", "amplifies"): {
        "agree": [dynamics(6.0, 1.0, 0.9, THREE), dynamics(4.0, 1.0, 0.9, THREE, epoch=6)],
        "disagree": [dynamics(1.5, 1.0, 0.9, THREE)],
        "cannot tell": [
            dynamics(6.0, 1.0, 0.9, ONE),
            dynamics(1.5, 1.0, 0.9, THREE, epoch=6),
            dynamics(3.0, 1.0, 0.9, APART),
        ],
    },
    ("dynamics", "keep"): {
        "agree": [dynamics(6.0, 1.05, 0.9, THREE)],
        "disagree": [dynamics(6.0, 2.0, 0.9, THREE), dynamics(6.0, 0.5, 0.9, THREE)],
        "cannot tell": [dynamics(6.0, 1.05, 0.9, ONE), dynamics(6.0, 1.2, 0.9, APART)],
    },
    ("dynamics", "turn"): {
        "agree": [dynamics(6.0, 1.0, 0.9, THREE)],
        "disagree": [dynamics(6.0, 1.0, 0.5, THREE)],
        "cannot tell": [dynamics(6.0, 1.0, 0.9, ONE), dynamics(6.0, 1.0, 0.8, APART)],
    },
}
