"""The chosen ridge: generalised leave-one-out is the textbook's, and the choice is near the best there is."""

import math

import numpy as np
import pytest
import torch

from rainbownet.aligned import LeastSquares, from_dict
from rainbownet.aligned.chosen import RIDGES, choose, held_out_error, scaled_rotation
from rainbownet.aligned.ridge import left_out_errors
from rainbownet.errors import AlignmentError
from rainbownet.moments import CrossMoment


def normal(n: int, d: int, *, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(n, d, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def moment_of(left: torch.Tensor, right: torch.Tensor) -> CrossMoment:
    dtype = torch.complex128 if left.is_complex() else torch.float64
    return CrossMoment(left.shape[1], right.shape[1], dtype=dtype).update(left, right)


def noisy(n: int, d: int, *, seed: int, noise: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Return rows whose energies decay over the channels, and a noisy linear map of them."""
    right = normal(n, d, seed=seed) / torch.arange(1, d + 1) ** 0.5
    return right @ normal(d, d, seed=99) / d**0.5 + noise * normal(n, d, seed=seed + 50), right


def test_left_out_error_is_that_of_the_hat_matrix() -> None:
    left, right = noisy(40, 12, seed=0, noise=0.5)
    moment = moment_of(left, right)
    values, vectors = torch.linalg.eigh(moment.right)
    ridges = RIDGES * values.mean()
    square = (moment.cross @ vectors).square().sum(0)
    found = left_out_errors(square, values, ridges, moment.left_energy, 40)
    x, y = right.numpy(), left.numpy()
    for ridge, own in zip(ridges.tolist(), found.tolist(), strict=True):
        hat = x @ np.linalg.solve(x.T @ x / 40 + ridge * np.eye(12), x.T) / 40
        expected = ((y - hat @ y) ** 2).sum(1).mean() / (1 - np.trace(hat) / 40) ** 2
        assert own == pytest.approx(expected, rel=1e-9)


def test_held_out_error_is_the_mean_square_of_what_the_map_leaves() -> None:
    left, right = noisy(30, 5, seed=1, noise=1.0)
    map = normal(5, 5, seed=7)
    expected = (left - right @ map.T).square().sum(1).mean().item()
    assert held_out_error(map, moment_of(left, right)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("n", [30, 60, 400])
def test_the_chosen_map_is_near_the_best_of_all_ridges_on_new_rows(n: int, held: bool) -> None:
    moment = moment_of(*noisy(n, 40, seed=0, noise=0.7))
    new = moment_of(*noisy(5000, 40, seed=2, noise=0.7))
    other = moment_of(*noisy(40, 40, seed=3, noise=0.7)) if held else None
    chosen = choose(moment, other, ("zero", "rotation"))
    best = min(
        held_out_error(LeastSquares(ridge, toward)(moment), new)
        for ridge in RIDGES.tolist()
        for toward in ("zero", "rotation")
    )
    assert held_out_error(chosen.map, new) < 1.1 * best


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_identical_activations_give_the_identity_with_fewer_rows_than_channels(dtype: torch.dtype) -> None:
    fitted, held = normal(20, 30, seed=0, dtype=dtype), normal(5, 30, seed=1, dtype=dtype)
    chosen = choose(moment_of(fitted, fitted), moment_of(held, held), ("zero", "rotation"))
    torch.testing.assert_close(chosen.map, torch.eye(30, dtype=dtype), rtol=0, atol=1e-9)
    assert (chosen.ridge, chosen.toward) == (math.inf, "rotation")


def test_a_rotation_is_chosen_where_the_networks_differ_by_one() -> None:
    q = torch.linalg.qr(normal(30, 30, seed=5))[0]
    fitted, held = normal(45, 30, seed=0), normal(10, 30, seed=1)
    chosen = LeastSquares("auto", "auto").choose(moment_of(fitted, 2 * fitted @ q), moment_of(held, 2 * held @ q))
    assert chosen.toward == "rotation"
    torch.testing.assert_close(chosen.map, q / 2, rtol=0, atol=1e-9)


def test_a_dead_channel_has_a_zero_map_toward_zero_and_its_own_toward_the_rotation() -> None:
    z = normal(100, 6, seed=0)
    z[:, 2] = 0
    to_zero, to_rotation = (LeastSquares("auto", toward)(moment_of(z, z)) for toward in ("zero", "rotation"))
    assert to_zero[:, 2].abs().max() < 1e-9
    assert to_zero[2].abs().max() < 1e-9
    assert to_rotation[2, 2].item() == pytest.approx(1, abs=1e-9)


def test_constant_channels_are_mapped_as_offsets() -> None:
    z = torch.cat([normal(200, 4, seed=0), torch.full((200, 1), 5.0)], 1)
    target = z[:, :4] + 3
    chosen = LeastSquares("auto")(moment_of(target, z))
    torch.testing.assert_close(z @ chosen.T, target, rtol=0, atol=1e-3)


def test_one_row_gives_a_map_that_is_finite() -> None:
    z = normal(1, 6, seed=0)
    assert choose(moment_of(z, z), None, ("zero", "rotation")).map.isfinite().all()


def test_scaled_rotation_matches_energies() -> None:
    z = normal(50, 4, seed=0)
    torch.testing.assert_close(scaled_rotation(moment_of(z, 3 * z)), torch.eye(4).double() / 3, rtol=0, atol=1e-12)


def test_an_automatic_ridge_goes_to_text_and_back() -> None:
    auto = LeastSquares("auto", "auto")
    assert from_dict(auto.to_dict()) == auto


def test_an_automatic_goal_needs_an_automatic_ridge() -> None:
    with pytest.raises(AlignmentError, match=r"^toward: 'auto' is chosen with the ridge, .* use ridge='auto'"):
        LeastSquares(0.1, "auto")
