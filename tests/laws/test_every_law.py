"""What every law keeps: reference neurons, files, seeds, shapes and energies."""

import json
from dataclasses import replace

import pytest
import torch

from laws.populations import BLOCKS, generator, neurons
from rainbownet.errors import LawError
from rainbownet.laws import DRAWS, LAWS, Block, FittedLaw, Gaussian, Kronecker, Law, Mixture, Smoothed, White, from_dict

LAWS_TRIED = [
    Gaussian(),
    Gaussian(mean=False),
    Gaussian(rank=5),
    Gaussian(shrinkage="spiked", noise=0.01),
    Gaussian(shrinkage="spiked", noise=0.01, bulk=True),
    Smoothed(),
    Smoothed(h=0.3, base=Gaussian(rank=0.5)),
    Smoothed(base=Kronecker()),
    White(),
    Mixture(k=2),
    Kronecker(),
    Kronecker(mean=False, iterations=3),
]
EXACT = [law for law in LAWS_TRIED if law not in (Gaussian(rank=5), *LAWS_TRIED[3:5])]
each_law = pytest.mark.parametrize("law", LAWS_TRIED, ids=repr)


def test_every_registered_law_is_tried_here() -> None:
    assert {law.name for law in LAWS_TRIED} == set(LAWS)


@each_law
def test_options_survive_json(law: Law) -> None:
    assert from_dict(json.loads(json.dumps(law.to_dict()))) == law


@pytest.mark.parametrize("law", EXACT, ids=repr)
def test_the_identity_draw_gives_the_reference_networks_neurons_back(law: Law) -> None:
    rows = neurons(60)
    found = law.fit(rows, BLOCKS, reference=20).draw(20, draw="identity")
    torch.testing.assert_close(found, rows[:20], rtol=0, atol=1e-11)


@each_law
def test_a_law_survives_its_tensors(law: Law) -> None:
    fitted = law.fit(neurons(60), BLOCKS, reference=20)
    tensors = {name: value.clone() for name, value in fitted.tensors().items()}
    again = FittedLaw.from_tensors(from_dict(law.to_dict()), BLOCKS, tensors)
    assert type(again) is type(fitted)
    assert again.rank == fitted.rank
    assert again.blocks == tuple(BLOCKS)
    for draw in DRAWS:
        a, b = (one.draw(7, draw=draw, generator=generator()) for one in (fitted, again))
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    torch.testing.assert_close(again.neurons(), fitted.neurons(), rtol=0, atol=0)
    torch.testing.assert_close(again.mean, fitted.mean, rtol=0, atol=0)


@each_law
def test_a_tensor_missing_from_a_file_is_named(law: Law) -> None:
    tensors = law.fit(neurons(60), BLOCKS).tensors()
    for name in tensors:
        with pytest.raises(LawError, match=name.removeprefix("base.")):
            FittedLaw.from_tensors(law, BLOCKS, {k: v for k, v in tensors.items() if k != name})


@each_law
@pytest.mark.parametrize("draw", DRAWS)
def test_a_seed_says_it_all(law: Law, draw: str) -> None:
    fitted = law.fit(neurons(60), BLOCKS)
    first, again, other = (fitted.draw(9, draw=draw, generator=generator(seed)) for seed in (1, 1, 2))
    assert first.shape == (9, 18)
    assert first.dtype == torch.float64
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@each_law
@pytest.mark.parametrize("draw", DRAWS)
def test_drawn_neurons_have_the_mean_of_the_law(law: Law, draw: str) -> None:
    fitted = law.fit(neurons(60), BLOCKS)
    drawn = fitted.draw(6_000, draw=draw, generator=generator())
    deviation = drawn.std(0)
    assert ((drawn.mean(0) - fitted.mean).abs() <= 5 * deviation / 6_000**0.5 + 1e-12).all()


@pytest.mark.parametrize("law", [Gaussian(), Gaussian(mean=False), Smoothed(), White(), Mixture(k=2), Kronecker()])
def test_drawn_neurons_have_the_energy_of_every_block(law: Law) -> None:
    rows = neurons(60)
    drawn = law.fit(rows, BLOCKS).draw(40_000, generator=generator())
    for columns in (slice(0, 12), slice(12, 16), slice(16, 17), slice(17, 18)):
        energy = drawn[:, columns].square().mean().item()
        assert energy == pytest.approx(rows[:, columns].square().mean().item(), rel=0.04)


@each_law
def test_float32_rows_are_fitted_in_float64(law: Law) -> None:
    rows = neurons(60).float()
    fitted = law.fit(rows, BLOCKS)
    torch.testing.assert_close(fitted.neurons(), law.fit(rows.double(), BLOCKS).neurons(), rtol=0, atol=0)


@each_law
def test_dead_columns_stay_dead(law: Law) -> None:
    rows, dead = neurons(60), [0, 1, 2, 3, 13, 16]
    rows[:, dead] = 0.0
    drawn = law.fit(rows, BLOCKS).draw(50, generator=generator())
    spread = isinstance(law, White) or (isinstance(law, Gaussian) and law.bulk)
    assert torch.isfinite(drawn).all()
    assert drawn[:, [16] if spread else dead].abs().max() < 1e-10


@each_law
@pytest.mark.parametrize(
    ("rows", "blocks", "reference", "message"),
    [
        (torch.ones(5, 17), BLOCKS, None, "rows have 17 columns, but the blocks conv.weight .* make 18"),
        (torch.ones(0, 18), BLOCKS, None, "at least one neuron"),
        (torch.ones(5, 18, dtype=torch.complex64), BLOCKS, None, "view them as real"),
        (torch.full((5, 18), float("inf")), BLOCKS, None, "not finite .* conv.weight, fc.weight"),
        (neurons(5), BLOCKS, 6, "between 1 and 5 of the 5 rows, got 6"),
    ],
)
def test_rows_that_make_no_law_are_refused(
    law: Law, rows: torch.Tensor, blocks: list[Block], reference: int | None, message: str
) -> None:
    with pytest.raises(LawError, match=message):
        law.fit(rows, blocks, reference=reference)


@each_law
def test_draws_that_cannot_be_made_are_refused(law: Law) -> None:
    fitted = law.fit(neurons(60), BLOCKS, reference=20)
    with pytest.raises(LawError, match="20 neurons, asked for 40"):
        fitted.draw(40, draw="identity")
    with pytest.raises(LawError, match="generator"):
        fitted.draw(5)
    with pytest.raises(LawError, match="'sobol'"):
        fitted.draw(5, draw="sobol", generator=generator())
    with pytest.raises(LawError, match="n=0"):
        fitted.draw(0, generator=generator())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": "normal"}, "no law is called 'normal'; there are gaussian, kronecker, mixture, smoothed, white"),
        ({"name": "smoothed", "base": {"name": "gaussian", "ranks": 3}}, "law 'gaussian' has no field ranks"),
        ({"name": "smoothed", "h": 1.5}, "between 0 and 1, got 1.5"),
        ({"name": "gaussian", "shrinkage": "ledoit"}, "'none' or 'spiked', got 'ledoit'"),
        ({"name": "gaussian", "noise": -1.0}, "positive variance, got -1.0"),
        ({"name": "gaussian", "bulk": True}, "needs shrinkage='spiked'"),
        ({"name": "mixture", "k": 0}, "k is 'bic' or a number of components ≥ 1, got 0"),
        ({"name": "kronecker", "iterations": 0}, "at least one iteration"),
    ],
)
def test_unknown_options_are_refused(data: dict[str, object], message: str) -> None:
    with pytest.raises(LawError, match=message):
        from_dict(data)


def test_options_can_be_replaced_field_by_field() -> None:
    assert replace(Smoothed(), h=0.1).to_dict() == {"name": "smoothed", "h": 0.1, "base": Gaussian().to_dict()}
