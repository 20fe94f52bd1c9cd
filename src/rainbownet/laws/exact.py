"""White coefficients and products that are the same bits on every machine: whole numbers below 2⁵³, in any order.

Sums of floating point numbers depend on their order, and so on threads and instruction sets. Here random numbers come
from a counter (Philox), normal numbers are sums of tabulated whole numbers, rows are made orthogonal by single
operations that IEEE 754 rounds in one way, and products are of whole numbers, whose sums are exact in any order.
"""

import hashlib
import math
from functools import cache
from statistics import NormalDist

import numpy as np
from jaxtyping import Float, Int

GRID = 12
"""Coefficients are multiples of 2⁻¹²."""
_QUANTILES = 4096
_EXACT = 53
"""Bits of a whole number that float64 holds."""
_AT_ONCE = 1 << 22


@cache
def quantiles() -> Int[np.ndarray, " k"]:
    """Return 4,096 quantiles of the normal law of equal weight, of variance 1, in units of 2⁻¹¹.

    No quantile lies so near to the middle of two whole numbers that the last bits of a logarithm could move it.
    """
    law = NormalDist()
    half = [law.inv_cdf((k + 0.5) / _QUANTILES) for k in range(_QUANTILES // 2, _QUANTILES)]
    deviation = math.sqrt(math.fsum(z * z for z in half) / len(half))
    upper = np.array([round(z / deviation * 2 ** (GRID - 1)) for z in half], dtype=np.int64)
    return np.concatenate([-upper[::-1], upper])


def normals(key: str, *shape: int) -> Int[np.ndarray, "..."]:
    r"""Return normal numbers in units of 2⁻¹², a function of the key and the shape alone.

    Each is half the sum of four of the `quantiles`, chosen by bits of the Philox generator, a counter encrypted by the
    key (Salmon et al., SC 2011): mean 0, variance 1 to 1e-3, kurtosis 3 to 1e-2, and never beyond 7.4.

    Args:
        key: Names the stream.
        shape: Sizes.

    Example:
        >>> z = normals("a", 1000, 100) / 2**GRID
        >>> bool(abs(z.mean()) < 0.02), bool(abs((z * z).mean() - 1) < 0.02)
        (True, True)
    """
    table = quantiles()
    stream = np.random.Philox(key=int.from_bytes(hashlib.sha256(key.encode()).digest()[:16], "little"))
    count = math.prod(shape)
    found = np.empty(count, dtype=np.int64)
    for start in range(0, count, _AT_ONCE):
        bits = stream.random_raw(min(_AT_ONCE, count - start))
        own = found[start : start + _AT_ONCE]
        own[:] = table[(bits >> np.uint64(52)).astype(np.intp)]
        for shift in (40, 28, 16):
            own += table[((bits >> np.uint64(shift)) & np.uint64(_QUANTILES - 1)).astype(np.intp)]
    return found.reshape(shape)


def exact_coefficients(draw: str, n: int, r: int, key: str) -> Int[np.ndarray, "n r"]:
    r"""Return white rows in units of 2⁻¹², as `rainbownet.laws.coefficients` draws them, from a key.

    Args:
        draw: "gaussian", "orthogonal" or "antithetic".
        n: Number of rows.
        r: Number of columns.
        key: Names the stream.

    Raises:
        KeyError: If the draw is unknown.

    Example:
        >>> g = exact_coefficients("orthogonal", 8, 4, "a") / 2**GRID
        >>> bool(abs(g.T @ g / 8 - np.eye(4)).max() < 1e-3)
        True
    """
    return _DRAWS[draw](n, r, key)


def exact_product(coefficients: Int[np.ndarray, "n r"], factor: Float[np.ndarray, "r D"]) -> Float[np.ndarray, "n D"]:
    """Multiply coefficients in units of 2⁻¹² and a factor, exactly up to a rounding of the factor that is always one.

    The factor is rounded to whole multiples of a power of two, so fine that no sum of products exceeds 2⁵³: about 2⁻²⁸
    of its largest number.

    Args:
        coefficients: Whole numbers.
        factor: Finite numbers in float64.

    Example:
        >>> exact_product(np.array([[2**GRID, 2 ** (GRID + 1)]]), np.array([[0.5, 3.0], [0.25, 1.0]]))
        array([[1., 5.]])
    """
    n, r = coefficients.shape
    largest, most = float(np.abs(factor).max(initial=0.0)), int(np.abs(coefficients).max(initial=0))
    if largest == 0.0 or most == 0:
        return np.zeros((n, factor.shape[1]))
    exponent = math.frexp(largest)[1] - (_EXACT - 1 - (r * most).bit_length())
    whole = np.rint(np.ldexp(factor, -exponent))
    return np.ldexp(coefficients.astype(np.float64) @ whole, exponent - GRID)


def _gaussian(n: int, r: int, key: str) -> np.ndarray:
    return normals(key, n, r)


def _orthogonal(n: int, r: int, key: str) -> np.ndarray:
    if r == 0:
        return np.zeros((n, 0), dtype=np.int64)
    blocks, rest = divmod(n, r)
    return np.concatenate([_haar_rows(blocks, r, r, f"{key}/whole"), _haar_rows(min(rest, 1), rest, r, f"{key}/rest")])


def _antithetic(n: int, r: int, key: str) -> np.ndarray:
    half = _orthogonal((n + 1) // 2, r, key)
    return np.concatenate([half, -half[: n // 2]])


_DRAWS = {"gaussian": _gaussian, "orthogonal": _orthogonal, "antithetic": _antithetic}


def _haar_rows(blocks: int, k: int, r: int, key: str) -> np.ndarray:
    """Return the first `k` rows of each of several matrices √r times Haar orthogonal of size `r`.

    Modified Gram–Schmidt, whose diagonal is positive, by operations on one number or two.
    """
    q = normals(key, blocks, k, r) / 2.0**GRID
    for j in range(k):
        own = q[:, j]
        own /= np.sqrt(_total(own * own))[:, None]
        rest = q[:, j + 1 :]
        rest -= _total(rest * own[:, None])[..., None] * own[:, None]
    return np.rint(q * (math.sqrt(r) * 2**GRID)).astype(np.int64).reshape(blocks * k, r)


def _total(values: np.ndarray) -> np.ndarray:
    """Sum the last axis by halves: an order of additions that is always the same."""
    while (size := values.shape[-1]) > 1:
        half = size // 2
        pairs = values[..., :half] + values[..., half : 2 * half]
        values = np.concatenate([pairs, values[..., 2 * half :]], axis=-1) if size % 2 else pairs
    return values[..., 0]
