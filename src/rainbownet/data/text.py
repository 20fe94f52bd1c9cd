"""Text as characters: windows of a text file, or of a text that comes with Python."""

import importlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int64
from torch import Tensor

from rainbownet.checks import seed_of, shown, whole
from rainbownet.data.examples import Examples
from rainbownet.errors import DataError

ALPHABET = ("\n", *map(chr, range(32, 127)), "�")
"""The characters that are told apart: a line's end, those of ASCII that print, and one for every other."""

TOPICS = "topics"
"""The name of the text that comes with Python: the reference that `help()` shows (`pydoc_data.topics`)."""

LARGEST = 2**16
"""The longest window, in characters."""

TEST_EVERY = 10
"""One run of windows in so many is for tests."""

RUN = 16
"""Neighbouring windows that belong to one part."""


@dataclass(frozen=True, eq=False, repr=False)
class Text(Examples):
    """Windows of a text: characters, and at each position the character that follows.

    Args:
        inputs: The number of each character in `classes`, `n` windows × `t` characters.
        targets: The numbers of the characters one further on.
        classes: The characters.
        name: Where the text comes from.

    Raises:
        DataError: If inputs and targets are not of one shape, or not numbers of characters.
    """

    inputs: Int64[Tensor, "n t"]
    targets: Int64[Tensor, "n t"]

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together."""
        if self.inputs.dim() != 2 or self.inputs.shape != self.targets.shape:
            raise DataError(
                f"text {self.name!r}: inputs of shape {tuple(self.inputs.shape)}, targets of shape "
                f"{tuple(self.targets.shape)}; windows × characters are needed of both"
            )
        for label, tensor in (("inputs", self.inputs), ("targets", self.targets)):
            if tensor.numel() and not 0 <= int(tensor.min()) <= int(tensor.max()) < len(self.classes):
                raise DataError(f"text {self.name!r}: {label} are not numbers of its {len(self.classes)} characters")

    def normalise(self, inputs: Int64[Tensor, "b t"]) -> Int64[Tensor, "b t"]:
        """Return windows as they are."""
        return inputs

    def read(self, index: int) -> str:
        """Return the characters of a window."""
        return "".join(self.classes[k] for k in self.inputs[index].tolist())

    def __repr__(self) -> str:
        return f"Text({self.name!r}: {len(self)} windows of {self.shape[0]} characters, {len(self.classes)} classes)"


def is_text(source: str | Path) -> bool:
    """Whether `load_text` reads this: `"topics"`, or the name of a `.txt` file."""
    return str(source) == TOPICS or Path(str(source)).suffix == ".txt"


def load_text(
    source: str | Path = TOPICS, *, split: str = "train", size: int = 64, limit: int | None = None, seed: int = 0
) -> Text:
    """Load a text in windows that do not overlap.

    Characters outside `ALPHABET` become one. One run of 16 windows in ten, evenly spread, is the split `test`.

    Args:
        source: `"topics"`, the 400,000 characters and more of Python's own reference, which `help("for")` shows and
            every Python brings along (each version its own); or a text file `name.txt` in UTF-8.
        split: `"train"` or `"test"`.
        size: Characters of a window.
        limit: Number of windows to keep, chosen at random.
        seed: Seed of that choice.

    Returns:
        The windows.

    Raises:
        DataError: If the text is not there, is not text, has too few characters or mostly others than ASCII.

    Example:
        >>> text = load_text("topics", split="test", limit=50)
        >>> text
        Text('topics': 50 windows of 64 characters, 97 classes)
        >>> bool((text.inputs[:, 1:] == text.targets[:, :-1]).all())
        True
    """
    size, seed = whole("size", size, least=1, most=LARGEST, error=DataError), seed_of(seed)
    if split not in ("train", "test"):
        raise DataError(f"text {str(source)!r} has no split {split!r}; it has 'train' and 'test'")
    codes = _codes(_characters(source), str(source))
    count = (len(codes) - 1) // size
    part = (np.arange(count) // RUN % TEST_EVERY == TEST_EVERY - 1) == (split == "test")
    if not part.any():
        raise DataError(f"text {str(source)!r}: {len(codes)} characters are too few for windows of {size} in {split!r}")
    inputs, targets = (torch.from_numpy(codes[k : k + count * size].reshape(count, size)[part]) for k in (0, 1))
    text = Text(inputs, targets, ALPHABET, str(source))
    if limit is None:
        return text
    if whole("limit", limit, least=1, error=DataError) > len(text):
        raise DataError(f"limit is {limit}; text {str(source)!r} has {len(text)} windows in {split!r}")
    return text.some(limit, seed=seed)


def _characters(source: str | Path) -> str:
    if str(source) == TOPICS:
        topics = importlib.import_module("pydoc_data.topics").topics
        return "\n".join(topics[key] for key in sorted(topics))
    try:
        return Path(source).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise DataError(f"source is {shown(str(source))}, which is no text that can be read ({error})") from error


def _codes(characters: str, name: str) -> np.ndarray:
    """Return the number of each character."""
    points = np.frombuffer(characters.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    table = np.full(128, len(ALPHABET) - 1)
    table[[ord(c) for c in ALPHABET[:-1]]] = np.arange(len(ALPHABET) - 1)
    codes = np.where(points < len(table), table[np.minimum(points, len(table) - 1)], len(ALPHABET) - 1)
    others = float((codes == len(ALPHABET) - 1).mean()) if len(codes) else 0.0
    if others > 0.1:
        raise DataError(f"text {name!r}: {others:.0%} of its characters are not ASCII; a tenth at most may be")
    return codes.astype(np.int64)
