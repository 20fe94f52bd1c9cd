"""White coefficients: what is exact for each draw, and what holds on average."""

import pytest
import torch

from rainbownet.errors import LawError
from rainbownet.laws import DRAWS, coefficients


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("draw", DRAWS)
@pytest.mark.parametrize(("n", "r"), [(3, 5), (5, 5), (13, 5)])
def test_rows_are_white_on_average(draw: str, n: int, r: int) -> None:
    source = generator()
    draws = torch.stack([coefficients(draw, n, r, generator=source) for _ in range(1000)])
    assert draws.mean(0).abs().max() < 0.16  # five deviations, as below
    covariance = torch.einsum("tni,tnj->nij", draws, draws) / len(draws)
    assert (covariance - torch.eye(r)).abs().max() < 0.25


@pytest.mark.parametrize("k", [1, 2, 3])
def test_orthogonal_blocks_have_covariance_exactly_the_identity(k: int) -> None:
    g = coefficients("orthogonal", 7 * k, 7, generator=generator())
    torch.testing.assert_close(g.T @ g / len(g), torch.eye(7, dtype=torch.float64), rtol=0, atol=1e-13)


def test_fewer_orthogonal_rows_than_columns_are_orthogonal_of_full_length() -> None:
    g = coefficients("orthogonal", 4, 9, generator=generator())
    torch.testing.assert_close(g @ g.T, 9 * torch.eye(4, dtype=torch.float64), rtol=0, atol=1e-12)


def test_antithetic_rows_cancel() -> None:
    g = coefficients("antithetic", 10, 5, generator=generator())
    assert torch.equal(g[:5], -g[5:])
    torch.testing.assert_close(g.T @ g / 10, torch.eye(5, dtype=torch.float64), rtol=0, atol=1e-13)


def test_an_odd_number_of_antithetic_rows_leaves_one_unpaired() -> None:
    g = coefficients("antithetic", 7, 5, generator=generator())
    assert torch.equal(g[:3], -g[4:])


@pytest.mark.parametrize("draw", DRAWS)
def test_a_seed_says_it_all(draw: str) -> None:
    first, again, other = (coefficients(draw, 6, 4, generator=generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("draw", DRAWS)
def test_a_law_of_no_direction_has_no_coefficients(draw: str) -> None:
    assert coefficients(draw, 3, 0, generator=generator()).shape == (3, 0)


def test_what_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(LawError, match="'sobol'; there are antithetic, centred, gaussian, identity, orthogonal"):
        coefficients("sobol", 3, 3, generator=generator())
    with pytest.raises(LawError, match="n=0"):
        coefficients("gaussian", 0, 3, generator=generator())
    with pytest.raises(LawError, match="on the CPU, got none"):
        coefficients("gaussian", 3, 3, generator=None)


@pytest.mark.parametrize(("n", "r"), [(6, 5), (20, 5), (9, 1)])
def test_centred_draws_have_mean_zero_and_covariance_one_exactly(n, r):
    g = coefficients("centred", n, r, generator=generator())
    torch.testing.assert_close(g.mean(0), torch.zeros(r, dtype=torch.float64), rtol=0, atol=1e-12)
    torch.testing.assert_close(g.T @ g / n, torch.eye(r, dtype=torch.float64), rtol=0, atol=1e-12)


def test_fewer_centred_draws_than_directions_have_mean_zero_and_covariance_one_on_average():
    own = generator()
    drawn = torch.stack([coefficients("centred", 4, 6, generator=own) for _ in range(4000)])
    assert drawn.mean(1).abs().max() < 1e-12
    mean = (drawn.mT @ drawn / 4).mean(0)
    torch.testing.assert_close(mean, torch.eye(6, dtype=torch.float64), rtol=0, atol=0.1)
