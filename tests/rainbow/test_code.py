"""Networks as people write them are sampled exactly, in double precision."""

import pytest
import torch
from torch import nn

import rainbownet as rn
from case_code import CODE, NormAct, Shapes
from case_laws import Copies
from cases import Case, distance, settled
from rainbownet.errors import DataError, UnsupportedOp
from rainbownet.graph import Network

EXACT = 1e-12
KEPT = {"gate": {"gate"}, "mixer": {"tokens.0.0", "tokens.0.2", "tokens.1.0", "tokens.2.0"}}
"""What stays as trained, beside the head."""


@pytest.fixture(params=CODE)
def code(request) -> Case:
    return Case(request.param, CODE[request.param])


@pytest.mark.parametrize("norms", ["folded", "explicit"])
def test_identity_shuffled_and_doubled_copies_give_the_trained_logits(code, norms):
    images = code.images().double()
    net = settled(code.network().double(), images)
    rainbow = rn.fit(net, [images], law=Copies(), norms=norms)
    for options in ({"draw": "identity"}, {"draw": "gaussian"}, {"draw": "gaussian", "width": 2}):
        drawn = rainbow.sample([images], alignment=rn.Procrustes(), holdout=0.0, **options)
        assert distance(net, drawn, images) < EXACT, options


@pytest.mark.parametrize("width", [0.5, 1.5, 3])
def test_any_width_can_be_drawn(code, width):
    net, images = code.network(), code.images()
    drawn = rn.fit(net, [images]).sample([images], width=width)
    assert torch.isfinite(drawn(images)).all()


def test_what_stays_as_trained_is_no_more_than_must(code):
    net = Network(code.network(), code.images(4))
    heads = {"head", "6", "7"}
    assert {p.name for p in net.populations if p.frozen} - heads == KEPT.get(code.name, set())


def test_a_file_holds_them(code, tmp_path):
    net, images = code.network(), code.images()
    rainbow = rn.fit(net, [images])
    rainbow.save(tmp_path / "file")
    again = rn.load(tmp_path / "file")
    assert distance(rainbow.reference, again.reference, images) < 1e-5
    assert distance(*(r.sample([images], width=2, draw="gaussian") for r in (rainbow, again)), images) < 1e-2


def test_norms_of_a_class_of_its_own_stay_of_that_class():
    net, images = CODE["batch_norm"]().eval(), torch.randn(64, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    drawn = rn.fit(net, [images]).sample([images], width=2)
    assert type(drawn[1]) is NormAct
    assert drawn[1].num_features == 16
    assert set(drawn.state_dict()) == set(net.state_dict())
    assert type(net[1]) is NormAct


def test_statistics_of_other_modules_are_refused():
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.one, self.two = nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.BatchNorm2d(4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            one, two = self.one, self.two
            return nn.functional.batch_norm(self.conv(x), one.running_mean, two.running_var, one.weight, one.bias)

    with pytest.raises(UnsupportedOp, match=r"'batch_norm'.*must be those of one module derived from nn.BatchNorm"):
        Network(Mixed().eval(), torch.zeros(2, 3, 4, 4), strict=True)


def test_inputs_that_do_not_fit_are_refused_by_the_layer():
    with pytest.raises(DataError, match=r"^layer 'first' cannot be evaluated on inputs of shape \(2, 4, 8, 8\)"):
        Network(Shapes(), torch.zeros(2, 4, 8, 8))
