"""The random crop of pictures of any size, as ImageNet is augmented."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rainbownet.extras import require


def random_crop(picture: Any, size: int, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Return a random part of a picture as a square, mirrored half of the time.

    The part has 8 to 100 % of the area and sides of a ratio from 3:4 to 4:3, uniform on a logarithmic scale
    (Szegedy et al., CVPR 2015); where ten draws do not fit in the picture, it is the largest central one that does.

    Args:
        picture: A picture of Pillow.
        size: Side of the square, in pixels.
        generator: Source of randomness.

    Returns:
        Bytes, size × size × 3.
    """
    width, height = picture.size
    box = _central(width, height)
    for _ in range(10):
        area = width * height * generator.uniform(0.08, 1.0)
        ratio = np.exp(generator.uniform(np.log(3 / 4), np.log(4 / 3)))
        across, down = round(float(np.sqrt(area * ratio))), round(float(np.sqrt(area / ratio)))
        if 0 < across <= width and 0 < down <= height:
            left, top = int(generator.integers(width - across + 1)), int(generator.integers(height - down + 1))
            box = (left, top, left + across, top + down)
            break
    bilinear = require("PIL.Image", extra="train").Resampling.BILINEAR
    pixels = np.asarray(picture.convert("RGB").resize((size, size), bilinear, box=box))
    return np.ascontiguousarray(pixels[:, ::-1]) if generator.random() < 0.5 else pixels


def _central(width: int, height: int) -> tuple[float, float, float, float]:
    """Return the largest central part of an allowed ratio of sides."""
    across, down = min(width, height * 4 / 3), min(height, width * 4 / 3)
    left, top = (width - across) / 2, (height - down) / 2
    return left, top, left + across, top + down
