"""Gauss–Legendre quadrature on the unit interval, computed once for each number of nodes."""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


@lru_cache(maxsize=32)
def gauss_legendre(nodes: int) -> tuple[Float[Tensor, " nodes"], Float[Tensor, " nodes"]]:
    """Return the nodes and weights that integrate polynomials of degree `2 nodes - 1` on [0, 1] exactly.

    Args:
        nodes: Number of nodes.

    Returns:
        Nodes and weights in float64 on the CPU, shared by all callers: not to be written to.

    Example:
        >>> gauss_legendre(1)
        (tensor([0.5000], dtype=torch.float64), tensor([1.], dtype=torch.float64))
    """
    abscissae, weights = np.polynomial.legendre.leggauss(nodes)
    return torch.from_numpy((abscissae + 1) / 2), torch.from_numpy(weights / 2)
