"""Gaussian pairs and the naive references every dual activation is compared to."""

import numpy as np
import torch

SEED = 0


def pairs(count=12, seed=SEED):
    """Variances, covariance and means of Gaussian pairs: random, and at the edges of what a Gram matrix can be."""
    generator = torch.Generator().manual_seed(seed)

    def uniform():
        return torch.rand(count, generator=generator, dtype=torch.float64)

    p, q, rho = 3 * uniform() + 0.05, 3 * uniform() + 0.05, 2 * uniform() - 1
    rho[:5] = torch.tensor([1.0, -1.0, 0.0, 1 - 1e-9, -1 + 1e-9], dtype=torch.float64)
    q[0] = p[0]
    p[5], q[6] = 0.0, 0.0
    mean_p, mean_q = torch.randn(2, count, generator=generator, dtype=torch.float64)
    mean_q[0] = mean_p[0]
    return p, rho * (p * q).sqrt(), q, mean_p, mean_q


def samples(p, c, q, mean_p, mean_q, count=200_000, seed=SEED + 1):
    """Draws of the pairs, one row per pair."""
    generator = torch.Generator().manual_seed(seed)
    g, h = torch.randn(2, count, generator=generator, dtype=torch.float64)
    scale = (p * q).sqrt()
    rho = torch.where(scale > 0, c / scale.clamp_min(1e-300), 0.0).clamp(-1, 1)[:, None]
    u = mean_p[:, None] + p.sqrt()[:, None] * g
    v = mean_q[:, None] + q.sqrt()[:, None] * (rho * g + (1 - rho**2).sqrt() * h)
    return u, v


def monte_carlo_z(values, expected):
    """Deviations of the means of rows from what is expected, in standard errors.

    What has a probability below one over the number of draws goes unseen, and is counted as part of the error.
    """
    draws = values.shape[1]
    error = values.std(1) / draws**0.5 + values.abs().amax(1) / draws + 1e-9
    return (values.mean(1) - expected).abs() / error


def quadrature(activation, p, c, q, mean_p, mean_q, nodes=100):
    """The textbook: tensor Gauss–Hermite quadrature on the Cholesky factor of the 2 × 2 covariance."""
    x, w = np.polynomial.hermite_e.hermegauss(nodes)
    x, w = torch.from_numpy(x), torch.from_numpy(w / np.sqrt(2 * np.pi))
    result = []
    for pi, ci, qi, a, b in zip(p, c, q, mean_p, mean_q, strict=True):
        slope = ci / pi.sqrt() if pi > 0 else torch.zeros_like(ci)
        rest = (qi - slope**2).clamp_min(0).sqrt()
        u = activation(a + pi.sqrt() * x)
        v = activation(b + slope * x[:, None] + rest * x[None])
        result.append((w * u) @ (v @ w))
    return torch.stack(result)


def arc_cosine_recursion(x, depth):
    """Kernel of a bias-free ReLU network with white weights of variance one (Cho & Saul 2009), angle by angle."""
    norms = x.norm(dim=1)
    cosine = ((x @ x.T) / norms[:, None] / norms[None]).clamp(-1, 1)
    product = norms[:, None] * norms[None]
    for _ in range(depth):
        theta = torch.acos(cosine)
        cosine = (torch.sin(theta) + (torch.pi - theta) * torch.cos(theta)) / torch.pi
        product = product / 2
    return product * cosine
