"""Sampling with the trained neurons, as they are or shuffled, repeated and scaled, gives the trained network."""

import pytest
import torch

import rainbownet as rn
from case_laws import Copies
from cases import CASES, TOLERANCE, distance

ALIGNMENTS = {
    "procrustes": rn.Procrustes(),
    "permutation": rn.Permutation(),
    "least-squares": rn.LeastSquares(ridge=0.0),
}
EVERY_ALIGNMENT = pytest.mark.parametrize("alignment", ALIGNMENTS.values(), ids=ALIGNMENTS.keys())


def test_identity_draw_gives_the_trained_logits_by_every_alignment(case):
    net, images = case.network(), case.images()
    rainbow = rn.fit(net, [images])
    for name, alignment in ALIGNMENTS.items():
        drawn = rainbow.sample([images], draw="identity", alignment=alignment, holdout=0.0)
        assert distance(net, drawn, images) < TOLERANCE, name


def test_identity_draw_of_the_published_method_with_explicit_norms_gives_the_trained_logits(case):
    net, images = case.network(), case.images()
    rainbow = rn.fit(net, [images], preset=rn.PAPER, norms="explicit")
    drawn = rainbow.sample([images], draw="identity", holdout=0.0)
    assert distance(net, drawn, images) < TOLERANCE


def test_neurons_shuffled_and_doubled_give_the_trained_logits_by_every_alignment(case):
    net, images = case.network(), case.images()
    rainbow = rn.fit(net, [images], law=Copies())
    for name, alignment in ALIGNMENTS.items():
        drawn = rainbow.sample([images], width=2, draw="gaussian", alignment=alignment, holdout=0.0)
        assert distance(net, drawn, images) < TOLERANCE, name


def test_neurons_shuffled_with_norms_measured_again_give_the_trained_logits(case):
    net, images = case.network(), case.images()
    rainbow = rn.fit(net, [images], law=Copies(), norms="explicit")
    drawn = rainbow.sample([images], draw="gaussian", alignment=rn.Permutation(), holdout=0.0)
    assert distance(net, drawn, images) < TOLERANCE


@EVERY_ALIGNMENT
def test_neurons_of_a_homogeneous_network_may_be_scaled(alignment):
    net, images = CASES["shared_activation"].network(), CASES["shared_activation"].images()
    rainbow = rn.fit(net, [images], law=Copies(scale=3.0))
    drawn = rainbow.sample([images], draw="gaussian", alignment=alignment, holdout=0.0)
    if isinstance(alignment, rn.Permutation):
        assert distance(net, drawn, images) > 0.1
    else:
        assert distance(net, drawn, images) < TOLERANCE


@pytest.mark.parametrize("name", ["norm_last", "norm_first", "channels_last", "functional_view"])
def test_a_flatten_may_be_aligned_on_all_features(name):
    net, images = CASES[name].network(), CASES[name].images(512)
    rainbow = rn.fit(net, [images])
    drawn = rainbow.sample([images], draw="identity", flatten="features", alignment=rn.Procrustes(), holdout=0.0)
    assert distance(net, drawn, images) < TOLERANCE


def test_the_reference_of_a_rainbow_computes_what_the_trained_network_does(case):
    net, images = case.network(), case.images()
    assert distance(net, rn.fit(net, [images]).reference, images) < TOLERANCE


def test_the_trained_network_is_left_as_it_was():
    net, images = CASES["resnet"].network().train(), CASES["resnet"].images()
    calls = []
    net.register_forward_hook(lambda *_: calls.append(1))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    rn.fit(net, [images]).sample([images])
    assert net.training
    assert not calls
    assert all(parameter.requires_grad for parameter in net.parameters())
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_double_precision_is_exact_to_its_own_rounding():
    net, images = CASES["resnet"].network().double(), CASES["resnet"].images().double()
    rainbow = rn.fit(net, [images], law=Copies())
    drawn = rainbow.sample([images], width=2, draw="gaussian", alignment=rn.Procrustes(), holdout=0.0)
    assert next(drawn.parameters()).dtype is torch.float64
    assert distance(net, drawn, images) < 1e-10
