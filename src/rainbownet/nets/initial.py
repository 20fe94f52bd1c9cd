"""A network as it may have been before training: the baseline of everything that is said about a trained one."""

import copy

import torch
from torch import nn

from rainbownet.checks import seed_of
from rainbownet.nets.seeding import seeded


def reinitialised(net: nn.Module, *, seed: int = 0) -> nn.Module:
    """Return a copy of a network with random parameters.

    Args:
        net: Any module; it is not changed.
        seed: Of the parameters.

    Returns:
        A copy in which each module that can is reset (`reset_parameters`, statistics of norms included), and every
        other parameter has its entries in random order, so that it keeps their distribution and nothing else.

    Raises:
        RainbowError: If the seed is none.

    Example:
        >>> net = nn.Linear(3, 2)
        >>> one, two = reinitialised(net, seed=1), reinitialised(net, seed=1)
        >>> torch.equal(one.weight, two.weight), torch.equal(one.weight, net.weight)
        (True, False)
    """
    fresh = copy.deepcopy(net)
    with seeded(seed_of(seed)), torch.no_grad():
        own: set[int] = set()
        for module in fresh.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
                own |= {id(parameter) for parameter in module.parameters(recurse=False)}
        for parameter in fresh.parameters():
            if id(parameter) not in own:
                order = torch.randperm(parameter.numel()).to(parameter.device)
                parameter.copy_(parameter.flatten()[order].reshape(parameter.shape))
    return fresh
