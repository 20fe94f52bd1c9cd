"""Clipping: projections are the textbook ones, and planted ranks are found exactly."""

import numpy as np
import pytest
import torch
from torch import nn

from analysis.networks import batches, chain, rotated, seeded
from rainbownet.aligned import polar_factor
from rainbownet.analysis import align_networks, clip, clipping_curve, explained_variance, informative_rank, layer_basis
from rainbownet.errors import ArchitectureError, RainbowError

RANK, DIMENSION = 5, 30


def planted(seed: int = 0) -> tuple[nn.Linear, list[tuple[torch.Tensor, torch.Tensor]]]:
    """Return a classifier of five orthogonal directions, which all matter alike, and images with its own labels."""
    generator = torch.Generator().manual_seed(seed)
    axes = polar_factor(torch.randn(RANK, DIMENSION, generator=generator)).float()
    net = nn.Linear(DIMENSION, 2 * RANK, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.cat([axes, -axes]) * torch.linspace(1, 1.2, RANK).repeat(2)[:, None])
    images = torch.randn(1000, DIMENSION, generator=generator)
    return net, [(images, net(images).argmax(1))]


def test_the_planted_rank_is_found_exactly():
    net, data = planted()
    curve = clipping_curve(net, data, data, ranks=range(DIMENSION + 1))
    assert set(curve["full"]) == {1.0}
    found = informative_rank(curve).set_index("basis")["rank"]
    assert found["weights"] == RANK
    assert found["random"] > DIMENSION - RANK
    weights = curve[curve["basis"] == "weights"].set_index("rank")
    assert weights["accuracy"][RANK - 1] < 0.9
    assert weights["explained"][RANK] == pytest.approx(1)
    shares = np.linspace(1, 1.2, RANK)[::-1] ** 2
    np.testing.assert_allclose(weights["explained"][:RANK], (shares.cumsum() - shares)[:RANK] / shares.sum(), atol=1e-6)


def test_the_basis_of_activations_is_that_of_the_images():
    """Images whose large directions the classifier does not read: their basis needs nearly all directions."""
    net, [(images, _)] = planted()
    axes = torch.linalg.svd(net.weight.detach())[2][:RANK]
    loud = images + 10 * (images - images @ axes.T @ axes)
    data = [(loud, net(loud).argmax(1))]
    found = informative_rank(clipping_curve(net, data, data, ranks=range(DIMENSION + 1))).set_index("basis")["rank"]
    assert found["weights"] == RANK
    assert found["activations"] == DIMENSION


def test_points_that_may_be_lost_change_the_rank():
    net, data = planted()
    curve = clipping_curve(net, data, data, bases=["weights"], ranks=range(DIMENSION + 1))
    assert informative_rank(curve, points=100.0)["rank"].item() == 0
    assert informative_rank(curve[curve["rank"] < RANK], points=1.0)["rank"].isna().all()


def test_clip_is_a_projection_of_what_is_read():
    net = chain(activation=nn.Tanh)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    aligned = align_networks(net, batches())
    w = net[2].weight.detach().double().numpy()
    moment = aligned["2"].moments[0].numpy()
    bases = {"weights": np.linalg.eigh(w.T @ w)[1][:, ::-1], "activations": np.linalg.eigh(moment)[1][:, ::-1]}
    for kind, vectors in bases.items():
        kept = vectors[:, :3]
        clipped = clip(net, aligned["2"], 3, basis=kind)
        np.testing.assert_allclose(clipped[2].weight.numpy(), w @ kept @ kept.T, atol=1e-5)
        assert torch.equal(clipped[0].weight, net[0].weight)
    half = clip(net, aligned["2"], 0.5)
    assert torch.linalg.matrix_rank(half[2].weight) == 4
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_convolutions_are_clipped_on_channels_or_on_rows():
    net = seeded(lambda: nn.Sequential(nn.Conv2d(3, 6, 3), nn.Conv2d(6, 9, 3, bias=False)), 0)
    layer = align_networks(net, batches((3, 8, 8), n=60))["1"]
    w = net[1].weight.detach().double().numpy()
    channels = np.linalg.eigh(np.einsum("oikl,ojkl->ij", w, w))[1][:, ::-1][:, :2]
    expected = np.einsum("oikl,ir,jr->ojkl", w, channels, channels)
    np.testing.assert_allclose(clip(net, layer, 2)[1].weight.numpy(), expected, atol=1e-5)
    u, s, vh = np.linalg.svd(w.reshape(9, -1), full_matrices=False)
    rows = ((u[:, :2] * s[:2]) @ vh[:2]).reshape(w.shape)
    np.testing.assert_allclose(clip(net, layer, 2, axis="rows")[1].weight.numpy(), rows, atol=1e-5)
    with pytest.raises(RainbowError, match="rows span 9 positions"):
        layer_basis(layer, "activations", axis="rows")


def test_grouped_convolutions_are_clipped_group_by_group():
    net = seeded(lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 6, 3, groups=2, bias=False)), 0)
    aligned = align_networks(net, batches((3, 8, 8), n=60))
    clipped = clip(net, aligned["1[1]"], 0)
    assert torch.equal(clipped[1].weight[:3], net[1].weight[:3])
    assert not clipped[1].weight[3:].any()


def test_a_rotated_copy_is_clipped_to_the_same_function():
    net = chain()
    copy = rotated(net, chain(seed=3))
    aligned = align_networks([net, copy], batches())
    images = batches(seed=4)[0]
    for basis in ("weights", "activations", "random"):
        layers = [aligned["2"], aligned["4"]]
        a, b = clip(net, layers, 3, basis=basis), clip(copy, layers, 3, basis=basis, index=1)
        with torch.no_grad():
            torch.testing.assert_close(a(images), b(images), atol=1e-4, rtol=0)
            assert not torch.allclose(a(images), net(images), atol=0.01)


def test_layers_are_clipped_together():
    net = chain(activation=nn.Tanh)
    data = [(images, net(images).argmax(1)) for images in batches()]
    curve = clipping_curve(net, data, data, bases=["activations"], ranks=4, together=True)
    assert list(curve["rank"]) == [0, 6, 12, 18, 24]
    assert set(curve["layer"]) == {"all"}
    assert curve["accuracy"].iloc[-1] == 1.0
    aligned = align_networks(net, data)
    half = clip(net, list(aligned), 0.5, basis="activations")
    right = sum(int((half(images).argmax(1) == targets).sum()) for images, targets in data)
    assert curve["accuracy"].iloc[2] == pytest.approx(right / 400)
    ones = clipping_curve(net, data, data, bases=["activations"], ranks=4)
    assert list(ones["layer"].unique()) == ["0", "2", "4"]
    assert list(ones[ones["layer"] == "2"]["rank"]) == [0, 2, 4, 6, 8]


def test_explained_variance_is_the_diagonal_of_the_covariance_in_each_basis():
    aligned = align_networks([chain(activation=nn.Tanh), chain(seed=1, activation=nn.Tanh)], batches())
    table = explained_variance(aligned, seed=3)
    layer = aligned["2"]
    rows = layer.stacked().numpy()
    covariance = rows.T @ rows / len(rows)
    for kind in ("weights", "activations", "random"):
        basis = layer_basis(layer, kind, seed=3).numpy()
        np.testing.assert_allclose(basis.T @ basis, np.eye(8), atol=1e-9)
        expected = np.diag(basis.T @ covariance @ basis).cumsum() / np.trace(covariance)
        found = table[(table["layer"] == "2") & (table["basis"] == kind)]["explained"]
        np.testing.assert_allclose(found, expected, atol=1e-9)


def test_progress_counts_clipped_networks():
    seen = []
    net, data = planted()
    clipping_curve(net, data, data, ranks=[1, 2], progress=lambda done, total: seen.append((done, total)))
    assert seen == [(k, 6) for k in range(1, 7)]


def test_what_cannot_be_clipped_is_refused():
    net, data = planted()
    layer = align_networks(net, data)["weight"]
    with pytest.raises(RainbowError, match="bases are weights, activations, random"):
        clip(net, layer, 3, basis="pca")
    with pytest.raises(RainbowError, match="rank: expected a number of directions or a share"):
        clip(net, layer, 1.5)
    with pytest.raises(RainbowError, match="one step at least"):
        clipping_curve(net, data, data, ranks=0)
    with pytest.raises(ArchitectureError, match="no parameter 'weight'"):
        clip(nn.Sequential(nn.Linear(30, 10)), layer, 3)
    wide = align_networks([chain((8, 8, 3)), chain((8, 9, 3))], batches())
    with pytest.raises(RainbowError, match="number 1 has 9 channels at layer '2', the reference 8"):
        clip(chain((8, 9, 3)), wide["2"], 3, index=1)
