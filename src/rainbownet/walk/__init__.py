"""The walk: networks of one structure taken together, one node at a time, over all images, in bounded memory."""

from rainbownet.walk.batches import Inputs, inputs_and_targets
from rainbownet.walk.images import HOLDOUT, AlignmentImages
from rainbownet.walk.lockstep import Chunk, Visitor, WalkReport, walk
from rainbownet.walk.store import Store

__all__ = [
    "HOLDOUT",
    "AlignmentImages",
    "Chunk",
    "Inputs",
    "Store",
    "Visitor",
    "WalkReport",
    "inputs_and_targets",
    "walk",
]
