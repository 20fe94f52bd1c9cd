"""Landmarks and the Nyström features built on them."""

import pytest
import torch
from torch import nn

from rainbownet.errors import RainbowError
from rainbownet.limit import NystromFeatures, choose_landmarks, dual_kernel
from rainbownet.limit.landmarks import cholesky_landmarks

METHODS = ["random", "kmeans++", "cholesky", "rpcholesky"]


def planted(seed=0):
    """Rows of which most are alike and few carry the other directions: uniform landmarks miss them."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.zeros(400, 12, dtype=torch.float64)
    rows[:, 0] = 1
    rows[:12] = 3 * torch.eye(12, dtype=torch.float64)
    return rows[torch.randperm(400, generator=generator)]


def gaussian_rows(count, channels=6, seed=0):
    return torch.randn(count, channels, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("method", METHODS)
def test_landmarks_are_distinct_rows_and_depend_on_the_generator_alone(method):
    rows, kernel = gaussian_rows(50), dual_kernel(torch.relu)
    first, second = (
        choose_landmarks(kernel, rows, 20, method=method, generator=torch.Generator().manual_seed(3)) for _ in "ab"
    )
    assert first.tolist() == second.tolist()
    assert len(set(first.tolist())) == 20
    assert set(first.tolist()) <= set(range(50))


@pytest.mark.parametrize("method", ["kmeans++", "cholesky", "rpcholesky"])
def test_informed_landmarks_explain_a_planted_low_rank_kernel_which_random_ones_do_not(method):
    rows, kernel = planted(), dual_kernel(nn.Identity())
    generator = torch.Generator().manual_seed(0)
    informed, uniform = (
        NystromFeatures.fit(kernel, rows[choose_landmarks(kernel, rows, 12, method=way, generator=generator)])
        for way in (method, "random")
    )
    assert informed.energy_explained(rows) > uniform.energy_explained(rows) + 0.05
    if "cholesky" in method:
        assert informed.energy_explained(rows) == pytest.approx(1, abs=1e-10)


def test_greedy_pivots_are_those_of_the_full_cholesky_factorisation():
    rows, kernel = gaussian_rows(30), dual_kernel(torch.tanh)
    residual, expected = kernel(rows, rows), []
    for _ in range(10):
        index = int(residual.diagonal().argmax())
        expected.append(index)
        residual = residual - residual[:, index : index + 1] @ residual[index : index + 1] / residual[index, index]
    assert cholesky_landmarks(kernel, rows, 10).tolist() == expected


@pytest.mark.parametrize("method", ["kmeans++", "cholesky", "rpcholesky"])
def test_duplicates_are_never_chosen_twice(method):
    rows = gaussian_rows(5).repeat(4, 1)
    chosen = choose_landmarks(
        dual_kernel(torch.relu), rows, 20, method=method, generator=torch.Generator().manual_seed(0)
    )
    assert sorted((chosen % 5).tolist()) == [0, 1, 2, 3, 4]


def test_random_pivots_follow_the_residual_energy():
    rows = torch.tensor([[1.0, 0.0], [0.0, 3.0]], dtype=torch.float64)
    generator = torch.Generator().manual_seed(0)
    firsts = [int(cholesky_landmarks(dual_kernel(nn.Identity()), rows, 1, generator=generator)[0]) for _ in range(400)]
    assert sum(firsts) / 400 == pytest.approx(0.9, abs=4.5 * (0.9 * 0.1 / 400) ** 0.5)


def test_pivots_drawn_in_blocks_follow_the_law_of_one_at_a_time():
    angles = torch.tensor([0.0, 0.3, 1.2, 1.9], dtype=torch.float64)
    scales = torch.tensor([1.0, 1.2, 0.7, 0.9], dtype=torch.float64)
    rows = scales[:, None] * torch.stack([angles.cos(), angles.sin()], 1)
    gram = rows @ rows.T
    energies, expected = gram.diagonal(), torch.zeros(4, 4, dtype=torch.float64)
    for i in range(4):
        left = energies - gram[i] ** 2 / energies[i]
        left[i] = 0
        expected[i] = energies[i] / energies.sum() * left / left.sum()
    generator = torch.Generator().manual_seed(0)
    found, draws = torch.zeros_like(expected), 1500
    for _ in range(draws):
        i, j = cholesky_landmarks(dual_kernel(nn.Identity()), rows, 2, generator=generator).tolist()
        found[i, j] += 1
    errors = (expected * (1 - expected) / draws).sqrt() + 1 / draws
    assert ((found / draws - expected).abs() < 4.5 * errors).all()


def test_triangular_features_have_the_same_inner_products_and_need_fewer_landmarks():
    rows, kernel = gaussian_rows(40), dual_kernel(torch.relu)
    features = NystromFeatures.fit(kernel, rows[:8].repeat(2, 1))
    rotated = features.triangular()
    assert rotated.rank == features.rank == 8
    assert torch.equal(rotated.root, rotated.root.triu(-8))
    torch.testing.assert_close(rotated(rows) @ rotated(rows).T, features(rows) @ features(rows).T, rtol=0, atol=1e-9)


def test_wrong_requests_name_the_argument():
    rows, kernel = gaussian_rows(5), dual_kernel(torch.relu)
    with pytest.raises(RainbowError, match="asked for 6 landmarks of 5"):
        choose_landmarks(kernel, rows, 6)
    with pytest.raises(RainbowError, match="'greedy'"):
        choose_landmarks(kernel, rows, 2, method="greedy", generator=torch.Generator())
    with pytest.raises(RainbowError, match="generator: method 'rpcholesky'"):
        choose_landmarks(kernel, rows, 2)


def test_nystrom_with_all_rows_as_landmarks_is_exact():
    rows, kernel = gaussian_rows(40), dual_kernel(torch.relu)
    features = NystromFeatures.fit(kernel, rows, cut=1e-14)
    torch.testing.assert_close(features(rows) @ features(rows).T, kernel(rows, rows), rtol=0, atol=1e-10)
    assert features.energy_explained(rows) == pytest.approx(1, abs=1e-10)


def test_nystrom_is_a_projection_of_the_feature_space():
    rows, kernel = gaussian_rows(60), dual_kernel(torch.relu)
    features = NystromFeatures.fit(kernel, rows[:10])
    torch.testing.assert_close(features(rows[:10]) @ features(rows).T, kernel(rows[:10], rows), rtol=0, atol=1e-9)
    rest = kernel(rows, rows) - features(rows) @ features(rows).T
    assert torch.linalg.eigvalsh(rest).min() > -1e-9


def test_energy_explained_grows_with_the_landmarks():
    rows, kernel = gaussian_rows(200), dual_kernel(torch.relu)
    explained = [NystromFeatures.fit(kernel, rows[:m]).energy_explained(rows) for m in (5, 20, 80)]
    assert explained[0] < explained[1] < explained[2] < 1


def test_repeated_landmarks_add_no_feature():
    rows, kernel = gaussian_rows(8), dual_kernel(torch.relu)
    features = NystromFeatures.fit(kernel, rows.repeat(2, 1))
    assert features.rank == 8
    torch.testing.assert_close(features(rows) @ features(rows).T, kernel(rows, rows), rtol=0, atol=1e-8)


def test_blocks_of_rows_do_not_change_the_features():
    rows, kernel = gaussian_rows(50), dual_kernel(torch.relu)
    features = NystromFeatures.fit(kernel, rows[:5])
    torch.testing.assert_close(features(rows, block=7), features(rows), rtol=0, atol=1e-10)


def test_landmarks_without_energy_are_refused():
    with pytest.raises(RainbowError, match="zero"):
        NystromFeatures.fit(dual_kernel(torch.relu), torch.zeros(3, 2))
    with pytest.raises(RainbowError, match="not finite"):
        NystromFeatures.fit(dual_kernel(torch.relu), torch.full((3, 2), torch.nan))
    with pytest.raises(RainbowError, match="energy"):
        NystromFeatures.fit(dual_kernel(torch.relu), torch.eye(2)).energy_explained(torch.zeros(3, 2))


@pytest.mark.parametrize("cut", [1e-10, 1e-2])
def test_triangular_features_are_fitted_without_the_eigenvalues_that_are_cut(cut):
    rows, kernel = gaussian_rows(60), dual_kernel(torch.relu)
    found = NystromFeatures.fit(kernel, rows[:10], cut=cut, triangular=True)
    expected = NystromFeatures.fit(kernel, rows[:10], cut=cut).triangular()
    assert found.rank == expected.rank
    torch.testing.assert_close(found.root, expected.root, rtol=1e-9, atol=1e-9)
