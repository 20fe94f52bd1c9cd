"""The rules of the graph: how channels pass through each supported operation. Importing a file fills the table."""

from rainbownet.graph.rules import combine, contract, elementwise, linear, norm, pool, reduce, repeat, shape
from rainbownet.graph.rules.table import register

__all__ = ["combine", "contract", "elementwise", "linear", "norm", "pool", "reduce", "register", "repeat", "shape"]
