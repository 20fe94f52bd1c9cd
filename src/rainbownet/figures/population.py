"""Many networks of one width, aligned to their mean: what several figures start from."""

from __future__ import annotations

from torch import nn

from rainbownet.analysis import Aligned, align_networks
from rainbownet.figures.learned import learned_layers
from rainbownet.figures.workshop import Workshop


def population(workshop: Workshop, width: float, count: int) -> tuple[list[nn.Module], Aligned]:
    """Return networks of one width and their weights, aligned to the mean of their activations (2.3)."""
    nets = workshop.train(workshop.scale.deep, widths=[width], seeds=range(count)).all()
    return nets, align_networks(
        nets, workshop.batches(workshop.images()), reference="mean", layers=learned_layers(nets[0])
    )
