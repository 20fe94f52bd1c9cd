"""Random flips and crops of a whole batch at once, driven by numbers drawn beforehand."""

import torch
from jaxtyping import Int64, Shaped
from torch import Tensor
from torch.nn import functional

PADDING = 4
"""Pixels of zeros around an image before it is cropped, on CIFAR (`AUGMENTATIONS["cifar"]`)."""

AUGMENTATIONS: dict[str, int] = {"flip": 0, "cifar": PADDING}
"""Name of an augmentation → padding of its random crop; both flip left and right with probability one half."""


def draw_augmentation(n: int, padding: int, *, generator: torch.Generator) -> Int64[Tensor, "n 3"]:
    """Draw, for each of `n` images, the top and left corner of its crop and whether it is flipped.

    Args:
        n: Number of images.
        padding: Pixels of padding on each side; corners are uniform on 0..2·padding.
        generator: Source of randomness.

    Returns:
        One row (top, left, flip) per image.

    Example:
        >>> draw_augmentation(2, 4, generator=torch.Generator().manual_seed(0))
        tensor([[8, 0, 1],
                [2, 6, 1]])
    """
    corners = torch.randint(0, 2 * padding + 1, (n, 2), generator=generator)
    flips = torch.randint(0, 2, (n, 1), generator=generator)
    return torch.cat([corners, flips], dim=1)


def crop_and_flip(
    images: Shaped[Tensor, "b c h w"], choices: Int64[Tensor, "b 3"], padding: int
) -> Shaped[Tensor, "b c h w"]:
    """Pad images with zeros, cut each back to its size at its own corner, and mirror some.

    Args:
        images: A batch, in any dtype.
        choices: Rows (top, left, flip) from `draw_augmentation`.
        padding: Pixels of zeros put around each image; top = left = `padding` gives the image back.

    Returns:
        The batch of crops.

    Example:
        >>> image = torch.tensor([[[[1, 2], [3, 4]]]])
        >>> crop_and_flip(image, torch.tensor([[1, 0, 0]]), padding=1)
        tensor([[[[0, 1],
                  [0, 3]]]])
        >>> crop_and_flip(image, torch.tensor([[1, 1, 1]]), padding=1)
        tensor([[[[2, 1],
                  [4, 3]]]])
    """
    b, channels, height, width = images.shape
    device = images.device
    choices = choices.to(device)
    top, left, flip = choices[:, 0, None], choices[:, 1, None], choices[:, 2, None]
    across = torch.arange(width, device=device)
    rows = top + torch.arange(height, device=device)
    columns = left + torch.where(flip == 1, width - 1 - across, across)
    padded = functional.pad(images, (padding,) * 4) if padding else images
    batch = torch.arange(b, device=device)[:, None, None, None]
    channel = torch.arange(channels, device=device)[None, :, None, None]
    return padded[batch, channel, rows[:, None, :, None], columns[:, None, None, :]]
