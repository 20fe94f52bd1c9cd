"""The built-in data set: scikit-learn's handwritten digits, 8 × 8 pixels, always split in the same way."""

import numpy as np
import torch

from rainbownet.data.images import Images
from rainbownet.errors import DataError
from rainbownet.extras import require

TRAIN_SIZE = 1300


def load_digits(split: str) -> Images:
    """Return one part of the digits, scaled to [0, 1].

    Args:
        split: `"train"` (1300 images) or `"test"` (497). The split is stratified by class and never changes, so that no
            seed can mix the two.

    Returns:
        Images of one channel in float32.

    Raises:
        DataError: If `split` is something else.
        MissingExtra: Without scikit-learn.
    """
    if split not in ("train", "test"):
        raise DataError(f"data set 'digits' has no split {split!r}; it has 'train' and 'test'")
    pixels, targets = require("sklearn.datasets", extra="train").load_digits(return_X_y=True)
    divide = require("sklearn.model_selection", extra="train").train_test_split
    train, test = divide(np.arange(len(targets)), train_size=TRAIN_SIZE, random_state=0, stratify=targets)
    chosen = torch.as_tensor(np.sort(train if split == "train" else test))
    inputs = torch.as_tensor(pixels, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16
    labels = torch.as_tensor(targets, dtype=torch.int64)
    return Images(inputs[chosen], labels[chosen], tuple("0123456789"), "digits", (0.0,), (1.0,))
