"""Marchenko–Pastur: white rows lie inside, planted spikes outside, and whitening takes spikes away."""

import pytest
import torch
from torch import Tensor

from rainbownet.analysis.bulk import marchenko_pastur, whitened_rows
from rainbownet.errors import RainbowError, RainbowWarning
from rainbownet.laws.factor import thin_factor


def normal(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("n", "d"), [(600, 150), (300, 300), (150, 600)])
@pytest.mark.parametrize("variance", ["mean", "bulk"])
def test_white_rows_lie_inside_whatever_their_scale(n, d, variance):
    bulk = marchenko_pastur(7 * normal(n, d), variance=variance)
    assert bulk.gamma == d / n
    assert bulk.variance == pytest.approx(49, rel=0.05)
    assert bulk.outside < 0.03
    assert bulk.spikes == 0
    assert len(bulk.eigenvalues) == min(n, d)
    assert bulk.atom == pytest.approx(1 - len(bulk.eigenvalues) / d)


def test_scaling_and_edges_are_the_published_ones():
    bulk = marchenko_pastur(normal(128, 320))
    assert bulk.edges == pytest.approx((0.338, 6.662), abs=5e-4)
    assert bulk.eigenvalues.sum().item() / 320 == pytest.approx(1)
    assert marchenko_pastur(normal(64, 320)).edges == pytest.approx((1.528, 10.472), abs=5e-4)


def test_the_density_is_that_of_the_eigenvalues():
    bulk = marchenko_pastur(normal(2000, 500))
    low, high = bulk.edges
    grid = torch.linspace(low, high, 4001, dtype=torch.float64)
    mass = torch.cumulative_trapezoid(bulk.density(grid), grid)
    assert mass[-1].item() == pytest.approx(1, abs=1e-3)
    for share in (0.25, 0.5, 0.75):
        quantile = grid[1:][int((mass < share).sum())]
        assert quantile.item() == pytest.approx(bulk.eigenvalues.quantile(share).item(), rel=0.02)


@pytest.mark.parametrize("count", [1, 3, 10])
def test_planted_spikes_are_counted(count):
    rows = normal(500, 200)
    rows[:, :count] *= torch.linspace(3, 6, count, dtype=torch.float64)
    bulk = marchenko_pastur(rows, variance="bulk")
    assert bulk.spikes == count
    assert bulk.above >= count
    # Baik & Silverstein (2006): a spike of variance s is seen at s (1 + gamma / (s - 1)).
    largest = 9.0 if count == 1 else 36.0
    assert bulk.largest == pytest.approx(largest * (1 + 0.4 / (largest - 1)), rel=0.15)
    assert marchenko_pastur(rows, variance=1.0).spikes == count


def test_a_white_matrix_passes_the_threshold_as_rarely_as_the_level_says():
    hits = sum(marchenko_pastur(normal(60, 30, s), variance=1.0, level=0.1).spikes > 0 for s in range(300))
    assert 0.05 < hits / 300 < 0.15


def test_whitening_by_the_law_takes_the_spikes_away():
    factor = torch.diag(torch.logspace(1, -1, 100, dtype=torch.float64))
    rows = normal(400, 100) @ factor
    raw, white = marchenko_pastur(rows), marchenko_pastur(rows, factor)
    assert raw.outside > 0.5
    assert white.outside < 0.03
    assert white.whitened
    assert not raw.whitened
    assert white.largest < 3 < raw.largest


def test_a_network_that_is_not_of_the_law_shows_after_whitening():
    factor = torch.diag(torch.linspace(1, 2, 100, dtype=torch.float64))
    rows = normal(400, 100) @ factor
    rows[:, 5] *= 4
    assert marchenko_pastur(rows, factor, variance="bulk").spikes == 1


def test_a_thin_factor_whitens_its_own_directions():
    rows = normal(50, 8)
    factor = thin_factor(normal(1000, 8)[:, :3] @ normal(3, 8, 2))[1]
    white = whitened_rows(rows, factor)
    assert white.shape == (50, 3)
    assert marchenko_pastur(rows, factor).dimensions == 3
    covariance = factor.T @ factor
    values, axes = torch.linalg.eigh(covariance)
    naive = rows @ axes[:, -3:].flip(1) / values[-3:].flip(0).sqrt()
    torch.testing.assert_close(white.abs(), naive.abs())


def test_ones_own_covariance_is_warned_of():
    rows = normal(60, 20)
    with pytest.warns(RainbowWarning, match="all 20 eigenvalues are equal"):
        marchenko_pastur(rows, thin_factor(rows)[1])


def test_the_row_of_a_table_holds_what_the_properties_say():
    bulk = marchenko_pastur(normal(50, 20))
    row = bulk.as_row()
    assert row["inside"] == bulk.inside == 1 - row["outside"]
    assert (row["lower_edge"], row["upper_edge"]) == bulk.edges
    assert row["rows"] == 50


def test_inputs_without_meaning_are_refused():
    with pytest.raises(RainbowError, match="without a number other than zero"):
        marchenko_pastur(torch.zeros(4, 3))
    infinite = torch.ones(4, 3)
    infinite[1, 2] = torch.inf
    with pytest.raises(RainbowError, match="1 of 12 numbers are not finite"):
        marchenko_pastur(infinite)
    with pytest.raises(RainbowError, match="factor: 2 columns, the rows have 3"):
        marchenko_pastur(torch.ones(4, 3), torch.eye(2))
    with pytest.raises(RainbowError, match="variance: expected 'mean', 'bulk' or a positive number, got -1"):
        marchenko_pastur(torch.ones(4, 3), variance=-1.0)
    with pytest.raises(RainbowError, match="level"):
        marchenko_pastur(torch.ones(4, 3), level=0.0)


@pytest.mark.parametrize(("level", "quantile"), [(0.01, 2.0234), (0.05, 0.9793)])
def test_the_threshold_is_that_of_johnstone_with_the_tracy_widom_quantile(level, quantile):
    bulk = marchenko_pastur(normal(90, 40, 0), level=level)
    n, d = 89.5**0.5, 39.5**0.5
    expected = ((n + d) ** 2 + (n + d) * (1 / n + 1 / d) ** (1 / 3) * quantile) / 90
    assert bulk.threshold == pytest.approx(expected, rel=1e-3)


def test_two_equal_eigenvalues_are_warned_of():
    rows = normal(2, 5, 0)
    with pytest.warns(RainbowWarning, match="all 2 eigenvalues are equal"):
        marchenko_pastur(rows, rows / 2**0.5)
