"""A data set of pictures of many sizes in the Hugging Face layout, as ImageNet lies there."""

from pathlib import Path
from typing import Any

import numpy as np


def write_pictures(root: Path, *, train: int = 80, validation: int = 20, classes: int = 4, side: int = 40) -> Path:
    """Write pictures of nearly one colour each, which tells the class; training pictures are in two files."""
    import datasets

    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=[f"class {k}" for k in range(classes)])}
    )
    generator = np.random.default_rng(0)
    (root / "data").mkdir(parents=True)
    half = train // 2
    files = {
        "train-00000-of-00002": half,
        "train-00001-of-00002": train - half,
        "validation-00000-of-00001": validation,
    }
    for name, count in files.items():
        labels = [k % classes for k in range(count)]
        rows: dict[str, Any] = {"image": [_picture(label, side, generator) for label in labels], "label": labels}
        table = datasets.Dataset.from_dict(rows, features=features)
        table.to_parquet(str(root / "data" / f"{name}.parquet"))
    return root


def _picture(label: int, side: int, generator: np.random.Generator) -> Any:
    from PIL import Image

    height, width = (int(generator.integers(side, 3 * side // 2)) for _ in range(2))
    colour = np.array([60.0 * label, 255 - 60.0 * label, 128.0])
    pixels = colour + generator.normal(0, 10, (height, width, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
