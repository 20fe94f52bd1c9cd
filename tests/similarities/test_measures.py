"""Measures from streamed moments against textbook versions on whole matrices, and what they are invariant to."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rainbownet.aligned import ridge as ridges
from rainbownet.similarities import measures
from rainbownet.similarities.rdms import dissimilarities, rank_correlations
from rainbownet.similarities.sums import Sums
from similarities import naive


def rows(n, d, seed, mean=0.0):
    generator = np.random.default_rng(seed)
    return generator.standard_normal((n, d)) @ generator.standard_normal((d, d)) + mean * generator.standard_normal(d)


def summed(x, y, *, centred=True, batches=1):
    sums = Sums([x.shape[1]], [y.shape[1]], centred=centred)
    for part_x, part_y in zip(np.array_split(x, batches), np.array_split(y, batches), strict=True):
        sums.update([torch.from_numpy(part_x)], [torch.from_numpy(part_y)])
    return sums


SHAPES = [(60, 5, 5), (60, 4, 7), (40, 8, 3)]


@pytest.mark.parametrize(("n", "d", "e"), SHAPES)
@pytest.mark.parametrize("centred", [True, False])
class TestAgainstTextbook:
    def both(self, n, d, e, centred):
        x, y = rows(n, d, 0, mean=3.0), rows(n, e, 1, mean=3.0)
        y[:, :3] += x[:, :3]
        pair = summed(x, y, centred=centred, batches=3).pair(0, 0)
        return (naive.centred(x), naive.centred(y), pair) if centred else (x, y, pair)

    def test_rotation_is_scipys_orthogonal_procrustes(self, n, d, e, centred):
        x, y, pair = self.both(n, d, e, centred)
        found = measures.rotation_similarity(pair.cross, pair.energy_x, pair.energy_y)
        assert found == pytest.approx(naive.procrustes_cosine(x, y), abs=1e-10)
        rotation = measures.rotation(pair.cross)
        assert measures.cosine_under(rotation, pair.cross, pair.energy_x, pair.energy_y) == pytest.approx(
            found, abs=1e-10
        )

    def test_angular_distance_is_that_of_shape_metrics(self, n, d, e, centred):
        x, y, pair = self.both(n, d, e, centred)
        found = measures.angular_distance(measures.rotation_similarity(pair.cross, pair.energy_x, pair.energy_y))
        assert found == pytest.approx(naive.angular_distance(x, y), abs=1e-10)

    def test_biased_cka_is_that_of_gram_matrices(self, n, d, e, centred):
        x, y, pair = self.both(n, d, e, centred)
        assert measures.cka(pair.cross, pair.self_x, pair.self_y) == pytest.approx(naive.cka(x, y), abs=1e-10)

    def test_canonical_correlations_are_those_of_orthonormal_bases(self, n, d, e, centred):
        x, y, pair = self.both(n, d, e, centred)
        found = measures.canonical_correlations(pair.cross, pair.self_x, pair.self_y)
        np.testing.assert_allclose(found.numpy(), naive.canonical_correlations(x, y), atol=1e-9)

    def test_projection_weighted_cca_is_that_of_canonical_variables(self, n, d, e, centred):
        x, y, pair = self.both(n, d, e, centred)
        found = measures.pwcca(pair.cross, pair.self_x, pair.self_y)
        # With more channels in x than canonical variables, the textbook weights are those of the variables there are.
        assert found == pytest.approx(naive.pwcca(x, y), abs=1e-9)


@pytest.mark.parametrize(("n", "d", "e"), SHAPES)
def test_debiased_cka_is_that_of_unbiased_hsics(n, d, e):
    x, y = rows(n, d, 0, mean=3.0), rows(n, e, 1, mean=3.0)
    y[:, :3] += x[:, :3]
    assert summed(x, y, batches=4).debiased_cka(0, 0) == pytest.approx(naive.debiased_cka(x, y), abs=1e-10)


def test_debiased_cka_in_float32_survives_large_means():
    x, y = rows(500, 6, 0, mean=300.0), rows(500, 6, 1, mean=300.0)
    sums = Sums([6], [6], centred=True)
    for a, b in zip(np.array_split(x, 5), np.array_split(y, 5), strict=True):
        sums.update([torch.from_numpy(a).float()], [torch.from_numpy(b).float()])
    assert sums.debiased_cka(0, 0) == pytest.approx(naive.debiased_cka(x, y), abs=1e-4)


def test_debiased_cka_of_unrelated_rows_is_near_zero_where_the_biased_one_is_not():
    values = [summed(rows(50, 40, 2 * s), rows(50, 40, 2 * s + 1)) for s in range(20)]
    debiased = [sums.debiased_cka(0, 0) for sums in values]
    pairs = [sums.pair(0, 0) for sums in values]
    biased = [measures.cka(pair.cross, pair.self_x, pair.self_y) for pair in pairs]
    assert abs(np.mean(debiased)) < 3 * np.std(debiased, ddof=1) / math.sqrt(20) + 1e-3
    assert min(biased) > 0.1


def test_ridge_is_chosen_by_generalised_cross_validation():
    x, y = naive.centred(rows(80, 6, 0)), naive.centred(rows(80, 3, 1))
    y += 0.7 * x[:, :3]
    pair = summed(x, y).pair(0, 0)
    ridge = ridges.Ridge.of(pair.self_x, pair.count, centred=True)
    rotated = ridge.vectors.mT @ pair.cross
    chosen, value = ridge.choose(rotated, pair.energy_y)
    unit = np.trace(x.T @ x) / 80 / 6
    expected, best = naive.gcv(x, y, (ridges.RIDGES.numpy() * unit))
    assert chosen == pytest.approx(expected, rel=1e-9)
    assert value == pytest.approx(best, abs=1e-9)


def test_held_out_explained_share_is_the_relative_error_of_the_regression():
    x, y = rows(90, 5, 0), rows(90, 4, 1)
    y[:, :4] += 2 * x[:, :4]
    fitted, held = summed(x[:60], y[:60], centred=False), summed(x[60:], y[60:], centred=False)
    one, two = fitted.pair(0, 0), held.pair(0, 0)
    ridge = ridges.Ridge.of(one.self_x, one.count, centred=False)
    rotated = ridge.vectors.mT @ one.cross
    chosen, _ = ridge.choose(rotated, one.energy_y)
    found = measures.explained_by(
        ridge.coefficients(rotated, chosen),
        ridge.vectors.mT @ two.cross,
        ridge.vectors.mT @ two.self_x @ ridge.vectors,
        two.energy_y,
    )
    coefficients = np.linalg.solve(x[:60].T @ x[:60] + 60 * chosen * np.eye(5), x[:60].T @ y[:60])
    expected = 1 - ((y[60:] - x[60:] @ coefficients) ** 2).sum() / (y[60:] ** 2).sum()
    assert found == pytest.approx(expected, abs=1e-9)


def test_dissimilarities_are_correlation_distances_and_correlate_as_scipy_says():
    x, y = rows(12, 30, 0), rows(12, 20, 1)
    distances = [dissimilarities(torch.from_numpy(z)) for z in (x, y)]
    np.testing.assert_allclose(distances[0].numpy(), 1 - np.corrcoef(x)[np.triu_indices(12, 1)], atol=1e-12)
    found = rank_correlations(distances, distances)
    assert found[0, 1] == pytest.approx(naive.spearman_of_distances(x, y), abs=1e-12)
    assert found[0, 0] == pytest.approx(1.0)


def rotated(x, seed):
    return x @ scipy.stats.ortho_group.rvs(x.shape[1], random_state=seed)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(1e-3, 1e3), d=st.integers(2, 6), e=st.integers(2, 6))
def test_rotation_and_cka_do_not_notice_rotations_scales_and_permutations(seed, scale, d, e):
    x, y = rows(30, d, seed), rows(30, e, seed + 1)
    other = scale * rotated(x, seed)[:, np.random.default_rng(seed).permutation(d)]
    for left, right in ((other, y), (x, scale * rotated(y, seed))):
        one, two = summed(x, y), summed(left, right)
        assert one.debiased_cka(0, 0) == pytest.approx(two.debiased_cka(0, 0), abs=1e-9)
        values = [
            measures.rotation_similarity(p.cross, p.energy_x, p.energy_y) for p in (one.pair(0, 0), two.pair(0, 0))
        ]
        assert values[0] == pytest.approx(values[1], abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), d=st.integers(2, 6))
def test_a_rotated_copy_is_fully_similar(seed, d):
    x = rows(40, d, seed)
    pair = summed(x, 0.3 * rotated(x, seed)).pair(0, 0)
    assert measures.rotation_similarity(pair.cross, pair.energy_x, pair.energy_y) == pytest.approx(1.0, abs=1e-10)
    assert measures.cka(pair.cross, pair.self_x, pair.self_y) == pytest.approx(1.0, abs=1e-10)


def test_a_layer_without_energy_has_no_similarity():
    pair = summed(np.zeros((20, 3)), rows(20, 3, 0)).pair(0, 0)
    assert math.isnan(measures.rotation_similarity(pair.cross, pair.energy_x, pair.energy_y))
    assert math.isnan(measures.cka(pair.cross, pair.self_x, pair.self_y))
    assert not measures.rotation(pair.cross).any()


def test_all_pairs_of_many_layers_are_those_of_each_pair_alone():
    left, right = [rows(50, d, d) for d in (2, 3)], [rows(50, e, 10 + e) for e in (4, 2, 5)]
    sums = Sums([2, 3], [4, 2, 5], centred=True)
    for start in range(0, 50, 20):
        sums.update(*([torch.from_numpy(z[start : start + 20]) for z in side] for side in (left, right)))
    for i, x in enumerate(left):
        for j, y in enumerate(right):
            alone = summed(x, y)
            for name in ("cross", "self_x", "self_y"):
                torch.testing.assert_close(getattr(sums.pair(i, j), name), getattr(alone.pair(0, 0), name))
            assert sums.debiased_cka(i, j) == pytest.approx(alone.debiased_cka(0, 0), abs=1e-10)
