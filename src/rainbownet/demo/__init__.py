"""The demonstration: two small networks trained, compared, compressed and drawn again at other widths."""

from rainbownet.demo.results import Results, Settings
from rainbownet.demo.run import run

__all__ = ["Results", "Settings", "run"]
