"""The images a verb reads: loaded by name, in a fixed random order."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rainbownet.cli.numbers import numbers
from rainbownet.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from rainbownet.data import Images

BATCH = 256


@dataclass(frozen=True)
class ImageOptions:
    """What the command line says about images; see `rainbownet.data.load`."""

    data: str = "digits"
    config: str | None = None
    inputs_column: str | None = None
    targets_column: str | None = None
    mean: str | None = None
    std: str | None = None
    grayscale: bool = False
    size: int | None = None
    limit: int | None = None

    def arguments(self, split: str) -> dict[str, Any]:
        """Return the arguments of `rainbownet.data.load` that name one part of the data."""
        given = {
            "split": split,
            "config": self.config,
            "inputs_column": self.inputs_column,
            "targets_column": self.targets_column,
            "mean": None if self.mean is None else numbers("--mean", self.mean),
            "std": None if self.std is None else numbers("--std", self.std),
            "grayscale": self.grayscale,
            "size": self.size,
            "limit": self.limit,
        }
        return {"source": self.data} | {
            key: value for key, value in given.items() if value is not None and value is not False
        }

    def load(self, split: str) -> "Images":
        """Load one part of the data.

        Raises:
            DataError: If something asked for is not there.
        """
        from rainbownet.data import load

        return load(**self.arguments(split))


class Share:
    """Batches of the images, in a random order that is always the same, on a device.

    Args:
        images: The data set.
        device: Where batches are wanted.
        number: Images to read; all by default.
    """

    def __init__(
        self,
        images: "Images",
        *,
        device: str,
        number: int | None = None,
    ) -> None:
        import torch

        if number is not None and number > len(images):
            raise DataError(f"--images {number}: data set {images.name!r} has only {len(images)} images in this split")
        order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))[:number]
        self.images, self.device = images, device
        self.order: Tensor = order

    @property
    def normalisation(self) -> dict[str, Any] | None:
        """How the images are normalised, see `Images.normalisation`."""
        return self.images.normalisation

    def __len__(self) -> int:
        return -(-len(self.order) // BATCH)

    def __iter__(self) -> Iterator[tuple["Tensor", "Tensor"]]:
        for chosen in self.order.split(BATCH):
            inputs, targets = self.images.inputs[chosen], self.images.targets[chosen]
            yield self.images.normalise(inputs.to(self.device)), targets.to(self.device)
