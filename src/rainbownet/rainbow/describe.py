"""Description: what a network is made of, and what a rainbow knows of it, as tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
from torch import Tensor

from rainbownet.graph import Network, Population
from rainbownet.rainbow.data import RainbowData, changed
from rainbownet.rainbow.neurons import parameters_of


def describe(network: Network, *, fold: bool = True) -> pd.DataFrame:
    """List the populations of neurons of a network (theory of rainbows: neurons that share one law).

    Args:
        network: A traced network.
        fold: Whether norms right after a drawn layer are made part of its law, as `fit` does by default.

    Returns:
        A row per population: `population`, `neurons`, `numbers` (real numbers of one neuron in its law), `frozen`
        (aligned or fixed, never drawn), `writers` and `readers` (parameters, tuples of names).

    Example:
        >>> import torch
        >>> from torch import nn
        >>> net = Network(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), torch.zeros(2, 4))
        >>> describe(net)
          population  neurons  numbers  frozen      writers       readers
        0          0        8        5   False  (0.weight,)   (2.weight,)
        1          2        3        9    True  (2.weight,)            ()
    """
    parameters = parameters_of(network, fold=fold)
    return pd.DataFrame(
        {
            "population": population.name,
            "neurons": len(population),
            "numbers": _numbers(network, population, parameters.drawn(network, population)),
            "frozen": population.frozen,
            "writers": population.writers,
            "readers": tuple(reader.parameter for reader in network.readers_of(population)),
        }
        for population in network.populations
    )


def heads(network: Network) -> list[str]:
    """Return the layers whose weights are aligned but not drawn: they write the outputs, or `head` named them.

    What is kept trained for want of a rule is no head: `kept_operations` lists it.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> heads(Network(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), torch.zeros(2, 4)))
        ['2']
    """
    written = {name for p in network.populations if p.name in network.outputs for name in p.writers}
    return [reader.layer for reader in network.readers if reader.parameter in written]


def kept_operations(network: Network) -> pd.DataFrame:
    """List the operations that keep trained parameters from being drawn.

    Args:
        network: A traced network.

    Returns:
        A row per operation: `operation` (its name in the graph) and `why` (its module, and the rule it would need).

    Example:
        >>> import torch
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> len(kept_operations(Network(net, torch.zeros(2, 4))))
        0
    """
    rows = [{"operation": kept.node.name, "why": kept.why} for kept in network.kept_by]
    return pd.DataFrame(rows, columns=["operation", "why"])


def norms(network: Network, *, fold: bool) -> pd.DataFrame:
    """List the batch norms of a network.

    Args:
        network: A traced network.
        fold: Whether norms right after a drawn layer are made part of its law.

    Returns:
        A row per norm: `norm`, `channels`, `after` (the parameter that writes what it normalises, if one does directly)
        and `folded`.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
        >>> _ = net.eval()(torch.zeros(2, 3, 4, 4))
        >>> norms(Network(net, torch.zeros(2, 3, 4, 4)), fold=True)
          norm  channels     after  folded
        0    1         8  0.weight    True
    """
    folded = {norm.name for norm in parameters_of(network, fold=fold).folded}
    rows = []
    for norm in network.norms:
        module: Any = network.modules[norm.name]
        channels = getattr(module, "num_features", None)
        rows.append(
            {"norm": norm.name, "channels": channels, "after": norm.writer or "", "folded": norm.name in folded}
        )
    return pd.DataFrame(rows, columns=["norm", "channels", "after", "folded"])


def describe_rainbow(rainbow: RainbowData) -> pd.DataFrame:
    """List the laws of a rainbow.

    Args:
        rainbow: A fitted rainbow.

    Returns:
        A row per population that is drawn: `population`, `neurons` of the reference, `numbers` of one neuron, `rank` of
        the law and `bytes` of its tensors in a file, with the neurons themselves where the law does not keep them.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> import rainbownet as rn
        >>> net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 3))
        >>> describe_rainbow(rn.fit(net, [torch.randn(8, 4)]))
          population  neurons  numbers  rank  bytes
        0          0       32        5     5    760
    """
    rows = []
    trained = rainbow.rows()
    beside = changed(trained, rainbow.laws)
    for name, law in rainbow.laws.items():
        tensors = [*law.tensors().values(), *([trained[name][0]] if name in beside else [])]
        rows.append(
            {
                "population": name,
                "neurons": len(law.neurons()),
                "numbers": sum(block.size for block in law.blocks),
                "rank": law.rank,
                "bytes": sum(_file_bytes(value) for value in tensors),
            }
        )
    return pd.DataFrame(rows, columns=["population", "neurons", "numbers", "rank", "bytes"])


def weight_bytes(network: Network) -> int:
    """Return the bytes of the parameters and buffers of a network, what a file of its weights takes."""
    return sum(value.numel() * value.element_size() for value in network.parameters.values())


def _numbers(network: Network, population: Population, names: Sequence[str]) -> int:
    total = 0
    for name in names:
        entries = population.slots[name]
        value = network.parameters[name]
        each = math.prod(value.shape) // value.shape[population.axes[name]]
        total += entries.shape[1] * each * (2 if value.is_complex() else 1)
    return total


def _file_bytes(value: Tensor) -> int:
    # Files hold float64 as float32.
    return value.numel() * (4 if value.is_floating_point() else value.element_size())
