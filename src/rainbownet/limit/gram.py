"""Gram matrices between many rows, in blocks, with bounded memory."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from rainbownet.errors import RainbowError
from rainbownet.limit.kernel import Kernel


def gram_matrix(
    kernel: Kernel,
    x: Inexact[Tensor, "b r"],
    y: Inexact[Tensor, "m r"] | None = None,
    *,
    block: int = 1024,
    dtype: torch.dtype = torch.float64,
    out: Tensor | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Float[Tensor, "b m"]:
    """Return the kernel matrix between two sets of rows, block by block.

    Blocks are computed in float64. Beyond the result, `len(x) * len(y)` values of `dtype` that `out` may keep on
    another device or in a file (`torch.from_file`), memory is that of one block.

    Args:
        kernel: Kernel.
        x: Rows.
        y: Other rows. Without them the matrix of `x` is computed, its upper half once and then mirrored.
        block: Rows and columns of a block.
        dtype: Type of the result when `out` is not given.
        out: Where to write the result.
        progress: Called after each block with the number of blocks done and of all blocks.

    Returns:
        The matrix, `out` if given.

    Raises:
        RainbowError: If `block` is not positive or `out` has another shape.

    Example:
        >>> from rainbownet.limit.kernel import dual_kernel
        >>> gram_matrix(dual_kernel(torch.relu), torch.eye(2), block=1, progress=lambda done, total: print(done, total))
        1 3
        2 3
        3 3
        tensor([[0.5000, 0.1592],
                [0.1592, 0.5000]], dtype=torch.float64)
    """
    if block < 1:
        raise RainbowError(f"block: got {block}; a block has at least one row")
    columns = x if y is None else y
    shape = (len(x), len(columns))
    if out is None:
        out = torch.empty(shape, dtype=dtype, device=x.device)
    elif tuple(out.shape) != shape:
        raise RainbowError(f"out: has shape {tuple(out.shape)}; the matrix has shape {shape}")
    starts = [(i, j) for i in range(0, shape[0], block) for j in range(0 if y is not None else i, shape[1], block)]
    for done, (i, j) in enumerate(starts, start=1):
        values = kernel(x[i : i + block], columns[j : j + block]).to(out)
        out[i : i + block, j : j + block] = values
        if y is None and i != j:
            out[j : j + block, i : i + block] = values.T
        if progress is not None:
            progress(done, len(starts))
    return out
