"""Data sets: what is loaded, how it is cut down, and what is said when it is not there."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import rainbownet.data.hub as hub
from rainbownet.data import IMAGENET, load, loader
from rainbownet.errors import DataError, MissingExtra
from rainbownet.extras import require

datasets = pytest.importorskip("datasets")
PIL = pytest.importorskip("PIL.Image")


def write_folder(folder: Path, sizes=((6, 4),) * 9, mode: str = "RGB", unlabelled: bool = False) -> np.ndarray:
    """Write a small data set in the Hugging Face layout; return the pixels of its training images."""
    generator = np.random.default_rng(0)
    features = datasets.Features(
        {"img": datasets.Image(), "fine": datasets.ClassLabel(names=["a", "b", "c"]), "year": datasets.Value("int64")}
    )
    pixels = []
    for split in ("test", "train"):
        pixels, encoded = [], []
        for height, width in sizes:
            shape = (height, width, 3) if mode == "RGB" else (height, width)
            pixels.append(generator.integers(0, 256, shape, dtype=np.uint8))
            buffer = io.BytesIO()
            PIL.fromarray(pixels[-1]).save(buffer, "PNG")
            encoded.append({"bytes": buffer.getvalue(), "path": None})
        n = len(sizes)
        labels = [-1] * n if unlabelled else [k % 3 for k in range(n)]
        rows = {"img": encoded, "fine": labels, "year": [2000 + k % 2 for k in range(n)]}
        (folder / "data").mkdir(parents=True, exist_ok=True)
        datasets.Dataset.from_dict(rows, features=features).to_parquet(
            str(folder / "data" / f"{split}-00000-of-00001.parquet")
        )
    return np.stack(pixels) if len(set(sizes)) == 1 else np.zeros(0)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("RAINBOWNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf")
    return tmp_path / "cache"


def test_digits_are_split_once_and_for_all():
    train, test = load("digits"), load("digits", split="test", seed=7)
    assert (len(train), len(test), train.shape) == (1300, 497, (1, 8, 8))
    everything = torch.cat([train.inputs, test.inputs])
    assert float(everything.min()) == 0
    assert float(everything.max()) == 1
    assert (torch.bincount(train.targets) - 130).abs().max() <= 4
    rows = {image.numpy().tobytes() for image in train.inputs}
    assert not any(image.numpy().tobytes() in rows for image in test.inputs)


def test_a_folder_gives_its_pixels_and_labels(tmp_path, cache):
    pixels = write_folder(tmp_path / "pets")
    images = load(str(tmp_path / "pets"))
    assert torch.equal(images.inputs, torch.from_numpy(pixels).permute(0, 3, 1, 2))
    assert images.targets.tolist() == [0, 1, 2] * 3
    assert images.classes == ("a", "b", "c")


def test_the_second_time_nothing_is_decoded(tmp_path, cache, monkeypatch):
    write_folder(tmp_path / "pets")
    first = load(str(tmp_path / "pets"))
    monkeypatch.setattr(hub, "open_split", lambda *_: pytest.fail("the data set was opened again"))
    second = load(str(tmp_path / "pets"))
    assert torch.equal(first.inputs, second.inputs)
    assert second.classes == first.classes


def test_a_changed_folder_is_decoded_again(tmp_path, cache):
    write_folder(tmp_path / "pets")
    assert len(load(str(tmp_path / "pets"))) == 9
    write_folder(tmp_path / "pets", sizes=((6, 4),) * 12)
    assert len(load(str(tmp_path / "pets"))) == 12


def test_a_damaged_cache_is_written_anew(tmp_path, cache):
    write_folder(tmp_path / "pets")
    expected = load(str(tmp_path / "pets")).inputs.clone()
    (file,) = (cache / "images").iterdir()
    file.write_bytes(b"cut off")
    assert torch.equal(load(str(tmp_path / "pets")).inputs, expected)


def test_grey_pictures_stay_grey(tmp_path, cache):
    pixels = write_folder(tmp_path / "grey", mode="L")
    images = load(str(tmp_path / "grey"))
    assert torch.equal(images.inputs[:, 0], torch.from_numpy(pixels))


def test_grayscale_mixes_normalised_colours(tmp_path, cache):
    pixels = write_folder(tmp_path / "pets")
    grey = load(str(tmp_path / "pets"), grayscale=True, **IMAGENET)
    assert grey.normalisation == {"mean": list(IMAGENET["mean"]), "std": list(IMAGENET["std"]), "grayscale": True}
    colours = (pixels / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    expected = torch.from_numpy(colours @ np.array([0.2989, 0.587, 0.114]))
    torch.testing.assert_close(grey.normalise(grey.inputs)[:, 0].double(), expected, atol=1e-6, rtol=0)


def test_pixels_stay_in_the_unit_interval_unless_told(tmp_path, cache):
    write_folder(tmp_path / "pets")
    plain = load(tmp_path / "pets")
    assert plain.normalisation is None
    assert torch.equal(plain.normalise(plain.inputs), plain.inputs.float() / 255)
    told = load(tmp_path / "pets", mean=[0.1, 0.2, 0.3], std=[1, 2, 3])
    assert told.normalisation == loader(told).normalisation == {"mean": [0.1, 0.2, 0.3], "std": [1.0, 2.0, 3.0]}
    assert repr(told).endswith("pets': 9 of 3×6×4, 3 classes; normalisation: mean 0.1, 0.2, 0.3, std 1, 2, 3)")


def test_a_name_is_looked_up_in_the_data_folder(tmp_path, cache, monkeypatch):
    write_folder(tmp_path / "data" / "pets")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAINBOWNET_DATA", str(tmp_path / "data"))
    assert len(load("pets")) == 9
    write_folder(tmp_path / "pets", sizes=((6, 4),) * 3)
    assert len(load("pets")) == 3


def test_a_folder_shows_no_bars_and_is_never_found_again_as_a_name_of_the_hub(tmp_path, cache, monkeypatch, capfd):
    write_folder(tmp_path / "a" / "png")
    monkeypatch.chdir(tmp_path / "a")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    capfd.readouterr()
    load("png")
    assert capfd.readouterr().err == ""
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "b")
    with pytest.raises(DataError, match="data set 'png'"):
        load("png")


def test_what_datasets_has_cached_of_a_folder_is_not_a_data_set_of_the_hub(tmp_path, cache, monkeypatch):
    write_folder(tmp_path / "a" / "png")
    datasets.load_dataset(str(tmp_path / "a" / "png"))
    (tmp_path / "b").mkdir()
    monkeypatch.chdir(tmp_path / "b")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(DataError, match=r"no such folder is here.*from another folder"):
        load("png")


def test_pictures_of_several_sizes_need_one(tmp_path, cache):
    write_folder(tmp_path / "wild", sizes=((20, 30), (40, 20), (64, 64)))
    with pytest.raises(DataError, match="image 0 is 20×30 but image 1 is 40×20; give size="):
        load(str(tmp_path / "wild"))
    assert load(str(tmp_path / "wild"), size=14).shape == (3, 14, 14)


def test_the_centre_is_cropped_after_resizing(tmp_path, cache):
    pixels = write_folder(tmp_path / "exact", sizes=((16, 32),) * 3)
    cropped = load(str(tmp_path / "exact"), size=14).inputs
    assert torch.equal(cropped, torch.from_numpy(pixels[:, 1:15, 9:23]).permute(0, 3, 1, 2))


def test_a_column_of_plain_values_gives_classes(tmp_path, cache):
    write_folder(tmp_path / "pets")
    images = load(str(tmp_path / "pets"), targets_column="year")
    assert images.classes == ("2000", "2001")
    assert images.targets.tolist() == [0, 1, 0, 1, 0, 1, 0, 1, 0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"split": "validation"},
            "no split 'validation'; it has test, train|no split 'validation'; it has train, test",
        ),
        ({"inputs_column": "image"}, r"no column 'image'; its columns are img \(Image\), fine \(ClassLabel\)"),
        ({"classes": ["z"]}, "no class 'z'; its 3 classes are a, b, c"),
        ({"classes": ["a", 0]}, "each once"),
        ({"limit": 10}, "limit is 10; data set .* has 9"),
        ({"mean": [0.5]}, "mean has 1 entries for images of 3 channels"),
    ],
)
def test_what_is_not_there_is_named(tmp_path, cache, options, message):
    write_folder(tmp_path / "pets")
    with pytest.raises(DataError, match=message):
        load(str(tmp_path / "pets"), **options)


def test_unlabelled_images_are_refused(tmp_path, cache):
    write_folder(tmp_path / "secret", unlabelled=True)
    with pytest.raises(DataError, match="unlabelled"):
        load(str(tmp_path / "secret"))


def test_two_columns_of_labels_must_be_told_apart(tmp_path, cache):
    features = datasets.Features({"x": datasets.ClassLabel(names=["a"]), "y": datasets.ClassLabel(names=["a"])})
    (tmp_path / "two").mkdir()
    datasets.Dataset.from_dict({"x": [0], "y": [0]}, features=features).to_parquet(str(tmp_path / "two/train.parquet"))
    with pytest.raises(DataError, match=r"0 columns of type Image.*inputs_column="):
        load(str(tmp_path / "two"))
    with pytest.raises(DataError, match=r"2 columns of type ClassLabel.*targets_column="):
        load(str(tmp_path / "two"), inputs_column="x")


def test_an_unknown_source_says_what_would_be_right(tmp_path, cache):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"neither 'digits' nor an \.npz file, nor a folder or hub name"):
        load(str(tmp_path / "empty"))


def test_a_name_on_the_hub_is_known_by_the_fingerprint_of_its_data(cache, monkeypatch):
    def rows(shade: int) -> "datasets.Dataset":
        pictures = [PIL.fromarray(np.full((4, 4), shade, dtype=np.uint8)) for _ in range(2)]
        features = datasets.Features({"img": datasets.Image(), "y": datasets.ClassLabel(names=["a", "b"])})
        return datasets.Dataset.from_dict({"img": pictures, "y": [1, 0]}, features=features)

    shades = iter([10, 20])
    monkeypatch.setattr(datasets, "load_dataset", lambda *_: datasets.DatasetDict(train=rows(next(shades))))
    first, second = load("someone/shades"), load("someone/shades")
    assert first.inputs.unique().tolist() == [10]
    assert second.inputs.unique().tolist() == [20]
    assert second.targets.tolist() == [1, 0]


def test_writing_into_the_images_leaves_the_cache_alone(tmp_path, cache):
    write_folder(tmp_path / "pets")
    load(str(tmp_path / "pets"))
    images = load(str(tmp_path / "pets"))
    before = images.inputs.clone()
    images.inputs.zero_()
    assert torch.equal(load(str(tmp_path / "pets")).inputs, before)


def test_classes_are_renumbered_in_the_order_asked_for():
    full, few = load("digits"), load("digits", classes=["7", 2])
    assert few.classes == ("7", "2")
    assert torch.equal(few.inputs[few.targets == 0], full.inputs[full.targets == 7])
    assert torch.equal(few.inputs[few.targets == 1], full.inputs[full.targets == 2])
    assert len(few) == int(((full.targets == 7) | (full.targets == 2)).sum())


def test_a_limit_is_a_choice_by_seed():
    a, b, c = (load("digits", limit=50, seed=seed).inputs for seed in (1, 1, 2))
    assert torch.equal(a, b)
    assert not torch.equal(a, c)


def test_random_labels_belong_to_the_index_whatever_is_selected():
    labels = np.random.RandomState(5).randint(10, size=1300)
    assert load("digits", random_labels=5).targets.tolist() == labels.tolist()
    few = load("digits", random_labels=5, limit=40)
    everything = {image.numpy().tobytes(): label for image, label in zip(load("digits").inputs, labels, strict=True)}
    assert few.targets.tolist() == [everything[image.numpy().tobytes()] for image in few.inputs]


def test_a_missing_extra_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtra, match=r"pip install 'rainbownet\[train\]'"):
        load("digits")


def test_a_fault_inside_an_installed_package_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "half_installed.py").write_text("import something_it_needs_that_is_absent\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="something_it_needs"):
        require("half_installed", extra="train")


def test_importing_the_room_imports_none_of_the_extras():
    code = "import sys, rainbownet.data; print([m for m in ('datasets', 'PIL', 'sklearn') if m in sys.modules])"
    path = str(Path(hub.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.extra
def test_cifar10_has_its_pixels_and_labels(tmp_path):
    folder = Path(os.environ.get("RAINBOWNET_DATA", "../shared/data")) / "cifar10"
    if not folder.is_dir():
        pytest.skip(f"no CIFAR-10 at {folder}; set RAINBOWNET_DATA to the folder that holds cifar10/")
    images = load(str(folder), split="test")
    assert (len(images), images.shape, images.classes[3]) == (10_000, (3, 32, 32), "cat")
    assert torch.bincount(images.targets).tolist() == [1000] * 10
    row = datasets.load_dataset(str(folder), split="test")[123]
    assert np.array_equal(images.inputs[123].permute(1, 2, 0).numpy(), np.asarray(row["img"]))
    assert int(images.targets[123]) == row["label"]
