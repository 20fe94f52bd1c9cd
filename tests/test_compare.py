"""Comparison: rotated copies agree exactly, unrelated networks lie at the random-rotation zero."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from cases import CASES
from rainbownet.aligned import polar_factor
from rainbownet.aligned.compare import compare
from rainbownet.data import load, loader
from rainbownet.errors import AlignmentError, ArchitectureError, DataError, RainbowError, RainbowWarning
from rainbownet.nets import build
from rainbownet.nets.initial import reinitialised
from rainbownet.training import RECIPES, train

INPUTS = 12


def chain(width: int = 24, *, seed: int = 0, activation: type[nn.Module] = nn.Tanh) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layers = [nn.Linear(INPUTS, width), activation(), nn.Linear(width, width), activation(), nn.Linear(width, 40)]
        return nn.Sequential(*layers)


def batches(n: int = 480, seed: int = 1) -> list[Tensor]:
    return list(torch.randn(n, INPUTS, generator=torch.Generator().manual_seed(seed)).split(100))


def rotated(net: nn.Sequential, seed: int = 2) -> nn.Sequential:
    """Return a linear chain in another basis of each hidden layer."""
    generator = torch.Generator().manual_seed(seed)
    weights = [m.weight.detach().clone() for m in net if isinstance(m, nn.Linear)]
    biases = [m.bias.detach().clone() for m in net if isinstance(m, nn.Linear)]
    for k in range(len(weights) - 1):
        q = polar_factor(torch.randn(len(weights[k]), len(weights[k]), generator=generator)).float()
        weights[k], biases[k], weights[k + 1] = q @ weights[k], q @ biases[k], weights[k + 1] @ q.T
    copy = chain(len(weights[0]), activation=nn.Identity)
    with torch.no_grad():
        for module, weight, bias in zip([m for m in copy if isinstance(m, nn.Linear)], weights, biases, strict=True):
            module.weight.copy_(weight)
            module.bias.copy_(bias)
    return copy


def test_a_rotated_copy_agrees_exactly():
    net = chain(INPUTS, activation=nn.Identity)
    table = compare(net, rotated(net), batches())
    for column in ("similarity", "held_similarity", "centred", "held_centred", "weights_aligned"):
        torch.testing.assert_close(torch.tensor(table[column]), torch.ones(len(table)).double(), atol=1e-5, rtol=0)
    for column in ("error", "held_error"):
        assert (table[column] < 1e-6).all()
    assert (table["weights"] < 0.999).all()
    torch.testing.assert_close(torch.tensor(table["rank_a"]), torch.tensor(table["rank_b"]), atol=1e-4, rtol=0)


def test_weights_of_unrelated_networks_lie_at_the_random_rotation():
    table = compare(chain(seed=0), chain(seed=7), batches())
    assert ((table["weights_aligned"] - table["weights_random"]).abs() < 0.05).all()
    assert ((1 - table["weights_random"]) > 0.1).all()


def test_a_random_rotation_takes_a_learned_network_away_from_itself():
    net = chain(seed=0)
    with torch.no_grad():
        net[2].weight[:, 4:] *= 0.01
    table = compare(net, net, batches())
    assert table["weights_aligned"].iloc[0] == pytest.approx(1, abs=1e-6)
    assert table["weights_random"].iloc[0] < 0.8


def test_widths_may_differ():
    table = compare(chain(16), chain(48), batches())
    assert list(table["channels_a"]) == [16, 16]
    assert list(table["channels_b"]) == [48, 48]
    assert table["weights"].isna().all()
    assert table.drop(columns="weights").notna().all(axis=None)
    other = compare(chain(48), chain(16), batches())
    torch.testing.assert_close(
        torch.tensor(table["similarity"]), torch.tensor(other["similarity"]), atol=1e-10, rtol=1e-8
    )


@pytest.mark.parametrize("name", ["conv_biases", "functional_view", "tokens", "complex", "resnet", "shuffle", "mixer"])
def test_cases_agree_with_themselves(name):
    net = CASES[name].network()
    table = compare(net, net, [CASES[name].images(96)], holdout=0.0)
    assert len(table)
    assert (table["similarity"] > 1 - 1e-5).all()
    assert (table["error"] < 1e-5).all()
    assert table["held_similarity"].isna().all()


def test_batches_do_not_matter_and_a_seed_repeats_itself():
    images = torch.cat(batches())
    nets = chain(seed=0), chain(seed=1)
    whole, parts = compare(*nets, [images]), compare(*nets, list(images.split(37)))
    assert torch.allclose(
        torch.tensor(whole.iloc[:, 1:].to_numpy(float)), torch.tensor(parts.iloc[:, 1:].to_numpy(float))
    )
    other = compare(*nets, [images], seed=1)
    assert (whole["weights_random"] != other["weights_random"]).all()


def test_rows_and_held_out_rows_share_the_images():
    table = compare(chain(), chain(seed=1), batches(480), max_images=200, holdout=0.25)
    assert list(table["rows"]) == [150, 150]
    assert list(table["held_rows"]) == [50, 50]


def centred_by_hand(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a - a.mean(0), b - b.mean(0)
    return np.linalg.svd(a.T @ b, compute_uv=False).sum() / math.sqrt((a**2).sum() * (b**2).sum())


def test_centred_similarity_is_that_of_activations_minus_their_means():
    nets = [chain(seed=0, activation=nn.ReLU).double(), chain(seed=7, activation=nn.ReLU).double()]
    images = torch.cat(batches()).double()
    table = compare(*nets, list(images.split(37)), holdout=0.0, seed=5)
    others = [*nets, reinitialised(nets[1], seed=5)]
    with torch.no_grad():
        for k, depth in enumerate((2, 4)):
            a, b, c = (net[:depth](images).numpy() for net in others)
            assert table["centred"].iloc[k] == pytest.approx(centred_by_hand(a, b), rel=1e-10)
            assert table["random_centred"].iloc[k] == pytest.approx(centred_by_hand(a, c), rel=1e-10)
            plain = np.linalg.svd(a.T @ c, compute_uv=False).sum() / math.sqrt((a**2).sum() * (c**2).sum())
            assert table["random"].iloc[k] == pytest.approx(plain, rel=1e-10)
    assert table["held_centred"].isna().all()


def test_the_baseline_changes_nothing_else_and_can_be_left_out():
    nets = chain(), chain(seed=1)
    whole, plain = compare(*nets, batches()), compare(*nets, batches(), baseline=False)
    pd.testing.assert_frame_equal(whole.drop(columns=["random", "random_centred"]), pd.DataFrame(plain), rtol=1e-9)


def test_constant_activations_have_no_centred_similarity():
    nets = chain(), chain(seed=1)
    with torch.no_grad():
        nets[1][0].weight.zero_()
    table = compare(*nets, batches())
    assert table["similarity"].notna().all()
    assert table["centred"].isna().all()
    assert table["random_centred"].notna().all()


@pytest.fixture(scope="module")
def twins() -> list[nn.Module]:
    """Two networks of digits, trained from different seeds."""
    recipe = replace(RECIPES["digits"], epochs=8)
    return [
        train(build("digits_cnn", seed=seed), load("digits"), recipe=recipe, progress=False).network for seed in (0, 1)
    ]


def test_centred_similarity_tells_a_random_network_from_a_twin_where_uncentred_does_not(twins):
    table = compare(*twins, loader(load("digits"), batch_size=256)).set_index("layer")
    uncentred = table["held_similarity"] - table["random"]
    centred = table["held_centred"] - table["random_centred"]
    assert uncentred["8"] < 0.015
    assert centred["8"] > max(0.025, 2 * uncentred["8"])
    assert centred["13"] > 0.25


def test_progress_counts_images():
    seen = []
    compare(
        chain(), chain(seed=1), batches(480), max_images=400, progress=lambda done, total: seen.append((done, total))
    )
    assert seen[-1] == (400, 400)


def test_another_architecture_is_refused():
    said = "b: layer '1' is a ReLU, in the first network a Tanh; rainbownet.similarity compares"
    with pytest.raises(ArchitectureError, match=said):
        compare(chain(), chain(activation=nn.ReLU), batches())


def test_a_dead_layer_is_named():
    net = chain()
    with torch.no_grad():
        net[0].weight.zero_()
        net[0].bias.zero_()
    with pytest.raises(AlignmentError, match="layer '2'"):
        compare(net, chain(seed=1), batches())


def test_too_few_rows_are_warned_of():
    with pytest.warns(RainbowWarning, match="9 rows to align 24 channels"):
        compare(chain(), chain(seed=1), batches(10))


@pytest.mark.parametrize("holdout", [-0.1, 0.6, math.nan])
def test_a_share_that_cannot_be_held_out_is_refused(holdout):
    with pytest.raises(RainbowError, match="holdout"):
        compare(chain(), chain(seed=1), batches(), holdout=holdout)


def test_images_that_are_not_there_are_refused():
    with pytest.raises(DataError, match="480 images, 500 were asked"):
        compare(chain(), chain(seed=1), batches(480), max_images=500)
    with pytest.raises(DataError, match="it yields no images"):
        compare(chain(), chain(seed=1), [])


def test_an_iterator_gives_all_its_images():
    nets = chain(), chain(seed=1)
    a = compare(*nets, batches(480))
    b = compare(*nets, iter(batches(480)))
    pd.testing.assert_frame_equal(a, b)


def test_words_that_are_no_option_are_refused():
    with pytest.raises(RainbowError, match="flatten: expected one of 'channels', 'features'; got 'z'"):
        compare(chain(), chain(seed=1), batches(480), flatten="z")
