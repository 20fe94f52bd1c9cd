"""Data sets as tensors, and batches of them: nothing here knows about rainbows."""

from rainbownet.data.batches import Loader, loader
from rainbownet.data.examples import Examples
from rainbownet.data.images import Images
from rainbownet.data.source import IMAGENET, load
from rainbownet.data.stationary import stationary_gaussian_images
from rainbownet.data.stream import Stream, StreamLoader, stream
from rainbownet.data.text import Text, load_text

__all__ = [
    "IMAGENET",
    "Examples",
    "Images",
    "Loader",
    "Stream",
    "StreamLoader",
    "Text",
    "load",
    "load_text",
    "loader",
    "stationary_gaussian_images",
    "stream",
]
