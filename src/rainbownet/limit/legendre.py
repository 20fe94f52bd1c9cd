"""Gauss quadrature on the unit interval, computed once for each number of nodes."""

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from scipy.special import roots_jacobi
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


@lru_cache(maxsize=32)
def gauss_jacobi(nodes: int) -> tuple[Float[Tensor, " nodes"], Float[Tensor, " nodes"]]:
    """Return the nodes and weights that integrate `1 - x` times polynomials of degree `2 nodes - 1` on [0, 1] exactly.

    Args:
        nodes: Number of nodes.

    Returns:
        Nodes and weights in float64 on the CPU, shared by all callers: not to be written to.

    Example:
        >>> gauss_jacobi(1)
        (tensor([0.3333], dtype=torch.float64), tensor([0.5000], dtype=torch.float64))
    """
    abscissae, weights = roots_jacobi(nodes, 1, 0)
    return torch.from_numpy((abscissae + 1) / 2), torch.from_numpy(weights / 4)
