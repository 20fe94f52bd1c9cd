"""Universality: one law is similar, unrelated laws are not, and random weights say nothing."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import nn

from analysis.networks import batches, chain, drawn, rotated
from rainbownet.aligned import polar_factor
from rainbownet.analysis import (
    align_networks,
    eigenvector_cosines,
    group_similarity,
    initial_variances,
    learned_covariance,
)
from rainbownet.analysis.universality import Learned
from rainbownet.errors import LawError, RainbowError

INPUTS, ROWS, SPIKES = 40, 300, 4


def spiked(seed: int) -> torch.Tensor:
    """Return a factor of a covariance of four spikes in random directions above a bulk of variance 1."""
    axes = polar_factor(torch.randn(SPIKES, INPUTS, generator=torch.Generator().manual_seed(seed)))
    return torch.cat([torch.tensor([7.0, 6.0, 5.0, 4.0])[:, None].double() * axes, torch.eye(INPUTS).double()])


def network(rows: torch.Tensor) -> nn.Sequential:
    net = nn.Sequential(nn.Linear(INPUTS, len(rows), bias=False), nn.ReLU(), nn.Linear(len(rows), 3))
    with torch.no_grad():
        net[0].weight.copy_(rows)
    return net


def similarity(rows: list[torch.Tensor], **options):
    aligned = align_networks([network(own) for own in rows], batches((INPUTS,)), layers=["0"])
    return group_similarity(aligned, ["a", "b"], **options).iloc[0]


def test_draws_of_one_law_are_similar_and_of_unrelated_laws_are_not():
    same = similarity([drawn(spiked(0), ROWS, seed=seed) for seed in (1, 2)])
    assert same["similarity"] == pytest.approx(1, abs=0.05)
    unrelated = [network(drawn(spiked(seed), ROWS, seed=seed)) for seed in range(5)]
    table = group_similarity(align_networks(unrelated, batches((INPUTS,)), layers=["0"]), list("abcde"))
    assert len(table) == 10
    assert (table["similarity"].abs() < 0.3).all()
    assert table["similarity"].mean() == pytest.approx(0, abs=0.1)
    assert same["spikes_a"] == pytest.approx(SPIKES, abs=2)
    assert 1 < same["rank_a"] < 3


def test_random_networks_say_nothing():
    row = similarity([torch.randn(ROWS, INPUTS, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)])
    assert row["cosine"] < 0.5
    assert math.isnan(row["similarity"]) or abs(row["similarity"]) < 0.5


def test_without_any_spike_the_cosine_is_zero_and_the_similarity_unknown():
    white = [polar_factor(torch.randn(ROWS, INPUTS, generator=torch.Generator().manual_seed(s))) for s in (1, 2)]
    row = similarity(white)
    assert (row["cosine"], row["spikes_a"], row["rank_a"]) == (0.0, 0, 0.0)
    assert math.isnan(row["similarity"])


def test_the_similarity_is_made_of_dense_covariances():
    rows = [drawn(spiked(0), ROWS, seed=seed) for seed in (1, 2)]
    row = similarity(rows, variance=1.0)
    first, second = (dense_shrunk(own.double().numpy()) for own in rows)
    assert row["cosine"] == pytest.approx(dense_cosine(first, second), rel=1e-4)
    generator = np.random.default_rng(0)
    controls, ceilings = [], []
    for _ in range(20):
        rotation = np.linalg.qr(generator.standard_normal((INPUTS, INPUTS)))[0]
        controls.append(dense_cosine(first, rotation @ first @ rotation.T))
        again = generator.multivariate_normal(np.zeros(INPUTS), first + np.eye(INPUTS), size=ROWS)
        ceilings.append(dense_cosine(first, dense_shrunk(again)))
    assert row["control"] == pytest.approx(np.mean(controls), abs=0.05)
    assert row["ceiling"] == pytest.approx(np.mean(ceilings), abs=0.01)


def dense_shrunk(rows: np.ndarray) -> np.ndarray:
    gamma = rows.shape[1] / len(rows)
    values, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
    with np.errstate(invalid="ignore"):
        spikes = (values - 1 - gamma) / 2 + np.sqrt((values + 1 - gamma) ** 2 / 4 - values)
    return (vectors * np.where(values > (1 + np.sqrt(gamma)) ** 2, spikes, 0)) @ vectors.T


def dense_cosine(a: np.ndarray, b: np.ndarray) -> float:
    product = scipy.linalg.sqrtm(a + 1e-12 * np.eye(len(a))).real @ scipy.linalg.sqrtm(b + 1e-12 * np.eye(len(b))).real
    return np.linalg.norm(product, "nuc") / math.sqrt(np.trace(a) * np.trace(b))


def test_learned_covariances_keep_planted_spikes():
    rows = drawn(spiked(0), 4000, seed=3)
    part = learned_covariance(rows)
    assert part.variance == pytest.approx(1, rel=0.05)
    found = part.factor.square().sum(1)[:SPIKES]
    np.testing.assert_allclose(found.numpy(), np.array([49, 36, 25, 16]), rtol=0.1)
    again = part.drawn(20_000, generator=torch.Generator().manual_seed(0))
    covariance = part.factor.T @ part.factor + part.variance * torch.eye(INPUTS)
    torch.testing.assert_close(again.T @ again / len(again), covariance, atol=1.5, rtol=0.05)
    with pytest.raises(LawError):
        learned_covariance(torch.zeros(5, 4))


def test_groups_pool_their_rows():
    rows = [drawn(spiked(0), 100, seed=seed) for seed in range(4)]
    aligned = align_networks([network(own) for own in rows], batches((INPUTS,)), layers=["0"])
    table = group_similarity(aligned, ["a", "a", "a", "b"])
    assert (table["rows_a"].item(), table["rows_b"].item()) == (300, 100)
    three = group_similarity(aligned, ["a", "b", "c", "c"])
    assert list(zip(three["a"], three["b"], strict=True)) == [("a", "b"), ("a", "c"), ("b", "c")]


def test_a_seed_repeats_itself():
    rows = [drawn(spiked(0), 100, seed=seed) for seed in (1, 2)]
    assert similarity(rows, seed=3).equals(similarity(rows, seed=3))
    assert similarity(rows, seed=3)["control"] != similarity(rows, seed=4)["control"]


def test_eigenvectors_of_a_rotated_copy_coincide():
    net = chain()
    with torch.no_grad():
        # Eigenvalues far apart: eigenvectors of close ones would mix by rounding.
        net[2].weight.mul_(torch.tensor([16.0, 8, 4, 2, 1, 0.5, 0.25, 0.125])[:, None])
    aligned = align_networks([net, rotated(net, chain(seed=3))], batches())
    for of in ("weights", "activations"):
        table = eigenvector_cosines(aligned, ["a", "b"], of=of, count=3)
        part = table[table["layer"] == "4"].pivot_table(index="rank_a", columns="rank_b", values="cosine")
        np.testing.assert_allclose(part.to_numpy(), np.eye(3), atol=1e-2)


def test_eigenvectors_of_unrelated_weights_meet_by_chance():
    rows = [torch.randn(ROWS, INPUTS, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2)]
    aligned = align_networks([network(own) for own in rows], batches((INPUTS,)), layers=["0"])
    table = eigenvector_cosines(aligned, ["a", "b"])
    assert len(table) == 100
    assert table["cosine"].mean() == pytest.approx(table["chance"].iloc[0], rel=0.2)


def test_groups_that_make_no_pair_are_refused():
    aligned = align_networks([chain(), chain(seed=1)], batches())
    with pytest.raises(RainbowError, match="groups: expected a name for each of 2 networks"):
        group_similarity(aligned, ["a"])
    with pytest.raises(RainbowError, match="two names at least"):
        group_similarity(aligned, ["a", "a"])
    with pytest.raises(RainbowError, match="of: expected 'weights' or 'activations', got 'both'"):
        eigenvector_cosines(aligned, ["a", "b"], of="both")


def test_variances_of_untrained_networks_take_the_place_of_estimates():
    """A layer of few rows that are all learned: its bulk cannot be told, that of the untrained network can."""
    law = spiked(0)[:SPIKES]
    nets = [network(drawn(law, 8, seed=seed)) for seed in (1, 2)]
    start = network(torch.randn(8, INPUTS, generator=torch.Generator().manual_seed(3)))
    aligned = align_networks(nets, batches((INPUTS,)), layers=["0"])
    variances = initial_variances(aligned, [start])
    assert variances == {"0": pytest.approx(start[0].weight.double().square().mean().item())}
    estimated = group_similarity(aligned, ["a", "b"]).iloc[0]
    given = group_similarity(aligned, ["a", "b"], variance=variances).iloc[0]
    assert given["spikes_a"] > estimated["spikes_a"]
    assert given["similarity"] > 0.5
    with pytest.raises(RainbowError, match="variance: none for layer '0'"):
        group_similarity(aligned, ["a", "b"], variance={"1": 1.0})


def test_rows_are_drawn_with_the_deviation_of_the_bulk_not_its_variance():
    part = Learned(torch.tensor([[3.0, 0.0, 0.0]]).double(), 9.0, 50)
    rows = part.drawn(40_000, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        rows.T @ rows / 40_000, torch.diag(torch.tensor([18.0, 9, 9])).double(), atol=0.4, rtol=0
    )


@pytest.mark.parametrize(("of_a", "of_b"), [(400, 20), (20, 400)])
def test_the_ceiling_is_learned_from_as_many_rows_as_the_second_group_has(of_a, of_b):
    rows = [drawn(spiked(0), count, seed=seed) for seed, count in ((1, of_a), (2, of_b))]
    row = similarity(rows, variance=1.0, draws=20)
    first = dense_shrunk(rows[0].double().numpy())
    generator = np.random.default_rng(0)
    ceilings = {
        count: np.mean(
            [
                dense_cosine(
                    first,
                    dense_shrunk(generator.multivariate_normal(np.zeros(INPUTS), first + np.eye(INPUTS), size=count)),
                )
                for _ in range(20)
            ]
        )
        for count in (of_a, of_b)
    }
    assert abs(ceilings[of_a] - ceilings[of_b]) > 0.03
    assert row["ceiling"] == pytest.approx(ceilings[of_b], abs=0.01)
