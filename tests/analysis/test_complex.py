"""Analyses of complex weights and activations: conjugates are where textbook formulas have them."""

import numpy as np
import pytest
import torch

from rainbow.test_naive import HELD, bures, cross, energy, rows_of, seen_by
from rainbow.test_scattering import images, trained
from rainbownet.analysis import (
    align_networks,
    clip,
    eigenvector_cosines,
    explained_variance,
    group_similarity,
    learned_covariance,
    weight_spectra,
)
from rainbownet.analysis.bases import layer_basis
from rainbownet.analysis.universality import real_rows

LAYER = "block2.linear"


@pytest.fixture(scope="module")
def networks():
    return [trained("complex", seed) for seed in (1, 2)]


@pytest.fixture(scope="module")
def aligned(networks):
    return align_networks(networks, images(), holdout=HELD)


def weight(net) -> np.ndarray:
    return dict(net.named_modules())[LAYER].weight.flatten(1).detach().to(torch.complex128).numpy()


def test_rotations_and_rows_are_those_of_the_formulas(networks, aligned):
    layer = aligned[LAYER]
    values = [seen_by(net, LAYER, images()) for net in networks]
    z, w = (rows_of(v, held=False, split=False) for v in values)
    held_z, held_w = (rows_of(v, held=True, split=False) for v in values)
    rotation = layer.maps[1].numpy()
    np.testing.assert_allclose(rotation.conj().T @ rotation, np.eye(len(rotation)), atol=1e-10)
    nuclear = np.linalg.norm(cross(z, w), "nuc")
    assert (rotation.conj() * cross(z, w)).sum().real == pytest.approx(nuclear, rel=1e-4)
    np.testing.assert_allclose(layer.rows[1].numpy(), weight(networks[1]) @ rotation.conj().T, atol=1e-10)
    np.testing.assert_allclose(layer.moment.numpy(), cross(z, z), atol=1e-4 * np.abs(cross(z, z)).max())
    np.testing.assert_allclose(layer.moments[1].numpy(), cross(w, w), atol=1e-4 * np.abs(cross(w, w)).max())
    match = layer.held[1]
    assert match.rows == len(held_z)
    assert match.shared == pytest.approx((held_z.conj() * (held_w @ rotation.T)).sum().real / len(held_z), rel=1e-3)
    assert match.mapped_energy == pytest.approx(energy(held_w @ rotation.T), rel=1e-4)


def test_explained_variance_is_that_of_dense_eigenvectors(aligned):
    table = explained_variance(aligned).set_index(["layer", "basis"])
    layer = aligned[LAYER]
    rows = torch.cat(layer.rows).numpy()
    covariance = rows.conj().T @ rows
    bases = {
        "weights": np.linalg.eigh(covariance)[1][:, ::-1],
        "activations": np.linalg.eigh(layer.moment.numpy())[1][:, ::-1],
    }
    for name, basis in bases.items():
        shares = np.einsum("ir,ij,jr->r", basis.conj(), covariance, basis).real.cumsum() / np.trace(covariance).real
        ranks, explained = table.loc[(LAYER, name), ["rank", "explained"]].to_numpy().T
        np.testing.assert_allclose(explained, shares[ranks.astype(int) - 1], atol=1e-8)


@pytest.mark.parametrize("kind", ["weights", "activations"])
def test_a_basis_carried_to_a_network_sees_the_same_activations(aligned, kind):
    layer = aligned[LAYER]
    basis, carried = layer_basis(layer, kind), layer_basis(layer, kind, network=1)
    torch.testing.assert_close(carried, layer.maps[1].mH @ basis, rtol=0, atol=1e-10)


def test_leading_eigenvectors_are_those_of_the_covariances(aligned):
    layer = aligned[LAYER]
    weights = [np.linalg.svd(rows.numpy(), full_matrices=False)[2].conj().T[:, :3] for rows in layer.rows]
    moved = [layer.maps[m].numpy() @ layer.moments[m].numpy() @ layer.maps[m].numpy().conj().T for m in (0, 1)]
    activations = [np.linalg.eigh(moment)[1][:, ::-1][:, :3] for moment in moved]
    for of, (first, second) in {"weights": weights, "activations": activations}.items():
        table = eigenvector_cosines(aligned, ["a", "b"], of=of, count=3)
        found = table[table["layer"] == LAYER].pivot_table(index="rank_a", columns="rank_b", values="cosine")
        np.testing.assert_allclose(found.to_numpy(), np.abs(first.conj().T @ second), atol=1e-6)


def test_weight_spectra_are_those_of_dense_covariances(aligned):
    table = weight_spectra(aligned)
    rows = torch.cat(aligned[LAYER].rows).numpy()
    values = np.linalg.eigvalsh(rows.conj().T @ rows / len(rows))[::-1]
    found = table[table["layer"] == LAYER]["eigenvalue"].to_numpy()
    np.testing.assert_allclose(found, values[: len(found)], atol=1e-10 * values[0])


def test_real_rows_have_the_cosine_of_complex_ones(aligned):
    first, second = aligned[LAYER].rows
    found = bures(real_rows(first).numpy(), real_rows(second).numpy())
    assert found == pytest.approx(bures(first.numpy(), second.numpy()), rel=1e-12)
    part = learned_covariance(real_rows(first), variance=1e-6)
    row = group_similarity(aligned, ["a", "b"], variance=1e-6).set_index("layer").loc[LAYER]
    assert (row["rows_a"], row["spikes_a"]) == (2 * len(first), len(part.factor))


def test_a_network_clipped_to_activations_computes_with_projected_activations(networks, aligned):
    clipped = clip(networks[1], aligned[LAYER], 5, basis="activations", index=1)
    basis = layer_basis(aligned[LAYER], "activations", network=1)[:, :5].resolve_conj().numpy()
    np.testing.assert_allclose(weight(clipped), weight(networks[1]) @ basis @ basis.conj().T, atol=1e-5)
