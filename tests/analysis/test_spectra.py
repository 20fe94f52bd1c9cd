"""Spectra: eigenvalues of dense covariances, the units of figures, and the same for rotated copies."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from analysis.networks import batches, chain, rotated, weights
from rainbownet.analysis import activation_spectra, align_networks, effective_ranks, weight_spectra
from rainbownet.analysis.spectra import decay_fits
from rainbownet.errors import ArchitectureError, RainbowError


def eigenvalues(table, **keys) -> np.ndarray:
    for key, value in keys.items():
        table = table[table[key] == value]
    return table["eigenvalue"].to_numpy()


def test_activation_spectra_are_eigenvalues_of_second_moments():
    net = chain(activation=nn.Tanh)
    images = torch.cat(batches())
    table = activation_spectra(align_networks(net, [images], holdout=0.0))
    with torch.no_grad():
        z = net[:2](images).double().numpy()
    expected = np.linalg.eigvalsh(z.T @ z / len(z))[::-1]
    found = table[table["layer"] == "2"]
    np.testing.assert_allclose(found["eigenvalue"], expected, atol=1e-6)
    np.testing.assert_allclose(found["over_first"], expected / expected[0], atol=1e-5)
    np.testing.assert_allclose(found["times_dimension"], 8 * expected, atol=1e-5)
    np.testing.assert_allclose(found["over_mean"], expected / expected.mean(), atol=1e-4)
    assert list(found["rank"]) == list(range(1, 9))


def test_a_rotated_copy_has_the_same_spectra():
    net = chain()
    aligned = align_networks([net, rotated(net, chain(seed=3))], batches())
    table = activation_spectra(aligned)
    for layer in aligned.layers:
        np.testing.assert_allclose(
            eigenvalues(table, layer=layer, network=0), eigenvalues(table, layer=layer, network=1), atol=1e-5
        )
    both, one = weight_spectra(aligned), weight_spectra(aligned, pooled=[1])
    for layer in ("2", "4"):
        shared = eigenvalues(one, layer=layer)
        np.testing.assert_allclose(eigenvalues(both, layer=layer)[: len(shared)], shared, atol=1e-5)


def test_weight_spectra_pool_rows_of_networks():
    nets = [chain((8, 4, 3), seed=seed) for seed in range(3)]
    table = weight_spectra(align_networks(nets, batches()), pooled=[1, 3])
    for count, ranks in ((1, 4), (3, 8)):
        rows = torch.cat([weights(net)[0] for net in nets[:count]]).detach().double().numpy()
        expected = np.linalg.eigvalsh(rows.T @ rows / len(rows))[::-1][:ranks]
        np.testing.assert_allclose(eigenvalues(table, layer="0", networks=count), expected, atol=1e-9)
    first = table[(table["layer"] == "0") & (table["networks"] == 1)]
    # Four of eight eigenvalues are zero for want of rows and left out, but count in the mean.
    assert first["over_mean"].sum() == pytest.approx(8)


def test_the_initial_spectrum_ends_where_the_trained_one_does():
    trained, untrained = chain(seed=0), chain(seed=1)
    with torch.no_grad():
        trained[0].weight[:, 0] *= 30
    table = weight_spectra(align_networks(trained, batches()), initial=[untrained])
    part = table[table["layer"] == "0"].set_index(["state", "rank"])["rescaled"]
    assert part["initial", 8] == pytest.approx(part["trained", 8])
    assert part["trained", 1] > 5 * part["initial", 1]
    rows = weights(untrained)[0].detach().double().numpy()
    ratio = np.linalg.eigvalsh(rows.T @ rows)[::-1]
    np.testing.assert_allclose((part["initial"] / part["initial", 1]).to_numpy(), ratio / ratio[0], atol=1e-9)


def test_the_mean_network_has_a_spectrum_of_its_own():
    net = chain()
    aligned = align_networks([net, rotated(net, chain(seed=3))], batches(), reference="mean")
    mean, own = activation_spectra(aligned, mean=True), activation_spectra(aligned)
    assert set(mean["network"]) == {-1}
    np.testing.assert_allclose(eigenvalues(mean, layer="4"), eigenvalues(own, layer="4", network=0), atol=1e-5)


def test_effective_ranks_are_mean_ranks():
    images = torch.diag(torch.tensor([1.0, 1.0, 0.0])).repeat(5, 1)
    table = effective_ranks(activation_spectra(align_networks(nn.Linear(3, 2), [images], holdout=0.0)))
    assert table["effective_rank"].tolist() == pytest.approx([1.5])


def test_what_cannot_be_pooled_is_refused():
    aligned = align_networks([chain(), chain(seed=1)], batches())
    with pytest.raises(RainbowError, match=r"pooled: expected numbers from 1 to 2, got \[3\]"):
        weight_spectra(aligned, pooled=[1, 3])
    with pytest.raises(RainbowError, match="2 networks are pooled, got 1 untrained"):
        weight_spectra(aligned, initial=[chain()])
    with pytest.raises(ArchitectureError, match=r"no parameter '4\.weight'"):
        weight_spectra(align_networks(chain(), batches()), initial=[chain((8, 8, 8))])


def test_untrained_networks_are_pooled_like_trained_ones():
    trained, untrained = [chain(seed=s) for s in (0, 1)], [chain(seed=s) for s in (2, 3)]
    table = weight_spectra(align_networks(trained, batches()), pooled=(1, 2), initial=untrained)
    assert table.index.is_unique
    for name, module in (("0", 0), ("4", 4)):
        part = table[(table["layer"] == name) & (table["state"] == "initial")]
        for size in (1, 2):
            rows = torch.cat([net[module].weight for net in untrained[:size]]).detach().double()
            own = part[part["networks"] == size]
            assert set(own["rows"]) == {len(rows)}
            values = torch.linalg.svdvals(rows).square() / len(rows)
            np.testing.assert_allclose(own["eigenvalue"], values.numpy(), rtol=1e-10)


def test_tables_of_spectra_have_one_row_a_number():
    assert activation_spectra(align_networks([chain(), chain(seed=1)], batches())).index.is_unique


def test_fits_stand_beside_the_spectrum_they_are_of_whatever_the_order_of_names():
    def spectrum(layer: str, rate: float) -> pd.DataFrame:
        keys = {"layer": layer, "network": 0, "dimension": 20}
        return pd.DataFrame({**keys, "rank": range(1, 21), "eigenvalue": [float(r) ** -rate for r in range(1, 21)]})

    found = decay_fits(pd.concat([spectrum("b", 2.0), spectrum("a", 0.5)], ignore_index=True))
    assert found["layer"].tolist() == ["b", "a"]
    assert found["power"].tolist() == pytest.approx([2.0, 0.5])
