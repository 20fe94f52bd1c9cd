"""Convergence with width: dense operator norms, exact zeros, and errors that fall for networks of one law."""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import rainbownet as rn
from analysis.networks import batches, chain, rotated, seeded
from rainbownet.analysis import (
    activation_convergence,
    align_networks,
    convergence,
    covariance_convergence,
    covariance_distance,
    width_slopes,
)
from rainbownet.errors import RainbowError

INPUTS, HIDDEN, WIDTHS = 10, 24, (0.5, 1.0, 2.0, 4.0)


@pytest.mark.parametrize(("n", "m", "d"), [(5, 7, 20), (30, 4, 10), (3, 0, 6)])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_the_operator_norm_is_that_of_dense_matrices(n, m, d, dtype):
    generator = torch.Generator().manual_seed(n)
    a, b = (torch.randn(k, d, generator=generator, dtype=dtype) for k in (n, m))
    dense = (a.mH @ a - b.mH @ b).numpy()
    assert covariance_distance(a, b) == pytest.approx(np.linalg.norm(dense, 2), rel=1e-9)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("sizes", [(5, 7, 20), (30, 4, 10)])
def test_lanczos_gives_the_same(monkeypatch, sizes, dtype):
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(k, sizes[2], generator=generator, dtype=dtype) for k in sizes[:2])
    dense = covariance_distance(a, b), covariance_distance(b, a)
    monkeypatch.setattr(convergence, "DENSE", 3)
    assert (covariance_distance(a, b), covariance_distance(b, a)) == pytest.approx(dense, rel=1e-8)


def test_a_rotated_copy_is_at_no_distance():
    net = chain()
    aligned = align_networks([rotated(net, chain(seed=3)), net], batches(), reference=1)
    activations = activation_convergence(aligned, [1.0, 2.0])
    assert list(activations["layer"]) == ["2", "4"]
    assert (activations[["error", "cosine_error"]] < 1e-6).all(axis=None)
    assert (covariance_convergence(aligned, [1.0, 2.0])["error"] < 1e-4).all()


def test_the_covariance_error_is_that_of_dense_covariances():
    nets = [chain((8, 6, 4, 3), seed=0), chain((8, 6, 4, 3), seed=1), chain((8, 8, 9, 3), seed=2)]
    aligned = align_networks(nets, batches(), reference=2)
    table = covariance_convergence(aligned, [0.5, 0.5, 1.0])
    for layer, dimensions in (("0", (8, 8)), ("2", (6, 8)), ("4", (4, 9))):
        rows = [own.numpy() for own in aligned[layer].rows]
        small = np.concatenate(rows[:2])
        small = dimensions[0] * small.T @ small / len(small)
        wide = dimensions[1] * rows[2].T @ rows[2] / len(rows[2])
        row = table[table["layer"] == layer].iloc[0]
        assert row["error"] == pytest.approx(np.linalg.norm(small - wide, 2) / np.linalg.norm(wide, 2), rel=1e-9)
        assert row["dimension"] == dimensions[0]
        assert row["networks"] == 2


def learned_network() -> nn.Sequential:
    """Return a network whose second layer reads four of the directions of the first one's features."""
    net = chain((INPUTS, HIDDEN, HIDDEN, 4), activation=nn.ReLU)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        few = torch.randn(4, HIDDEN, generator=generator)
        net[2].weight.copy_(torch.randn(HIDDEN, 4, generator=generator) @ few / HIDDEN**0.5)
    return net


@pytest.fixture(scope="module")
def widening():
    """Samples of one rainbow law at several widths, and one of twice the largest, the reference."""
    images = batches((INPUTS,), n=3000)
    rainbow = rn.fit(learned_network(), images, preset=rn.PAPER)
    widths = [*WIDTHS, 2 * WIDTHS[-1]]
    nets = [rainbow.sample(images, width=width, seed=k) for k, width in enumerate(widths)]
    return align_networks(nets, images, reference=len(nets) - 1), widths


def test_activations_of_samples_of_one_law_converge(widening):
    aligned, widths = widening
    table = activation_convergence(aligned, widths)
    for layer, part in table.groupby("layer"):
        errors = part.set_index("width")["error"]
        assert errors.is_monotonic_decreasing, layer
        assert errors[4.0] < 0.5 * errors[0.5], layer
    slopes = width_slopes(table)
    assert (slopes["slope"] < -0.2).all()
    assert (slopes["standard_error"] < 0.3).all()


def test_covariances_of_samples_of_one_law_converge(widening):
    aligned, widths = widening
    table = covariance_convergence(aligned, widths)
    second = table[table["layer"] == "2"].set_index("width")["error"]
    assert second.is_monotonic_decreasing
    assert second[4.0] < 0.6 * second[0.5]


def test_networks_of_unrelated_laws_do_not_converge():
    """Widths of which every one reads other directions: the covariance error does not fall below that of nothing."""
    generator = torch.Generator().manual_seed(0)
    nets = []
    for k, width in enumerate((24, 48, 96)):
        net = chain((INPUTS, width, width, 4), seed=k, activation=nn.ReLU)
        axis = torch.randn(1, width, generator=generator)
        with torch.no_grad():
            net[2].weight.copy_(torch.randn(width, 1, generator=generator) @ (axis - axis.mean()) / width**0.5)
        nets.append(net)
    aligned = align_networks(nets, batches((INPUTS,), n=3000), reference=2)
    table = covariance_convergence(aligned, [1.0, 2.0, 4.0])
    assert (table[table["layer"] == "2"]["error"] > 0.9).all()


def test_slopes_are_those_of_numpy():
    generator = np.random.default_rng(0)
    width = np.repeat([1.0, 2.0, 4.0, 8.0], 2)
    error = 0.7 * width**-0.33 * np.exp(0.05 * generator.standard_normal(8))
    table = pd.DataFrame({"layer": "1", "width": width, "error": error})
    coefficients, covariance = np.polyfit(np.log(width), np.log(error), 1, cov=True)
    row = width_slopes(table).iloc[0]
    assert row["slope"] == pytest.approx(coefficients[0])
    assert row["standard_error"] == pytest.approx(math.sqrt(covariance[0, 0]))


def test_what_has_no_widths_is_refused():
    aligned = align_networks([chain(), chain(seed=1)], batches())
    with pytest.raises(RainbowError, match="widths: 1 for 2 networks"):
        activation_convergence(aligned, [1.0])
    with pytest.raises(RainbowError, match="a slope needs two widths"):
        width_slopes(activation_convergence(aligned, [1.0, 2.0]))


def test_inputs_of_a_convolution_are_counted_at_every_position_of_its_kernel():
    def convolutions(width: int) -> nn.Sequential:
        return seeded(lambda: nn.Sequential(nn.Conv2d(2, width, 3), nn.ReLU(), nn.Conv2d(width, 4, (3, 2))), width)

    aligned = align_networks([convolutions(5), convolutions(8)], batches((2, 7, 7), n=100), reference=1)
    row = covariance_convergence(aligned, [0.5, 1.0]).set_index("layer").loc["2"]
    small, wide = (rows.numpy() for rows in aligned["2"].rows)
    expected = 6 * 5 * small.T @ small / 4 - 6 * 8 * wide.T @ wide / 4
    assert row["dimension"] == 30
    largest = np.linalg.norm(6 * 8 * wide.T @ wide / 4, 2)
    assert row["error"] == pytest.approx(np.linalg.norm(expected, 2) / largest, rel=1e-9)
