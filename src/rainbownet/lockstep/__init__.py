"""Lockstep: networks of one structure walked together, one node at a time, over all images, in bounded memory."""

from rainbownet.lockstep.images import ImageChunks, first_inputs, inputs_and_targets
from rainbownet.lockstep.store import Store
from rainbownet.lockstep.walk import Chunk, Visitor, WalkReport, walk

__all__ = ["Chunk", "ImageChunks", "Store", "Visitor", "WalkReport", "first_inputs", "inputs_and_targets", "walk"]
