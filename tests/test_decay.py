"""Fits of spectra: planted laws are found within their stated errors, and the wrong law is told from the right one."""

import numpy as np
import pytest
import torch
from scipy.stats import linregress
from torch import Tensor

from rainbownet.errors import RainbowError
from rainbownet.spectra.decay import fit_exponential, fit_power_law

FITS = {"power law": fit_power_law, "exponential": fit_exponential}


def planted(model: str, rate: float, n: int) -> Tensor:
    m = torch.arange(1, n + 1).double()
    return 3 * (m**-rate if model == "power law" else torch.exp(-rate * m))


def correlated(n: int, rho: float, generator: torch.Generator) -> Tensor:
    """Return noise of unit variance whose neighbours have correlation rho."""
    noise = torch.randn(n, generator=generator, dtype=torch.float64)
    for k in range(1, n):
        noise[k] = rho * noise[k - 1] + (1 - rho**2) ** 0.5 * noise[k]
    return noise


@pytest.mark.parametrize("model", FITS)
def test_an_exact_law_is_recovered_and_the_other_refused(model):
    fit = FITS[model](planted(model, 0.3, 60), ranks=(3, 50))
    assert fit.model == model
    assert fit.rate == pytest.approx(0.3, abs=1e-12)
    assert fit.amplitude == pytest.approx(3, rel=1e-10)
    assert fit.r2 == pytest.approx(1)
    assert fit.rate_error < 1e-12
    assert fit.residual < 1e-12 < 0.05 < fit.other_residual
    assert fit.evidence > 10
    torch.testing.assert_close(fit.curve(torch.arange(1, 61).double()), planted(model, 0.3, 60))
    (other,) = (f for name, f in FITS.items() if name != model)
    assert other(planted(model, 0.3, 60), ranks=(3, 50)).evidence < -10


@pytest.mark.parametrize("model", FITS)
@pytest.mark.parametrize("rho", [0.0, 0.9])
def test_two_standard_errors_hold_the_truth_as_often_as_they_should(model, rho):
    generator = torch.Generator().manual_seed(0)
    rate, repeats, inside = (1.2 if model == "power law" else 0.05), 150, 0
    for _ in range(repeats):
        # Small enough that the order of eigenvalues stays what it was.
        noise = 1e-3 * correlated(100, rho, generator)
        fit = FITS[model](planted(model, rate, 100) * noise.exp())
        inside += abs(fit.rate - rate) < 2 * fit.rate_error
    assert 0.85 < inside / repeats < 0.995


def test_independent_errors_would_be_too_small_for_smooth_residuals():
    generator = torch.Generator().manual_seed(0)
    spectrum = planted("exponential", 0.05, 200)
    smooth, rough = (fit_exponential(spectrum * (1e-3 * correlated(200, r, generator)).exp()) for r in (0.95, 0.0))
    assert smooth.autocorrelation > 0.7 > 0.3 > rough.autocorrelation
    assert smooth.rate_error / smooth.residual > 2 * rough.rate_error / rough.residual


def test_the_spectrum_of_samples_gives_the_exponent_of_the_population():
    generator = torch.Generator().manual_seed(0)
    deviations = planted("power law", 1.0, 100).sqrt()
    rows = torch.randn(20_000, 100, generator=generator, dtype=torch.float64) * deviations
    fit = fit_power_law(torch.linalg.svdvals(rows).square() / len(rows))
    assert fit.rate == pytest.approx(1.0, abs=0.03)
    assert fit.evidence > 10


def test_order_and_numerical_zeros_do_not_matter():
    spectrum = planted("exponential", 0.1, 30)
    shuffled = torch.cat([spectrum.flip(0), torch.zeros(9), torch.full((3,), 1e-17)])
    assert fit_exponential(shuffled).rate == pytest.approx(fit_exponential(spectrum).rate)
    assert fit_exponential(shuffled).ranks == (1, 30)


@pytest.mark.parametrize("ranks", [(0, 9), (1, 3), (8, 4), (5, 40)])
def test_ranks_that_are_not_there_are_refused(ranks):
    with pytest.raises(RainbowError, match="ranks: a fit needs 4 of the 30 positive eigenvalues"):
        fit_power_law(planted("power law", 1.0, 30), ranks=ranks)


def test_spectra_without_numbers_are_refused():
    with pytest.raises(RainbowError, match="1 of 5 are not finite"):
        fit_power_law(torch.tensor([1.0, 2.0, torch.nan, 1.0, 1.0]))
    with pytest.raises(RainbowError, match="of the 0 positive"):
        fit_power_law(torch.zeros(6))


@pytest.mark.parametrize("model", FITS)
def test_numbers_of_a_noisy_fit_are_those_of_their_definitions(model):
    spectrum = planted(model, 0.05, 80) * (0.01 * correlated(80, 0.8, torch.Generator().manual_seed(3))).exp()
    spectrum = spectrum.sort(descending=True).values
    fit, (other,) = FITS[model](spectrum), (f(spectrum) for name, f in FITS.items() if name != model)
    m = np.arange(1, 81)
    x, y = np.log(m) if model == "power law" else m, np.log(spectrum.numpy())
    line = linregress(x, y)
    residuals = y - line.intercept - line.slope * x
    assert fit.ranks == (1, 80)
    assert fit.rate == pytest.approx(-line.slope, rel=1e-9)
    assert fit.amplitude == pytest.approx(np.exp(line.intercept), rel=1e-9)
    assert fit.r2 == pytest.approx(line.rvalue**2, rel=1e-9)
    assert fit.residual == pytest.approx(np.sqrt((residuals**2).mean()), rel=1e-9)
    assert fit.other_residual == pytest.approx(other.residual, rel=1e-9)
    raw = (residuals[1:] @ residuals[:-1]) / (residuals @ residuals)
    rho = min(max((raw + 2 / 80) / (1 - 4 / 80), 0), 1 - 1 / 80)
    assert fit.autocorrelation == pytest.approx(rho, rel=1e-6)
    shared = max(rho, other.autocorrelation)
    independent = 80 * (1 - shared) / (1 + shared)
    assert fit.evidence == pytest.approx(2 * independent * np.log(other.residual / fit.residual), rel=1e-6)
    # The textbook sandwich: (XᵀX)⁻¹ XᵀΣX (XᵀX)⁻¹ with the variance that its trace leaves.
    design = np.stack([np.ones(80), x], 1)
    inverse = np.linalg.inv(design.T @ design)
    coloured = rho ** np.abs(m[:, None] - m)
    variance = residuals @ residuals / (80 - np.trace(inverse @ design.T @ coloured @ design))
    expected = np.sqrt(variance * (inverse @ design.T @ coloured @ design @ inverse)[1, 1])
    assert fit.rate_error == pytest.approx(expected, rel=1e-6)


def test_eigenvalues_below_a_trillionth_of_the_largest_are_zero():
    assert fit_power_law(torch.tensor([1.0, 0.5, 0.25, 0.125, 1.5e-12, 0.5e-12]).double()).ranks == (1, 5)
