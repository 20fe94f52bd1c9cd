"""Textbook versions of the measures, from whole matrices of rows, as their papers write them."""

import numpy as np
import scipy.linalg


def centred(x):
    return x - x.mean(0)


def procrustes_cosine(x, y):
    """Cosine after `scipy.linalg.orthogonal_procrustes`, the narrower side padded with zeros."""
    d = max(x.shape[1], y.shape[1])
    x, y = (np.pad(z, ((0, 0), (0, d - z.shape[1]))) for z in (x, y))
    rotation, scale = scipy.linalg.orthogonal_procrustes(y, x)
    assert np.isclose(((y @ rotation) * x).sum(), scale)
    return scale / (np.linalg.norm(x) * np.linalg.norm(y))


def angular_distance(x, y):
    """Williams et al. (2021), equation for the angular Procrustes distance, as netrep has it."""
    x, y = x / np.linalg.norm(x), y / np.linalg.norm(y)
    return np.arccos(np.clip(np.linalg.norm(x.T @ y, "nuc"), -1, 1))


def cka(x, y):
    """Kornblith et al. (2019), from Gram matrices."""
    k, m = x @ x.T, y @ y.T
    return (k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum())


def unbiased_hsic(k, m):
    """Song et al. (2012), theorem 3."""
    n = len(k)
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    ones = np.ones(n)
    return (
        np.trace(k @ m)
        + (ones @ k @ ones) * (ones @ m @ ones) / ((n - 1) * (n - 2))
        - 2 / (n - 2) * (ones @ k @ m @ ones)
    ) / (n * (n - 3))


def debiased_cka(x, y):
    k, m = x @ x.T, y @ y.T
    return unbiased_hsic(k, m) / np.sqrt(unbiased_hsic(k, k) * unbiased_hsic(m, m))


def canonical_correlations(x, y):
    qx, qy = np.linalg.qr(x)[0], np.linalg.qr(y)[0]
    return np.linalg.svd(qx.T @ qy, compute_uv=False)


def pwcca(x, y):
    """Morcos et al. (2018): canonical correlations weighted by what their variables account for in x."""
    qx, qy = np.linalg.qr(x)[0], np.linalg.qr(y)[0]
    u, rho, _ = np.linalg.svd(qx.T @ qy, full_matrices=False)
    weights = np.abs((qx @ u).T @ x).sum(1)
    return (weights * rho).sum() / weights.sum()


def gcv(x, y, ridges):
    """Generalised cross-validation of Golub, Heath & Wahba (1979) by the hat matrix; mean fitted beforehand."""
    n = len(x)
    errors = []
    for ridge in ridges:
        hat = x @ np.linalg.solve(x.T @ x + n * ridge * np.eye(x.shape[1]), x.T) + 1 / n
        residual = y - hat @ y
        errors.append((residual**2).sum() / n / (1 - np.trace(hat) / n) ** 2)
    best = int(np.argmin(errors))
    return ridges[best], 1 - errors[best] / ((y**2).sum() / n)


def spearman_of_distances(x, y):
    import scipy.stats

    upper = np.triu_indices(len(x), 1)
    return scipy.stats.spearmanr(1 - np.corrcoef(x)[upper], 1 - np.corrcoef(y)[upper]).statistic
