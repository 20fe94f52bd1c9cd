"""Images in chunks: the same images, in the same halves, whatever the batches of the loader."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rainbownet.errors import DataError
from rainbownet.walk import ImageChunks, first_inputs


def chunks(loader, **options) -> ImageChunks:
    given = {"size": 4, "limit": None, "exact": False, "every": 0, "like": torch.zeros(1, 2)} | options
    return ImageChunks(loader, **given)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(1, 12), st.integers(0, 5), st.data())
def test_every_image_comes_once_and_is_held_out_by_its_number(batches, size, every, data):
    every = 0 if every == 1 else every
    total = sum(batches)
    limit = data.draw(st.one_of(st.none(), st.integers(1, total)))
    images = torch.arange(total).float()[:, None].expand(-1, 2)
    loader = [(x, x[:, 0].long()) for x in images.split(batches)]
    taken = chunks(loader, size=size, limit=limit, exact=True, every=every)
    found = list(taken)
    expected = total if limit is None else limit
    numbers = torch.cat([chunk.inputs[:, 0] for chunk in found])
    assert sorted(numbers.tolist()) == list(range(expected))
    assert torch.equal(torch.cat(taken.targets), numbers.long())
    assert taken.images == expected
    assert [len(c.inputs) for c in found[:-1]] == [size] * (len(found) - 1)
    assert [c.index for c in found] == list(range(len(found)))
    for chunk in found:
        held = chunk.inputs[chunk.fitted :, 0]
        fitted = chunk.inputs[: chunk.fitted, 0]
        assert all(every and n % every == every - 1 for n in held.tolist())
        assert not any(every and n % every == every - 1 for n in fitted.tolist())


def test_loaders_without_targets_have_none():
    taken = chunks([torch.zeros(3, 2)])
    list(taken)
    assert taken.targets == [None]


def test_too_few_images_are_an_error_only_when_the_number_was_asked_for():
    assert len(list(chunks([torch.zeros(3, 2)], limit=9))) == 1
    with pytest.raises(DataError, match="ended after 3 images, 9 were asked for"):
        list(chunks([torch.zeros(3, 2)], limit=9, exact=True))


def test_nothing_is_read_beyond_the_limit():
    def endless():
        while True:
            yield torch.zeros(5, 2)

    taken = chunks(endless(), limit=12)
    assert sum(len(c.inputs) for c in taken) == 12


def test_values_that_are_not_finite_or_fit_not_are_refused():
    with pytest.raises(DataError, match="NaN or infinite"):
        list(chunks([torch.full((2, 2), torch.nan)]))
    with pytest.raises(DataError, match=r"shape \(3,\)"):
        list(chunks([torch.zeros(2, 3)]))


def test_the_first_inputs_are_those_of_the_first_batch():
    x = torch.randn(3, 2)
    assert torch.equal(first_inputs([(x, torch.zeros(3)), (x + 1, torch.zeros(3))]), x)
    assert first_inputs([x], device="meta").is_meta
