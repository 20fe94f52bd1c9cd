"""Training dynamics: planted amplifications and rotations are read back, from tensors, networks and state dicts."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rainbownet.analysis.dynamics import training_dynamics, weight_rows, weight_trajectories
from rainbownet.errors import RainbowError

GAINS = torch.linspace(6, 1, 10, dtype=torch.float64)


def orthonormal(n: int, d: int, seed: int = 0) -> Tensor:
    noise = torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.linalg.qr(noise)[0]


def grown(times: list[float]) -> tuple[list[Tensor], Tensor]:
    """Return W(t) = U diag(1 + t (gain − 1)) Vᵀ: pure amplification along the axes V."""
    left, axes = orthonormal(64, 10), orthonormal(10, 10, 1)
    return [left * (1 + t * (GAINS - 1)) @ axes.T for t in times], axes


def test_pure_amplification_has_gains_and_no_turning():
    weights, _ = grown([0.0, 0.5, 1.0])
    table = training_dynamics(weights, epochs=[0, 10, 20])
    last = table[table.epoch == 20]
    assert np.allclose(last.amplification, GAINS)
    assert np.allclose(table[table.epoch == 10].amplification, (1 + GAINS) / 2)
    assert np.allclose(table.cosine, 1)
    assert np.allclose(table[table.epoch == 0].amplification, 1)
    assert list(last["rank"]) == list(range(1, 11))
    assert np.allclose(last.eigenvalue, GAINS**2 / 64)
    assert last.share.sum() == pytest.approx(1)


def test_a_new_sample_has_the_cosine_that_was_planted():
    start, fresh = orthonormal(200, 20).split(10, dim=1)
    angle = torch.linspace(0, 3, 10, dtype=torch.float64)
    end = (start * angle.cos() + fresh * angle.sin()) * GAINS
    table = training_dynamics([start, end])
    final = table[table.epoch == 1]
    assert np.allclose(final.cosine, angle.cos())
    assert np.allclose(final.amplification, GAINS)


def test_moments_are_not_centred():
    weights, axes = grown([0.0, 1.0])
    offset = 3 * torch.ones(64, 1, dtype=torch.float64) * axes[:, 9]
    table = training_dynamics([weights[0], weights[1] + offset])
    values = torch.linalg.svdvals(weights[1] + offset).square() / 64
    assert np.allclose(table[table.epoch == 1].eigenvalue, values)


def test_networks_state_dicts_and_tensors_agree():
    nets = []
    for seed in (0, 1):
        net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 5, 3))
        with torch.no_grad():
            net[2].weight.copy_(torch.randn(5, 8, 3, 3, generator=torch.Generator().manual_seed(seed)))
        nets.append(net)
    expected = training_dynamics([net[2].weight for net in nets])
    assert training_dynamics(nets, "2").equals(expected)
    assert training_dynamics([net.state_dict() for net in nets], "2.weight").equals(expected)
    assert len(expected) == 2 * 5


def test_complex_weights_are_real_and_imaginary_columns():
    weight = torch.tensor([[1 + 2j, 3 - 1j], [1j, 2 + 0j]])
    assert weight_rows(weight).tolist() == [[1, 2, 3, -1], [0, 1, 2, 0]]


def test_trajectories_are_coordinates_on_the_final_axes():
    weights, axes = grown([0.0, 1.0])
    table = weight_trajectories(weights, ranks=(2, 10), epochs=[0, 7])
    points = torch.stack([w @ axes[:, [1, 9]] for w in weights])
    scale = points.norm(dim=-1).max()
    for column, k in (("x", 0), ("y", 1)):
        measured = torch.tensor(table[column].to_numpy()).reshape(2, 64)
        torch.testing.assert_close(measured.abs(), points[..., k].abs() / scale)
    assert list(table.epoch.unique()) == [0, 7]
    assert np.hypot(table.x, table.y).max() == pytest.approx(1)


def test_what_cannot_be_followed_is_refused():
    weights, _ = grown([0.0, 1.0])
    with pytest.raises(RainbowError, match="two or more are needed, got 1"):
        training_dynamics(weights[:1])
    with pytest.raises(RainbowError, match="number 0 has rows of shape"):
        training_dynamics([weights[0][:, :4], weights[1]])
    with pytest.raises(RainbowError, match="3 times for 2"):
        training_dynamics(weights, epochs=[0, 1, 2])
    with pytest.raises(RainbowError, match="axes from 1 to 10"):
        weight_trajectories(weights, ranks=(1, 11))
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU())
    with pytest.raises(RainbowError, match="layer: the name"):
        training_dynamics([net, net])
    with pytest.raises(RainbowError, match=r"there are 0\.weight"):
        training_dynamics([net, net], "1")
    with pytest.raises(RainbowError, match="without a number other than zero"):
        training_dynamics([torch.zeros(4, 3), torch.ones(4, 3)])


def test_axes_that_began_at_zero_have_no_ratio():
    start, end = torch.eye(3, dtype=torch.float64), torch.diag(torch.tensor([3.0, 2.0, 1.0]).double())
    start[2, 2] = 0
    table = training_dynamics([start, end])
    assert table[table["rank"] == 3].amplification.isna().all()
    assert table[table["rank"] < 3].notna().all(axis=None)
