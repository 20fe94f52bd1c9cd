"""Rainbow: the law of a network's neurons, fitted, sampled, saved and loaded."""

from rainbownet.rainbow.fit import fit
from rainbownet.rainbow.model import Rainbow, load
from rainbownet.rainbow.sample import Sample

__all__ = ["Rainbow", "Sample", "fit", "load"]
