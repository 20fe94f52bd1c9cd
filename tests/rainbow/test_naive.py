"""Sampling and comparing beside textbook formulas: what is fitted, what is held out, complex channels, norms."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import rainbownet as rn
from rainbow.test_scattering import images, trained

HELD = 0.5  # every second image


def seen_by(net: nn.Module, layer: str, inputs: list[Tensor]) -> np.ndarray:
    """What a layer is given: images × positions × channels, in double precision."""
    seen = []
    handle = dict(net.named_modules())[layer].register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with torch.no_grad():
        for batch in inputs:
            net(batch)
    handle.remove()
    value = torch.cat(seen).movedim(1, -1)
    return value.flatten(1, -2).to(torch.complex128 if value.is_complex() else torch.float64).numpy()


def rows_of(value: np.ndarray, *, held: bool, split: bool) -> np.ndarray:
    """Rows of the fitted or the held-out images; imaginary parts as rows of their own if split."""
    rows = value[1 if held else 0 :: 2].reshape(-1, value.shape[-1])
    return np.concatenate([rows.real, rows.imag]) if split else rows


def cross(z: np.ndarray, w: np.ndarray) -> np.ndarray:
    return z.T @ w.conj() / len(z)


def energy(z: np.ndarray) -> float:
    return float((np.abs(z) ** 2).sum() / len(z))


def polar(matrix: np.ndarray) -> np.ndarray:
    u, _, vh = np.linalg.svd(matrix, full_matrices=False)
    return u @ vh


def bures(a: np.ndarray, b: np.ndarray) -> float:
    return np.linalg.norm(a @ b.conj().T, "nuc") / (np.linalg.norm(a) * np.linalg.norm(b))


@pytest.mark.parametrize("variant", ["skip", "complex"])
def test_complex_channels_are_compared_as_their_weights_read_them(variant):
    a, b = trained(variant, 1), trained(variant, 2)
    table = rn.compare(a, b, images(), holdout=HELD).set_index("layer")
    for layer in ("block2.linear", "block3.linear"):
        values = [seen_by(net, layer, images()) for net in (a, b)]
        z, w = (rows_of(v, held=False, split=variant == "skip") for v in values)
        held_z, held_w = (rows_of(v, held=True, split=variant == "skip") for v in values)
        row, rotation = table.loc[layer], polar(cross(z, w))
        assert (row["rows"], row["held_rows"]) == (len(z), len(held_z))
        nuclear = np.linalg.norm(cross(z, w), "nuc") / math.sqrt(energy(z) * energy(w))
        assert row["similarity"] == pytest.approx(nuclear, rel=1e-4)
        shared = (rotation.conj() * cross(held_z, held_w)).sum().real
        assert row["held_similarity"] == pytest.approx(shared / math.sqrt(energy(held_z) * energy(held_w)), rel=1e-2)
        mapped = held_w @ (rotation * math.sqrt(energy(z) / energy(w))).T
        assert row["held_error"] == pytest.approx(energy(mapped - held_z) / energy(held_z), rel=1e-2)
        first, second = (
            dict(net.named_modules())[layer].weight.flatten(1).detach().numpy().astype(complex) for net in (a, b)
        )
        assert row["weights_aligned"] == pytest.approx(bures(first, second @ rotation.conj().T), abs=5e-3)


@pytest.mark.parametrize("variant", ["skip", "complex"])
def test_complex_channels_of_a_sample_are_aligned_as_their_weights_read_them(variant):
    net = trained(variant)
    sample = rn.fit(net, images()).draw(images(), holdout=HELD, alignment=rn.LeastSquares(ridge=1e-2))
    row = sample.alignment.set_index("layer").loc["block2.linear"]
    values = [seen_by(module, "block2.linear", images()) for module in (net, sample.network)]
    z, w = (rows_of(v, held=False, split=variant == "skip") for v in values)
    held_z, held_w = (rows_of(v, held=True, split=variant == "skip") for v in values)
    gram = cross(w, w)
    found = cross(z, w) @ np.linalg.inv(gram + 1e-2 * np.trace(gram).real / len(gram) * np.eye(len(gram)))
    assert row["rows"] == len(z)
    assert row["error"] == pytest.approx(energy(held_w @ found.T - held_z) / energy(held_z), rel=1e-3)


def normed() -> nn.Sequential:
    generator = torch.Generator().manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(2, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 3)
    )
    with torch.no_grad():
        for value in net.parameters():
            value.copy_(torch.randn(value.shape, generator=generator))
        net[1].running_mean.copy_(torch.randn(8, generator=generator))
    return net.eval()


@pytest.mark.parametrize("norms", ["explicit", "folded"])
def test_norms_of_a_sample_have_the_statistics_of_the_fitted_images_alone(norms):
    pictures = torch.randn(60, 2, 6, 6, generator=torch.Generator().manual_seed(1))
    pictures[1::2] += 3.0
    sample = rn.fit(normed(), [pictures], norms=norms).draw([pictures], holdout=HELD, width=2)
    norm = sample.network[1]
    given = rows_of(seen_by(sample.network, "1", [pictures]), held=False, split=False)
    np.testing.assert_allclose(norm.running_mean.numpy(), given.mean(0), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(norm.running_var.numpy(), given.var(0), rtol=1e-4)


def test_norms_without_running_statistics_take_the_fitted_images_while_sampling():
    """With trained neurons and held-out images of another kind, the classifier is moved by their statistics alone."""
    pictures = torch.randn(60, 2, 6, 6, generator=torch.Generator().manual_seed(1))
    net = normed()
    net[1] = nn.BatchNorm2d(8, track_running_stats=False)
    shifted = pictures.clone()
    shifted[1::2] *= 5.0
    drawn = [
        rn.fit(net.eval(), [x]).draw([x], holdout=HELD, seed=0, alignment=rn.Procrustes()).network[4].weight
        for x in (pictures, shifted)
    ]
    torch.testing.assert_close(*drawn, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("bias", "draw"), [(False, "orthogonal"), (True, "antithetic")])
def test_draws_are_in_pairs_only_where_neurons_have_an_offset(bias, draw):
    generator = torch.Generator().manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 24, bias=bias), nn.ReLU(), nn.Linear(24, 3))
    inputs = torch.randn(200, 6, generator=generator)
    rainbow = rn.fit(net, [inputs])
    auto = rainbow.draw([inputs], width=2).rows["0"][0]
    named = {name: rainbow.draw([inputs], width=2, draw=name).rows["0"][0] for name in ("orthogonal", "antithetic")}
    assert not torch.equal(named["orthogonal"], named["antithetic"])
    assert torch.equal(auto, named[draw])
