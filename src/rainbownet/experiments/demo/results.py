"""What the demonstration is asked for, and what it finds."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd
from torch import Tensor

from rainbownet.errors import RainbowError


@dataclass(frozen=True)
class Settings:
    """What the demonstration does.

    Attributes:
        epochs: Epochs of training.
        widths: Widths of the samples of a rainbow of one network.
        both_widths: Widths of the samples of a rainbow of both.
        energies: Shares of the energy of a law that are kept when it is cut to its first directions.
        cut_width: Width of the samples of these.
        seed: Seed of the first network and of the draws; the second network has the next one.
        threads: Threads to compute with; layers this small gain little from more, and lose much on a busy machine.

    Raises:
        RainbowError: If there is no width or one is not positive.
    """

    epochs: int = 12
    widths: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0, 8.0)
    both_widths: tuple[float, ...] = (2.0,)
    energies: tuple[float, ...] = (0.6, 0.8, 0.9, 0.95, 1.0)
    cut_width: float = 2.0
    seed: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        """Refuse widths that cannot be meant."""
        if not self.widths or not all(width > 0 for width in (*self.widths, *self.both_widths)):
            raise RainbowError(f"widths are {list(self.widths)}; at least one is needed, all positive")

    @property
    def middle(self) -> float:
        """The width that is looked at closely."""
        return sorted(self.widths)[len(self.widths) // 2]

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return asdict(self)


@dataclass
class Results:
    """What the demonstration found.

    Attributes:
        trained: A row per trained network: seed, accuracy, weight_bytes, seconds.
        compared: What `rainbownet.compare` returned for the two.
        drawn: A row per drawn network: method, networks (how many the law was fitted on), width, accuracy, white (the
            accuracy of its white control), identity (that of the trained neurons through the same alignment), cosine
            and error (held out, mean over layers), copy and copy_baseline, seconds.
        compressed: A row per cut: energy, ranks of the laws, bytes of the laws and of what is not drawn (a file
            keeps the trained neurons beside laws that do not), share of the weights' bytes, and for each method the
            accuracy of samples and, ending in `_white`, that of the white control of the same width, whatever the cut.
        readings: Some test images: pixels, targets, and by name of a network what it reads in them.
        images: Number of images of alignment and of test.
        seconds: Time in all.
    """

    trained: pd.DataFrame = field(default_factory=pd.DataFrame)
    compared: pd.DataFrame = field(default_factory=pd.DataFrame)
    drawn: pd.DataFrame = field(default_factory=pd.DataFrame)
    compressed: pd.DataFrame = field(default_factory=pd.DataFrame)
    readings: dict[str, Tensor] = field(default_factory=dict)
    images: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers, tables as lists of rows."""
        tables = {
            name: getattr(self, name).to_dict("records") for name in ("trained", "compared", "drawn", "compressed")
        }
        return {**tables, "images": self.images, "seconds": self.seconds}
