"""A layer of several networks in one basis: its activations' moments, its rotations and the rows of its weights."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Inexact
from torch import Tensor

from rainbownet.aligned import Quality
from rainbownet.graph import Reader


@dataclass(frozen=True, eq=False)
class AlignedLayer:
    """A weight layer of several networks; a layer that reads its channels in groups is one of these for each group.

    Rows are read from the left as `outer × channels × inner` columns, of which rotations act on the channels.

    Attributes:
        name: Of the layer, with the group in brackets if there are several.
        reader: The parameter, and how its axis that reads is made.
        group: Which group of channels.
        shape: `(outer, channels, inner)`: positions of a flattened axis and of kernels are `outer` and `inner`.
        moment: :math:`E[z z^H]` of the reference, `(d, d)`.
        moments: That of each network in its own channels, `(d_m, d_m)`.
        maps: Rotation of each network's channels onto the reference's, `(d, d_m)`, with `z ≈ A z_m`.
        rows: Weights of each network moved to the reference, `W Aᴴ`, `(n_m, D)`.
        fitted: The match of each network on the images its rotation was computed from.
        held: The same on the others; nothing where there were none.
    """

    name: str
    reader: Reader
    group: int
    shape: tuple[int, int, int]
    moment: Inexact[Tensor, "d d"]
    moments: tuple[Inexact[Tensor, "_ _"], ...]
    maps: tuple[Inexact[Tensor, "d _"], ...]
    rows: tuple[Inexact[Tensor, "_ D"], ...]
    fitted: tuple[Quality, ...]
    held: tuple[Quality, ...] | None

    @property
    def channels(self) -> int:
        """Channels of the reference."""
        return self.shape[1]

    @property
    def quality(self) -> tuple[Quality, ...]:
        """The matches on held-out images, or on all there were."""
        return self.fitted if self.held is None else self.held

    def stacked(self, networks: Sequence[int] | None = None) -> Inexact[Tensor, "n D"]:
        r"""Return the rows of some networks below each other, of all by default (R17).

        With `n` rows in all the uncentred covariance is :math:`W^H W / n`.
        """
        return torch.cat([self.rows[m] for m in (range(len(self.rows)) if networks is None else networks)])


def weight_rows(weight: Inexact[Tensor, "..."], reader: Reader, group: int = 0) -> Inexact[Tensor, "n D"]:
    """Return the rows of a weight: everything an output channel reads, for the outputs of one group.

    Args:
        weight: A parameter that reads an activation along `reader.axis`.
        reader: Which axis that is, and in how many groups.
        group: Number of the group.

    Returns:
        One row per output channel, in double precision.
    """
    part = weight.detach().chunk(reader.groups, dim=0)[group]
    part = part.to(torch.complex128 if part.is_complex() else torch.float64)
    return part.movedim(reader.axis, 1).flatten(1).cpu()


def in_basis(
    rows: Inexact[Tensor, "n D"], shape: tuple[int, int, int], map: Inexact[Tensor, "d e"]
) -> Inexact[Tensor, "n _"]:
    """Multiply the channels of rows by a map, position by position.

    Args:
        rows: Rows of columns `outer × d × inner`.
        shape: `(outer, d, inner)`.
        map: From `d` channels to `e`.

    Returns:
        Rows of columns `outer × e × inner`.

    Example:
        >>> in_basis(torch.tensor([[1.0, 2.0, 3.0, 4.0]]), (1, 2, 2), torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
        tensor([[3., 4., 1., 2.]])
    """
    return torch.einsum("npci,cd->npdi", rows.unflatten(1, shape), map.to(rows.dtype)).flatten(1)
