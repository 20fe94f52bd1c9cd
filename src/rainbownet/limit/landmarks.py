"""The choice of landmarks: which rows should represent all the others in a Nyström approximation."""

import torch
from jaxtyping import Inexact, Int
from torch import Tensor

from rainbownet.errors import RainbowError
from rainbownet.limit.kernel import Kernel


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
        index = _draw(distances, generator)
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
        index = int(residual.argmax()) if generator is None else _draw(residual, generator)
        done = len(chosen)
        column = kernel(rows, rows[index : index + 1])[:, 0] - factor[:done, index] @ factor[:done]
        factor[done] = column / residual[index].sqrt()
        residual = residual - factor[done] ** 2
        chosen.append(index)
    return torch.tensor(chosen, dtype=torch.long)


def _rounding(energies: Tensor) -> float:
    """Return the energy below which a residual is noise of the float64 kernel."""
    return 1e-13 * float(energies.max())


def _draw(weights: Tensor, generator: torch.Generator) -> int:
    """Return an index with probability proportional to its weight; unlike multinomial, for any number of candidates."""
    cumulative = weights.cpu().cumsum(0)
    target = torch.rand((), dtype=torch.float64, generator=generator) * cumulative[-1]
    index = int(torch.searchsorted(cumulative, target, right=True))
    return min(index, int(torch.nonzero(weights).max()))
