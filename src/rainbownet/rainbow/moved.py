"""Laws in other channels: the columns of a block of neurons, read through a map as a parameter is."""

import torch
from jaxtyping import Float, Inexact
from torch import Tensor

from rainbownet.aligned.basis import Flatten, read_through
from rainbownet.errors import ArchitectureError
from rainbownet.graph import Population, Reader
from rainbownet.laws import Block


def moved_block(
    rows: Float[Tensor, "k s"],
    block: Block,
    population: Population,
    reader: Reader,
    maps: Inexact[Tensor, "g d e"],
    flatten: Flatten,
) -> Float[Tensor, "k t"]:
    """Return rows of one parameter's columns, read through a map.

    Rows need not be neurons: a mean, directions of a covariance.

    Args:
        rows: The rows.
        block: The parameter, and the shape of its slice.
        population: Whose neurons have these columns.
        reader: How the parameter reads.
        maps: From other channels to those it reads, for each group.
        flatten: What maps act on at a flatten.

    Raises:
        ArchitectureError: If groups of channels are read by maps of their own: neurons of one law are then moved in
            several ways.
    """
    if len(maps) > 1:
        raise ArchitectureError(
            f"layer {reader.layer!r} reads {len(maps)} groups of channels, each by a map of its own: its law has not "
            "one form in the channels of a sample"
        )
    if len(rows) == 0:
        return moved_block(rows.new_zeros(1, rows.shape[1]), block, population, reader, maps, flatten)[:0]
    entries, shape = population.slots[block.name].shape[1], list(block.shape)
    complex_ = maps.is_complex()
    if entries > 1:
        shape = shape[1:]
    value = rows.reshape(len(rows) * entries, *shape)
    value = torch.view_as_complex(value.contiguous()) if complex_ else value
    value = read_through(value.movedim(0, population.axes[block.name]), reader, maps, flatten)
    value = value.movedim(population.axes[block.name], 0)
    value = torch.view_as_real(value.resolve_conj()) if complex_ else value
    return value.reshape(len(rows), -1)
