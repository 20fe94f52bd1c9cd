"""Alignment maps: exact on copies, equal to the textbook solutions elsewhere."""

import itertools
import json

import numpy as np
import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from rainbownet.aligned import (
    ALIGNMENTS,
    Alignment,
    Identity,
    LeastSquares,
    Permutation,
    Procrustes,
    alignment_quality,
    from_dict,
    polar_factor,
    procrustes_similarity,
)
from rainbownet.aligned.assignment import assign
from rainbownet.aligned.polar import completed
from rainbownet.errors import AlignmentError
from rainbownet.moments import CrossMoment

ALL = [Procrustes(), Procrustes(scale=False), LeastSquares(), LeastSquares(ridge=0.1, toward="rotation"), Permutation()]


def normal(n: int, d: int, *, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(n, d, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def rotation(d: int, *, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.linalg.qr(normal(d, d, seed=seed, dtype=dtype))[0]


def moment_of(left: torch.Tensor, right: torch.Tensor) -> CrossMoment:
    dtype = torch.complex128 if left.is_complex() else torch.float64
    return CrossMoment(left.shape[1], right.shape[1], dtype=dtype).update(left, right)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("alignment", [Procrustes(), LeastSquares(ridge=0.0), LeastSquares(1e-2, toward="rotation")])
def test_a_rotated_and_scaled_copy_aligns_exactly(alignment: Alignment, dtype: torch.dtype) -> None:
    z, q = normal(200, 6, seed=0, dtype=dtype), rotation(6, seed=1, dtype=dtype)
    moment = moment_of(z, 3 * z @ q.T)
    expected = q.mH / 3
    torch.testing.assert_close(alignment(moment), expected, rtol=0, atol=1e-12)
    quality = alignment_quality(alignment(moment), moment)
    assert quality.error < 1e-12
    assert quality.cosine == pytest.approx(1, abs=1e-12)
    assert procrustes_similarity(moment) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("alignment", [Procrustes(), LeastSquares(0.5, toward="rotation"), Permutation(), Identity()])
def test_identical_activations_give_the_identity(alignment: Alignment) -> None:
    z = normal(300, 5, seed=0) * torch.tensor([1.0, 1e-2, 3.0, 1e-3, 1.0])
    torch.testing.assert_close(alignment(moment_of(z, z)), torch.eye(5, dtype=torch.float64), rtol=0, atol=1e-10)


def test_procrustes_is_scipys() -> None:
    left, right = normal(100, 7, seed=0), normal(100, 7, seed=1)
    expected, total = scipy.linalg.orthogonal_procrustes(right.numpy(), left.numpy())
    moment = moment_of(left, right)
    np.testing.assert_allclose(Procrustes(scale=False)(moment).numpy(), expected.T, atol=1e-11)
    assert procrustes_similarity(moment) * np.sqrt(moment.left_energy * moment.right_energy) * 100 == pytest.approx(
        total, rel=1e-11
    )


def test_least_squares_is_numpys() -> None:
    left, right = normal(100, 4, seed=0), normal(100, 6, seed=1)
    expected, *_ = np.linalg.lstsq(right.numpy(), left.numpy(), rcond=None)
    np.testing.assert_allclose(LeastSquares(ridge=0.0)(moment_of(left, right)).numpy(), expected.T, atol=1e-11)


def test_ridge_is_the_penalty_of_the_augmented_problem() -> None:
    left, right, ridge = normal(50, 3, seed=0).numpy(), normal(50, 4, seed=1).numpy(), 0.2
    moment = moment_of(torch.from_numpy(left), torch.from_numpy(right))
    weight = np.sqrt(ridge * np.trace(right.T @ right) / 4)
    for toward in ("zero", "rotation"):
        target = np.zeros((3, 4)) if toward == "zero" else Procrustes()(moment).numpy()
        augmented = np.vstack([right, weight * np.eye(4)]), np.vstack([left, weight * target.T])
        expected, *_ = np.linalg.lstsq(*augmented, rcond=None)
        np.testing.assert_allclose(LeastSquares(ridge, toward=toward)(moment).numpy(), expected.T, atol=1e-12)


def test_least_squares_without_ridge_takes_the_least_map_where_channels_repeat() -> None:
    z = normal(100, 3, seed=0)
    found = LeastSquares(ridge=0.0)(moment_of(z, torch.cat([z, z], 1)))
    torch.testing.assert_close(found, torch.eye(3).repeat(1, 2).double() / 2, rtol=0, atol=1e-12)


def test_a_permuted_copy_is_matched() -> None:
    z, order = normal(500, 9, seed=0), torch.randperm(9, generator=torch.Generator().manual_seed(1))
    found = Permutation()(moment_of(z, z[:, order]))
    assert torch.equal(found, torch.eye(9, dtype=torch.float64)[:, order])


def test_permutation_is_the_linear_assignment_of_the_cross_moment() -> None:
    left, right = normal(30, 8, seed=0), normal(30, 8, seed=1)
    moment = moment_of(left, right)
    rows, columns = linear_sum_assignment(moment.cross.numpy(), maximize=True)
    expected = torch.zeros(8, 8, dtype=torch.float64)
    expected[rows, columns] = 1
    assert torch.equal(Permutation()(moment), expected)


def test_a_wider_network_is_matched_by_the_best_multiple_assignment() -> None:
    moment = moment_of(normal(30, 3, seed=0), normal(30, 5, seed=1))
    matched = (Permutation()(moment) > 0).double()
    assert torch.equal(matched.sum(0), torch.ones(5, dtype=torch.float64))
    assert sorted(matched.sum(1).tolist()) == [1, 2, 2]
    gains = [
        sum(moment.cross[row, column].item() for column, row in enumerate(choice))
        for choice in itertools.product(range(3), repeat=5)
        if sorted(choice.count(row) for row in range(3)) == [1, 2, 2]
    ]
    assert (matched * moment.cross).sum().item() == pytest.approx(max(gains), rel=1e-12)


@pytest.mark.parametrize("e", [1, 3, 4, 5, 8, 11, 16])
def test_every_width_is_matched_evenly(e: int) -> None:
    found = Permutation()(moment_of(normal(30, 4, seed=0), normal(30, e, seed=1)))
    torch.testing.assert_close(found.sum(1), torch.ones(4, dtype=torch.float64))
    uses = (found > 0).sum(1 if e >= 4 else 0)
    assert uses.max() - uses.min() <= 1
    assert uses.min() >= 1


def test_a_network_repeated_twice_is_averaged() -> None:
    z = normal(200, 4, seed=0)
    found = Permutation()(moment_of(z, torch.cat([z, z], 1)))
    torch.testing.assert_close(found, torch.eye(4).repeat(1, 2).double() / 2)


@pytest.mark.parametrize("alignment", ALL, ids=repr)
def test_quality_is_measured_on_the_rows(alignment: Alignment) -> None:
    left, right = normal(80, 3, seed=0), normal(80, 5, seed=1) + normal(80, 3, seed=0) @ normal(3, 5, seed=2)
    found = alignment(moment_of(left[:50], right[:50]))
    quality = alignment_quality(found, moment_of(left[50:], right[50:]))
    mapped, z = right[50:] @ found.T, left[50:]
    error = (mapped - z).square().sum() / z.square().sum()
    assert quality.error == pytest.approx(error.item(), rel=1e-11)
    assert quality.explained == pytest.approx(1 - error.item(), rel=1e-11)
    similarity = (mapped * z).sum() / (mapped.norm() * z.norm())
    assert quality.cosine == pytest.approx(similarity.item(), rel=1e-11)


def test_procrustes_error_is_formula_r7() -> None:
    moment = moment_of(normal(40, 5, seed=0), normal(40, 5, seed=1))
    error = alignment_quality(Procrustes(scale=False)(moment), moment).error
    nuclear = torch.linalg.svdvals(moment.cross).sum().item()
    expected = (moment.left_energy + moment.right_energy - 2 * nuclear) / moment.left_energy
    assert error == pytest.approx(expected, rel=1e-12)


def test_least_squares_has_the_smallest_error_of_all() -> None:
    moment = moment_of(normal(200, 4, seed=0), torch.relu(normal(200, 4, seed=0) @ normal(4, 4, seed=2)))
    errors = {repr(a): alignment_quality(a(moment), moment).error for a in [*ALL, LeastSquares(0.0), Identity()]}
    assert min(errors, key=lambda key: errors[key]) == repr(LeastSquares(0.0))


@pytest.mark.parametrize("alignment", [*ALL, Identity()], ids=repr)
def test_options_survive_json(alignment: Alignment) -> None:
    assert from_dict(json.loads(json.dumps(alignment.to_dict()))) == alignment


def test_only_least_squares_needs_the_self_moment() -> None:
    assert [name for name, a in ALIGNMENTS.items() if a.needs_right_self] == ["least-squares"]
    z = normal(30, 3, seed=0)
    moment = CrossMoment(3, 3, right_self=False).update(z, z)
    for name, alignment in ALIGNMENTS.items():
        if name != "least-squares":
            assert alignment()(moment).shape == (3, 3)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": "procrustres"}, "no alignment is called 'procrustres'; there are identity, least-squares"),
        ({"name": "permutation", "ridge": 1.0}, "has no field ridge; it has no fields"),
        ({"name": "least-squares", "ridge": -1.0}, "number ≥ 0 or 'auto', got -1.0"),
        ({"name": "least-squares", "toward": "left"}, "'zero', 'rotation' or 'auto', got 'left'"),
    ],
)
def test_unknown_options_are_refused(data: dict[str, object], message: str) -> None:
    with pytest.raises(AlignmentError, match=message):
        from_dict(data)


def test_widths_must_agree_without_alignment() -> None:
    with pytest.raises(AlignmentError, match="2 reference channels and 3 sampled channels"):
        Identity()(CrossMoment(2, 3))


def test_a_map_of_another_shape_is_refused() -> None:
    with pytest.raises(AlignmentError, match=r"shape \(2, 2\) does not fit"):
        alignment_quality(torch.eye(2), moment_of(normal(5, 2, seed=0), normal(5, 3, seed=1)))


def incomplete(n: int, d: int, dead: int, dtype: torch.dtype, seed: int) -> torch.Tensor:
    """Rows of which the last channels are dead and two are equal."""
    z = normal(n, d, seed=seed, dtype=dtype)
    z[:, 0] = z[:, d // 2]
    z[:, d - dead :] = 0
    return z


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    n=st.integers(1, 40),
    d=st.integers(2, 20),
    dead=st.integers(0, 6),
    ridge=st.sampled_from([0.0, 1e-6, 1e-2, 10.0]),
    dtype=st.sampled_from([torch.float64, torch.complex128]),
    seed=st.integers(0, 1000),
)
def test_shrunk_to_the_rotation_identical_activations_give_the_identity(
    n: int, d: int, dead: int, ridge: float, dtype: torch.dtype, seed: int
) -> None:
    z = incomplete(n, d, min(dead, d - 2), dtype, seed)
    found = LeastSquares(ridge, toward="rotation")(moment_of(z, z))
    torch.testing.assert_close(found, torch.eye(d, dtype=dtype), rtol=0, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize(("d", "e"), [(9, 9), (9, 12), (12, 9)])
def test_a_completed_factor_is_an_isometry_that_agrees_with_the_polar_factor(
    d: int, e: int, dtype: torch.dtype
) -> None:
    matrix = normal(d, 5, seed=0, dtype=dtype) @ normal(5, e, seed=1, dtype=dtype)
    found, polar = completed(polar_factor(matrix)), polar_factor(matrix)
    expected = torch.ones(min(d, e), dtype=torch.float64)
    torch.testing.assert_close(torch.linalg.svdvals(found), expected, rtol=0, atol=1e-10)
    torch.testing.assert_close(found @ polar.mH @ polar, polar, rtol=0, atol=1e-10)
    torch.testing.assert_close(polar @ polar.mH @ found, polar, rtol=0, atol=1e-10)


def test_without_ridge_the_rotation_is_the_limit_of_small_ones() -> None:
    left, right = normal(4, 6, seed=0), normal(4, 6, seed=1)
    moment = moment_of(left, right)
    limit, small = (LeastSquares(ridge, toward="rotation")(moment) for ridge in (0.0, 1e-7))
    torch.testing.assert_close(limit, small, rtol=0, atol=1e-5)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(n=st.integers(1, 40), d=st.integers(2, 20), dead=st.integers(0, 8), seed=st.integers(0, 1000))
def test_equal_networks_match_neuron_by_neuron_dead_channels_too(n: int, d: int, dead: int, seed: int) -> None:
    z = incomplete(n, d, min(dead, d - 2), torch.float64, seed)
    assert torch.equal(Permutation()(moment_of(z, z)), torch.eye(d, dtype=torch.float64))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(d=st.integers(1, 12), values=st.integers(1, 4), seed=st.integers(0, 1000))
def test_ties_on_the_diagonal_leave_the_total_gain_at_its_largest(d: int, values: int, seed: int) -> None:
    gain = torch.randint(values, (d, d), generator=torch.Generator().manual_seed(seed)).double()
    columns = assign(gain)
    best = linear_sum_assignment(gain.numpy(), maximize=True)
    assert sorted(columns.tolist()) == list(range(d))
    assert gain[range(d), columns].sum() == gain[best].sum()
    off = [i for i in range(d) if columns[i] != i]
    for i in off:
        (j,) = (j for j in range(d) if columns[j] == i)
        assert gain[i, i] + gain[j, columns[i]] < gain[i, columns[i]] + gain[j, i]


def test_a_pair_that_is_not_allowed_is_not_taken_for_the_diagonal() -> None:
    gain = torch.tensor([[-torch.inf, 0.0], [0.0, 0.0]], dtype=torch.float64)
    assert assign(gain).tolist() == [1, 0]


@pytest.mark.parametrize("copies", [1, 2])
def test_an_assignment_is_measured_as_the_dense_map_that_it_is(copies: int) -> None:
    left = normal(300, 40, seed=0)
    right = left[:, torch.randperm(40 * copies, generator=torch.Generator().manual_seed(1)) % 40]
    right = right + 0.1 * normal(300, 40 * copies, seed=2)
    moment = moment_of(left, right)
    found = Permutation()(moment) if copies == 1 else (moment.cross > 0.5).double() / copies
    assert found.count_nonzero() == 40 * copies
    expected = (right.double() @ found.T).square().sum().item() / 300
    assert alignment_quality(found, moment).mapped_energy == pytest.approx(expected, rel=1e-12)
