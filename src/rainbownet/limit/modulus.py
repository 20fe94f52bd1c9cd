"""Dual kernels of the complex modulus, of complex circular and of real Gaussian weights on complex inputs."""

import math

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from rainbownet.limit.closed import Gram, absolute
from rainbownet.limit.legendre import gauss_legendre

# Blocks of this many values, each with about ten float64 temporaries, are computed at once.
_BLOCK = 1 << 19


def elliptic_integrals(complement: Gram) -> tuple[Gram, Gram]:
    """Return the complete elliptic integrals K and E, by the arithmetic–geometric mean.

    Args:
        complement: One minus the parameter, `1 - m` in (0, 1].

    Returns:
        K(m) and E(m) (Abramowitz & Stegun 17.6).

    Example:
        >>> elliptic_integrals(torch.ones((), dtype=torch.float64))  # π/2 both
        (tensor(1.5708, dtype=torch.float64), tensor(1.5708, dtype=torch.float64))
    """
    a, b = torch.ones_like(complement), complement.sqrt()
    deficit = 0.5 * (1 - complement)
    for n in range(10):
        half_difference = (a - b) / 2
        deficit = deficit + 2.0**n * half_difference**2
        a, b = (a + b) / 2, (a * b).sqrt()
    first = math.pi / (2 * a)
    return first, first * (1 - deficit)


def circular_modulus(p: Gram, c: Inexact[Tensor, "..."], q: Gram) -> Gram:
    r"""Return the dual of the modulus for complex circular Gaussian weights, :math:`\mathbb{E}|u||v|`.

    :math:`\tfrac\pi4\sqrt{pq}\;{}_2F_1(-\tfrac12, -\tfrac12; 1; m) = \sqrt{pq}\,(E(m) - \tfrac{1-m}2 K(m))` with
    :math:`m = |c|^2/pq`, for weights with :math:`\mathbb{E}|w|^2 = 1` (Middleton, Introduction to Statistical
    Communication Theory, 1960, on the correlation of envelopes).

    Args:
        p: Squared norm of the first input.
        c: Inner product, complex or its modulus.
        q: Squared norm of the second input.

    Returns:
        The dual, of the broadcast shape.

    Example:
        >>> one = torch.ones((), dtype=torch.float64)
        >>> circular_modulus(one, 0 * one, one)  # π/4
        tensor(0.7854, dtype=torch.float64)
    """
    scale = p.sqrt() * q.sqrt()
    cosine = (c.abs() / torch.where(scale > 0, scale, 1.0)).clamp(0.0, 1.0)
    # Below 1e-30 the term in (1 - m) K is zero in float64, and K stays finite.
    complement = ((1 - cosine) * (1 + cosine)).clamp_min(1e-30)
    first, second = elliptic_integrals(complement)
    return scale * (second - complement * first / 2)


class RealModulus:
    r"""The dual of the modulus for real Gaussian weights on complex inputs, by quadrature over two phases.

    :math:`|u| = \tfrac14\int_0^{2\pi} |\mathrm{Re}\,e^{-i\alpha}u|\,d\alpha` makes it a double average of the closed
    form of the absolute value. Angles are Gauss–Legendre between the minor axes of the ellipse each variable covers, so
    that an input which is real up to a phase costs no accuracy. The error is :math:`O(\text{nodes}^{-4})`,
    relative to the norms 2e-6 with 32 nodes.

    Args:
        nodes: Angles of each of the two phases.

    Example:
        >>> z = torch.tensor([[1.0, 1.0j]], dtype=torch.complex128)
        >>> RealModulus()(z, z).round(decimals=4)  # ‖z‖²
        tensor([[2.]], dtype=torch.float64)
    """

    def __init__(self, nodes: int = 32) -> None:
        fractions, weights = gauss_legendre(nodes)
        self._angles = math.pi * (fractions - 0.5)
        self._weights = weights * (math.pi / 2)

    def __call__(self, z: Inexact[Tensor, "b r"], landmarks: Inexact[Tensor, "m r"]) -> Float[Tensor, "b m"]:
        """Return the kernel of every row with every landmark.

        Args:
            z: Rows, complex.
            landmarks: Landmarks, complex.

        Returns:
            Kernel values in float64.
        """
        other = torch.stack(self._directions(landmarks))
        q, weights = (other**2).sum(-1)[:, None], self._weights.to(z.device)[:, None, None]
        total = torch.empty(len(z), len(landmarks), dtype=torch.float64, device=z.device)
        rows = max(1, _BLOCK // max(1, len(weights) * len(landmarks)))
        for start in range(0, len(z), rows):
            block = torch.zeros_like(total[start : start + rows])
            for x, weight in zip(self._directions(z[start : start + rows]), self._weights.tolist(), strict=True):
                p = (x**2).sum(-1)[:, None]
                block += weight * (weights * absolute(p, x @ other.mT, q)).sum(0)
            total[start : start + rows] = block
        return total

    def diagonal(self, z: Inexact[Tensor, "b r"]) -> Float[Tensor, " b"]:
        """Return the kernel of every row with itself, its squared norm."""
        return (z.abs().double() ** 2).sum(-1)

    def _directions(self, z: Tensor) -> list[Tensor]:
        """Return, for each angle, the real rows whose product with the weights is the component along it."""
        z = z.to(torch.complex128)
        major = torch.exp(-0.5j * torch.angle((z * z).sum(-1, keepdim=True)))
        return [(z * major * complex(math.cos(t), -math.sin(t))).real for t in self._angles.tolist()]
