"""Actions on images: flips, quarter turns and shifts, on images, on maps of positions and on kernels alike."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Inexact
from torch import Tensor

from rainbownet.checks import whole


@dataclass(frozen=True)
class Action:
    """Base of what can be done to images `(…, height, width)`."""

    def move(self, images: Inexact[Tensor, "... h w"]) -> Inexact[Tensor, "... _h _w"]:
        """Return the moved images."""
        raise NotImplementedError

    def move_back(self, maps: Inexact[Tensor, "... h w"], side: tuple[int, ...]) -> Inexact[Tensor, "... _h _w"]:
        """Return maps of moved images as if the images had not been moved.

        Args:
            maps: Maps of positions of any size that `fits`.
            side: Height and width of the images.
        """
        raise NotImplementedError

    def move_kernel(self, kernels: Inexact[Tensor, "... k _k"]) -> Inexact[Tensor, "... _k _k"]:
        """Return kernels that do to an image what the given ones do to the moved image, moved back."""
        raise NotImplementedError

    def fits(self, side: tuple[int, ...], grid: tuple[int, int] | None) -> bool:
        """Whether maps of a grid can be moved as images of a side are."""
        return True


@dataclass(frozen=True)
class Flip(Action):
    """Left and right exchanged.

    Example:
        >>> Flip().move(torch.tensor([[1, 2], [3, 4]]))
        tensor([[2, 1],
                [4, 3]])
    """

    def move(self, images: Tensor) -> Tensor:
        """Return the moved images."""
        return images.flip(-1)

    def move_back(self, maps: Tensor, side: tuple[int, ...]) -> Tensor:
        """Return maps as of images that were not moved."""
        return maps.flip(-1)

    def move_kernel(self, kernels: Tensor) -> Tensor:
        """Return kernels moved with the images."""
        return kernels.flip(-1)


@dataclass(frozen=True)
class QuarterTurns(Action):
    """Turned by multiples of 90 degrees, anticlockwise.

    Args:
        turns: How many, 1 to 3.

    Raises:
        RainbowError: If it is no such number.

    Example:
        >>> QuarterTurns(1).move(torch.tensor([[1, 2], [3, 4]]))
        tensor([[2, 4],
                [1, 3]])
    """

    turns: int = 1

    def __post_init__(self) -> None:
        """Refuse other turns."""
        whole("turns", self.turns, least=1, most=3)

    def move(self, images: Tensor) -> Tensor:
        """Return the moved images."""
        return torch.rot90(images, self.turns, (-2, -1))

    def move_back(self, maps: Tensor, side: tuple[int, ...]) -> Tensor:
        """Return maps as of images that were not moved."""
        return torch.rot90(maps, -self.turns, (-2, -1))

    def move_kernel(self, kernels: Tensor) -> Tensor:
        """Return kernels moved back with the images."""
        return torch.rot90(kernels, -self.turns, (-2, -1))

    def fits(self, side: tuple[int, ...], grid: tuple[int, int] | None) -> bool:
        """Whether images and maps are square."""
        return side[0] == side[1] and (grid is None or grid[0] == grid[1])


@dataclass(frozen=True)
class Shift(Action):
    """Shifted, what leaves on one side coming back on the other.

    Args:
        right: Pixels to the right.
        down: Pixels down.

    Raises:
        RainbowError: If they are no whole numbers.

    Example:
        >>> Shift(right=1).move(torch.tensor([[1, 2, 3]]))
        tensor([[3, 1, 2]])
    """

    right: int = 0
    down: int = 0

    def __post_init__(self) -> None:
        """Refuse what is no number of pixels."""
        for name in ("right", "down"):
            whole(name, getattr(self, name), least=-(10**6), most=10**6)

    def move(self, images: Tensor) -> Tensor:
        """Return the moved images."""
        return images.roll((self.down, self.right), (-2, -1))

    def move_back(self, maps: Tensor, side: tuple[int, ...]) -> Tensor:
        """Return maps as of images that were not moved; smaller maps are moved by as much less."""
        steps = (-self.down * maps.shape[-2] // side[0], -self.right * maps.shape[-1] // side[1])
        return maps.roll(steps, (-2, -1))

    def move_kernel(self, kernels: Tensor) -> Tensor:
        """Return kernels as they are: they act alike at every position."""
        return kernels

    def fits(self, side: tuple[int, ...], grid: tuple[int, int] | None) -> bool:
        """Whether maps move by whole positions."""
        if grid is None:
            return True
        return self.down * grid[0] % side[0] == 0 and self.right * grid[1] % side[1] == 0


FLIPS = (Flip(),)
"""The group of flips, without the identity."""

TURNS = (QuarterTurns(1), QuarterTurns(2), QuarterTurns(3))
"""The group of quarter turns, without the identity."""
