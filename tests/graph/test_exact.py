"""What would depend on the width without a word is kept as trained, or stays what it is."""

import pytest
import torch
from torch import nn

from rainbownet.graph import Network


class Between(nn.Module):
    """Two linear maps with an operation on their channels between them."""

    def __init__(self, operation) -> None:
        super().__init__()
        self.first, self.last, self.operation = nn.Linear(5, 6), nn.Linear(6, 3), operation

    def forward(self, x):
        return self.last(self.operation(self.first(x)))


def kept(operation) -> bool:
    network = Network(Between(operation), torch.randn(4, 5))
    return {p.name: p.frozen for p in network.populations}["first"]


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: x + nn.functional.normalize(x, dim=-1),
        lambda x: nn.functional.gelu(x.softmax(-1)),
        lambda x: x.log_softmax(-1),
        lambda x: x / x.norm(dim=-1, keepdim=True),
        lambda x: x / x.std(-1, keepdim=True),
    ],
)
def test_what_depends_on_the_number_of_channels_keeps_them(operation):
    assert kept(operation)


@pytest.mark.parametrize(
    "operation",
    [
        lambda x: nn.functional.normalize(x, dim=-1) * 6**0.5,
        lambda x: x.softmax(-1),
        lambda x: x / x.var(-1, keepdim=True, unbiased=False),
    ],
)
def test_what_a_linear_map_makes_up_for_is_drawn(operation):
    assert not kept(operation)


def test_a_number_computed_from_a_width_stays_what_it_is():
    network = Network(Between(lambda x: nn.functional.gelu(x * x.shape[-1] ** -0.5)), torch.randn(4, 5))
    wide = network.resized({"first": 12})
    values = [float(n.args[1]) for n in wide.traced.graph.nodes if n.name == "mul"]
    assert values == [pytest.approx(6**-0.5)]
