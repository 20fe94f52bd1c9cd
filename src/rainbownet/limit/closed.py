r"""Dual activations in closed form: :math:`k = \mathbb{E}\,\sigma(u)\,\sigma(v)` of two centred Gaussian variables.

Every function takes the Gram entries ``p = ‖z‖²``, ``c = ⟨z, z'⟩``, ``q = ‖z'‖²`` of the inputs, which are the
variances and the covariance of ``u = ⟨g, z⟩`` and ``v = ⟨g, z'⟩``, ``g ~ N(0, Id)``. They broadcast, are float64, and
may be zero.
"""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

Gram = Float[Tensor, "..."]
ClosedForm = Callable[[Tensor, Tensor, Tensor], Tensor]


def correlation(p: Gram, c: Gram, q: Gram) -> tuple[Gram, Gram]:
    """Return the correlation, clipped to [-1, 1] and 0 for a zero vector, and the geometric mean of the variances.

    Args:
        p: Squared norm of the first input.
        c: Inner product.
        q: Squared norm of the second input.

    Returns:
        `c / sqrt(p q)` and `sqrt(p q)`.

    Example:
        >>> correlation(torch.tensor(4.0), torch.tensor(1.0), torch.tensor(1.0))
        (tensor(0.5000), tensor(2.))
    """
    scale = p.sqrt() * q.sqrt()
    positive = scale > 0
    rho = torch.where(positive, c, 0.0) / torch.where(positive, scale, 1.0)
    return rho.clamp(-1.0, 1.0), scale


def identity(p: Gram, c: Gram, q: Gram) -> Gram:
    """Return the dual of the identity, the inner product itself.

    Example:
        >>> identity(torch.tensor(4.0), torch.tensor(1.0), torch.tensor(1.0))
        tensor(1.)
    """
    return torch.broadcast_tensors(p, c, q)[1]


def relu(p: Gram, c: Gram, q: Gram) -> Gram:
    r"""Return the dual of ReLU, the arc-cosine kernel of degree one.

    :math:`\sqrt{pq}\,(\sin\theta + (\pi - \theta)\cos\theta) / 2\pi` with :math:`\cos\theta` the correlation
    (Cho & Saul, NIPS 2009, eq. 6 with half its normalisation; R11).

    Example:
        >>> one = torch.ones((), dtype=torch.float64)
        >>> relu(one, one, one)
        tensor(0.5000, dtype=torch.float64)
    """
    rho, scale = correlation(p, c, q)
    theta = torch.acos(rho)
    return scale * (torch.sin(theta) + (math.pi - theta) * rho) / (2 * math.pi)


def leaky_relu(slope: float) -> ClosedForm:
    """Return the dual of `max(x, 0) + slope * min(x, 0)`; slope 0 is ReLU, 1 the identity and -1 the absolute value.

    Args:
        slope: Slope on the negative side.

    Returns:
        Function of the Gram entries.

    Example:
        >>> one = torch.ones((), dtype=torch.float64)
        >>> leaky_relu(1.0)(one, 0.3 * one, one)
        tensor(0.3000, dtype=torch.float64)
    """

    def dual(p: Gram, c: Gram, q: Gram) -> Gram:
        return (1 + slope**2) * relu(p, c, q) - 2 * slope * relu(p, -c, q)

    return dual


def absolute(p: Gram, c: Gram, q: Gram) -> Gram:
    r"""Return the dual of the absolute value, :math:`(2/\pi)\sqrt{pq}\,(\sqrt{1-\rho^2} + \rho\arcsin\rho)`.

    Example:
        >>> one = torch.ones((), dtype=torch.float64)
        >>> absolute(one, 0 * one, one)  # 2/π
        tensor(0.6366, dtype=torch.float64)
    """
    rho, scale = correlation(p, c, q)
    return scale * ((1 - rho**2).sqrt() + rho * torch.asin(rho)) * (2 / math.pi)


def step(p: Gram, c: Gram, q: Gram, *, at_zero: float = 0.0) -> Gram:
    r"""Return the dual of the Heaviside step, :math:`1/4 + \arcsin(\rho)/2\pi` (arc-cosine kernel of degree zero).

    Args:
        p: Squared norm of the first input.
        c: Inner product.
        q: Squared norm of the second input.
        at_zero: Value of the step at zero, which is what a zero vector gives.

    Returns:
        Probability that both variables are positive.

    Example:
        >>> one = torch.ones((), dtype=torch.float64)
        >>> step(one, one, one).round(decimals=6), step(one, -one, one).round(decimals=6).abs()
        (tensor(0.5000, dtype=torch.float64), tensor(0., dtype=torch.float64))
    """
    rho, _ = correlation(p, c, q)
    mean_p = torch.where(p > 0, 0.5, at_zero).to(rho.dtype)
    mean_q = torch.where(q > 0, 0.5, at_zero).to(rho.dtype)
    return mean_p * mean_q + torch.asin(rho) / (2 * math.pi)


def sign(p: Gram, c: Gram, q: Gram) -> Gram:
    r"""Return the dual of the sign, :math:`(2/\pi)\arcsin\rho`.

    Example:
        >>> one = torch.ones((), dtype=torch.float64)
        >>> sign(one, one, one).round(decimals=6)
        tensor(1., dtype=torch.float64)
    """
    return torch.asin(correlation(p, c, q)[0]) * (2 / math.pi)


def erf(p: Gram, c: Gram, q: Gram) -> Gram:
    r"""Return the dual of the error function, :math:`(2/\pi)\arcsin(2c/\sqrt{(1+2p)(1+2q)})` (Williams, NIPS 1996).

    Example:
        >>> one = torch.ones((), dtype=torch.float64)
        >>> erf(one, one, one)
        tensor(0.4646, dtype=torch.float64)
    """
    return torch.asin(2 * c / ((1 + 2 * p).sqrt() * (1 + 2 * q).sqrt())) * (2 / math.pi)


def gelu(p: Gram, c: Gram, q: Gram) -> Gram:
    r"""Return the dual of GELU, :math:`x\,\Phi(x)` with the exact normal distribution function.

    Two integrations by parts of :math:`\mathbb{E}\,uv\,\Phi(u)\Phi(v)` give, with :math:`\Delta = (1+p)(1+q) - c^2`,

    .. math:: c\left(\tfrac14 + \tfrac1{2\pi}\arcsin\tfrac{c}{\sqrt{(1+p)(1+q)}}\right)
              + \frac{pq - c^2 + c^2/(1+p) + c^2/(1+q)}{2\pi\sqrt\Delta}

    (a form of it is in Tsuchida, Pearce, van der Heide, Roosta & Gallagher, AISTATS 2021).

    Example:
        >>> one = torch.ones((), dtype=torch.float64)
        >>> gelu(one, one, one)
        tensor(0.4252, dtype=torch.float64)
    """
    product = (1 + p) * (1 + q)
    # product - c² >= 1 + p + q for a Gram matrix; rounding of large entries must not go below.
    delta = (product - c**2).clamp_min(1.0)
    orthant = 0.25 + torch.asin((c / product.sqrt()).clamp(-1, 1)) / (2 * math.pi)
    return c * orthant + ((p * q - c**2) + c**2 / (1 + p) + c**2 / (1 + q)) / (2 * math.pi * delta.sqrt())


def sine(p: Gram, c: Gram, q: Gram) -> Gram:
    r"""Return the dual of the sine, :math:`e^{-(p+q)/2}\sinh c`, written so that large norms do not overflow.

    Example:
        >>> one = torch.ones((), dtype=torch.float64)
        >>> sine(one, one, one)
        tensor(0.4323, dtype=torch.float64)
    """
    half = (p + q) / 2
    return (torch.exp(c - half) - torch.exp(-c - half)) / 2


def cosine(p: Gram, c: Gram, q: Gram) -> Gram:
    r"""Return the dual of the cosine, :math:`e^{-(p+q)/2}\cosh c`, written so that large norms do not overflow.

    Example:
        >>> one = torch.ones((), dtype=torch.float64)
        >>> cosine(one, one, one)
        tensor(0.5677, dtype=torch.float64)
    """
    half = (p + q) / 2
    return (torch.exp(c - half) + torch.exp(-c - half)) / 2


def polynomial(coefficients: Sequence[float]) -> ClosedForm:
    r"""Return the dual of a polynomial.

    Isserlis' formula, sorted by the number `k` of factors of `u` paired with one of `v`, is a sum of products:
    :math:`\sum_k k!\,c^k A_k(p) A_k(q)` with :math:`A_k(p) = \sum_i a_i \binom{i}{k} (i-k-1)!!\,p^{(i-k)/2}`, over even
    `i - k`.

    Args:
        coefficients: Coefficient of each power, constant first.

    Returns:
        Function of the Gram entries.

    Example:
        >>> two = 2 * torch.ones((), dtype=torch.float64)
        >>> polynomial([0.0, 0.0, 1.0])(two, two, two).round(decimals=6)  # E x⁴ of variance two
        tensor(12., dtype=torch.float64)
    """
    degree = len(coefficients) - 1

    def expand(variance: Gram, k: int) -> Gram:
        total = torch.zeros_like(variance)
        for i in range(k, degree + 1, 2):
            pairings = math.prod(range(i - k - 1, 0, -2))
            total = total + coefficients[i] * math.comb(i, k) * pairings * variance ** ((i - k) // 2)
        return total

    def dual(p: Gram, c: Gram, q: Gram) -> Gram:
        total = torch.zeros_like(p + c + q)
        for k in range(degree + 1):
            total = total + math.factorial(k) * c**k * expand(p, k) * expand(q, k)
        return total

    return dual


def hermite(degree: int) -> ClosedForm:
    """Return the dual of the normalised probabilists' Hermite polynomial, `correlation ** degree` for unit vectors.

    Args:
        degree: Degree of the polynomial.

    Returns:
        Function of the Gram entries.

    Example:
        >>> one = torch.ones((), dtype=torch.float64)
        >>> hermite(3)(one, 0.5 * one, one)
        tensor(0.1250, dtype=torch.float64)
    """
    coefficients = [0.0] * (degree + 1)
    for j in range(degree // 2 + 1):
        denominator = math.factorial(j) * math.factorial(degree - 2 * j) * 2**j
        coefficients[degree - 2 * j] = (-1) ** j * math.sqrt(math.factorial(degree)) / denominator
    return polynomial(coefficients)
