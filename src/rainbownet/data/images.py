"""A labelled set of images held as two tensors, with what is needed to normalise it."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from rainbownet.data.examples import Examples
from rainbownet.errors import DataError


@dataclass(frozen=True, eq=False)
class Decoded:
    """The pixels and labels of one split, as a file holds them.

    Args:
        inputs: Pixels, bytes or floats.
        targets: Indices into `classes`.
        classes: Names of the classes.
    """

    inputs: UInt8[Tensor, "n c h w"] | Float[Tensor, "n c h w"]
    targets: Int64[Tensor, " n"]
    classes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Images(Examples):
    """Images and their classes.

    Args:
        inputs: Pixels, `n` images × channels × height × width: bytes, or numbers already on their final scale.
        targets: Class of each image, an index into `classes`.
        classes: Names of the classes.
        name: Where the images come from.
        mean: What to subtract from each channel once bytes are scaled to [0, 1].
        std: What to divide each channel by after that.
        mixed: Mean and deviation by which colours were normalised before they were mixed into the grey held here.

    Raises:
        DataError: If the numbers of images, targets, channels and classes do not agree.

    Example:
        >>> Images(torch.zeros(3, 1, 2, 2), torch.tensor([0, 1, 0]), ("cat", "dog"), "pets", (0.5,), (0.25,))
        Images('pets': 3 of 1×2×2, 2 classes; normalisation: mean 0.5, std 0.25)
    """

    inputs: UInt8[Tensor, "n c h w"] | Float[Tensor, "n c h w"]
    targets: Int64[Tensor, " m"]
    classes: tuple[str, ...]
    name: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    mixed: tuple[tuple[float, ...], tuple[float, ...]] | None = None

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together."""
        for label, tensor, axes in (("inputs", self.inputs, 4), ("targets", self.targets, 1)):
            if not isinstance(tensor, Tensor) or tensor.dim() != axes:
                seen = f"of shape {tuple(tensor.shape)}" if isinstance(tensor, Tensor) else f"a {type(tensor).__name__}"
                raise DataError(f"data set {self.name!r}: {label} are {seen}; a tensor of {axes} axes is needed")
        if self.inputs.dtype != torch.uint8 and not self.inputs.is_floating_point():
            raise DataError(
                f"data set {self.name!r}: inputs have dtype {self.inputs.dtype}; uint8 or a float is needed"
            )
        if self.targets.dtype != torch.int64:
            raise DataError(f"data set {self.name!r}: targets have dtype {self.targets.dtype}; int64 is needed")
        n, channels = self.inputs.shape[:2]
        if len(self.targets) != n:
            raise DataError(f"data set {self.name!r}: {n} images but {len(self.targets)} targets; one each is needed")
        for label, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != channels:
                raise DataError(
                    f"data set {self.name!r}: {label} has {len(values)} entries for images of {channels} channels"
                )
            if not all(math.isfinite(value) for value in values):
                raise DataError(f"data set {self.name!r}: {label} is {values}; every entry must be finite")
        if min(self.std, default=1.0) <= 0:
            raise DataError(f"data set {self.name!r}: std is {self.std}; every entry must be positive")
        if n and not 0 <= int(self.targets.min()) <= int(self.targets.max()) < len(self.classes):
            raise DataError(
                f"data set {self.name!r}: targets run from {int(self.targets.min())} to {int(self.targets.max())}, "
                f"outside its {len(self.classes)} classes"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.inputs.shape[1:]
        return channels, height, width

    @property
    def normalisation(self) -> dict[str, Any] | None:
        """How pixels in [0, 1] become what a network reads: `{"mean": […], "std": […]}`, or None where they stay.

        With `"grayscale": True` in it, colours were normalised so and then mixed into grey.
        """
        if self.mixed is not None:
            return {"mean": list(self.mixed[0]), "std": list(self.mixed[1]), "grayscale": True}
        if not any(self.mean) and all(value == 1.0 for value in self.std):
            return None
        return {"mean": list(self.mean), "std": list(self.std)}

    def __repr__(self) -> str:
        shape = "×".join(map(str, self.shape))
        how = normalisation_words(self.normalisation)
        return f"Images({self.name!r}: {len(self)} of {shape}, {len(self.classes)} classes; {how})"

    def normalise(self, inputs: UInt8[Tensor, "b c h w"] | Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Turn a batch of these images' pixels into what a network reads: scaled, centred, divided."""
        return normalised(inputs, self.mean, self.std)

    def _scale(self) -> tuple[Any, ...]:
        return self.mean, self.std


def normalised(inputs: Tensor, mean: tuple[float, ...], std: tuple[float, ...]) -> Float[Tensor, "b c h w"]:
    """Return pixels scaled to [0, 1] if they are bytes, centred and divided.

    Args:
        inputs: Bytes or numbers, images × channels × height × width.
        mean: What to subtract from each channel.
        std: What to divide each channel by after that.
    """
    scale = 255.0 if inputs.dtype == torch.uint8 else 1.0
    batch = inputs.to(torch.float32) if inputs.dtype == torch.uint8 else inputs
    if scale == 1.0 and not any(mean) and all(value == 1.0 for value in std):
        return batch
    centre, deviation = (_constant(values, batch.dtype, batch.device) for values in (mean, std))
    return (batch - scale * centre) / (scale * deviation)


def normalisation_words(normalisation: dict[str, Any] | None) -> str:
    """Return a normalisation in words.

    Args:
        normalisation: What `Images.normalisation` gives.

    Example:
        >>> normalisation_words({"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]})
        'normalisation: mean 0.5, 0.5, 0.5, std 0.25, 0.25, 0.25'
        >>> normalisation_words(None)
        'normalisation: none'
    """
    if not normalisation:
        return "normalisation: none"
    parts = [f"{key} {', '.join(f'{value:g}' for value in normalisation[key])}" for key in ("mean", "std")]
    return f"normalisation: {', '.join(parts)}{', mixed into grey' if normalisation.get('grayscale') else ''}"


@lru_cache(maxsize=64)
def _constant(values: tuple[float, ...], dtype: torch.dtype, device: torch.device) -> Float[Tensor, "c 1 1"]:
    """Return one number per channel as a tensor; kept, because a copy to a GPU would wait for all that runs on it."""
    with torch.inference_mode(mode=False):
        return torch.tensor(values, dtype=dtype, device=device)[:, None, None]
