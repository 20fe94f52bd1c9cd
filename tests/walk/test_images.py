"""Alignment images: the same images, in the same halves, whatever they come from; opened once."""

import re
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from rainbownet.data import Images
from rainbownet.errors import DataError, RainbowError, RainbowWarning
from rainbownet.walk import AlignmentImages

X = torch.arange(12.0).reshape(6, 2)
Y = torch.arange(6)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(1, 12), st.integers(0, 5), st.data())
def test_every_image_comes_once_and_is_held_out_by_its_number(batches, size, every, data):
    every = 0 if every == 1 else every
    total = sum(batches)
    limit = data.draw(st.one_of(st.none(), st.integers(1, total)))
    images = 1.0 + torch.arange(total)[:, None].expand(-1, 2)
    loader = [(x, x[:, 0].long()) for x in images.split(batches)]
    taken = AlignmentImages(loader, max_images=limit)
    found = list(taken.chunks(size, limit=taken.limit([], total), every=every))
    expected = total if limit is None else limit
    numbers = torch.cat([chunk.inputs[:, 0] for chunk in found])
    assert sorted(numbers.tolist()) == list(range(1, expected + 1))
    assert torch.equal(torch.cat(taken.targets), numbers.long())
    assert taken.images == expected
    assert [len(c.inputs) for c in found[:-1]] == [size] * (len(found) - 1)
    assert [c.index for c in found] == list(range(len(found)))
    for chunk in found:
        held = chunk.inputs[chunk.fitted :, 0] - 1
        fitted = chunk.inputs[: chunk.fitted, 0] - 1
        assert all(every and n % every == every - 1 for n in held.tolist())
        assert not any(every and n % every == every - 1 for n in fitted.tolist())


def inputs_of(loader, **options) -> torch.Tensor:
    return torch.cat([chunk.inputs for chunk in AlignmentImages(loader, **options).chunks(4)])


class Stream(IterableDataset):
    def __iter__(self):
        yield from zip(X, Y, strict=True)


LOADERS = {
    "list": [(X[:4], Y[:4]), (X[4:], Y[4:])],
    "lists": [[X[:4], Y[:4]], [X[4:], Y[4:]]],
    "inputs alone": [X[:4], X[4:]],
    "generator": (x for x in X.split(4)),
    "iterator": iter([X[:4], X[4:]]),
    "tensor": X,
    "array": X.numpy(),
    "arrays": [(X.numpy()[:4], Y.numpy()[:4]), (X.numpy()[4:], Y.numpy()[4:])],
    "loader": DataLoader(TensorDataset(X, Y), batch_size=4),
    "stream": Stream(),
    "empty batches": [X[:0], X[:4], X[:0], X[4:], X[:0]],
}


@pytest.mark.parametrize("name", LOADERS)
def test_no_image_is_lost_whatever_they_come_from(name):
    assert torch.equal(inputs_of(LOADERS[name]), X)


def test_a_data_set_is_read_in_a_fixed_random_order():
    order = torch.randperm(6, generator=torch.Generator().manual_seed(0))
    pixels = torch.arange(6, dtype=torch.uint8)[:, None, None, None]
    images = Images(pixels, Y, tuple("abcdef"), "letters", (0.5,), (0.25,))
    assert torch.equal(inputs_of(TensorDataset(X, Y)), X[order])
    assert torch.equal(inputs_of(images), images.normalise(pixels)[order])
    taken = AlignmentImages(images)
    list(taken.chunks(4))
    assert torch.equal(torch.cat(taken.targets), order)


@pytest.mark.parametrize(
    ("inputs", "targets"),
    [("x", False), (("x", "y"), True), (lambda b: b["x"], False), (lambda b: (b["x"], b["y"]), True)],
)
def test_dictionaries_are_read_by_key_or_function(inputs, targets):
    taken = AlignmentImages([{"y": Y, "x": X}], inputs=inputs)
    (chunk,) = taken.chunks(6)
    assert torch.equal(chunk.inputs, X)
    assert targets == (taken.targets[0] is not None)


def test_a_loader_is_opened_once_for_its_example_and_the_first_pass():
    class Counted:
        opened = 0

        def __iter__(self):
            self.opened += 1
            return iter([X])

    loader = Counted()
    taken = AlignmentImages(loader)
    assert torch.equal(taken.example, X)
    list(taken.chunks(4))
    assert loader.opened == 1
    assert sum(len(chunk.inputs) for chunk in taken.chunks(4)) == 6
    assert loader.opened == 2


def test_an_iterator_is_read_once_and_refused_where_it_would_be_read_again():
    taken = AlignmentImages(iter([X]))
    taken.check_passes(1, "a walk")
    with pytest.raises(DataError, match=r"gives its images once, and a path reads them more than once; .*list\("):
        taken.check_passes(2, "a path")
    list(taken.chunks(4))
    with pytest.raises(DataError, match="gives its images once, and they were read; make it anew"):
        list(taken.chunks(4))


def test_loaders_without_targets_have_none():
    taken = AlignmentImages([X])
    list(taken.chunks(6))
    assert taken.targets == [None]


def test_too_few_images_are_an_error_only_when_the_number_was_asked_for():
    assert len(list(AlignmentImages([X]).chunks(6, limit=9))) == 1
    with pytest.raises(DataError, match="ended after 6 images, 9 were asked for"):
        list(AlignmentImages([X], max_images=9).chunks(6, limit=9))


def test_nothing_is_read_beyond_the_limit():
    read = 0

    def endless():
        nonlocal read
        while True:
            read += 5
            yield torch.ones(5, 2)

    assert sum(len(c.inputs) for c in AlignmentImages(endless()).chunks(4, limit=12)) == 12
    assert read == 15


def test_what_was_seen_is_told_after_each_chunk():
    seen = []
    list(AlignmentImages(X.split(2)).chunks(2, limit=5, seen=lambda *s: seen.append(s)))
    assert seen == [(2, 5), (4, 5), (5, 5)]


BAD = [
    ([], {}, "it yields no images"),
    (iter(()), {}, "it yields no images"),
    ([X[:0]], {}, "it yields no images"),
    (TensorDataset(X[:0]), {}, "it yields no images"),
    (torch.empty(0, 2), {}, "it yields no images"),
    ("images", {}, "a data set; got a str"),
    ({"x": X}, {}, "a data set; got a dict"),
    (3, {}, "a data set; got a int"),
    (None, {}, "a data set; got a NoneType"),
    (X[0], {}, r"got shape \(2,\)"),
    ([{"x": "a"}], {}, r"dictionary of \['x'\] without a tensor.*AlignmentImages\(loader, inputs=key\)"),
    (
        [{"x": X, "z": X[:3]}],
        {},
        r"tensors of one first axis, of inputs, are needed; their lengths are \{'x': 6",
    ),
    ([{"x": X, "z": X}, {"x": X}], {}, r"inputs of shape \{'x': \(2,\)\} and dtype .* after some of shape"),
    ([{"x": X}], {"inputs": "z"}, r"inputs: a batch has no 'z'; its keys are \['x'\]"),
    ([X], {"inputs": "x"}, "inputs: 'x' names keys, but a batch is a Tensor"),
    ([X], {"inputs": lambda b: 3}, "got int"),
    ([(1, 2)], {}, "got tuple of int"),
    ([()], {}, "got tuple"),
    ([torch.tensor(1.0)], {}, "got a number"),
    ([np.array(["a"])], {}, "array of dtype <U1 cannot be made a tensor"),
    ([(X, Y[:3])], {}, r"6 inputs, but targets of shape \(3,\)"),
    ([torch.full((2, 2), torch.nan)], {}, "NaN or infinite"),
    ([torch.full((2, 2), complex(0, torch.inf))], {}, "NaN or infinite"),
    ([X, X[:, :1]], {}, r"shape \(1,\) and dtype torch.float32 after some of shape \(2,\)"),
    ([X, X.double()], {}, r"dtype torch.float64 after some of .* torch.float32"),
    ([X], {"max_images": 0}, "max_images is 0; it must be at least 1"),
    ([X], {"max_images": -1}, "max_images is -1; it must be at least 1"),
    ([X], {"max_images": True}, "max_images is True; a whole number, at least 1, is needed"),
    ([X], {"holdout": 0.6}, "holdout is 0.6; it must be at least 0 and at most 0.5"),
    ([X], {"holdout": -0.1}, "holdout is -0.1; it must be"),
    ([X], {"holdout": float("nan")}, "holdout is nan; it must be"),
    ([X], {"budget": 0}, "budget: expected a positive number of bytes such as 2GiB or 500MB, got 0"),
    ([X], {"budget": "much"}, "budget: .* got 'much'"),
    ([X], {"budget": "-2GiB"}, "budget: .* got '-2GiB'"),
    ([X], {"device": "nope"}, "device is 'nope', which PyTorch does not know"),
]


@pytest.mark.parametrize(("loader", "options", "words"), BAD, ids=[words for _, _, words in BAD])
def test_what_has_no_meaning_is_refused_in_one_line(loader, options, words):
    with pytest.raises(RainbowError, match=words) as caught:
        inputs_of(loader, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_named():
    with pytest.raises(RainbowError, match="device is 'cuda', which is not there"):
        AlignmentImages([X], device="cuda")


def test_images_of_zeros_are_warned_of():
    with pytest.warns(RainbowWarning, match="all 3 images are zero"):
        inputs_of([torch.zeros(3, 2)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        inputs_of([torch.zeros(3, 2), X])


def test_a_budget_has_units_and_the_device_is_that_asked_for():
    assert AlignmentImages([X], budget="2GiB").budget == 2 << 30
    assert AlignmentImages([X], device="cpu").example.device.type == "cpu"
    with pytest.raises(RainbowError, match="device is 'meta', where tensors hold no numbers"):
        AlignmentImages([X], device="meta")


def test_images_with_options_of_their_own_take_no_others():
    taken = AlignmentImages([X], holdout=0.2)
    assert AlignmentImages.of(taken) is taken
    for option, value in {"max_images": 3, "budget": 1, "device": "cpu"}.items():
        with pytest.raises(RainbowError, match=re.escape(f"say {option}= there")):
            AlignmentImages.of(taken, **{option: value})


def test_a_shuffled_loader_gives_every_image_once():
    loader = DataLoader(TensorDataset(X, Y), batch_size=4, shuffle=True)
    assert sorted(inputs_of(loader)[:, 0].tolist()) == X[:, 0].tolist()
