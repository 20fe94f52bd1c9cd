"""Symmetry: equivariant networks are found to be, others not; the averaged law commutes."""

import math

import pytest
import torch
from torch import nn

import rainbownet as rn
from rainbownet.analysis import symmetry
from rainbownet.analysis.groups import FLIPS, TURNS, Flip, QuarterTurns, Shift
from rainbownet.analysis.symmetrized import invariance, symmetrized
from rainbownet.errors import AlignmentError, RainbowError


def images(count=120, side=8, channels=3, seed=0):
    return torch.randn(count, channels, side, side, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def convolutional(seed=0, pooled=True):
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(3, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 16, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1) if pooled else nn.AvgPool2d(4), nn.Flatten(), nn.Linear(16 if pooled else 64, 5),
    )  # fmt: skip
    return net.double()


def paired(actions, seed=0):
    """A network whose neurons come in orbits of the kernels: exactly equivariant, channels permuted."""
    net = convolutional(seed)
    elements = [lambda k: k, *(action.move_kernel for action in actions)]
    with torch.no_grad():
        first = torch.randn(12 // len(elements), 3, 3, 3, dtype=torch.float64)
        net[0].weight.copy_(torch.cat([move(first) for move in elements]))
        net[0].bias.copy_(torch.randn(12 // len(elements), dtype=torch.float64).repeat(len(elements)))
        second = torch.randn(16 // len(elements), 12, 3, 3, dtype=torch.float64)
        blocks = second.reshape(len(second), len(elements), -1, 3, 3)
        rows = []
        for g, move in enumerate(elements):
            order = [(h - g) % len(elements) for h in range(len(elements))]
            rows.append(move(blocks[:, order].flatten(1, 2)))
        net[2].weight.copy_(torch.cat(rows))
        net[2].bias.copy_(torch.randn(16 // len(elements), dtype=torch.float64).repeat(len(elements)))
    return net


@pytest.mark.parametrize(("group", "action"), [(FLIPS, Flip()), (TURNS, QuarterTurns(1)), (TURNS, QuarterTurns(2))])
def test_a_network_of_orbits_is_equivariant_and_its_covariances_commute(group, action):
    table = symmetry(paired(group), action, images())
    assert table["error"].max() < 1e-10
    assert table["unmixed"].iloc[1] > 0.05
    assert table["commutator"][:2].max() < 1e-7
    assert table["commutator_random"].iloc[1] > 0.1


def test_a_random_network_is_not_equivariant_beyond_what_its_input_allows():
    table = symmetry(convolutional(), Flip(), images())
    assert table["error"].iloc[1] > 0.05
    assert table["commutator"].iloc[1] > 0.1


def test_convolutions_of_circular_padding_are_equivariant_to_shifts():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, padding_mode="circular"), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 4, 3, padding=1, padding_mode="circular"), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2),
    ).double()  # fmt: skip
    table = symmetry(net, Shift(right=2, down=4), images())
    assert table["error"].max() < 1e-12
    assert table["unmixed"].max() < 1e-12
    half = symmetry(net, Shift(right=1), images())
    assert half["error"].isna().tolist() == [False, True, False]


def test_a_flattened_map_moves_its_positions():
    net = convolutional(pooled=False)
    with torch.no_grad():
        first = torch.randn(6, 3, 3, 3, dtype=torch.float64)
        net[0].weight.copy_(torch.cat([first, first.flip(-1)]))
        net[0].bias.zero_()
        second = torch.randn(8, 12, 3, 3, dtype=torch.float64)
        net[2].weight.copy_(torch.cat([second, second.flip(-1).roll(6, 1)]))
        net[2].bias.zero_()
    table = symmetry(net, Flip(), images())
    assert table["error"].max() < 1e-10


def test_kernels_of_an_equivariant_network_are_invariant_and_of_others_are_not():
    found = invariance(paired(FLIPS), Flip(), images(60), layers=["0", "2"])
    assert found["difference"].max() < 1e-12
    assert invariance(convolutional(), Flip(), images(60), layers=["2", ""])["difference"].min() > 0.01


@pytest.mark.parametrize("group", [FLIPS, TURNS], ids=["flips", "turns"])
def test_the_averaged_law_commutes_and_keeps_what_was_symmetric(group):
    loader = [images(400)]
    rainbow = rn.fit(convolutional(), loader)
    averaged = symmetrized(rainbow, group, loader)
    for name, law in averaged.laws.items():
        assert len(law.neurons()) == len(rainbow.laws[name].neurons())
        whole, before = (torch.tensor([b.size for b in own.laws[name].blocks]).sum() for own in (averaged, rainbow))
        assert whole == before
    # The law of the first layer, which reads colours that nothing mixes, commutes exactly.
    mean, factor = averaged.laws["0"].mean_and_factor()
    second = factor.T @ factor + torch.outer(mean, mean)
    kernels = second[:27, :27].reshape(3, 3, 3, 3, 3, 3)
    for action in group:
        moved = action.move_kernel(action.move_kernel(kernels).movedim((0, 1, 2), (3, 4, 5)))
        torch.testing.assert_close(moved.movedim((3, 4, 5), (0, 1, 2)), kernels, atol=1e-10, rtol=0)


def test_wide_samples_of_the_averaged_law_become_more_invariant_than_those_of_the_law():
    loader = [images(800)]
    rainbow = rn.fit(convolutional(), loader)
    averaged = symmetrized(rainbow, FLIPS, loader)
    wide = [own.sample(loader, width=16, seed=0, alignment=rn.Procrustes()) for own in (rainbow, averaged)]
    plain, symmetric = (invariance(net, Flip(), images(60, seed=9), layers=["0"])["difference"].item() for net in wide)
    assert symmetric < 0.6 * plain


def test_what_cannot_be_moved_is_refused():
    with pytest.raises(RainbowError, match="turns"):
        QuarterTurns(4)
    loader = [images(40)]
    strided = nn.Sequential(
        nn.Conv2d(3, 4, 2, stride=2), nn.ReLU(), nn.Conv2d(4, 4, 1), nn.Flatten(), nn.Linear(64, 2)
    )  # fmt: skip
    rainbow = rn.fit(strided.double(), loader)
    with pytest.raises(AlignmentError, match="does not move the positions"):
        symmetrized(rainbow, [Shift(right=1)], loader)
    tall = [torch.randn(20, 3, 8, 4, dtype=torch.float64)]
    table = symmetry(nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 2, 1)).double(), QuarterTurns(1), tall)
    assert all(map(math.isnan, table["error"]))
