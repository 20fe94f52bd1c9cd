r"""The dual of bends for all pairs of rows and landmarks, by Mehler's series: one product of two factors a power.

The bivariate normal density is :math:`\sum_k \rho^k h_k(a) h_k(b)\,e^{-(a^2+b^2)/2}` in normalised Hermite polynomials
(Mehler, J. reine angew. Math. 1866), hence

.. math:: \int_0^\rho (\rho - r)\,\varphi(r)\,dr = \rho^2 \sum_k \frac{\rho^k}{(k+1)(k+2)} f_k(a) f_k(b), \qquad
          f_k(a) = h_k(a)\,e^{-a^2/2}.

A factor is computed once for a row and once for a landmark. Bends of one activation go into one factor. All terms but
the first two are below a hundredth and summed in float32, where their rounding is 1e-10.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

REACH = 0.7
"""Correlations up to which the series serves."""

TERMS = 30
"""Its terms: what is left out, with the rounding, is below 6e-10 of 2π up to `REACH`."""

PAIRS = 1 << 16
"""Pairs that are summed at a time, so that what is made of them stays in the cache of a core."""

_LEAD = 2
"""Terms that are summed in float64."""

_LEAST = 1e-18
"""Factors below which a product of two would be no normal float32 number; they are taken for zero."""

Bends = Sequence[tuple[float, Tensor]]
"""The changes of slope of an activation, each with its standardised knots."""


def factors(bends: Bends) -> Float[Tensor, "terms n"]:
    """Return the factor of every power, of standardised knots that are given as vectors.

    Example:
        >>> factors([(1.0, torch.zeros(1, dtype=torch.float64))])[:3, 0]  # 1, 0, -1/√2
        tensor([ 1.0000,  0.0000, -0.7071], dtype=torch.float64)
    """
    total = torch.zeros((), dtype=torch.float64)
    for bend, knots in bends:
        before, current = torch.zeros_like(knots), torch.exp(-(knots**2) / 2)
        rows = []
        for k in range(TERMS):
            rows.append(current)
            before, current = current, (knots * current).sub_(before, alpha=math.sqrt(k)).div_(math.sqrt(k + 1))
        total = total + bend * torch.stack(rows)
    return total


class Series:
    r"""The sum :math:`\sum_{ij} b_i b_j \int_0^\rho (\rho - r)\,\varphi(r)\,dr` for some rows and landmarks.

    Divided by 2π and the sum of the products of bends it errs by less than 6e-10, for correlations up to `REACH`.

    Args:
        first: Bends of the rows, knots as vectors of n.
        second: Bends of the landmarks, knots as vectors of m.

    Example:
        >>> knot, rho = torch.zeros(1, dtype=torch.float64), torch.full((1, 1), 0.5, dtype=torch.float64)
        >>> Series([(1.0, knot)], [(1.0, knot)]).sum(slice(0, 1), rho)  # 0.5 arcsin(0.5) + √0.75 - 1
        tensor([[0.1278]], dtype=torch.float64)
    """

    def __init__(self, first: Bends, second: Bends) -> None:
        own, other = factors(first), factors(second)
        powers = torch.arange(1, TERMS + 1, dtype=other.dtype, device=other.device)
        self._rows, self._columns = own[:, :, None], other / (powers * (powers + 1))[:, None]
        single = (torch.where(x.abs() < _LEAST, 0.0, x).float() for x in (self._rows, self._columns))
        self._single_rows, self._single_columns = single

    def sum(self, rows: slice, rho: Float[Tensor, "k m"]) -> Float[Tensor, "k m"]:
        """Return the sum of some of the rows; where correlations are above `REACH` it is not to be used."""
        rounded, total = rho.float(), torch.empty_like(rho)
        own, other = self._single_rows[:, rows], self._single_columns
        rest = own[-1] * other[-1]
        for k in range(TERMS - 2, _LEAD - 1, -1):
            rest.mul_(rounded).addcmul_(own[k], other[k])
        total.copy_(rest)
        for k in range(_LEAD - 1, -1, -1):
            total.mul_(rho).addcmul_(self._rows[k, rows], self._columns[k])
        return total.mul_(rho).mul_(rho)
