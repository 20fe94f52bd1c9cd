"""A data set in the layout of CIFAR, for figures that are made from nothing."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A data set in the layout of CIFAR-10 whose classes differ in colour."""
    datasets = pytest.importorskip("datasets")
    root = tmp_path_factory.mktemp("data")
    generator = np.random.default_rng(0)
    for name, classes in (("cifar10", 10), ("cifar100", 100)):
        label = {"cifar10": "label", "cifar100": "fine_label"}[name]
        features = datasets.Features(
            {"img": datasets.Image(), label: datasets.ClassLabel(names=[f"c{k}" for k in range(classes)])}
        )
        for split, count in (("train", 600), ("test", 100)):
            labels = generator.integers(0, classes, count)
            colours = generator.normal(128, 30, (count, 1, 1, 3)) + 3 * labels[:, None, None, None]
            pixels = (colours + generator.normal(0, 30, (count, 32, 32, 3))).clip(0, 255).astype(np.uint8)
            rows = {"img": [Image.fromarray(image) for image in pixels], label: labels.tolist()}
            place = root / name / "data"
            place.mkdir(parents=True, exist_ok=True)
            datasets.Dataset.from_dict(rows, features=features).to_parquet(
                str(place / f"{split}-00000-of-00001.parquet")
            )
    return root
