"""Small filters of a large image by matrix products: the image is cut into overlapping tiles that share one matrix.

An output tile of side `t` depends on an input tile of side (t - 1)·step + s, for kernels of side `s`. With all input
tiles gathered by one index, every output tile is one product with the same small matrix, padding included. Fewer
multiply-adds than a product with the whole image, and both passes are matrix products: convolutions of single channels
have no fast backward pass on a CPU.

Sizes: `h w` input, `p` kernels, `u v` rows and columns of tiles.
"""

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from rainbownet.errors import ArchitectureError

TILE = 4
"""Side of the output tiles: of 2, 4 and 8 the fastest, forward and backward, for sides 32 and 64."""


def tile_matrix(kernels: Float[Tensor, "p s s"], *, step: int) -> Float[Tensor, "outputs inputs"]:
    """Return the matrix that takes an input tile to the outputs of all kernels.

    Args:
        kernels: Kernels, for cross-correlation.
        step: Sub-sampling.

    Returns:
        Matrix of p·TILE² rows and ((TILE - 1)·step + s)² columns.

    Example:
        >>> import torch
        >>> tile_matrix(torch.ones(1, 1, 1), step=1).equal(torch.eye(16))
        True
    """
    count, side = kernels.shape[:2]
    reach = (TILE - 1) * step + side
    matrix = kernels.new_zeros(count, TILE, TILE, reach, reach)
    for row in range(TILE):
        for column in range(TILE):
            top, left = row * step, column * step
            matrix[:, row, column, top : top + side, left : left + side] = kernels
    return matrix.flatten(3).flatten(0, 2)


def tile_index(pixels: Int[Tensor, "h w"], *, side: int, step: int) -> Int[Tensor, "u v inputs"]:
    """Return which pixels each input tile is made of.

    Args:
        pixels: Numbers of the pixels of a padded image, as they stand on its grid.
        side: Side of the kernels.
        step: Sub-sampling.

    Returns:
        Numbers of the pixels of each tile, in its reading order. Where tiles reach over the edge they repeat pixel 0:
        the outputs there are to be cut off.

    Raises:
        ArchitectureError: If the image is smaller than the kernels.

    Example:
        >>> import torch
        >>> tile_index(torch.arange(36).view(6, 6), side=3, step=1).shape
        torch.Size([1, 1, 36])
    """
    if min(pixels.shape) < side:
        raise ArchitectureError(f"padded image of {tuple(pixels.shape)}: the kernels need {side} × {side} or more")
    stride, reach = TILE * step, (TILE - 1) * step + side
    counts = [-(-((length - side) // step + 1) // TILE) for length in pixels.shape]
    extra = [(count - 1) * stride + reach - length for count, length in zip(counts, pixels.shape, strict=True)]
    padded = F.pad(pixels, (0, max(0, extra[1]), 0, max(0, extra[0])))
    tiles = padded.unfold(0, reach, stride).unfold(1, reach, stride)
    return tiles[: counts[0], : counts[1]].flatten(2)


def filter_tiles(
    images: Float[Tensor, "b c h w"],
    matrix: Float[Tensor, "outputs inputs"],
    index: Int[Tensor, "u v inputs"],
    *,
    size: tuple[int, int],
) -> Float[Tensor, "b p m n c"]:
    """Return images filtered by every kernel, channels last.

    Args:
        images: Images; fastest if channels are last in memory.
        matrix: What `tile_matrix` gives.
        index: What `tile_index` gives.
        size: Height and width of the outputs, m and n.

    Returns:
        One plane for each kernel.
    """
    batch, channels = images.shape[:2]
    rows, columns = index.shape[:2]
    pixels = images.movedim(1, -1).flatten(1, 2).index_select(1, index.flatten())
    tiles = matrix @ pixels.view(batch * rows * columns, -1, channels)
    tiles = tiles.view(batch, rows, columns, -1, TILE, TILE, channels).permute(0, 3, 1, 4, 2, 5, 6)
    planes = tiles.reshape(batch, -1, rows * TILE, columns * TILE, channels)
    return planes[:, :, : size[0], : size[1]].contiguous()
