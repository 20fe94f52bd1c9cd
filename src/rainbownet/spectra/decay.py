"""Laws of decay: power laws and exponentials fitted to spectra, with uncertainties and the better of the two."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from scipy.linalg import matmul_toeplitz
from scipy.stats import linregress
from torch import Tensor

from rainbownet.errors import RainbowError

Model = Literal["power law", "exponential"]
"""A power of the rank, or an exponential of it."""

FEWEST = 4
"""Ranks a fit needs: two numbers are fitted, two more tell how well."""


@dataclass(frozen=True)
class SpectrumFit:
    r"""A fit of eigenvalues by :math:`a m^{-\alpha}` or :math:`a e^{-\alpha m}`, `m` the rank from 1.

    Attributes:
        model: Which of the two.
        rate: :math:`\alpha`: the exponent of the power law, or the exponential's decay per rank.
        rate_error: Its standard error. Residuals of neighbouring ranks are alike, so it comes from least squares with
            residuals of autocorrelation :math:`\rho^{|i-j|}`, not with independent ones. It says how well the ranks
            given determine the rate, not how far they are from another sample's.
        amplitude: `a`.
        ranks: First and last rank fitted.
        r2: Share of the variance of the logarithms that is explained.
        residual: Root of the mean square of the logarithms' residuals: 0.1 is about 10 %.
        autocorrelation: :math:`\rho` of neighbouring residuals.
        other_residual: `residual` of the other model on the same ranks.
        evidence: Difference of the Akaike information criteria, other model minus this one: positive where this one
            fits better, above 10 where it is clear. Residuals count as :math:`n (1-\rho)/(1+\rho)` independent ones,
            :math:`\rho` the larger of both models'.
    """

    model: Model
    rate: float
    rate_error: float
    amplitude: float
    ranks: tuple[int, int]
    r2: float
    residual: float
    autocorrelation: float
    other_residual: float
    evidence: float

    def curve(self, ranks: Float[Tensor, " k"]) -> Float[Tensor, " k"]:
        """Return the fitted eigenvalues.

        Args:
            ranks: Ranks from 1, as floating-point numbers.
        """
        m = ranks.double()
        return self.amplitude * (m**-self.rate if self.model == "power law" else torch.exp(-self.rate * m))


def fit_power_law(eigenvalues: Float[Tensor, " d"], ranks: tuple[int, int] | None = None) -> SpectrumFit:
    r"""Fit :math:`\lambda_m \approx a m^{-\alpha}` by least squares on logarithms, every rank counting once.

    Args:
        eigenvalues: Eigenvalues in any order; numerical zeros among them are left out where `ranks` is None.
        ranks: First and last rank that count, from 1; all positive eigenvalues by default.

    Returns:
        The fit, beside how the exponential does on the same ranks.

    Raises:
        RainbowError: If there are fewer than four ranks, or one without a positive eigenvalue.

    Source: the spectra of activations of Guth et al., JMLR 2024, figure 2, decay as :math:`m^{-1}` and little faster.

    Example:
        >>> fit = fit_power_law(2 * torch.arange(1, 101).double() ** -1.5, ranks=(2, 50))
        >>> round(fit.rate, 6), round(fit.amplitude, 6), fit.ranks, fit.evidence > 10
        (1.5, 2.0, (2, 50), True)
    """
    return _fit(eigenvalues, ranks, "power law")


def fit_exponential(eigenvalues: Float[Tensor, " d"], ranks: tuple[int, int] | None = None) -> SpectrumFit:
    r"""Fit :math:`\lambda_m \approx a e^{-\alpha m}` by least squares on logarithms, every rank counting once.

    Args:
        eigenvalues: Eigenvalues in any order; numerical zeros among them are left out where `ranks` is None.
        ranks: First and last rank that count, from 1; all positive eigenvalues by default. The learned spikes of
            covariances of weights were published on ranks 1 to 40 and 1 to 50.

    Returns:
        The fit, beside how the power law does on the same ranks.

    Raises:
        RainbowError: If there are fewer than four ranks, or one without a positive eigenvalue.

    Source: the covariances of weights of Guth et al., JMLR 2024, figure 6.

    Example:
        >>> fit = fit_exponential(torch.exp(-torch.arange(1, 101).double() / 20))
        >>> round(fit.rate, 6), round(fit.r2, 6), fit.evidence > 10
        (0.05, 1.0, True)
    """
    return _fit(eigenvalues, ranks, "exponential")


def _fit(eigenvalues: Tensor, ranks: tuple[int, int] | None, model: Model) -> SpectrumFit:
    first, last, logs = _chosen(eigenvalues, ranks)
    m = torch.arange(first, last + 1, dtype=torch.float64)
    regressors = {"power law": m.log(), "exponential": m}
    x = regressors.pop(model)
    other = regressors.popitem()[1]
    intercept, slope, residuals = _line(x, logs)
    _, _, other_residuals = _line(other, logs)
    rho = _autocorrelation(residuals)
    count = len(m)
    shared = max(rho, _autocorrelation(other_residuals))
    effective = max(count * (1 - shared) / (1 + shared), 1.0)
    own, others = (max(r.square().mean().sqrt().item(), _floor(logs)) for r in (residuals, other_residuals))
    total = (logs - logs.mean()).square().sum().item()
    return SpectrumFit(
        model=model,
        rate=-slope,
        rate_error=_slope_error(x, residuals, rho),
        amplitude=math.exp(intercept),
        ranks=(first, last),
        r2=1 - residuals.square().sum().item() / total if total > 0 else math.nan,
        residual=own,
        autocorrelation=rho,
        other_residual=others,
        evidence=2 * effective * math.log(others / own),
    )


def _chosen(eigenvalues: Tensor, ranks: tuple[int, int] | None) -> tuple[int, int, Tensor]:
    values = eigenvalues.detach().double().cpu().sort(descending=True).values
    if not torch.isfinite(values).all():
        raise RainbowError(f"eigenvalues: {int((~torch.isfinite(values)).sum())} of {len(values)} are not finite")
    positive = int((values > 1e-12 * values[0].clamp(min=0)).sum()) if len(values) else 0
    first, last = (1, positive) if ranks is None else ranks
    if not (first >= 1 and first + FEWEST - 1 <= last <= positive):
        asked = "" if ranks is None else f", got {ranks}"
        raise RainbowError(
            f"ranks: a fit needs {FEWEST} of the {positive} positive eigenvalues at least, from rank 1 on{asked}"
        )
    return first, last, values[first - 1 : last].log()


def line_slope(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Return the slope of the least-squares line through points, and its standard error.

    Both are NaN where there are fewer points than they take: two abscissas, three points.
    """
    if len(set(x)) < 2:
        return math.nan, math.nan
    line: Any = linregress(x, y)
    return float(line.slope), float(line.stderr) if len(x) > 2 else math.nan


def log_slope(widths: Sequence[int | float], distances: Sequence[float]) -> tuple[float, float]:
    """Return the slope of the logarithm of distances in that of widths, and its standard error; see `line_slope`.

    Example:
        >>> slope, error = log_slope([1, 4, 16], [8.0, 4.0, 2.0])
        >>> round(slope, 9), round(error, 9)
        (-0.5, 0.0)
    """
    return line_slope([math.log(width) for width in widths], [math.log(distance) for distance in distances])


def _line(x: Tensor, y: Tensor) -> tuple[float, float, Tensor]:
    line: Any = linregress(x.numpy(), y.numpy())
    return float(line.intercept), float(line.slope), y - line.intercept - line.slope * x


def _floor(logs: Tensor) -> float:
    """Return what rounding leaves of exact residuals."""
    return torch.finfo(torch.float64).eps * max(1.0, logs.abs().max().item())


def _autocorrelation(residuals: Tensor) -> float:
    r"""Return :math:`\rho` of neighbouring residuals, with the bias that fitting a line leaves taken back.

    To first order :math:`E\hat\rho = \rho - (2 + 4\rho)/n` after a trend is removed (Kendall, Biometrika 41, 1954).
    """
    count, energy = len(residuals), residuals.square().sum().item()
    if energy == 0:
        return 0.0
    raw = (residuals[1:] @ residuals[:-1]).item() / energy
    return min(max((raw + 2 / count) / max(1 - 4 / count, 0.5), 0.0), 1 - 1 / count)


def _slope_error(x: Tensor, residuals: Tensor, rho: float) -> float:
    r"""Return the standard error of a slope under residuals of covariance :math:`\sigma^2 \rho^{|i-j|}`."""
    design = torch.stack([torch.ones_like(x), x - x.mean()], 1)
    column = rho ** torch.arange(len(x), dtype=torch.float64)
    coloured = torch.from_numpy(matmul_toeplitz(column.numpy(), design.numpy()))
    inverse = torch.linalg.inv(design.T @ design)
    middle = inverse @ (design.T @ coloured)
    freedom = len(x) - middle.trace().item()
    variance = residuals.square().sum().item() / max(freedom, 1.0)
    return math.sqrt(max(variance * (middle @ inverse)[1, 1].item(), 0.0))
