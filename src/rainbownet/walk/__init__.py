"""Lockstep: networks of one structure walked together, one node at a time, over all images, in bounded memory."""

from rainbownet.walk.images import ImageChunks, first_inputs, inputs_and_targets
from rainbownet.walk.lockstep import Chunk, Visitor, WalkReport, walk
from rainbownet.walk.store import Store

__all__ = ["Chunk", "ImageChunks", "Store", "Visitor", "WalkReport", "first_inputs", "inputs_and_targets", "walk"]
