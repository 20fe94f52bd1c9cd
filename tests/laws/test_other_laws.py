"""The smoothed, white, mixture and Kronecker laws, each by what defines it."""

import pytest
import torch

from laws.populations import BLOCKS, covariance, generator, neurons
from rainbownet.errors import LawError, MissingExtra
from rainbownet.laws import DRAWS, Block, Gaussian, Kronecker, Mixture, Smoothed, White
from rainbownet.laws.kronecker import flip_flop


@pytest.mark.parametrize("h", [0.0, 0.3, 0.8, 1.0])
@pytest.mark.parametrize("draw", DRAWS)
def test_smoothing_keeps_mean_and_covariance(h: float, draw: str) -> None:
    rows = neurons(40)
    drawn = Smoothed(h=h).fit(rows, BLOCKS).draw(60_000, draw=draw, generator=generator())
    total = covariance(rows).trace()
    assert torch.linalg.vector_norm(drawn.mean(0) - rows.mean(0)) < 0.02 * total.sqrt()
    assert torch.linalg.matrix_norm(covariance(drawn) - covariance(rows), 2) < 0.02 * total


def test_without_bandwidth_every_neuron_is_a_trained_one() -> None:
    rows = neurons(12)
    drawn = Smoothed(h=0.0).fit(rows, BLOCKS).draw(50, generator=generator())
    distances = torch.cdist(drawn, rows)
    assert distances.amin(1).max() < 1e-6
    assert len(distances.argmin(1).unique()) > 6


@pytest.mark.parametrize("draw", ["orthogonal", "antithetic"])
def test_structured_draws_use_every_trained_neuron_equally_often(draw: str) -> None:
    rows = neurons(12)
    drawn = Smoothed(h=0.0).fit(rows, BLOCKS).draw(36, draw=draw, generator=generator())
    assert torch.cdist(drawn, rows).argmin(1).bincount().tolist() == [3] * 12


def test_full_bandwidth_is_the_base() -> None:
    rows = neurons(30)
    for base in (Gaussian(), Gaussian(rank=3), White()):
        smoothed = Smoothed(h=1.0, base=base).fit(rows, BLOCKS).draw(9, generator=generator())
        torch.testing.assert_close(smoothed, base.fit(rows, BLOCKS).draw(9, generator=generator()))


def test_white_weights_are_independent_with_the_mean_square_of_their_block() -> None:
    rows = neurons(60)
    drawn = White().fit(rows, BLOCKS).draw(60_000, generator=generator())
    deviation = torch.cat(
        [
            rows[:, :12].square().mean().sqrt().expand(12),
            rows[:, 12:16].square().mean().sqrt().expand(4),
            rows[:, 16:].std(0, correction=0),
        ]
    )
    standard = (drawn - torch.cat([torch.zeros(16), rows[:, 16:].mean(0)])) / deviation
    assert standard.mean(0).abs().max() < 0.02
    assert (covariance(standard) - torch.eye(18)).abs().max() < 0.03


@pytest.mark.parametrize("k", [1, 2, "bic"])
def test_a_mixture_has_mean_and_covariance_of_the_neurons_exactly(k: int | str) -> None:
    rows = neurons(80)
    rows[:40] += 6
    law = Mixture(k=k).fit(rows, BLOCKS)
    torch.testing.assert_close(law.mean, rows.mean(0), rtol=0, atol=1e-12)
    total = sum(
        w * (c.factor.T @ c.factor + torch.outer(c.mean - law.mean, c.mean - law.mean))
        for w, c in zip(law.weights, law.components, strict=True)
    )
    torch.testing.assert_close(total, covariance(rows), rtol=0, atol=1e-11)


def test_a_mixture_of_one_is_the_gaussian() -> None:
    rows = neurons(60)
    mixture, gaussian = Mixture(k=1).fit(rows, BLOCKS), Gaussian().fit(rows, BLOCKS)
    (component,) = mixture.components
    torch.testing.assert_close(component.factor.T @ component.factor, gaussian.factor.T @ gaussian.factor)


def test_bic_finds_the_number_of_separate_kinds() -> None:
    source = generator(4)
    centres = 8 * torch.randn(3, 10, dtype=torch.float64, generator=source)
    rows = centres.repeat(60, 1) + torch.randn(180, 10, dtype=torch.float64, generator=source)
    law = Mixture().fit(rows, [Block("weight", (10,))])
    assert law.weights.tolist() == pytest.approx([1 / 3] * 3, abs=1e-9)
    found = torch.stack([c.mean for c in law.components])
    assert torch.cdist(centres, found).amin(1).max() < 1.0
    drawn = law.draw(90, draw="orthogonal", generator=source)
    assert torch.cdist(drawn, centres).argmin(1).bincount().tolist() == [30] * 3


def test_a_mixture_needs_as_many_neurons_as_components() -> None:
    with pytest.raises(LawError, match="5 components needs as many neurons, got 4"):
        Mixture(k=5).fit(neurons(4), BLOCKS)


def test_a_mixture_without_scikit_learn_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn.mixture", None)
    with pytest.raises(MissingExtra, match=r"rainbownet\[train\]"):
        Mixture(k=2).fit(neurons(20), BLOCKS)


def matrix_normal(n: int, channel: torch.Tensor, space: torch.Tensor) -> torch.Tensor:
    white = torch.randn(n, len(channel), len(space), dtype=torch.float64, generator=generator(7))
    return channel.T @ white @ space


def test_flip_flop_finds_the_factors_of_a_matrix_normal_law() -> None:
    channel = torch.randn(4, 4, dtype=torch.float64, generator=generator(1))
    space = torch.randn(9, 9, dtype=torch.float64, generator=generator(2))
    a, b = flip_flop(matrix_normal(20_000, channel, space), 10)
    expected = torch.kron(channel.T @ channel, space.T @ space)
    found = torch.kron(a.T @ a, b.T @ b)
    assert torch.linalg.matrix_norm(found - expected) < 0.03 * torch.linalg.matrix_norm(expected)


def naive_flip_flop(kernels: torch.Tensor, iterations: int) -> tuple[torch.Tensor, torch.Tensor]:
    n, c, s = kernels.shape
    channel, space = torch.eye(c, dtype=torch.float64), torch.eye(s, dtype=torch.float64)
    for _ in range(iterations):
        channel = torch.stack([x @ space.inverse() @ x.T for x in kernels]).sum(0) / (n * s)
        space = torch.stack([x.T @ channel.inverse() @ x for x in kernels]).sum(0) / (n * c)
    return channel, space


def test_flip_flop_is_the_textbook_iteration_at_the_energy_of_the_kernels() -> None:
    kernels = matrix_normal(50, torch.randn(3, 3, generator=generator(1)).double(), torch.eye(4).double())
    channel, space = naive_flip_flop(kernels, 60)
    a, b = flip_flop(kernels, 60)
    c, s = a.T @ a, b.T @ b
    torch.testing.assert_close(c / c.trace(), channel / channel.trace(), rtol=0, atol=1e-10)
    torch.testing.assert_close(s / s.trace(), space / space.trace(), rtol=0, atol=1e-10)
    assert (c.trace() * s.trace()).item() == pytest.approx(kernels.square().sum().item() / 50, rel=1e-12)


def test_kronecker_draws_have_the_product_covariance_and_independent_blocks() -> None:
    law = Kronecker().fit(neurons(200), BLOCKS)
    drawn = covariance(law.draw(100_000, generator=generator()))
    kernel, vector, scalars = law.parts
    expected = torch.zeros(18, 18, dtype=torch.float64)
    expected[:12, :12] = torch.kron(kernel.channel.T @ kernel.channel, kernel.space.T @ kernel.space)
    expected[12:16, 12:16] = covariance(neurons(200)[:, 12:16])
    expected[16:, 16:] = covariance(neurons(200)[:, 16:])
    torch.testing.assert_close(vector.channel.T @ vector.channel, expected[12:16, 12:16], rtol=0, atol=1e-11)
    torch.testing.assert_close(scalars.channel.T @ scalars.channel, expected[16:, 16:], rtol=0, atol=1e-11)
    assert (drawn - expected).abs().max() < 0.03 * expected.diagonal().max()


def test_fewer_kernels_than_channels_still_make_a_law_on_their_range() -> None:
    rows = torch.randn(2, 20 * 4, dtype=torch.float64, generator=generator())
    law = Kronecker(mean=False).fit(rows, [Block("weight", (20, 2, 2))])
    drawn = law.draw(50, generator=generator()).reshape(50, 20, 4).mT.reshape(-1, 20)
    basis = torch.linalg.qr(rows.reshape(2, 20, 4).permute(1, 0, 2).reshape(20, 8))[0]
    torch.testing.assert_close(drawn @ basis @ basis.T, drawn, rtol=0, atol=1e-10)


def test_the_positions_of_a_kernel_have_mean_variance_one() -> None:
    kernels = 3 * matrix_normal(50, torch.eye(3).double(), 2 * torch.eye(4).double())
    _, space = flip_flop(kernels, 5)
    assert space.square().sum().item() == pytest.approx(4, rel=1e-12)


def test_a_mixture_of_neurons_that_are_all_equal_is_their_copy() -> None:
    rows = torch.arange(18).double().expand(12, -1)
    law = Mixture().fit(rows, BLOCKS)
    assert law.weights.tolist() == [1.0]
    torch.testing.assert_close(law.draw(5, generator=generator()), rows[:5], rtol=0, atol=1e-12)


def separate(kinds: int, each: int, size: int) -> torch.Tensor:
    """Rows around centres far apart."""
    source = generator(4)
    centres = 20 * torch.randn(kinds, size, dtype=torch.float64, generator=source)
    return centres.repeat(each, 1) + torch.randn(kinds * each, size, dtype=torch.float64, generator=source)


@pytest.mark.parametrize(("kinds", "max_k", "found"), [(1, 4, 1), (3, 1, 1), (3, 2, 2), (3, 3, 3), (3, 5, 3)])
def test_bic_tries_every_number_up_to_the_largest(kinds: int, max_k: int, found: int) -> None:
    law = Mixture(max_k=max_k).fit(separate(kinds, 60, 4), [Block("weight", (4,))])
    assert len(law.components) == found


@pytest.mark.parametrize("kinds", [1, 3])
def test_the_likelihood_of_neurons_left_out_finds_the_number_of_kinds(kinds: int) -> None:
    rows = separate(kinds, 60, 4)[torch.randperm(60 * kinds, generator=generator(1))]
    law = Mixture(k="held-out", max_k=4).fit(rows, [Block("weight", (4,))])
    assert len(law.components) == kinds


def test_of_neurons_too_few_to_leave_any_out_one_kind_is_made() -> None:
    law = Mixture(k="held-out").fit(separate(2, 1, 4), [Block("weight", (4,))])
    assert len(law.components) == 1


def test_bic_tries_no_more_components_than_neurons_can_tell_apart() -> None:
    """Four rows of two coordinates: a third component would have more numbers in its covariance than there are."""
    rows = torch.tensor([[0.0, 0.0], [0.0, 1e-3], [100.0, 0.0], [0.0, 100.0]]).double()
    assert len(Mixture().fit(rows, [Block("weight", (2,))]).components) <= 2
