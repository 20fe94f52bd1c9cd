"""Rates at which wide networks reach their limit, as the theorems bound them from a spectrum."""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from rainbownet.errors import RainbowError


def spectral_decay(eigenvalues: Float[Tensor, " d"], *, ranks: tuple[int, int] | None = None) -> float:
    r"""Return the exponent :math:`\alpha` of the power law :math:`\lambda_m \propto m^{-\alpha}` nearest to a spectrum.

    It is fitted to logarithms by least squares, at ranks that are evenly spread in logarithm: a tail of many ranks
    counts no more than the few before it.

    Args:
        eigenvalues: Positive eigenvalues, decreasing.
        ranks: First and last rank that count, from 1; by default from 5 to a quarter of them, between the few
            directions that hold classes and the cut-off by finite images.

    Raises:
        RainbowError: If fewer than two eigenvalues are left, or one is not positive.

    Example:
        >>> ranks = torch.arange(1, 101, dtype=torch.float64)
        >>> round(spectral_decay(ranks**-1.5), 6)
        1.5
    """
    count = len(eigenvalues)
    first, last = (min(5, count), max(count // 4, min(10, count))) if ranks is None else ranks
    if not 1 <= first < last <= count:
        raise RainbowError(f"ranks: expected 1 <= first < last <= {count}, got {(first, last)}")
    steps = torch.linspace(math.log(first), math.log(last), 40, dtype=torch.float64)
    chosen = steps.exp().round().long().unique()
    values = eigenvalues.double().cpu()[chosen - 1]
    if not values.min() > 0:
        raise RainbowError(f"eigenvalues: those of ranks {first} to {last} must be positive, one is {values.min():.3g}")
    x, y = chosen.double().log(), values.log()
    x, y = x - x.mean(), y - y.mean()
    return -((x * y).sum() / (x * x).sum()).item()


def predicted_rate(decay: float) -> tuple[float, float]:
    r"""Return the rates :math:`\eta` of the alignment error, :math:`O(d^{-\eta})` in the width, for a spectrum's decay.

    Args:
        decay: Exponent :math:`\alpha > 1` of the spectrum of activations.

    Returns:
        The rate that is proved, :math:`(\alpha-1) / (2(2\alpha-1))`, and the one that is expected, twice that. Errors
        are mean squares: distances have half these slopes. Both are 0 where the spectrum does not decay fast enough.

    Source: Guth et al., JMLR 2024, Theorem 1 and the remark after it.

    Example:
        >>> predicted_rate(1.5)
        (0.125, 0.25)
    """
    proved = max(0.0, (decay - 1) / (2 * (2 * decay - 1))) if decay > 1 else 0.0
    return proved, 2 * proved
