"""Batches: the same for the same seed, complete, shared between processes without loss, augmented as said."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from rainbownet.data import Images, loader
from rainbownet.data.augment import crop_and_flip, draw_augmentation
from rainbownet.errors import DataError


@pytest.fixture
def images() -> Images:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(0, 256, (23, 3, 8, 6), generator=generator, dtype=torch.uint8)
    mean, std = (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)
    return Images(inputs, torch.arange(23), tuple(str(k) for k in range(23)), "noise", mean, std)


def collect(batches) -> tuple[torch.Tensor, torch.Tensor]:
    inputs, targets = zip(*batches, strict=True)
    return torch.cat(inputs), torch.cat(targets)


@pytest.mark.parametrize("augment", [None, "flip", "cifar"])
def test_a_pass_is_a_function_of_seed_and_epoch(images, augment):
    first = loader(images, batch_size=5, shuffle=True, augment=augment, seed=3)
    second = loader(images, batch_size=5, shuffle=True, augment=augment, seed=3)
    for epoch in (0, 1):
        for a, b in zip(collect(first.at(epoch)), collect(second.at(epoch)), strict=True):
            assert torch.equal(a, b)
    assert not torch.equal(collect(first.at(0))[1], collect(first.at(1))[1])
    assert not torch.equal(collect(first)[1], collect(loader(images, batch_size=5, shuffle=True, seed=4))[1])


def test_the_global_random_state_is_neither_read_nor_set(images):
    state = torch.random.get_rng_state()
    collect(loader(images, shuffle=True, augment="cifar"))
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_shuffled_pass_shows_every_image_once(images):
    batches = loader(images, batch_size=5, shuffle=True)
    inputs, targets = collect(batches)
    assert len(list(batches)) == len(batches) == 5
    assert targets.sort().values.tolist() == list(range(23))
    assert torch.equal(inputs, images.normalise(images.inputs)[targets])


def test_bytes_are_scaled_then_normalised(images):
    inputs, _ = collect(loader(images))
    mean, std = (torch.tensor(values)[:, None, None] for values in (images.mean, images.std))
    torch.testing.assert_close(inputs, (images.inputs.float() / 255 - mean) / std)


@pytest.mark.parametrize("world", [1, 2, 3])
def test_processes_share_every_batch_out(images, world):
    whole = loader(images, batch_size=6, shuffle=True, augment="cifar", seed=1)
    parts = [iter(replace(whole, rank=rank, world=world)) for rank in range(world)]
    for inputs, targets in whole:
        pieces = [next(part) for part in parts]
        assert torch.equal(inputs, torch.cat([piece[0] for piece in pieces]))
        assert torch.equal(targets, torch.cat([piece[1] for piece in pieces]))


def test_a_last_batch_that_is_too_small_is_left_out(images):
    batches = loader(images, batch_size=11)
    assert len(batches) == len(list(batches)) == 3
    strict = replace(batches, smallest=2)
    assert len(strict) == len(list(strict)) == 2


def test_crops_and_flips_are_those_of_a_plain_loop(images):
    choices = draw_augmentation(len(images), 4, generator=torch.Generator().manual_seed(5))
    batch = crop_and_flip(images.inputs, choices, 4)
    for image, (top, left, flip), result in zip(images.inputs, choices.tolist(), batch, strict=True):
        padded = functional.pad(image, (4, 4, 4, 4))
        crop = padded[:, top : top + 8, left : left + 6]
        assert torch.equal(crop.flip(-1) if flip else crop, result)


def test_corners_are_uniform_and_half_of_the_images_are_flipped():
    n = 90_000
    choices = draw_augmentation(n, 4, generator=torch.Generator().manual_seed(0))
    expected = n / 9
    for side in (0, 1):
        counts = torch.bincount(choices[:, side], minlength=9).double()
        assert float(((counts - expected) ** 2 / expected).sum()) < 26.1  # 99.9 % quantile of chi-square, 8 d.o.f.
    assert abs(float(choices[:, 2].double().mean()) - 0.5) < 4 * 0.5 / n**0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [({"batch_size": 0}, "at least 1"), ({"augment": "blur"}, "'flip', 'cifar'")],
)
def test_impossible_options_are_refused(images, options, message):
    with pytest.raises(DataError, match=message):
        loader(images, **options)


def test_an_empty_data_set_is_refused(images):
    with pytest.raises(DataError, match="is empty"):
        loader(images.subset([]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": torch.arange(3)}, "23 images but 3 targets"),
        ({"mean": (0.0,)}, "mean has 1 entries for images of 3 channels"),
        ({"std": (1.0, 0.0, 1.0)}, "must be positive"),
        ({"classes": ("a", "b")}, "outside its 2 classes"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(images, changes, message):
    with pytest.raises(DataError, match=message):
        replace(images, **changes)


def test_some_images_are_of_every_class_where_a_data_set_is_stored_class_by_class():
    targets = torch.arange(10).repeat_interleave(50)
    inputs = torch.arange(500).float().view(-1, 1, 1, 1)
    images = Images(inputs, targets, tuple("0123456789"), "sorted", (0.0,), (1.0,))
    some = images.some(200)
    assert (torch.bincount(some.targets, minlength=10) > 5).all()
    assert torch.equal(some.inputs, images.some(200).inputs)
    assert not torch.equal(some.inputs, images.some(200, seed=1).inputs)
    assert len(images.some(1000)) == 500
