"""The limit of a pre-norm transformer: hidden neurons in infinite number, all else as trained."""

import pytest
import torch
from torch import nn

import rainbownet as rn
from cases import distance
from rainbownet.errors import UnsupportedOp
from rainbownet.nets import build


@pytest.fixture(scope="module")
def subject():
    net = build("digits_vit", width=0.5, depth=2).double().eval()
    generator = torch.Generator().manual_seed(0)
    for parameter in net.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return net, torch.randn(200, 1, 8, 8, generator=generator, dtype=torch.float64)


def test_only_hidden_neurons_become_layers(subject):
    net, images = subject
    limit = rn.fit(net, [images]).limit([images], landmarks=32)
    assert list(limit.layers) == ["blocks.0.mlp.0", "blocks.1.mlp.0"]
    found = {name.partition(".")[2]: value for name, value in limit.state_dict().items()}
    for name in ("patches.weight", "blocks.1.attention.query.weight", "blocks.1.norm2.bias"):
        assert torch.equal(found[name], net.get_parameter(name))


def test_samples_tend_to_it(subject):
    net, images = subject
    rainbow = rn.fit(net, [images])
    options = {"alignment": rn.LeastSquares(ridge=1e-6), "holdout": 0.0}
    limit = rainbow.limit([images], landmarks=400, **options)
    far, near = (
        sum(distance(limit, rainbow.sample([images], width=w, seed=s, **options), images) for s in (0, 1))
        for w in (1, 4)
    )
    assert near < far / 1.6


def test_heads_drawn_apart_have_no_limit_that_is_known(subject):
    net, images = subject
    with pytest.raises(UnsupportedOp, match="no limit that is known"):
        rn.fit(net, [images], tie="independent").limit([images], landmarks=16)


def test_a_stream_with_a_nonlinearity_in_it_is_refused():
    class After(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.head = nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 2)

        def forward(self, x):
            x = torch.relu(self.a(x))
            return self.head(torch.relu(x + self.b(x)))

    x = torch.randn(50, 4)
    with pytest.raises(UnsupportedOp, match="only linear streams have a known limit"):
        rn.fit(After(), [x]).limit([x], landmarks=8)
