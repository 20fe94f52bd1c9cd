"""The choice of landmarks: which rows should represent all the others in a Nyström approximation."""

import numpy as np
import torch
from jaxtyping import Float, Inexact, Int
from torch import Tensor

from rainbownet.errors import RainbowError
from rainbownet.limit.kernel import Kernel

_PROPOSALS = 128
"""Pivots drawn at a time."""


def choose_landmarks(
    kernel: Kernel,
    rows: Inexact[Tensor, "n r"],
    count: int,
    *,
    method: str = "rpcholesky",
    generator: torch.Generator | None = None,
) -> Int[Tensor, " m"]:
    """Return the indices of rows that serve as landmarks.

    Args:
        kernel: Kernel to approximate.
        rows: Candidates.
        count: Number of landmarks wanted; fewer come back when fewer explain the kernel exactly (not with `"random"`).
        method: `"rpcholesky"` (randomly pivoted Cholesky), `"cholesky"` (greedy), `"kmeans++"` or `"random"`.
        generator: Source of randomness, on the CPU; needed by all methods but `"cholesky"`.

    Returns:
        Distinct indices, in the order chosen.

    Raises:
        RainbowError: If the method is unknown, a random one has no generator, or `count` is not between 1 and the
            number of rows.

    Example:
        >>> from rainbownet.limit.kernel import dual_kernel
        >>> rows = torch.tensor([[1.0], [3.0], [2.0], [-1.0]])
        >>> choose_landmarks(dual_kernel(torch.relu), rows, 3, method="cholesky")  # two half-lines
        tensor([1, 3])
    """
    if not 1 <= count <= len(rows):
        raise RainbowError(
            f"count: asked for {count} landmarks of {len(rows)} rows; expected between 1 and the number of rows"
        )
    if method == "cholesky":
        return cholesky_landmarks(kernel, rows, count)
    if generator is None:
        raise RainbowError(
            f"generator: method {method!r} draws at random; pass a torch.Generator, or use method='cholesky'"
        )
    if method == "random":
        return random_landmarks(len(rows), count, generator=generator)
    if method == "kmeans++":
        return kmeans_landmarks(kernel, rows, count, generator=generator)
    if method == "rpcholesky":
        return cholesky_landmarks(kernel, rows, count, generator=generator)
    raise RainbowError(f"method: got {method!r}; expected 'cholesky', 'rpcholesky', 'kmeans++' or 'random'")


def random_landmarks(n: int, count: int, *, generator: torch.Generator) -> Int[Tensor, " m"]:
    """Return `count` of `n` indices, drawn uniformly without replacement.

    Args:
        n: Number of candidates.
        count: Number of landmarks.
        generator: Source of randomness, on the CPU.

    Returns:
        Distinct indices.

    Example:
        >>> random_landmarks(5, 5, generator=torch.Generator().manual_seed(0)).sort().values
        tensor([0, 1, 2, 3, 4])
    """
    return torch.randperm(n, generator=generator)[:count]


@torch.no_grad()
def kmeans_landmarks(
    kernel: Kernel, rows: Inexact[Tensor, "n r"], count: int, *, generator: torch.Generator
) -> Int[Tensor, " m"]:
    """Return landmarks by the k-means++ rule in feature space.

    Each new landmark is drawn with probability proportional to the squared distance, in feature space, to the closest
    one so far (Arthur & Vassilvitskii, SODA 2007). It stops when that distance is zero everywhere.

    Args:
        kernel: Kernel to approximate.
        rows: Candidates.
        count: Number of landmarks.
        generator: Source of randomness, on the CPU.

    Returns:
        Distinct indices, in the order drawn.

    Example:
        >>> from rainbownet.limit.kernel import dual_kernel
        >>> rows = torch.tensor([[1.0], [1.0], [-1.0]])
        >>> len(kmeans_landmarks(dual_kernel(torch.relu), rows, 3, generator=torch.Generator().manual_seed(0)))
        2
    """
    norms = kernel.diagonal(rows)
    threshold = _rounding(norms)
    index = int(torch.randint(len(rows), (1,), generator=generator))
    chosen = [index]
    distances = torch.full_like(norms, torch.inf)
    while len(chosen) < count:
        column = kernel(rows, rows[index : index + 1])[:, 0]
        distances = torch.minimum(distances, norms - 2 * column + norms[index])
        distances[distances <= threshold] = 0
        distances[index] = 0
        if not bool((distances > 0).any()):
            break
        index = int(_draw(distances, generator))
        chosen.append(index)
    return torch.tensor(chosen)


@torch.no_grad()
def cholesky_landmarks(
    kernel: Kernel,
    rows: Inexact[Tensor, "n r"],
    count: int,
    *,
    generator: torch.Generator | None = None,
) -> Int[Tensor, " m"]:
    """Return landmarks by pivoted Cholesky factorisation of the kernel matrix, which is never formed.

    Each new landmark is the row least explained by those before it (Fine & Scheinberg, JMLR 2001) or, given a
    generator, is drawn in proportion to what is unexplained (Chen, Epperly, Tropp & Webber, arXiv:2207.06503). It
    stops when nothing is left beyond rounding. Time O(n m²), memory 8 n m bytes.

    Draws come in blocks, from proportions that age within a block; each is kept with the probability that makes up for
    it, which leaves their law as it is and turns the work into products of matrices (Epperly, Tropp & Webber,
    arXiv:2410.03969).

    Args:
        kernel: Kernel to approximate.
        rows: Candidates.
        count: Number of landmarks.
        generator: Draw the pivots, with this source of randomness on the CPU, instead of taking the largest.

    Returns:
        Distinct indices, in the order chosen.

    Example:
        >>> from torch import nn
        >>> from rainbownet.limit.kernel import dual_kernel
        >>> cholesky_landmarks(dual_kernel(nn.Identity()), torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]), 3)
        tensor([1, 0])
    """
    residual = kernel.diagonal(rows)
    threshold = _rounding(residual)
    factor = residual.new_empty(count, len(rows))
    chosen: list[int] = []
    while len(chosen) < count:
        residual[residual <= threshold] = 0
        residual[chosen] = 0
        if not bool((residual > 0).any()):
            break
        done = len(chosen)
        if generator is None:
            new, lower = [int(residual.argmax())], residual.amax().sqrt()[None, None]
        else:
            new, lower = _draw_block(kernel, rows, factor[:done], residual, count - done, threshold, generator)
        columns = kernel(rows[new], rows).addmm_(factor[:done, new].T, factor[:done], alpha=-1)
        fresh = factor[done : done + len(new)]
        fresh.copy_(torch.linalg.solve_triangular(lower, columns, upper=False))
        residual = residual - (fresh**2).sum(0)
        chosen += new
    return torch.tensor(chosen, dtype=torch.long)


def _draw_block(
    kernel: Kernel,
    rows: Tensor,
    factor: Float[Tensor, "t n"],
    residual: Float[Tensor, " n"],
    most: int,
    threshold: float,
    generator: torch.Generator,
) -> tuple[list[int], Float[Tensor, "k k"]]:
    """Return at most `most` new pivots, at least one, and the Cholesky factor of what the others leave of them."""
    drawn = _draw(residual, generator, min(most, _PROPOSALS)).to(residual.device)
    keeps = torch.rand(len(drawn), dtype=torch.float64, generator=generator).tolist()
    proportions = residual[drawn].cpu().numpy()
    pivots = factor[:, drawn]
    left = (kernel(rows[drawn], rows[drawn]) - pivots.T @ pivots).cpu().numpy()
    left[0, 0] = proportions[0]
    kept: list[int] = []
    steps = []
    for i, (keep, proportion) in enumerate(zip(keeps, proportions, strict=True)):
        if i and not (left[i, i] > threshold and keep * proportion < left[i, i]):
            continue
        step = left[:, i] / left[i, i] ** 0.5
        left -= step[:, None] * step
        kept.append(i)
        steps.append(step)
    lower = torch.from_numpy(np.stack(steps, 1)[kept]).to(residual).tril()
    return drawn[kept].tolist(), lower


def _rounding(energies: Tensor) -> float:
    """Return the energy below which a residual is noise of the float64 kernel."""
    return 1e-13 * float(energies.max())


def _draw(weights: Tensor, generator: torch.Generator, count: int = 1) -> Int[Tensor, " k"]:
    """Return indices with probability proportional to weight; unlike multinomial, for any number of candidates."""
    cumulative = weights.cpu().cumsum(0)
    targets = torch.rand(count, dtype=torch.float64, generator=generator) * cumulative[-1]
    indices = torch.searchsorted(cumulative, targets, right=True)
    return indices.clamp_max(int(torch.nonzero(weights).max()))
