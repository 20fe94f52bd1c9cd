"""Aligned networks: rotated copies are moved back exactly, moments and errors are those of textbook formulas."""

import numpy as np
import pytest
import torch
from torch import nn

from analysis.networks import batches, chain, rotated, rotations, seeded, weights
from cases import CASES
from rainbownet.analysis import AlignedLayer, align_networks
from rainbownet.errors import AlignmentError, ArchitectureError, RainbowError, RainbowWarning


def convolutions(seed: int = 0) -> nn.Sequential:
    return seeded(
        lambda: nn.Sequential(
            nn.Conv2d(3, 6, 3, bias=False), nn.Conv2d(6, 5, 3, bias=False), nn.Flatten(), nn.Linear(5 * 16, 4)
        ),
        seed,
    )


def rotated_convolutions(net: nn.Sequential) -> nn.Sequential:
    q, p = (x.float() for x in rotations(net)[:2])
    copy = convolutions(1)
    with torch.no_grad():
        copy[0].weight.copy_(torch.einsum("ab,b...->a...", q, net[0].weight))
        copy[1].weight.copy_(torch.einsum("ab,bi...,ji->aj...", p, net[1].weight, q))
        split = net[3].weight.unflatten(1, (5, 16))
        copy[3].weight.copy_(torch.einsum("ocs,pc->ops", split, p).flatten(1))
    return copy


def covariance(layer: AlignedLayer, network: int) -> torch.Tensor:
    return layer.rows[network].T @ layer.rows[network]


def activations(net: nn.Sequential, images: torch.Tensor, layer: int) -> np.ndarray:
    with torch.no_grad():
        return net[:layer](images).double().numpy()


def test_a_rotated_chain_is_moved_back():
    net = chain()
    aligned = align_networks([net, rotated(net, chain(seed=3))], batches())
    assert list(aligned.layers) == ["0", "2", "4"]
    for layer, weight, q in zip(aligned, weights(net), [torch.eye(8).double(), *rotations(net)], strict=True):
        torch.testing.assert_close(layer.rows[0], weight.detach().double())
        if layer.name != "0":
            # Neurons are in another basis still, but what they read is not.
            torch.testing.assert_close(covariance(layer, 1), covariance(layer, 0), atol=1e-4, rtol=0)
            torch.testing.assert_close(layer.maps[1], q.T, atol=1e-4, rtol=0)
        torch.testing.assert_close(
            torch.linalg.eigvalsh(layer.moments[1]), torch.linalg.eigvalsh(layer.moments[0]), atol=1e-5, rtol=0
        )
        assert layer.held is not None
        assert layer.held[1].channel_error < 1e-6
        assert layer.held[1].similarity == pytest.approx(1, abs=1e-6)


def test_convolutions_are_rotated_on_their_channels_alone():
    net = convolutions()
    aligned = align_networks([net, rotated_convolutions(net)], batches((3, 8, 8)))
    assert [layer.shape for layer in aligned] == [(1, 3, 9), (1, 6, 9), (1, 5, 16)]
    for layer in list(aligned)[1:]:
        torch.testing.assert_close(covariance(layer, 1), covariance(layer, 0), atol=1e-4, rtol=0)
        assert layer.fitted[1].channel_error < 1e-5
    first = aligned["0"]
    assert torch.equal(first.maps[1], torch.eye(3).double())
    torch.testing.assert_close(covariance(first, 1), covariance(first, 0), atol=1e-4, rtol=0)


def test_moments_rotations_and_errors_are_the_textbook_ones():
    nets = [chain((8, 8, 3), seed=0, activation=nn.Tanh), chain((8, 5, 3), seed=1, activation=nn.Tanh)]
    fitted, tested = torch.cat(batches()), torch.cat(batches(seed=2))
    layer = align_networks(nets, [fitted], test=[tested])["2"]
    z, w = (activations(net, fitted, 2) for net in nets)
    u, _, vh = np.linalg.svd(z.T @ w / len(z), full_matrices=False)
    np.testing.assert_allclose(layer.moments[1].numpy(), w.T @ w / len(w), atol=1e-6)
    np.testing.assert_allclose(layer.maps[1].numpy(), u @ vh, atol=1e-4)
    z, w = (activations(net, tested, 2) for net in nets)
    unit = z / np.sqrt(8)
    error = ((w @ (u @ vh).T / np.sqrt(5) - unit) ** 2).sum() / (unit**2).sum()
    cosine = (w @ (u @ vh).T * z).sum() / np.sqrt((z**2).sum() * (w**2).sum())
    assert layer.held is not None
    assert layer.held[1].rows == 400
    assert layer.held[1].channel_error == pytest.approx(error, rel=1e-3)
    assert layer.held[1].cosine_error == pytest.approx(2 * (1 - cosine), rel=1e-3)


def test_a_network_of_doubled_channels_agrees_without_error():
    net = chain((8, 8, 3))
    wide = chain((8, 16, 3))
    with torch.no_grad():
        wide[0].weight.copy_(net[0].weight.repeat(2, 1))
    layer = align_networks([net, wide], batches())["2"]
    assert layer.fitted[1].channel_error < 1e-6
    assert layer.fitted[1].similarity == pytest.approx(1, abs=1e-6)


def test_unrelated_activations_are_not_similar():
    """Of independent images cross moments vanish, so that only estimation noise of a rotation is left."""

    class Half(nn.Module):
        def __init__(self, start: int) -> None:
            super().__init__()
            self.select = nn.Linear(16, 8, bias=False)
            self.head = nn.Linear(8, 2)
            with torch.no_grad():
                self.select.weight.copy_(torch.eye(16)[start : start + 8])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(self.select(x))

    layer = align_networks([Half(0), Half(8)], batches((16,), n=4000))["head"]
    assert layer.held is not None
    assert abs(layer.held[1].similarity) < 0.1
    assert layer.held[1].cosine_error > 1.8


def test_the_mean_reference_is_what_rounds_of_procrustes_give():
    nets = [chain((8, 5, 3), seed=seed, activation=nn.Tanh) for seed in range(3)]
    images = torch.cat(batches())
    layer = align_networks(nets, [images], reference="mean", holdout=0.0)["2"]
    rows = [activations(net, images, 2) for net in nets]
    reference = rows[0]
    for _ in range(3):
        maps = []
        for own in rows:
            u, _, vh = np.linalg.svd(reference.T @ own)
            maps.append(u @ vh)
        last, reference = reference, np.mean([own @ a.T for own, a in zip(rows, maps, strict=True)], axis=0)
    np.testing.assert_allclose(layer.moment.numpy(), last.T @ last / len(last), atol=1e-5)
    for found, a in zip(layer.maps, maps, strict=True):
        np.testing.assert_allclose(found.numpy(), a, atol=1e-4)


@pytest.mark.parametrize("name", ["conv_biases", "channels_last", "complex", "resnet", "shuffle", "mixer"])
def test_cases_agree_with_themselves(name):
    net = CASES[name].network()
    aligned = align_networks([net, net], [CASES[name].images(96)], holdout=0.0)
    parameters = dict(net.named_parameters())
    for layer in aligned:
        assert layer.fitted[1].channel_error < 1e-5, layer.name
        torch.testing.assert_close(layer.rows[1], layer.rows[0], atol=1e-5, rtol=1e-5)
        assert layer.held is None
    for name in {layer.reader.parameter for layer in aligned}:
        own = [layer for layer in aligned if layer.reader.parameter == name]
        assert sum(layer.rows[0].numel() for layer in own) == parameters[name].numel()
        assert len(own) == own[0].reader.groups


def test_batches_do_not_matter():
    nets = chain(activation=nn.Tanh), chain(seed=1, activation=nn.Tanh)
    images = torch.cat(batches())
    tables = [align_networks(nets, [*images.split(size)]).table() for size in (400, 37)]
    np.testing.assert_allclose(tables[0].iloc[:, 2:].to_numpy(float), tables[1].iloc[:, 2:].to_numpy(float), rtol=1e-5)


def test_the_reference_may_be_any_network():
    nets = [chain((8, 4, 3), activation=nn.Tanh), chain((8, 9, 3), seed=1, activation=nn.Tanh)]
    layer = align_networks(nets, batches(), reference=1)["2"]
    assert layer.channels == 9
    assert [tuple(a.shape) for a in layer.maps] == [(9, 4), (9, 9)]
    assert torch.equal(layer.moment, layer.moments[1])
    assert [tuple(rows.shape) for rows in layer.rows] == [(3, 9), (3, 9)]


def test_what_cannot_be_is_refused():
    net = chain()
    with pytest.raises(
        ArchitectureError, match=r"layers: \['7'\] read no activation; the layers are \['0', '2', '4'\]"
    ):
        align_networks(net, batches(), layers=["7"])
    with pytest.raises(RainbowError, match="reference: expected 'mean' or a number below 1, got 1"):
        align_networks(net, batches(), reference=1)
    with pytest.raises(RainbowError, match="holdout"):
        align_networks(net, batches(), holdout=0.7)
    with pytest.raises(ArchitectureError, match=r"network 1: parameter '0\.weight'"):
        align_networks([net, chain((8, 9, 8, 3))], batches(), reference="mean")
    with pytest.raises(ArchitectureError, match="one trained network at least"):
        align_networks([], batches())
    with torch.no_grad():
        net[0].weight.zero_()
    with pytest.raises(AlignmentError, match="layer '2'"):
        align_networks(net, batches())
    with pytest.raises(ArchitectureError, match="layer 'x'"):
        align_networks(chain(), batches())["x"]


def test_too_few_rows_are_warned_of():
    with pytest.warns(RainbowWarning, match="9 rows to align 12 channels"):
        align_networks([chain((8, 12, 3)), chain((8, 12, 3), seed=1)], batches(n=10))


def test_networks_of_other_widths_are_aligned_to_one_of_them_but_have_no_mean():
    nets = [chain(), chain((8, 12, 10, 3), seed=1)]
    aligned = align_networks(nets, batches())
    assert aligned["2"].maps[1].shape == (8, 12)
    with pytest.raises(ArchitectureError, match=r"network 1: parameter '0.weight' has shape \(12, 8\)"):
        align_networks(nets, batches(), reference="mean")


def test_as_many_rows_as_channels_are_enough_and_one_fewer_is_warned_of():
    images = torch.cat(batches())[:8]
    align_networks([chain(), chain(seed=1)], [images], holdout=0.0)
    with pytest.warns(RainbowWarning, match="7 rows to align 8 channels on"):
        align_networks([chain(), chain(seed=1)], [images[:7]], holdout=0.0)
