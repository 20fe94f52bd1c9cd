"""Distances of samples to the limit, and the rates that go with them."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import rainbownet as rn
from rainbownet.errors import RainbowError
from rainbownet.limit import convergence_rates, limit_distances, log_slope, predicted_rate
from rainbownet.limit.convergence import layer_values


@pytest.fixture(scope="module")
def fitted():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(1, 10, 3, bias=False), nn.ReLU(), nn.Conv2d(10, 12, 3, bias=False), nn.ReLU(), nn.Flatten(1),
            nn.Linear(48, 3),
        ).eval()  # fmt: skip
    x = torch.randn(160, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    rainbow = rn.fit(net, [x[:120]], draw="gaussian", law=rn.Gaussian(mean=False), alignment=rn.Procrustes())
    return net, rainbow, rainbow.limit([x[:120]], landmarks=80, holdout=0.0), x[:120], x[120:]


def test_distances_fall_with_the_width_in_every_layer(fitted):
    _, rainbow, limit, x, test = fitted
    seen = []
    table = limit_distances(
        rainbow, limit, [x], test, widths=(1, 4, 16), seeds=(0, 1), holdout=0.0, judge=lambda out: out.mean().item(),
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert seen == [(k, 6) for k in range(1, 7)]
    means = table.groupby(["layer", "width"])["distance"].mean().unstack()
    assert list(table["layer"].unique()) == ["0", "2", "output"]
    assert (means[1.0] > means[4.0]).all()
    assert (means[4.0] > means[16.0]).all()
    assert table["value"].notna().sum() == 6
    rates = convergence_rates(table, limit, test)
    assert ((rates["slope"] > -0.7) & (rates["slope"] < -0.25)).all()
    assert (rates["slope"] < rates["bound"]).all()


def test_the_distance_of_kernels_is_that_of_the_definition(fitted):
    _, rainbow, limit, x, test = fitted
    table = limit_distances(rainbow, limit, [x], test, widths=(2,), seeds=(3,), holdout=0.0)
    sample = rainbow.sample([x], width=2, seed=3, holdout=0.0)
    with torch.no_grad():
        hidden = sample[:2](test).double()
        kernel = torch.einsum("acij,bcij->ab", hidden, hidden) / hidden.shape[1]
        expected = (kernel - limit.kernel(test, layer="0")).norm() / limit.kernel(test, layer="0").norm()
        output = (sample(test) - limit(test)).double().norm() / limit(test).double().norm()
    assert table["distance"].tolist() == pytest.approx([expected.item(), table["distance"][1], output.item()], rel=1e-6)


def test_values_of_layers_are_those_after_their_non_linearity(fitted):
    net, _, limit, _, test = fitted
    values = layer_values(net, limit, test)
    torch.testing.assert_close(values["0"], net[:2](test))
    torch.testing.assert_close(values["2"], net[:4](test))


def test_slopes_are_those_of_numpy():
    generator = np.random.default_rng(0)
    widths = np.repeat([1.0, 2.0, 4.0, 8.0], 3)
    distances = 0.3 * widths**-0.4 * np.exp(0.1 * generator.standard_normal(12))
    (slope, _), covariance = np.polyfit(np.log(widths), np.log(distances), 1, cov=True)
    assert log_slope(widths.tolist(), distances.tolist()) == pytest.approx((slope, covariance[0, 0] ** 0.5))
    assert all(math.isnan(value) for value in log_slope([2.0, 2.0], [1.0, 3.0]))


def test_rates_grow_with_the_decay_up_to_a_quarter():
    assert predicted_rate(1.0) == (0.0, 0.0)
    assert predicted_rate(0.5) == (0.0, 0.0)
    proved, expected = zip(*(predicted_rate(decay) for decay in (1.2, 1.5, 3.0, 1e9)), strict=True)
    assert list(proved) == sorted(proved)
    assert proved[-1] == pytest.approx(0.25)
    assert expected[-1] == pytest.approx(0.5)


def test_what_makes_no_sense_is_refused(fitted):
    _, rainbow, limit, x, test = fitted
    with pytest.raises(RainbowError, match="widths"):
        limit_distances(rainbow, limit, [x], test, widths=())
