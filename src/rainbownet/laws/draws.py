"""Draws: matrices of white coefficients, independent, orthogonal, in antithetic pairs, or orthogonal and centred."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from rainbownet.errors import LawError


def coefficients(draw: str, n: int, r: int, *, generator: torch.Generator | None) -> Float[Tensor, "n r"]:
    r"""Draw a matrix of white rows, :math:`E[g] = 0` and :math:`E[g g^\top] = \mathrm{Id}`.

    Always drawn in float64 on the CPU, so that a seed means the same on every device.

    Args:
        draw: "gaussian", independent normal numbers. "orthogonal": blocks of `r` rows :math:`\sqrt r\,Q` with `Q`
            Haar orthogonal, the last block cut, so that `n = k r` rows have exactly the covariance Id. "antithetic":
            orthogonal rows followed by their opposites, so that an even number has exactly mean zero; an odd number
            ends without the last opposite. "centred": rows of exactly mean zero, columns otherwise Haar orthogonal, so
            that more than `r` rows have exactly the covariance Id too, and no two of them say the same.
        n: Number of rows.
        r: Number of columns.
        generator: A generator on the CPU.

    Returns:
        Coefficients in float64.

    Raises:
        LawError: If the draw is unknown, `n` is not positive, or the generator is missing or not on the CPU.

    Example:
        >>> g = coefficients("orthogonal", 6, 3, generator=torch.Generator().manual_seed(0))
        >>> (g.T @ g / 6).round(decimals=6).abs()
        tensor([[1., 0., 0.],
                [0., 1., 0.],
                [0., 0., 1.]], dtype=torch.float64)
    """
    if draw not in DRAWS:
        raise LawError(f"no draw is called {draw!r}; there are {', '.join(sorted([*DRAWS, 'identity']))}")
    if n < 1:
        raise LawError(f"a draw has at least one row, got n={n}")
    return DRAWS[draw](n, r, cpu_generator(generator))


def cpu_generator(generator: torch.Generator | None) -> torch.Generator:
    """Check a generator.

    Args:
        generator: What the caller was given.

    Returns:
        The generator.

    Raises:
        LawError: If it is missing or not on the CPU.
    """
    if generator is None or generator.device.type != "cpu":
        seen = "none" if generator is None else f"one on {generator.device}"
        raise LawError(f"a draw needs generator=torch.Generator() on the CPU, got {seen}")
    return generator


def _gaussian(n: int, r: int, generator: torch.Generator) -> Tensor:
    return torch.randn(n, r, dtype=torch.float64, generator=generator)


def _orthogonal(n: int, r: int, generator: torch.Generator) -> Tensor:
    if r == 0:
        return torch.zeros(n, 0, dtype=torch.float64)
    blocks, rest = divmod(n, r)
    return torch.cat([_haar_rows(blocks, r, r, generator), _haar_rows(1, rest, r, generator)])


def _antithetic(n: int, r: int, generator: torch.Generator) -> Tensor:
    half = _orthogonal((n + 1) // 2, r, generator)
    return torch.cat([half, -half[: n // 2]])


def _haar_rows(blocks: int, k: int, r: int, generator: torch.Generator) -> Tensor:
    """Return the first `k` rows of each of several matrices √r times Haar orthogonal of size `r`."""
    q, upper = torch.linalg.qr(torch.randn(blocks, r, k, dtype=torch.float64, generator=generator))
    # QR alone is not Haar: its signs depend on the routine (Mezzadri, Notices of the AMS 54, 2007).
    signs = torch.where(upper.diagonal(dim1=1, dim2=2) < 0, -1.0, 1.0)
    return math.sqrt(r) * (q * signs[:, None]).mT.reshape(blocks * k, r)


def _centred(n: int, r: int, generator: torch.Generator) -> Tensor:
    if n == 1 or r == 0:
        return torch.zeros(n, r, dtype=torch.float64)
    least = min(n - 1, r)
    frame = _haar_rows(1, least, max(n - 1, r), generator) / math.sqrt(max(n - 1, r))
    frame = frame if r >= n - 1 else frame.mT
    return math.sqrt(n * max(r / (n - 1), 1.0)) * _helmert(frame)


def _helmert(frame: Tensor) -> Tensor:
    """Return Helmert's matrix `(n, n - 1)`, an orthonormal basis of what sums to zero, times a matrix `(n - 1, r)`.

    Its column k = 1 … n − 1 is k ones, then −k, then zeros, over √(k(k + 1)).
    """
    k = torch.arange(1, len(frame) + 1, dtype=torch.float64)[:, None]
    scaled = frame / (k * (k + 1)).sqrt()
    none = torch.zeros_like(scaled[:1])
    later = torch.cat([scaled.flip(0).cumsum(0).flip(0), none])
    return later - torch.cat([none, k * scaled])


DRAWS: dict[str, Callable[[int, int, torch.Generator], Tensor]] = {
    "gaussian": _gaussian,
    "orthogonal": _orthogonal,
    "antithetic": _antithetic,
    "centred": _centred,
}
