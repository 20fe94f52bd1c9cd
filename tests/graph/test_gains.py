"""Scales and offsets of layer norms move into what reads them; the function stays."""

import pytest
import torch
from torch import nn

from cases import distance
from rainbownet.graph import Network, folded_gains
from rainbownet.nets import build


def shaken(net: nn.Module) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for parameter in net.parameters():
            parameter.data += 0.3 * torch.randn_like(parameter)
    return net.double().eval()


@pytest.mark.parametrize(
    ("name", "options", "inputs"),
    [
        ("digits_vit", {"width": 0.25}, torch.rand(4, 1, 8, 8, dtype=torch.float64)),
        ("gpt", {"width": 0.25, "context": 6}, torch.arange(24).view(4, 6)),
    ],
)
def test_every_norm_of_our_transformers_is_folded(name, options, inputs):
    network = Network(shaken(build(name, **options)), inputs)
    folded = folded_gains(network)
    norms = {key: value for key, value in folded.parameters.items() if "norm" in key}
    assert len(norms) > 8
    assert all((value == key.endswith("weight")).all() for key, value in norms.items())
    assert distance(network.root, folded.root, inputs) < 1e-12


class Beside(nn.Module):
    """A norm whose output is also added to what a layer makes of it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm, self.second, self.head = (
            nn.Linear(4, 6),
            nn.LayerNorm(6),
            nn.Linear(6, 6),
            nn.Linear(6, 2),
        )

    def forward(self, x):
        y = self.norm(self.first(x))
        return self.head(y + self.second(y))


def test_a_norm_that_something_else_reads_stays():
    x = torch.randn(5, 4, dtype=torch.float64)
    network = Network(shaken(Beside()), x)
    folded = folded_gains(network)
    assert torch.equal(folded.parameters["norm.weight"], network.parameters["norm.weight"])
    assert distance(network.root, folded.root, x) == 0


def test_an_offset_without_a_bias_to_take_it_stays():
    x = torch.randn(5, 4, dtype=torch.float64)
    net = shaken(nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6), nn.Linear(6, 2, bias=False)))
    assert torch.equal(folded_gains(Network(net, x)).parameters["1.bias"], net[1].bias)
