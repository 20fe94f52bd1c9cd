"""Standardised errors: against the textbook way on kept activations, zero for rotated scaled copies, hooks removed."""

import pytest
import torch
from torch import nn

from rainbownet.errors import ArchitectureError
from rainbownet.experiments.standardised import standardised_errors


def network(width, seed, bias=0.0):
    torch.manual_seed(seed)
    first = nn.Conv2d(2, width, 1)
    nn.init.constant_(first.bias, bias)
    return nn.Sequential(first, nn.ReLU(), nn.Conv2d(width, 3, 1)).eval()


def batches(seed, count=3):
    generator = torch.Generator().manual_seed(seed)
    return [(torch.randn(40, 2, 3, 3, generator=generator), torch.zeros(40)) for _ in range(count)]


def read(net, loader):
    return torch.cat([net[1](net[0](x)).movedim(1, -1).flatten(0, -2) for x, _ in loader]).double()


def test_it_is_the_textbook_cosine_of_kept_activations():
    a, b = network(4, 0, 0.5), network(6, 1, 0.2)
    loader, test = batches(0), batches(1)
    found = standardised_errors([a, b], [0.5, 1.0], loader, test, ["2"])
    with torch.no_grad():
        fit, held = [[read(net, part) for net in (a, b)] for part in (loader, test)]
    means, deviations = [z.mean(0) for z in fit], [(z.var(0, unbiased=False) + 1e-5).sqrt() for z in fit]
    fit, held = ([(z - m) / s for z, m, s in zip(part, means, deviations, strict=True)] for part in (fit, held))
    u, _, vh = torch.linalg.svd(fit[0].T @ fit[1], full_matrices=False)
    moved = held[0] @ (u @ vh)
    cosine = (moved * held[1]).sum() / (moved.norm() * held[1].norm())
    assert found["layer"].tolist() == ["2"]
    assert found["cosine_error"].item() == pytest.approx(2 * (1 - cosine.item()), abs=1e-6)


def test_a_copy_with_channels_in_another_order_is_equal():
    a = network(6, 0)
    b = network(6, 0)
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    with torch.no_grad():
        b[0].weight.copy_(2 * a[0].weight[order])
        b[0].bias.copy_(2 * a[0].bias[order])
    found = standardised_errors([a, b], [1.0, 1.0], batches(0), batches(1), ["2"])
    assert found["cosine_error"].item() == pytest.approx(0, abs=1e-4)


def test_hooks_go_and_modes_stay():
    a, b = network(4, 0).train(), network(6, 1)
    standardised_errors([a, b], [0.5, 1.0], batches(0), batches(1), ["2"])
    assert a.training
    assert not b.training
    assert not any(module._forward_pre_hooks for net in (a, b) for module in net.modules())


def test_a_layer_that_is_not_there_is_named():
    with pytest.raises(ArchitectureError, match="'9'"):
        standardised_errors([network(4, 0), network(6, 1)], [0.5, 1.0], batches(0), batches(1), ["9"])
