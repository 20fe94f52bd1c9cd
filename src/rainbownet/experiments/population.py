"""Many networks of one width, aligned to their mean: what several figures start from."""

from __future__ import annotations

from torch import nn

from rainbownet.analysis import Aligned, align_networks
from rainbownet.experiments.context import Context
from rainbownet.experiments.learned import learned_layers


def population(context: Context, width: float, count: int) -> tuple[list[nn.Module], Aligned]:
    """Return networks of one width and their weights, aligned to the mean of their activations (2.3)."""
    nets = context.train(context.scale.deep, widths=[width], seeds=range(count)).all()
    return nets, align_networks(
        nets, context.batches(context.images()), reference="mean", layers=learned_layers(nets[0])
    )
