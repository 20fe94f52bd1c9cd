"""Neurons as rows: everything indexed by a channel, gathered from the parameters of a network and scattered back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rainbownet.graph import Network, Norm, Population
from rainbownet.laws import Block


@dataclass(frozen=True)
class LawParameters:
    """The parameters of a network in the form laws are fitted to.

    Attributes:
        values: Tensors by name. Where a norm is folded, the weight before it carries its scale and the norm's bias is
            that of the whole affine map.
        fixed: Parameters that take one value in every network because a fold made them so.
        folded: The norms that are folded.
    """

    values: dict[str, Tensor]
    fixed: dict[str, float]
    folded: tuple[Norm, ...]

    def drawn(self, network: Network, population: Population) -> list[str]:
        """Return the names of the parameters that make up the rows of a population."""
        return [name for name in population.slots if name not in self.fixed and not network.is_statistic(name)]


def parameters_of(network: Network, *, fold: bool) -> LawParameters:
    """Read the parameters of a network, batch norms folded into the weights before them or not.

    A norm is folded when it has running statistics, a scale and an offset, and directly follows a layer that is drawn;
    ``γ (w·x + b − μ)/s + β`` becomes the row ``γ w/s`` and the offset ``β + γ (b − μ)/s``.

    Args:
        network: The network.
        fold: Whether to fold.
    """
    values = {name: value.detach() for name, value in network.parameters.items()}
    frozen = {name for population in network.populations if population.frozen for name in population.slots}
    fixed: dict[str, float] = {}
    folded = []
    for norm in network.norms if fold else ():
        module: Any = network.modules[norm.name]
        if norm.writer is None or norm.writer in frozen or not module.track_running_stats or not module.affine:
            continue
        deviation = (module.running_var + module.eps).sqrt()
        scale = values[f"{norm.name}.weight"] / deviation
        weight = values[norm.writer]
        axis = next(p.axes[norm.writer] for p in network.populations if norm.writer in p.slots)
        shape = [1] * weight.ndim
        shape[axis] = -1
        values[norm.writer] = weight * scale.reshape(shape)
        offset = values[f"{norm.name}.bias"] - module.running_mean * scale
        bias = norm.writer.rpartition(".")[0] + ".bias"
        if bias in values:
            offset = offset + values[bias] * scale
            fixed[bias] = 0.0
        values[f"{norm.name}.bias"] = offset
        fixed |= {f"{norm.name}.weight": 1.0, f"{norm.name}.running_mean": 0.0}
        fixed[f"{norm.name}.running_var"] = 1.0 - module.eps
        folded.append(norm)
    return LawParameters(values, fixed, tuple(folded))


def gather(
    population: Population, values: Mapping[str, Tensor], names: Sequence[str]
) -> tuple[Float[Tensor, "n d"], list[Block]]:
    """Return the neurons of a population as rows.

    Args:
        population: Which entries of which parameters belong to each neuron.
        values: Tensors by name.
        names: The parameters to gather, in order.

    Returns:
        Rows in float64 and the blocks their columns are made of. Real and imaginary parts of complex parameters are
        separate columns.
    """
    rows, blocks = [], []
    for name in names:
        value = values[name]
        if value.is_complex():
            value = torch.view_as_real(value)
        entries = torch.from_numpy(population.slots[name]).to(value.device)
        picked = value.movedim(population.axes[name], 0)[entries]
        shape = tuple(picked.shape[2:]) if entries.shape[1] == 1 else tuple(picked.shape[1:])
        rows.append(picked.reshape(len(population), -1).to(torch.float64))
        blocks.append(Block(name, shape))
    return torch.cat(rows, dim=1), blocks


def scatter(
    population: Population, rows: Float[Tensor, "n d"], blocks: Sequence[Block], targets: Mapping[str, Tensor]
) -> None:
    """Write rows into the entries of parameters that belong to the neurons of a population, in place.

    Args:
        population: Of the network the targets belong to.
        rows: One row a neuron.
        blocks: What the columns are.
        targets: Tensors by name, of the shapes the blocks have apart from the indexed axis.
    """
    start = 0
    for block in blocks:
        target = targets[block.name]
        view = torch.view_as_real(target) if target.is_complex() else target
        entries = torch.from_numpy(population.slots[block.name]).to(view.device)
        moved = view.movedim(population.axes[block.name], 0)
        part = rows[:, start : start + block.size].to(device=view.device, dtype=view.dtype)
        moved[entries.reshape(-1)] = part.reshape(-1, *moved.shape[1:])
        start += block.size
