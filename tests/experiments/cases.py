"""Made-up tables for every rule of every figure: by which it agrees, disagrees, and cannot tell."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
import torch

from rainbownet.analysis import gaussianity as normality
from rainbownet.analysis import marchenko_pastur

Tables = dict[str, pd.DataFrame]
SEEDS = (0, 1, 2)
WIDTHS = (0.125, 0.25, 0.5, 1.0)
SCATTER = (0.99, 1.0, 1.01)
"""What three seeds multiply a value with, so that they differ a little."""

WILD = (0.1, 1.0, 1.9)
"""And so that they differ as much as the value itself."""


def rows(keys: Iterable[dict[str, Any]], **columns: Callable[[dict[str, Any]], Any]) -> pd.DataFrame:
    """Return a row for each key, further columns computed from it."""
    return pd.DataFrame([key | {name: value(key) for name, value in columns.items()} for key in keys])


def per_seed(scatter: Iterable[float] = SCATTER, seeds: Iterable[int] = SEEDS) -> dict[int, float]:
    return dict(zip(seeds, scatter, strict=False))


ONE = per_seed((1.0,), (0,))


# -- activation_spectra


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


# -- gaussianity


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


# -- bulk


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


# -- alignment_error


def errors(first: float, last: float, at_wide: tuple[float, float], spread: dict[int, float]) -> Tables:
    """Errors that fall as powers of the width, from given values at the widest; seeds change the powers."""
    keys = [
        {"layer": layer, "width": width, "seed": seed}
        for layer in ("block2.linear", "block4.linear")
        for width in WIDTHS
        for seed in spread
    ]

    def value(key: dict[str, Any]) -> float:
        place = int(key["layer"] == "block4.linear")
        return at_wide[place] * spread[key["seed"]] * key["width"] ** ((first, last)[place] * spread[key["seed"]])

    return {"errors": rows(keys, error=value)}


def resnet(first: float, last: float, spread: dict[int, float], standardised: bool = True) -> Tables:
    keys = [
        {"layer": layer, "width": width, "seed": seed}
        for layer in ("layer1.0.conv1", "layer4.1.conv2", "fc")
        for width in WIDTHS
        for seed in spread
    ]
    slopes = {"layer1.0.conv1": first, "layer4.1.conv2": last, "fc": -1.0}
    table = rows(keys, cosine_error=lambda key: key["width"] ** (slopes[key["layer"]] * spread[key["seed"]]))
    return {"resnet": table.assign(standardised=True) if standardised else table}


# -- weight_covariance


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


# -- clipping


def ranks(weights: float, activations: float, random: float, spread: dict[int, float], networks: int = 3) -> Tables:
    found = {"weights": weights, "activations": activations, "random": random}
    keys = [{"layer": "block2.linear", "basis": basis, "network": k} for basis in found for k in spread]
    # Only the basis of the weights differs between networks.
    table = rows(
        keys, rank=lambda key: found[key["basis"]] * (spread[key["network"]] if key["basis"] == "weights" else 1.0)
    )
    return {"ranks": table.assign(dimension=160, networks=networks)}


# -- network_spectra


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


# -- imagenet


def second(value: float, spread: dict[int, float]) -> Tables:
    keys = [{"network": "ResNet-18", "seed": seed, "rank": 2, "depth": depth} for seed in spread for depth in (2, 3)]
    return {"activations": rows(keys, over_first=lambda key: value * spread[key["seed"]])}


# -- resampling


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


# -- dynamics


def dynamics(first: float, last: float, cosine: float, spread: dict[int, float], epoch: int = 20) -> Tables:
    keys = [{"seed": seed, "rank": rank, "epoch": epoch} for seed in spread for rank in range(1, 9)]

    def size(key: dict[str, Any]) -> float:
        start = {1: first, 8: last}.get(key["rank"], 1.0)
        return start ** spread[key["seed"]]

    return {"dynamics": rows(keys, amplification=size, cosine=lambda key: cosine * spread[key["seed"]])}


# -- tutorial


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


# -- spatial


def cosines(within: float, between: float, before: float, spread: dict[int, float]) -> Tables:
    found = {"layers of one network": within, "true / random labels": between, "before training": before}
    keys = [{"kind": kind, "rank": rank, "seed": s} for kind in found for rank in (1, 2, 3) for s in spread]

    def value(key: dict[str, Any]) -> float:
        kind = key["kind"]
        return found[kind] * (1.0 if kind == "before training" else spread[key["seed"]])

    return {"cosines": rows(keys, cosine=value)}


# -- universality


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


# -- factored


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


# -- dependence


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


# -- symmetry


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


THREE, APART = per_seed(), per_seed(WILD)
STEADY = (0.04, 0.025, 0.0225, 0.021)
"""Eigenvalues that settle with width."""

FALLING = (0.04, 0.03, 0.02, 0.01)
"""Eigenvalues that fall at every width as before: monotone, and nothing settles."""

CASES: dict[tuple[str, str], dict[str, list[Tables]]] = {
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
    ("alignment_error", "falls"): {
        "agree": [errors(-0.5, -0.2, (0.1, 0.4), THREE)],
        "disagree": [errors(-0.5, 0.0, (0.1, 0.4), THREE), errors(-0.5, -0.03, (0.1, 0.4), THREE)],
        "cannot tell": [errors(-0.5, -0.2, (0.1, 0.4), ONE), errors(-0.2, -0.1, (0.1, 0.4), APART)],
    },
    ("alignment_error", "deeper"): {
        "agree": [errors(-0.5, -0.2, (0.1, 0.5), THREE)],
        "disagree": [errors(-0.5, -0.2, (0.4, 0.41), THREE)],
        "cannot tell": [errors(-0.5, -0.2, (0.1, 0.5), ONE), errors(-0.5, -0.2, (0.1, 0.35), APART)],
    },
    ("alignment_error", "resnet"): {
        "agree": [resnet(-0.6, -0.1, THREE)],
        # The last falls as fast as the first.
        "disagree": [resnet(-0.42, -0.41, THREE), resnet(-0.1, 0.3, THREE)],
        "cannot tell": [
            resnet(-0.6, -0.1, THREE, standardised=False),
            resnet(-0.6, -0.1, ONE),
            resnet(-0.5, -0.1, APART),
        ],
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
    ("imagenet", "resnet"): {
        "agree": [resnet(-0.6, -0.1, THREE)],
        # The last falls as fast as the first.
        "disagree": [resnet(-0.42, -0.41, THREE), resnet(-0.1, 0.3, THREE)],
        "cannot tell": [
            resnet(-0.6, -0.1, THREE, standardised=False),
            resnet(-0.6, -0.1, ONE),
            resnet(-0.5, -0.1, APART),
        ],
    },
    ("imagenet", "second"): {
        "agree": [second(0.7, THREE)],
        "disagree": [second(0.25, THREE)],
        "cannot tell": [second(0.7, ONE), second(0.5, APART)],
    },
    ("imagenet", "ten"): {
        "agree": [over_mean(13.0, THREE)],
        "disagree": [over_mean(7.0, THREE)],
        "cannot tell": [over_mean(13.0, ONE), over_mean(11.0, APART)],
    },
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
"""By figure and rule, and by verdict, tables that lead to it."""
