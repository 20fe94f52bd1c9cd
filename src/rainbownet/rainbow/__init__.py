"""Rainbow: the law of a network's neurons as data: fitted, drawn, written and read."""

from rainbownet.rainbow.data import RainbowData
from rainbownet.rainbow.fit import fit_laws
from rainbownet.rainbow.sample import Sample, draw_sample

__all__ = ["RainbowData", "Sample", "draw_sample", "fit_laws"]
