"""The Gaussian law: exact covariances, ranks, and spikes found again."""

import pytest
import torch

from laws.populations import BLOCKS, covariance, generator, neurons
from rainbownet.errors import RainbowWarning
from rainbownet.laws import Block, FittedLaw, Gaussian
from rainbownet.spectra.shrinkage import shrink_spiked


def spiked(n: int, d: int, *, spike: float, noise: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of covariance spike · u uᵀ + noise · Id, and u."""
    source = generator(3)
    u = torch.nn.functional.normalize(torch.randn(d, dtype=torch.float64, generator=source), dim=0)
    white = torch.randn(n, d, dtype=torch.float64, generator=source) * noise**0.5
    return white + torch.randn(n, 1, dtype=torch.float64, generator=source) * spike**0.5 * u, u


@pytest.mark.parametrize("n", [10, 60])
def test_the_full_factor_is_the_sample_covariance(n: int) -> None:
    rows = neurons(n)
    law = Gaussian().fit(rows, BLOCKS)
    torch.testing.assert_close(law.factor.T @ law.factor, covariance(rows), rtol=0, atol=1e-12)
    torch.testing.assert_close(law.mean, rows.mean(0))
    assert law.rank == min(n - 1, 18)


def test_without_mean_the_factor_is_the_uncentred_second_moment() -> None:
    rows = neurons(60)
    law = Gaussian(mean=False).fit(rows, BLOCKS)
    torch.testing.assert_close(law.factor.T @ law.factor, rows.T @ rows / 60, rtol=0, atol=1e-12)
    assert not law.mean.any()


@pytest.mark.parametrize("k", [1, 3])
def test_orthogonal_draws_have_the_covariance_exactly(k: int) -> None:
    rows = neurons(60)
    law = Gaussian().fit(rows, BLOCKS)
    drawn = law.draw(k * law.rank, draw="orthogonal", generator=generator()) - law.mean
    torch.testing.assert_close(drawn.T @ drawn / len(drawn), covariance(rows), rtol=0, atol=1e-11)


def test_antithetic_draws_have_mean_and_covariance_exactly() -> None:
    rows = neurons(60)
    law = Gaussian().fit(rows, BLOCKS)
    drawn = law.draw(2 * law.rank, draw="antithetic", generator=generator())
    torch.testing.assert_close(drawn.mean(0), rows.mean(0), rtol=0, atol=1e-12)
    torch.testing.assert_close(covariance(drawn), covariance(rows), rtol=0, atol=1e-11)


def test_many_draws_have_the_covariance_on_average() -> None:
    rows = neurons(60)
    drawn = Gaussian().fit(rows, BLOCKS).draw(100_000, generator=generator())
    assert torch.linalg.matrix_norm(covariance(drawn) - covariance(rows), 2) < 0.02 * covariance(rows).trace()


def test_coordinates_of_the_neurons_are_white() -> None:
    law = Gaussian().fit(neurons(60), BLOCKS)
    white = law.coordinates.T @ law.coordinates / 60
    torch.testing.assert_close(white, torch.eye(18, dtype=torch.float64), rtol=0, atol=1e-12)


@pytest.mark.parametrize("rank", [1, 5, 18])
def test_a_rank_keeps_the_leading_directions(rank: int) -> None:
    rows = neurons(60)
    law = Gaussian(rank=rank).fit(rows, BLOCKS)
    values, vectors = torch.linalg.eigh(covariance(rows))
    leading = vectors[:, -rank:]
    torch.testing.assert_close(law.factor.T @ law.factor, leading * values[-rank:] @ leading.T, rtol=0, atol=1e-11)
    centred = rows - rows.mean(0)
    torch.testing.assert_close(law.neurons(), rows.mean(0) + centred @ leading @ leading.T, rtol=0, atol=1e-11)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999, 1.0])
def test_a_share_of_energy_is_the_least_rank_that_holds_it(share: float) -> None:
    rows = neurons(60)
    rank = Gaussian(rank=share).fit(rows, BLOCKS).rank
    energy = torch.linalg.eigvalsh(covariance(rows)).flip(0).cumsum(0) / covariance(rows).trace()
    assert energy[rank - 1] >= share - 1e-12
    assert rank == 1 or energy[rank - 2] < share


def test_a_rank_above_what_there_is_takes_all_with_a_warning() -> None:
    with pytest.warns(
        RainbowWarning, match=r"population 'first': 10 neurons of 18 numbers have 9 directions, .* rank=19"
    ):
        law = Gaussian(rank=19).fit(neurons(10), BLOCKS, name="first")
    full = Gaussian().fit(neurons(10), BLOCKS)
    torch.testing.assert_close(law.factor, full.factor, rtol=0, atol=0)


def test_a_rank_where_no_spike_rises_leaves_the_bulk_with_a_warning() -> None:
    rows = torch.randn(200, 100, dtype=torch.float64, generator=generator())
    with pytest.warns(RainbowWarning, match="weight: the spikes of 200 neurons have 0 directions"):
        law = Gaussian(rank=4, shrinkage="spiked", noise=2.0, bulk=True).fit(rows, [Block("weight", (100,))])
    assert law.rank == 0
    assert law.draw(20_000, generator=generator()).var().item() == pytest.approx(2.0, rel=0.02)


def test_a_population_that_does_not_vary_has_a_law_at_any_rank() -> None:
    with pytest.warns(RainbowWarning, match="have 0 directions"):
        law = Gaussian(rank=1).fit(torch.ones(5, 18), BLOCKS)
    assert torch.equal(law.draw(3, generator=generator()), torch.ones(3, 18, dtype=torch.float64))


@pytest.mark.parametrize("noise", ["bulk", 0.2])
def test_shrinkage_finds_the_planted_spike_and_drops_the_noise(noise: float | str) -> None:
    rows, u = spiked(800, 200, spike=12.0, noise=0.2)
    law = Gaussian(shrinkage="spiked", noise=noise).fit(rows, [Block("weight", (200,))])
    assert law.factor[0].square().sum().item() == pytest.approx(12.0, rel=0.15)
    assert law.factor[1:].square().sum() < 0.1
    assert (law.factor[0] @ u).abs() / law.factor[0].norm() > 0.99


def test_blocks_are_measured_in_units_of_their_own_noise() -> None:
    rows, _ = spiked(800, 200, spike=12.0, noise=0.2)
    blocks = [Block("a", (100,)), Block("b", (100,))]
    scales = torch.cat([torch.ones(100), 1e3 * torch.ones(100)])
    plain, scaled = (Gaussian(shrinkage="spiked").fit(r, blocks) for r in (rows, rows * scales))
    torch.testing.assert_close(
        scaled.factor.T @ scaled.factor, (plain.factor * scales).T @ (plain.factor * scales), rtol=1e-8, atol=1e-8
    )


@pytest.mark.parametrize("draw", ["gaussian", "antithetic"])
def test_bulk_adds_the_noise_on_the_complement_of_the_spikes(draw: str) -> None:
    rows, u = spiked(800, 40, spike=12.0, noise=0.2)
    law = Gaussian(shrinkage="spiked", noise=0.2, bulk=True, rank=1).fit(rows, [Block("weight", (40,))])
    drawn = law.draw(100_000, draw=draw, generator=generator())
    v = law.factor[0] / law.factor[0].norm()
    spike = law.factor[0].square().sum()
    expected = spike * torch.outer(v, v) + 0.2 * (torch.eye(40) - torch.outer(v, v))
    assert (covariance(drawn) - expected).abs().max() < 0.02
    assert (v @ u).abs() > 0.99


def test_antithetic_noise_cancels_too() -> None:
    rows, _ = spiked(800, 40, spike=12.0, noise=0.2)
    law = Gaussian(shrinkage="spiked", bulk=True).fit(rows, [Block("weight", (40,))])
    drawn = law.draw(64, draw="antithetic", generator=generator())
    torch.testing.assert_close(drawn.mean(0), rows.mean(0), rtol=0, atol=1e-13)


def test_parameters_of_one_number_keep_their_variance_under_shrinkage() -> None:
    rows, _ = spiked(800, 200, spike=12.0, noise=0.2)
    bias = 3 * torch.randn(800, 1, dtype=torch.float64, generator=generator(5)) + rows @ torch.ones(200, 1).double() / 9
    law = Gaussian(shrinkage="spiked").fit(torch.cat([rows, bias], 1), [Block("weight", (200,)), Block("bias", ())])
    variance = (law.factor[:, -1]).square().sum().item()
    assert variance == pytest.approx(bias.var(correction=0).item(), rel=1e-9)
    torch.testing.assert_close(law.neurons()[:, -1:], bias, rtol=0, atol=1e-9)


def test_without_spikes_a_law_is_of_the_mean_and_the_noise_and_says_so() -> None:
    rows = torch.randn(200, 100, dtype=torch.float64, generator=generator())
    with pytest.warns(RainbowWarning, match=r"^weight: no direction of its 200 neurons rises above the noise"):
        law = Gaussian(shrinkage="spiked", noise=2.0).fit(rows, [Block("weight", (100,))])
    assert law.rank == 0
    assert law.draw(20_000, generator=generator()).var().item() == pytest.approx(2.0, rel=0.02)


def test_a_rank_where_there_are_no_spikes_takes_none() -> None:
    rows = torch.randn(200, 100, dtype=torch.float64, generator=generator())
    with pytest.warns(RainbowWarning, match="no direction"):
        law = Gaussian(shrinkage="spiked", noise=2.0, rank=8).fit(rows, [Block("weight", (100,))])
    again = FittedLaw.from_tensors(Gaussian(shrinkage="spiked", noise=2.0, rank=8), law.blocks, law.tensors())
    drawn = [one.draw(8, draw="orthogonal", generator=generator()) for one in (law, again)]
    torch.testing.assert_close(*drawn, rtol=0, atol=0)
    assert bool(drawn[0].any())


def test_a_single_neuron_is_its_own_law() -> None:
    rows = neurons(1)
    drawn = Gaussian().fit(rows, BLOCKS).draw(3, draw="orthogonal", generator=generator())
    torch.testing.assert_close(drawn, rows.expand(3, -1))


def test_wide_rows_never_meet_a_square_matrix() -> None:
    rows = torch.randn(8, 60_000, dtype=torch.float64, generator=generator())
    law = Gaussian().fit(rows, [Block("weight", (60_000,))])
    assert law.factor.shape == (7, 60_000)
    torch.testing.assert_close(law.neurons(), rows, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("n", "spike"), [(100, 3.0), (3000, 0.1)])
def test_spikes_are_the_shrunk_eigenvalues_exactly_on_the_sample_eigenvectors(n: int, spike: float) -> None:
    rows, _ = spiked(n, 60, spike=spike, noise=0.2)
    law = Gaussian(mean=False, shrinkage="spiked", noise=0.2).fit(rows, [Block("weight", (60,))])
    values, vectors = torch.linalg.eigh(rows.T @ rows / n)
    learned = shrink_spiked(values, 60 / n, 0.2)
    assert 0 < int((learned > 0).sum()) < 10
    torch.testing.assert_close(law.factor.T @ law.factor, vectors * learned @ vectors.T, rtol=0, atol=1e-10)
