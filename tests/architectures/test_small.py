"""Architectures of the literature, small and in double precision: sampled exactly, resized, drawn."""

import pytest
import torch

import rainbownet as rn
from case_architectures import ARCHITECTURES
from case_laws import Copies
from cases import Case, distance, settled

pytestmark = pytest.mark.filterwarnings("ignore:.*rows to align:rainbownet.errors.RainbowWarning")

EXACT = 1e-9
"""What rounding in float64 may do to logits, relative to the largest."""


@pytest.fixture(params=ARCHITECTURES.values(), ids=ARCHITECTURES.keys())
def trained(request: pytest.FixtureRequest) -> tuple[torch.nn.Module, torch.Tensor]:
    """Return each network, and the images that the statistics of its norms are those of."""
    case = Case("architecture", request.param, (3, 32, 32))
    images = case.images(48).double()
    return settled(case.network().double(), images), images


def test_identity_draw_gives_the_trained_logits(trained):
    net, images = trained
    same = rn.fit(net, [images]).sample([images], draw="identity", alignment=rn.Permutation(), holdout=0.0)
    assert distance(net, same, images) < EXACT


@pytest.mark.parametrize("width", [1, 2], ids=["shuffled", "doubled"])
def test_copies_of_trained_neurons_give_the_trained_logits(trained, width):
    net, images = trained
    rainbow = rn.fit(net, [images], law=Copies())
    drawn = rainbow.sample([images], width=width, draw="gaussian", alignment=rn.Permutation(), holdout=0.0)
    assert next(drawn.parameters()).shape[0] == width * next(net.parameters()).shape[0]
    assert distance(net, drawn, images) < EXACT


@pytest.mark.parametrize("width", [0.5, 1.5])
def test_samples_of_other_widths_run(trained, width):
    net, images = trained
    drawn = rn.fit(net, [images]).sample([images], width=width, alignment=rn.LeastSquares(), holdout=0.0)
    values = drawn(images)
    assert values.shape == net(images).shape
    assert torch.isfinite(values).all()
    assert distance(net, drawn, images) > 1e-3
