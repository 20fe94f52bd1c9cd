"""Many networks of one width, aligned to their mean: what several figures start from."""

from __future__ import annotations

from torch import nn

from rainbownet.analysis import Aligned, align_networks
from rainbownet.figures.learned import learned_layers
from rainbownet.figures.workshop import Workshop


def population(workshop: Workshop) -> tuple[list[nn.Module], Aligned]:
    """Return the networks of the base width and their weights, aligned to the mean of their activations (2.3)."""
    scale = workshop.scale
    nets = workshop.train(scale.deep, widths=[scale.base], seeds=range(scale.seeds)).all()
    return nets, align_networks(
        nets, workshop.batches(workshop.images()), reference="mean", layers=learned_layers(nets[0])
    )
