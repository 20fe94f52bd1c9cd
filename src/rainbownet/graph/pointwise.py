"""Whether an operation acts entry by entry, found by trying it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


@torch.no_grad()
def is_pointwise(operation: Callable[[Tensor], Any], *, like: Tensor | None = None) -> bool:
    """Say whether an operation of one tensor acts entry by entry.

    Then it commutes with a shuffle of all entries, and an entry that changes changes no other.

    Args:
        operation: Takes a tensor.
        like: Tensor of the type, the device and the number of axes of its input; four axes in float64 by default.

    Returns:
        Whether it does. An operation that fails on the trial, or gives a tensor of another shape, does not.

    Example:
        >>> is_pointwise(torch.tanh), is_pointwise(lambda x: x.softmax(1))
        (True, False)
    """
    like = torch.zeros(1, 1, 1, 1, dtype=torch.float64) if like is None else like
    ndim = like.ndim
    shape = (2, 3, 2, *(2,) * (ndim - 3)) if ndim > 3 else ((24,), (2, 12), (2, 3, 4))[ndim - 1]
    x = torch.linspace(-3.1, 2.9, torch.Size(shape).numel(), dtype=torch.float64).to(like).reshape(shape)
    order = torch.randperm(x.numel(), generator=torch.Generator().manual_seed(0)).to(x.device)
    try:
        direct, moved = operation(x), operation(x.flatten()[order].reshape(shape))
        changed = operation(torch.cat([x.flatten()[:1] + 1, x.flatten()[1:]]).reshape(shape))
    except (RuntimeError, ValueError, TypeError, IndexError):
        return False
    if not all(isinstance(y, Tensor) and y.shape == x.shape for y in (direct, moved, changed)):
        return False
    exact = 1e-8 if x.dtype == torch.float64 else 1e-5
    pairs = ((direct.flatten()[order], moved.flatten()), (direct.flatten()[1:], changed.flatten()[1:]))
    return all(torch.allclose(a, b, atol=exact, equal_nan=True) for a, b in pairs)
