"""From encoded pictures to one tensor of bytes, by several threads at once."""

import io
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from numpy.typing import NDArray
from torch import Tensor

from rainbownet.errors import DataError
from rainbownet.extras import require

CHUNK = 512
GREY_MODES = frozenset({"1", "L", "LA"})
COLOUR_MODES = frozenset({"RGB", "RGBA", "P", "PA", "CMYK", "YCbCr"})
RESIZE_RATIO = 256 / 224
"""The usual test protocol: the shorter side becomes 256 for a centre crop of 224."""


def decode_images(table: Any, column: str, *, size: int | None, name: str) -> UInt8[Tensor, "n c h w"]:
    """Decode a column of encoded images.

    The result takes n·c·h·w bytes. It is grey if the first 64 images are, else RGB.

    Args:
        table: A `datasets.Dataset`, or what is sliced like one, whose column holds `{"bytes", "path"}`.
        column: Name of the column.
        size: None, or the side of the centre crop taken after resizing the shorter side to 8/7 of it.
        name: Name of the data set, for messages.

    Returns:
        Bytes, images × channels × height × width.

    Raises:
        DataError: If the images differ in size and `size` is None, or cannot be decoded.
    """
    library = require("PIL.Image", extra="train")
    n = len(table)
    if n == 0:
        raise DataError(f"data set {name!r}: the split is empty; at least one image is needed")
    first = table[: min(n, 64)][column]
    with_modes = [open_image(library, entry, name).mode for entry in first]
    mode = "L" if set(with_modes) <= GREY_MODES else "RGB"
    height, width = pixels_of(library, first[0], mode, size, name).shape[:2]
    channels = 1 if mode == "L" else 3
    result = np.empty((n, height, width, channels), dtype=np.uint8)

    def fill(start: int, entries: list[dict[str, Any]]) -> None:
        for offset, entry in enumerate(entries):
            pixels = pixels_of(library, entry, mode, size, name)
            if pixels.shape[:2] != (height, width):
                raise DataError(
                    f"data set {name!r}: image 0 is {height}×{width} but image {start + offset} is "
                    f"{pixels.shape[0]}×{pixels.shape[1]}; give size= to bring all to one size"
                )
            result[start + offset] = pixels.reshape(height, width, channels)

    def chunks() -> Iterator[tuple[int, list[dict[str, Any]]]]:
        for start in range(0, n, CHUNK):
            yield start, table[start : start + CHUNK][column]

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for future in [pool.submit(fill, start, entries) for start, entries in chunks()]:
            future.result()
    return torch.from_numpy(result).permute(0, 3, 1, 2).contiguous()


def open_image(library: Any, entry: dict[str, Any], name: str) -> Any:
    """Return a picture that is not decoded yet.

    Args:
        library: `PIL.Image`.
        entry: Its bytes, or None and its path.
        name: Name of the data set, for messages.

    Raises:
        DataError: If it is no picture, or of more than 8 bits a channel.
    """
    try:
        content = entry["bytes"] if entry["bytes"] is not None else Path(entry["path"]).read_bytes()
        image = library.open(io.BytesIO(content))
    except OSError as error:
        raise DataError(f"data set {name!r}: image {entry['path']!r} cannot be decoded ({error})") from error
    if image.mode not in GREY_MODES | COLOUR_MODES:
        raise DataError(
            f"data set {name!r}: image {entry['path']!r} has mode {image.mode!r}; 8-bit grey or colour is needed"
        )
    return image


def pixels_of(library: Any, entry: dict[str, Any], mode: str, size: int | None, name: str) -> NDArray[np.uint8]:
    """Return the bytes of a picture, resized and cropped at its centre if `size` is given; see `decode_images`."""
    image = open_image(library, entry, name)
    if image.mode != mode:
        image = image.convert(mode)
    if size is not None:
        width, height = image.size
        scale = round(size * RESIZE_RATIO) / min(width, height)
        resized = image.resize((round(width * scale), round(height * scale)), library.Resampling.BILINEAR)
        left, top = round((resized.width - size) / 2), round((resized.height - size) / 2)
        image = resized.crop((left, top, left + size, top + size))
    return np.asarray(image)
