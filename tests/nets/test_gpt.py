"""Our GPT looks back only, and is sampled exactly."""

import pytest
import torch

import rainbownet as rn
from case_laws import Copies
from cases import distance
from rainbownet.errors import ArchitectureError
from rainbownet.nets import build

EXACT = {"alignment": rn.LeastSquares(ridge=0.0), "holdout": 0.0}


@pytest.fixture(scope="module")
def subject():
    net = build("gpt", width=0.25, classes=31, context=12, depth=2).double().eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for parameter in net.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
        return net, torch.randint(31, (120, 12))


def test_a_character_does_not_see_those_after_it(subject):
    net, tokens = subject
    other = tokens.clone()
    other[:, 7:] = (other[:, 7:] + 1) % 31
    assert torch.equal(net(tokens)[:, :7], net(other)[:, :7])
    assert not torch.equal(net(tokens)[:, 7:], net(other)[:, 7:])


def test_identity_shuffled_and_doubled_copies_are_exact(subject):
    net, tokens = subject
    rainbow = rn.fit(net, [tokens], law=Copies(), strict=True)
    for what, width, draw in (("identity", 1, "identity"), ("shuffled", 1, "gaussian"), ("doubled", 2, "gaussian")):
        assert distance(net, rainbow.sample([tokens], width=width, draw=draw, **EXACT), tokens) < 1e-9, what


def test_a_window_without_tokens_is_refused():
    with pytest.raises(ArchitectureError, match="a context of 0"):
        build("gpt", context=0)
