"""What every law keeps: reference neurons, files, seeds, shapes and energies."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from laws.populations import BLOCKS, generator, neurons
from rainbownet.checks import real, whole
from rainbownet.errors import LawError
from rainbownet.laws import DRAWS, LAWS, Block, FittedLaw, Gaussian, Kronecker, Law, Mixture, Smoothed, White, from_dict
from rainbownet.laws.factor import check_rank

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
def test_tensors_of_a_file_that_do_not_fit_are_refused_by_name(law: Law) -> None:
    tensors = law.fit(neurons(60), BLOCKS, reference=20).tensors()
    for name, value in tensors.items():
        wrong = {"a column more": torch.cat([value, value[..., :1]], -1) if value.dim() else value[None]}
        wrong["one axis more"] = value[None]
        if value.is_floating_point() and value.numel():
            wrong["NaN"] = value * float("nan")
        for what, bad in wrong.items():
            with pytest.raises(LawError, match=name.removeprefix("base.").split(".")[0]):
                raise_if_restored(law, {**tensors, name: bad}, f"{name} with {what}")


def raise_if_restored(law: Law, tensors: dict[str, torch.Tensor], what: str) -> None:
    FittedLaw.from_tensors(law, BLOCKS, tensors)
    pytest.fail(f"accepted {what}")


@pytest.mark.parametrize(
    ("law", "name", "value"),
    [
        (Smoothed(), "reference", torch.tensor(61)),
        (Smoothed(), "reference", torch.tensor(0)),
        (Mixture(k=2), "weights", torch.tensor([0.0, 0.0])),
        (Mixture(k=2), "weights", torch.tensor([1.5, -0.5])),
        (Mixture(k=2), "weights", torch.zeros(0)),
    ],
)
def test_numbers_of_a_file_that_have_no_meaning_are_refused(law: Law, name: str, value: torch.Tensor) -> None:
    tensors = law.fit(neurons(60), BLOCKS, reference=20).tensors()
    with pytest.raises(LawError, match=f"tensor '{name}' is"):
        FittedLaw.from_tensors(law, BLOCKS, {**tensors, name: value})


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
        ({"name": "smoothed", "h": 1.5}, "^h is 1.5; it must be at least 0 and at most 1"),
        ({"name": "smoothed", "h": float("nan")}, "^h is nan; .*at most 1"),
        ({"name": "gaussian", "rank": 0}, "^rank is 0; it must be None, .*or at least 1"),
        ({"name": "gaussian", "rank": 1.5}, "^rank is 1.5; it must be None, .*of the energy, above 0 and at most 1"),
        ({"name": "gaussian", "rank": float("nan")}, "^rank is nan; "),
        ({"name": "gaussian", "shrinkage": "ledoit"}, "^shrinkage: .*'none' or 'spiked', got 'ledoit'"),
        ({"name": "gaussian", "noise": -1.0}, "^noise is -1.0; it must be 'bulk', or above 0"),
        ({"name": "gaussian", "noise": float("inf")}, "^noise is inf; .*above 0"),
        ({"name": "gaussian", "bulk": True}, "^bulk: .*needs shrinkage='spiked'"),
        ({"name": "mixture", "k": 0}, "^k is 0; it must be 'bic', 'held-out', or at least 1"),
        ({"name": "mixture", "rank": -1}, "^rank is -1; "),
        ({"name": "mixture", "coordinates": 0}, "^coordinates is 0; it must be at least 1"),
        ({"name": "mixture", "seed": -1}, "^seed is -1; it must be at least 0"),
        ({"name": "kronecker", "iterations": 0}, "^iterations is 0; it must be at least 1"),
    ],
)
def test_unknown_options_are_refused(data: dict[str, object], message: str) -> None:
    with pytest.raises(LawError, match=message):
        from_dict(data)


WRONG_TYPES = [
    ({"name": "smoothed", "h": "x"}, "^h is 'x'; a number at least 0 and at most 1 is needed"),
    ({"name": "smoothed", "h": None}, "^h is None; a number"),
    ({"name": "smoothed", "base": "gaussian"}, "^base: expected a law, .* got 'gaussian'"),
    ({"name": "gaussian", "rank": 32.0}, "^rank is 32.0; "),
    ({"name": "gaussian", "rank": True}, "^rank is True; "),
    ({"name": "gaussian", "rank": "all"}, "^rank is 'all'; "),
    ({"name": "gaussian", "mean": "no"}, "^mean is 'no'; True or False is needed"),
    ({"name": "gaussian", "bulk": 1}, "^bulk is 1; True or False is needed"),
    ({"name": "gaussian", "noise": 0}, "^noise is 0; it must be 'bulk', or above 0"),
    ({"name": "gaussian", "noise": "loud"}, "^noise is 'loud'; 'bulk', or a number above 0 is needed"),
    ({"name": "mixture", "k": 1.5}, "^k is 1.5; 'bic', 'held-out', or a whole number, at least 1, is needed"),
    ({"name": "mixture", "k": "aic"}, "^k is 'aic'; "),
    ({"name": "mixture", "max_k": 2.5}, "^max_k is 2.5; "),
    ({"name": "kronecker", "iterations": 2.0}, "^iterations is 2.0; "),
    ({"name": "kronecker", "mean": 0}, "^mean is 0; True or False"),
]


def test_options_of_another_type_are_refused_by_name() -> None:
    """In a process of its own: here, where types are checked at every call, they do not get as far."""
    data = [options for options, _ in WRONG_TYPES]
    code = """if True:
        import json, sys
        from rainbownet.errors import LawError
        from rainbownet.laws import from_dict
        for data in json.load(sys.stdin):
            try:
                print("accepted", from_dict(data))
            except LawError as error:
                print(error)
    """
    run = subprocess.run([sys.executable, "-c", code], input=json.dumps(data), capture_output=True, text=True)
    seen = run.stdout.splitlines()
    assert len(seen) == len(data), run.stderr
    for line, (_, message) in zip(seen, WRONG_TYPES, strict=True):
        assert re.search(message, line), (line, message)


def test_options_can_be_replaced_field_by_field() -> None:
    assert replace(Smoothed(), h=0.1).to_dict() == {"name": "smoothed", "h": 0.1, "base": Gaussian().to_dict()}


def test_numbers_of_numpy_become_pythons_own() -> None:
    found = [
        check_rank(np.int64(3)),
        check_rank(np.float64(0.5)),
        whole("k", np.int32(2), least=1),
        real("h", np.float32(0.5), least=0, most=1),
    ]
    assert json.dumps(found) == "[3, 0.5, 2, 0.5]"


def test_a_refusal_names_the_population() -> None:
    with pytest.raises(LawError, match="population 'first': a mixture of 5"):
        Mixture(k=5).fit(neurons(4), BLOCKS, name="first")


@pytest.mark.parametrize("law", [Smoothed(), Mixture(k=2)], ids=repr)
def test_a_law_that_is_not_gaussian_has_no_factor(law: Law) -> None:
    with pytest.raises(LawError, match=f"^law: neurons are not Gaussian under {type(law).__name__}, .*Kronecker"):
        law.fit(neurons(60), BLOCKS).mean_and_factor()
