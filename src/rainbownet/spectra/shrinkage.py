"""Shrinkage: the noise under a spiked spectrum, and what was learned of the spikes above it (U3)."""

import torch
from jaxtyping import Float
from torch import Tensor

from rainbownet.errors import LawError
from rainbownet.spectra.marchenko_pastur import marchenko_pastur_edges, marchenko_pastur_median


def bulk_variance(eigenvalues: Float[Tensor, " k"], n: int, d: int) -> float:
    r"""Estimate the variance of the bulk of a sample covariance, robustly against its spikes.

    The median of the nonzero eigenvalues is divided by the median of the Marchenko–Pastur law of variance 1 at
    :math:`\gamma = d / n` (Gavish & Donoho, IEEE Trans. Inf. Theory 60, 2014, section III.E).

    Args:
        eigenvalues: Eigenvalues of the sample covariance; those that are numerically zero are left out.
        n: Number of samples.
        d: Number of dimensions.

    Returns:
        Variance of an entry of the bulk.

    Raises:
        LawError: If no eigenvalue is positive.

    Example:
        >>> round(bulk_variance(torch.tensor([2.0, 2.0, 2.0, 40.0]), n=10_000, d=4), 2)
        2.0
    """
    values = eigenvalues.double()
    nonzero = values[values > 1e-12 * values.max()] if len(values) and values.max() > 0 else values[:0]
    if len(nonzero) == 0:
        raise LawError("the variance of a bulk cannot be estimated from a covariance of zeros")
    return nonzero.quantile(0.5).item() / marchenko_pastur_median(d / n)


def shrink_spiked(eigenvalues: Float[Tensor, " k"], gamma: float, variance: float = 1.0) -> Float[Tensor, " k"]:
    r"""Return what was learned of each eigenvalue of a spiked sample covariance (U3).

    With :math:`\lambda` in units of the variance,
    :math:`\lambda \mapsto (\lambda - 1 - \gamma)/2 + \sqrt{(\lambda + 1 - \gamma)^2 / 4 - \lambda}` above the bulk's
    edge :math:`(1 + \sqrt\gamma)^2`, and 0 below: the spike of the population without its share of the bulk.

    Args:
        eigenvalues: Eigenvalues of the sample covariance.
        gamma: Dimensions per sample.
        variance: Variance of the bulk.

    Returns:
        Shrunk eigenvalues, in the order given.

    Raises:
        LawError: If `gamma` or `variance` is not positive.

    Example:
        >>> shrink_spiked(torch.tensor([12.0, 3.0]), gamma=1.0)
        tensor([9.8990, 0.0000], dtype=torch.float64)
    """
    _, edge = marchenko_pastur_edges(gamma)
    values = eigenvalues.double() / variance
    root = ((values + 1 - gamma).square() / 4 - values).clamp(min=0).sqrt()
    return torch.where(values > edge, variance * ((values - 1 - gamma) / 2 + root), 0.0)
