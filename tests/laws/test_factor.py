"""Thin factors: rows given back, second moments kept, whichever way they are computed."""

import pytest
import torch

from rainbownet.laws import factor
from rainbownet.laws.factor import thin_factor


def matrix(n, d, rank=None, seed=0):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(n, d, generator=generator, dtype=torch.float64)
    if rank is not None:
        rows = rows[:, :rank] @ torch.randn(rank, d, generator=generator, dtype=torch.float64)
    return rows - rows.mean(0)


@pytest.mark.parametrize(
    ("wide", "long"), [(10_000, 10_000), (10_000, 1), (1, 1)], ids=["svd", "triangular", "products"]
)
@pytest.mark.parametrize(("shape", "rank"), [((20, 50), 19), ((20, 20), 19), ((50, 20), 20), ((30, 80), 5)])
def test_rows_and_their_second_moment_are_given_back(monkeypatch, wide, long, shape, rank):
    monkeypatch.setattr(factor, "WIDE", wide)
    monkeypatch.setattr(factor, "LONG", long)
    rows = matrix(*shape, rank=rank if rank == 5 else None)
    coordinates, found = thin_factor(rows)
    assert found.shape == (rank, shape[1])
    torch.testing.assert_close(coordinates @ found, rows)
    torch.testing.assert_close(found.mT @ found, rows.mT @ rows / len(rows))
    energy = found.square().sum(1)
    assert (energy[:-1] >= energy[1:] * (1 - 1e-9)).all()
    torch.testing.assert_close(coordinates.mT @ coordinates / len(rows), torch.eye(rank, dtype=torch.float64))


def test_both_ways_find_the_same_factor_under_weights(monkeypatch):
    rows, weights = matrix(12, 30), torch.linspace(0, 1, 12, dtype=torch.float64)
    weights = weights / weights.sum()
    _, svd = thin_factor(rows, weights)
    monkeypatch.setattr(factor, "WIDE", 1)
    coordinates, products = thin_factor(rows, weights)
    torch.testing.assert_close(products.mT @ products, svd.mT @ svd)
    assert (coordinates[0] == 0).all()


def test_rows_of_the_triangular_way_are_orthogonal_over_twelve_orders_of_magnitude(monkeypatch):
    monkeypatch.setattr(factor, "LONG", 1)
    frame = torch.linalg.qr(matrix(40, 13)).Q.mT
    rows = torch.linalg.qr(matrix(14, 13)).Q[:13] @ (torch.logspace(0, -12, 13, dtype=torch.float64)[:, None] * frame)
    coordinates, found = thin_factor(rows)
    assert len(found) == 13
    products = found @ found.mT
    assert (products - products.diagonal().diag()).abs().max() < 1e-14 * products.max()
    torch.testing.assert_close(coordinates @ found, rows, rtol=0, atol=1e-14)
