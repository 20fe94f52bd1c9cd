"""Samples train: their parameters need gradients, their norms learn, their weights load into the user's own class."""

import pytest
import torch
from torch import nn

import rainbownet as rn
from cases import CASES
from rainbownet.nets import build


def loss_of(net: nn.Module, images: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    return nn.functional.cross_entropy(net(images), classes)


@pytest.mark.parametrize("name", ["mlp", "resnet", "norm_last", "preactivation"])
def test_a_sample_trains(name: str) -> None:
    images = CASES[name].images()
    drawn = rn.fit(CASES[name].network(), [images]).sample([images], width=2, seed=0)
    assert not drawn.training
    assert all(parameter.requires_grad for parameter in drawn.parameters())
    drawn, images = drawn.double().train(), images.double()
    for module in drawn.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    classes = torch.arange(len(images)) % drawn(images).shape[1]
    before = loss_of(drawn, images, classes)
    before.backward()
    square = sum(parameter.grad.square().sum().item() for parameter in drawn.parameters())
    torch.optim.SGD(drawn.parameters(), lr=1e-6 / square).step()  # takes 1e-6 off the loss, to first order
    assert (before - loss_of(drawn, images, classes)).item() == pytest.approx(1e-6, rel=0.1)


def test_norms_of_a_sample_follow_what_they_see_in_train_mode() -> None:
    images = CASES["resnet"].images()
    drawn = rn.fit(CASES["resnet"].network(), [images]).sample([images], width=2).train()
    before = drawn.layer1.bn1.running_mean.clone()
    drawn(images + 1.0)
    assert (drawn.layer1.bn1.running_mean - before).abs().max() > 1e-3


def test_parameters_that_were_fixed_in_the_trained_network_stay_so_through_a_file(tmp_path) -> None:
    images = CASES["mlp"].images()
    net = CASES["mlp"].network().requires_grad_(True)
    first = next(iter(dict(net.named_parameters())))
    net.get_parameter(first).requires_grad_(False)
    rainbow = rn.fit(net, [images])
    rainbow.save(tmp_path / "fixed.rainbow")
    for own in (rainbow, rn.load(tmp_path / "fixed.rainbow")):
        drawn = own.sample([images], width=2)
        assert [name for name, p in drawn.named_parameters() if not p.requires_grad] == [first]


def test_samples_of_a_network_frozen_as_a_whole_train() -> None:
    images = CASES["mlp"].images()
    drawn = rn.fit(CASES["mlp"].network().requires_grad_(False), [images]).sample([images])
    assert all(parameter.requires_grad for parameter in drawn.parameters())


def test_a_sample_loads_into_the_class_it_came_from_at_its_width() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(64, 1, 8, 8, generator=generator)
    drawn = rn.fit(build("digits_cnn", width=0.25), [images]).sample([images], width=2)
    own = build("digits_cnn", width=0.5).eval()
    own.load_state_dict(drawn.state_dict())
    torch.testing.assert_close(own(images), drawn(images))
