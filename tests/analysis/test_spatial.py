"""Spatial filters: mean outer products, and planted kernels found in every layer."""

import numpy as np
import pytest
import torch
from torch import nn

from analysis.networks import seeded
from rainbownet.analysis import spatial_cosines, spatial_covariance, spatial_eigenvectors
from rainbownet.errors import ArchitectureError


def test_the_covariance_is_the_mean_outer_product():
    weight = torch.randn(4, 3, 3, 2, generator=torch.Generator().manual_seed(0))
    expected = np.zeros((6, 6))
    for o in range(4):
        for i in range(3):
            kernel = weight[o, i].double().numpy().ravel()
            expected += np.outer(kernel, kernel) / 12
    np.testing.assert_allclose(spatial_covariance(weight).numpy(), expected, atol=1e-12)


def planted(filters: torch.Tensor, seed: int) -> nn.Sequential:
    """Return two convolutions whose kernels mix fixed filters, the first filters more than the last."""

    def build() -> nn.Sequential:
        net = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.Conv2d(16, 8, 1))
        energies = 3.0 ** -torch.arange(9)
        for k in (0, 2):
            o, i = net[k].weight.shape[:2]
            mixed = (torch.randn(o, i, 9) * energies) @ filters.float()
            net[k].weight = nn.Parameter(mixed.view(o, i, 3, 3))
        return net

    return seeded(build, seed)


def test_planted_filters_are_the_eigenvectors_of_every_layer():
    filters = torch.linalg.qr(torch.randn(9, 9, generator=torch.Generator().manual_seed(0)))[0]
    a, b = (spatial_eigenvectors(planted(filters, seed)) for seed in (1, 2))
    assert list(a["layer"].unique()) == ["0", "2"]
    first = a[(a["layer"] == "2") & (a["rank"] == 1)].iloc[0]
    assert abs(np.dot(first["eigenvector"], filters[0].double().numpy())) > 0.99
    assert first["share"] == pytest.approx(1 - 1 / 9, abs=0.03)
    assert a.groupby("layer")["share"].sum().to_list() == pytest.approx([1, 1])
    cosines = spatial_cosines(a, b)
    assert len(cosines) == 4 * 9
    assert (cosines[cosines["rank"] <= 2]["cosine"] > 0.97).all()


def test_other_filters_are_not_found():
    generator = torch.Generator().manual_seed(0)
    tables = [
        spatial_eigenvectors(planted(torch.linalg.qr(torch.randn(9, 9, generator=generator))[0], seed))
        for seed in (1, 2)
    ]
    assert spatial_cosines(*tables)["cosine"].mean() < 0.6


def test_networks_without_kernels_are_refused():
    with pytest.raises(ArchitectureError, match=r"convolutions of several positions are \[\]"):
        spatial_eigenvectors(nn.Conv2d(3, 4, 1))
    with pytest.raises(ArchitectureError, match=r"none named \['1'\]"):
        spatial_eigenvectors(nn.Sequential(nn.Conv2d(3, 4, 3)), layers=["1"])
