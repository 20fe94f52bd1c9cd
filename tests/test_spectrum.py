"""Spectra: the Marchenko–Pastur law against samples, spikes against what was planted."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.linalg import sqrtm

from rainbownet.errors import LawError
from rainbownet.spectra.marchenko_pastur import marchenko_pastur_cdf, marchenko_pastur_density, marchenko_pastur_edges
from rainbownet.spectra.measures import bures_cosine, effective_rank
from rainbownet.spectra.shrinkage import bulk_variance, shrink_spiked

GAMMAS = [0.1, 0.5, 1.0, 2.5, 5.0]


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def sample_spectrum(n: int, d: int, variance: float, *, spikes: tuple[float, ...] = ()) -> torch.Tensor:
    """Eigenvalues of the sample covariance of n rows whose covariance is variance · Id plus spikes."""
    rows = normal(n, d) * math.sqrt(variance)
    for i, spike in enumerate(spikes):
        rows[:, i] *= math.sqrt(1 + spike / variance)
    return torch.linalg.svdvals(rows).square() / n


def test_effective_rank_is_half_the_dimension_for_a_flat_spectrum_and_one_for_a_direction() -> None:
    assert effective_rank(torch.ones(9)) == pytest.approx(5)
    assert effective_rank(torch.tensor([0.0, 7.0, 0.0])) == pytest.approx(1)
    assert effective_rank(torch.tensor([1.0, 3.0])) == pytest.approx((3 + 2) / 4)


def test_bures_cosine_is_that_of_the_matrix_roots() -> None:
    a, b = normal(4, 6, seed=0), normal(9, 6, seed=1)
    roots = [torch.from_numpy(np.real(sqrtm((f.T @ f + 1e-13 * torch.eye(6)).numpy()))) for f in (a, b)]
    nuclear = torch.linalg.svdvals(roots[0] @ roots[1]).sum().item()
    expected = nuclear / math.sqrt(a.square().sum().item() * b.square().sum().item())
    assert bures_cosine(a, b) == pytest.approx(expected, abs=1e-5)


def test_bures_cosine_is_one_for_proportional_and_zero_for_orthogonal_covariances() -> None:
    a = normal(3, 8)
    assert bures_cosine(a, 5 * torch.linalg.qr(normal(3, 3, seed=2))[0] @ a) == pytest.approx(1, abs=1e-12)
    assert bures_cosine(torch.eye(4)[:2], torch.eye(4)[2:]) == 0


@pytest.mark.parametrize("gamma", GAMMAS)
def test_density_integrates_to_the_distribution_function(gamma: float) -> None:
    low, high = marchenko_pastur_edges(gamma, 2.0)
    for share in (0.25, 0.6, 1.0):
        # The substitution removes the square-root edges, and the pole of the density at zero for gamma = 1.
        top = math.sqrt(low + share * (high - low))
        density = lambda u: 2 * u * marchenko_pastur_density(torch.tensor([u * u]).double(), gamma, 2.0).item()  # noqa: E731
        mass, _ = quad(density, math.sqrt(low), top, limit=200)
        found = marchenko_pastur_cdf(torch.tensor([top**2], dtype=torch.float64), gamma, 2.0).item()
        assert found == pytest.approx(mass, abs=1e-6)
    assert found == pytest.approx(1)


@pytest.mark.parametrize(("n", "d"), [(1200, 300), (600, 600), (300, 900)])
def test_white_samples_follow_the_law(n: int, d: int) -> None:
    values = sample_spectrum(n, d, 3.0).sort().values
    low, high = marchenko_pastur_edges(d / n, 3.0)
    assert values[-1].item() == pytest.approx(high, rel=0.03)
    assert values[0].item() == pytest.approx(low, abs=0.03 * high)
    found = marchenko_pastur_cdf(values, d / n, 3.0)
    empirical = (torch.arange(len(values)) + 0.5) / len(values)
    assert (found - empirical).abs().max() < 0.01
    assert bulk_variance(values, n, d) == pytest.approx(3.0, rel=0.01)


def test_bulk_variance_hardly_sees_the_spikes() -> None:
    values = sample_spectrum(600, 300, 0.5, spikes=(500.0, 200.0, 100.0, 50.0))
    assert bulk_variance(values, 600, 300) == pytest.approx(0.5, rel=0.03)


@pytest.mark.parametrize(("n", "d"), [(2000, 500), (500, 1000)])
def test_planted_spikes_are_recovered_and_the_bulk_is_zero(n: int, d: int) -> None:
    planted = (80.0, 40.0, 20.0)
    values = sample_spectrum(n, d, 2.0, spikes=planted).sort(descending=True).values
    shrunk = shrink_spiked(values, d / n, bulk_variance(values, n, d))
    assert shrunk[:3].tolist() == pytest.approx(planted, rel=0.15)
    assert (shrunk > 1.0).sum() == 3
    assert (values[:3] - shrunk[:3] > 2.0).all()


@pytest.mark.parametrize("gamma", GAMMAS)
def test_shrinkage_undoes_the_bias_of_a_spike_exactly(gamma: float) -> None:
    learned = torch.tensor([3.0, 10.0, 100.0], dtype=torch.float64)
    sampled = (1 + learned) * (1 + gamma / learned)
    torch.testing.assert_close(shrink_spiked(5 * sampled, gamma, 5.0), 5 * learned)


def test_spectra_without_energy_are_refused() -> None:
    with pytest.raises(LawError, match="nonnegative"):
        effective_rank(torch.tensor([1.0, -1.0]))
    with pytest.raises(LawError, match="covariance of zeros"):
        bulk_variance(torch.zeros(3), 3, 3)
    with pytest.raises(LawError, match="zero covariance"):
        bures_cosine(torch.zeros(1, 2), torch.ones(1, 2))
    with pytest.raises(LawError, match="gamma > 0"):
        marchenko_pastur_edges(0.0)
