"""Graph: from a module to its spaces of channels, populations of neurons, writers, readers and norms (theory, 5)."""

from rainbownet.graph import rules as rules
from rainbownet.graph.channels import Channels
from rainbownet.graph.declared import Norm, Reader
from rainbownet.graph.gains import folded_gains
from rainbownet.graph.network import Network
from rainbownet.graph.population import Population
from rainbownet.graph.rules.table import register

__all__ = ["Channels", "Network", "Norm", "Population", "Reader", "folded_gains", "register"]
