"""Planning a walk: how many images, in chunks of which size, within which budget."""

import math
from collections.abc import Sequence

import torch

from rainbownet.graph import Network
from rainbownet.graph.inputs import Batch

LEAST_IMAGES = 4096
"""Images a sample is aligned on unless its width needs more or the loader has fewer."""

ROWS_PER_CHANNEL = 10

CHUNK_BYTES = 2**25
"""Activations of a chunk of images below which the cost of calling operations would show; eight times that on a GPU."""


def default_budget(example: Batch) -> int:
    """Return the bytes of activations to hold: 4 GiB, or half of what is free on a GPU."""
    if example.device.type == "cuda":
        return torch.cuda.mem_get_info(example.device)[0] // 2
    return 4 << 30


def chunk_size(networks: Sequence[Network], budget: int) -> int:
    """Return how many images to take through all nodes at a time.

    Those of an eighth of the budget, but no more than 256, or `CHUNK_BYTES` of activations where images are small.
    """
    total = 0
    for network in networks:
        sizes = sorted((math.prod(shape) for shape in network.shapes.values() if _is_shape(shape)), reverse=True)
        total += 4 * sum(sizes[:4]) // len(network.example)
    total = max(total, 1)
    enough = CHUNK_BYTES * (8 if networks[0].example.device.type == "cuda" else 1)
    return max(1, min(max(256, enough // total), budget // (8 * total)))


def default_images(network: Network) -> int:
    """Return how many images make the rows at every reader ten times its channels."""
    needed = [LEAST_IMAGES]
    for reader in network.readers:
        shape = network.shapes[reader.source]
        positions = math.prod(shape) // (shape[0] * reader.channels)
        needed.append(math.ceil(ROWS_PER_CHANNEL * reader.channels / max(positions, 1)))
    return max(needed)


def _is_shape(shape: object) -> bool:
    return isinstance(shape, tuple) and all(isinstance(size, int) for size in shape)
