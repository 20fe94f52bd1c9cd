"""Streams: the batches of images in memory, read when they are due."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from data.streamed import write_pictures
from rainbownet.data import IMAGENET, load, loader, stream
from rainbownet.data.crop import random_crop
from rainbownet.errors import DataError
from rainbownet.training import Recipe, run, train

PIL = pytest.importorskip("PIL.Image")
pytest.importorskip("datasets")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_pictures(tmp_path_factory.mktemp("stream") / "pictures")


def joined(batches):
    inputs, targets = zip(*batches, strict=True)
    return torch.cat(inputs), torch.cat(targets)


def test_a_stream_gives_the_pictures_of_the_data_set_in_memory(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("RAINBOWNET_CACHE", str(tmp_path))
    inputs, targets = joined(loader(stream(folder, split="validation", size=16), batch_size=7))
    images = load(folder, split="validation", size=16, **IMAGENET)
    assert torch.equal(inputs, images.normalise(images.inputs))
    assert torch.equal(targets, images.targets)


def test_a_pass_is_fixed_by_seed_and_epoch(folder):
    batches = loader(stream(folder, size=8), batch_size=32, shuffle=True, augment="imagenet", seed=3)
    first, again, other = (joined(found) for found in (batches, batches, batches.at(1)))
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[0], other[0])
    assert torch.equal(first[1].sort().values, other[1].sort().values)


def test_processes_share_the_batches_of_one(folder):
    batches = loader(stream(folder, size=8), batch_size=30, shuffle=True, augment="imagenet")
    shares = [list(replace(batches, rank=rank, world=3)) for rank in range(3)]
    for k, (inputs, targets) in enumerate(batches):
        assert torch.equal(torch.cat([share[k][0] for share in shares]), inputs)
        assert torch.equal(torch.cat([share[k][1] for share in shares]), targets)


def test_a_limit_keeps_pictures_of_every_class(folder):
    some = stream(folder, size=8, limit=20)
    assert (len(some), len(loader(some, batch_size=8))) == (20, 3)
    assert set(joined(loader(some))[1].tolist()) == {0, 1, 2, 3}


def test_a_pass_that_is_left_early_can_be_taken_again(folder):
    batches = loader(stream(folder, size=8), batch_size=4)
    first = next(iter(batches))
    assert torch.equal(next(iter(batches))[0], first[0])


@pytest.mark.parametrize(
    ("change", "named"),
    [({"split": "test"}, "test"), ({"limit": 81}, "81"), ({"inputs_column": "x"}, "x"), ({"size": 0}, "size")],
)
def test_what_is_not_there_is_named(folder, change, named):
    with pytest.raises(DataError, match=named):
        stream(folder, **change)


def test_augmentations_of_images_in_memory_are_not_those_of_streams(folder):
    with pytest.raises(DataError, match="imagenet"):
        loader(stream(folder, size=8), augment="cifar")
    with pytest.raises(DataError, match="flip"):
        loader(load("digits"), augment="imagenet")


def test_a_random_crop_is_a_part_of_the_picture():
    # Every pixel says where it is, so that a crop says where it was taken.
    down, across = np.mgrid[0:60, 0:80]
    picture = PIL.fromarray(np.stack([down * 4, across * 3, 0 * down], axis=2).astype(np.uint8))
    generator = np.random.default_rng(0)
    found = [random_crop(picture, 30, generator).astype(float) for _ in range(200)]
    heights = np.array([np.ptp(crop[:, :, 0].mean(1)) / 4 for crop in found])
    widths = np.array([np.ptp(crop[:, :, 1].mean(0)) / 3 for crop in found])
    shares = heights * widths / (60 * 80)
    assert 0.05 < shares.min() < 0.15
    assert 0.8 < shares.max() <= 1
    assert abs(np.log(widths / heights)).max() < np.log(4 / 3) + 0.1
    mirrored = np.mean([crop[0, 0, 1] > crop[0, -1, 1] for crop in found])
    assert 0.4 < mirrored < 0.6


def test_a_crop_of_a_picture_that_no_draw_fits_is_central():
    thin = PIL.fromarray(np.arange(200, dtype=np.uint8)[None, :, None].repeat(3, 2).repeat(2, 0))
    crop = random_crop(thin, 4, np.random.default_rng(0))
    assert crop.mean() == pytest.approx(99.5, abs=1.5)


class Killed(BaseException):
    """Stands for a kill."""


def test_a_network_trained_on_a_stream_goes_on_where_it_was_killed(folder, tmp_path, monkeypatch):
    images, test = stream(folder, size=16), stream(folder, split="validation", size=16)
    recipe = Recipe(epochs=3, lr=0.5, batch_size=16, augment="imagenet", threads=1)

    def trained(out):
        torch.manual_seed(0)
        net = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4))
        return train(net, images, recipe=recipe, out=out, test=test, device="cpu", progress=False)

    def dying(*args):
        if args[4] == 2:
            raise Killed
        return original(*args)

    whole = trained(tmp_path / "whole")
    assert [row["epoch"] for row in whole.rows] == [0, 1, 2, 3]
    assert whole.rows[-1]["test_accuracy"] == 1.0
    original = run.run_epoch
    monkeypatch.setattr(run, "run_epoch", dying)
    with pytest.raises(Killed):
        trained(tmp_path / "killed")
    monkeypatch.setattr(run, "run_epoch", original)
    resumed = trained(tmp_path / "killed").network.state_dict()
    assert all(torch.equal(value, resumed[name]) for name, value in whole.network.state_dict().items())
