"""Data sets as tensors, and batches of them: nothing here knows about rainbows."""

from rainbownet.data.batches import Loader, loader
from rainbownet.data.images import Images
from rainbownet.data.source import IMAGENET, load
from rainbownet.data.stationary import stationary_gaussian_images

__all__ = ["IMAGENET", "Images", "Loader", "load", "loader", "stationary_gaussian_images"]
