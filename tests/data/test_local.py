"""Local data: files of NumPy, and folders of pictures by class."""

import numpy as np
import pytest
import torch

import rainbownet as rn
from rainbownet.data import load
from rainbownet.errors import DataError
from rainbownet.nets import build

PIL = pytest.importorskip("PIL.Image")
GENERATOR = np.random.default_rng(0)
BYTES = GENERATOR.integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)
LABELS = np.array([0, 2, 1, 0, 2, 1])


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RAINBOWNET_CACHE", str(tmp_path / "cache"))


def write_pictures(folder, classes=("cat", "dog"), n=3, suffix="png"):
    for name in classes:
        (folder / name).mkdir(parents=True)
        for k in range(n):
            pixels = np.full((4, 4, 3), 40 * k + len(name), dtype=np.uint8)
            PIL.fromarray(pixels).save(folder / name / f"{k}.{suffix}")


@pytest.mark.parametrize(
    ("images", "shape"),
    [
        (BYTES, (3, 5, 4)),
        (BYTES.transpose(0, 3, 1, 2), (3, 5, 4)),
        (BYTES[..., 0], (1, 5, 4)),
        (BYTES[..., :1], (1, 5, 4)),
    ],
)
def test_a_file_of_numpy_gives_its_pixels_however_they_lie(tmp_path, images, shape):
    np.savez(tmp_path / "a.npz", images=images, labels=LABELS)
    found = load(tmp_path / "a.npz")
    assert found.shape == shape
    assert torch.equal(found.inputs, torch.from_numpy(BYTES.transpose(0, 3, 1, 2))[:, : shape[0]])
    assert found.targets.tolist() == LABELS.tolist()
    assert found.classes == ("0", "1", "2")


def test_floats_of_a_file_of_numpy_stay_as_they_are(tmp_path):
    values = GENERATOR.standard_normal((6, 5, 4))
    np.savez(tmp_path / "a.npz", images=values, labels=LABELS)
    found = load(str(tmp_path / "a.npz"))
    assert torch.equal(found.normalise(found.inputs)[:, 0], torch.from_numpy(values.astype(np.float32)))


def test_a_file_of_numpy_has_splits_of_the_same_classes(tmp_path):
    few = {"test_images": BYTES[:2], "test_labels": np.array([0, 1])}
    np.savez(tmp_path / "a.npz", images=BYTES, labels=LABELS, classes=np.array(["a", "b", "c"]), **few)
    test = load(tmp_path / "a.npz", split="test")
    assert (len(test), test.classes) == (2, ("a", "b", "c"))
    assert len(load(tmp_path / "a.npz")) == 6


def test_a_folder_of_files_of_numpy_is_a_data_set(tmp_path):
    (tmp_path / "set").mkdir()
    np.savez(tmp_path / "set" / "train.npz", images=BYTES, labels=LABELS)
    np.savez(tmp_path / "set" / "test.npz", images=BYTES[:1], labels=LABELS[:1])
    assert len(load(tmp_path / "set")) == 6
    test = load(tmp_path / "set", split="test")
    assert (len(test), test.classes) == (1, ("0", "1", "2"))
    with pytest.raises(DataError, match="no split 'dev'; it has test, train"):
        load(tmp_path / "set", split="dev")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": BYTES}, "no split 'train'.*its arrays are images"),
        ({"labels": LABELS}, "split 'train' has no array 'images'"),
        ({"images": BYTES, "labels": LABELS[:3]}, r"labels are int64 of shape \(3,\); 6 whole numbers"),
        ({"images": BYTES, "labels": LABELS / 2}, "labels are float64"),
        ({"images": BYTES, "labels": LABELS - 1}, "labels begin at -1"),
        ({"images": BYTES.astype(int), "labels": LABELS}, "images are int64; uint8 or floats"),
        ({"images": BYTES[0], "labels": LABELS}, "labels are int64"),
        ({"images": GENERATOR.random((6, 5, 5, 5)), "labels": LABELS}, "last or the second is 1 or 3 channels"),
        ({"images": np.full((6, 2, 2), np.nan), "labels": LABELS}, "NaN or infinite"),
        ({"images": np.array([None]), "labels": LABELS}, "not a readable .npz of numbers"),
        ({"images": BYTES, "labels": LABELS, "classes": np.array(["a"])}, "classes are 1 names, but labels go up to 2"),
    ],
)
def test_an_unfit_file_of_numpy_is_refused_by_what_is_wrong_with_it(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        load(tmp_path / "a.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"not a zip"])
def test_a_damaged_file_of_numpy_is_refused_by_name(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.npz: not a readable"):
        load(tmp_path / "a.npz")


def test_pictures_by_class_are_read_without_a_hub(tmp_path, monkeypatch):
    monkeypatch.setattr("rainbownet.data.hub.open_splits", lambda *_, **__: pytest.fail("datasets was asked"))
    write_pictures(tmp_path / "pets")
    images = load(tmp_path / "pets")
    assert images.classes == ("cat", "dog")
    assert images.targets.tolist() == [0, 0, 0, 1, 1, 1]
    assert images.inputs[:, 0, 0, 0].tolist() == [3, 43, 83, 3, 43, 83]


def test_classes_of_pictures_are_numbered_alike_in_every_split(tmp_path):
    write_pictures(tmp_path / "pets" / "train", ("ant", "bee", "cat"), suffix="bmp")
    write_pictures(tmp_path / "pets" / "test", ("cat",), n=2)
    test = load(tmp_path / "pets", split="test")
    assert test.classes == ("ant", "bee", "cat")
    assert test.targets.tolist() == [2, 2]


def test_two_folders_of_one_name_are_two_data_sets(tmp_path):
    write_pictures(tmp_path / "a" / "png", ("x",), n=2)
    write_pictures(tmp_path / "b" / "png", ("yy",), n=2)
    assert load(tmp_path / "a" / "png").classes == ("x",)
    assert load(tmp_path / "b" / "png").classes == ("yy",)


def test_a_rainbow_remembers_how_its_images_were_normalised(tmp_path):
    images = load("digits", limit=64, mean=[0.3], std=[0.5])
    rainbow = rn.fit(build("digits_mlp", width=0.25), images)
    rainbow.save(tmp_path / "a.rainbow")
    assert rn.load(tmp_path / "a.rainbow").provenance["normalisation"] == {"mean": [0.3], "std": [0.5]}


def test_another_file_is_refused(tmp_path):
    (tmp_path / "data.csv").write_text("1,2")
    with pytest.raises(DataError, match=r"a file; of files, \.npz is read"):
        load(tmp_path / "data.csv")
