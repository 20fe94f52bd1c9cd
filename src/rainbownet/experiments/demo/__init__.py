"""The demonstration: two small networks trained, compared, compressed and drawn again at other widths."""

from rainbownet.experiments.demo.results import Results, Settings
from rainbownet.experiments.demo.run import run

__all__ = ["Results", "Settings", "run"]
