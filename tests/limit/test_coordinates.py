"""White coordinates: the mean and factor of a law are those of its draws."""

import pytest
import torch

from rainbownet.errors import LawError
from rainbownet.laws import Block, Gaussian, Kronecker, Mixture, White
from rainbownet.limit.coordinates import white_rows

BLOCKS = [Block("a.weight", (2, 3)), Block("a.bias", ()), Block("b.weight", (4,))]


def rows(n=60):
    generator = torch.Generator().manual_seed(0)
    white = torch.randn(n, 11, generator=generator, dtype=torch.float64)
    return white @ torch.randn(11, 11, generator=generator, dtype=torch.float64) + 0.5


@pytest.mark.parametrize(
    "law", [Gaussian(), Gaussian(mean=False), Gaussian(shrinkage="spiked", bulk=True), White(), Kronecker()], ids=str
)
def test_mean_and_factor_are_those_of_the_draws(law):
    fitted = law.fit(rows(), BLOCKS)
    drawn = fitted.draw(200_000, generator=torch.Generator().manual_seed(1))
    mean, factor = fitted.mean_and_factor()
    scale = drawn.std(0)
    assert ((drawn.mean(0) - mean) / scale).abs().max() < 5 / 200_000**0.5
    difference = (torch.cov(drawn.T) - factor.T @ factor) / scale[:, None] / scale
    assert difference.abs().max() < 0.02


def test_a_law_that_is_not_gaussian_is_refused():
    with pytest.raises(LawError, match="Gaussian under Mixture"):
        Mixture(2).fit(rows(), BLOCKS).mean_and_factor()


def test_rows_keep_what_comes_before_the_non_linearity():
    fitted = Gaussian().fit(rows(), BLOCKS)
    kept, mean = white_rows(fitted, ["a.weight", "b.weight"], ["a.weight", "a.bias"], joint=True)
    assert mean
    assert kept.shape == (12, 11)
    assert not kept[:, 7:].any()
    torch.testing.assert_close(kept[-1, :7], fitted.mean[:7])


def test_independent_writers_have_coordinates_of_their_own():
    fitted = Gaussian(mean=False).fit(rows(), BLOCKS)
    names = [block.name for block in BLOCKS]
    joint, centred = white_rows(fitted, ["a.weight", "b.weight"], names, joint=True)
    split, _ = white_rows(fitted, ["a.weight", "b.weight"], names, joint=False)
    assert not centred
    covariance = joint.T @ joint
    covariance[:7, 7:] = covariance[7:, :7] = 0
    torch.testing.assert_close(split.T @ split, covariance)
