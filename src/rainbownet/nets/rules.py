"""Rules of the graph for the modules of learned scattering networks, which the tracer keeps whole.

Fixed wavelets give each neuron several channels, and 1×1 maps mix them.
"""

from typing import Any

from torch import fx

from rainbownet.graph.channels import Channels, Labels
from rainbownet.graph.rules.elementwise import equivariant
from rainbownet.graph.rules.linear import convolution_module, on_axis, size_attributes
from rainbownet.graph.rules.norm import batch_norm
from rainbownet.graph.rules.table import register
from rainbownet.nets.collapse import PhaseCollapse, SkipModulus
from rainbownet.nets.layers import (
    ComplexStandardization,
    Conv1x1,
    DivisiveNormalization,
    RealChannels,
    RealOnComplex1x1,
)
from rainbownet.nets.wavelet import WaveletTransform

register(Conv1x1, leaf=True)(convolution_module)
register(ComplexStandardization, leaf=True)(batch_norm)
register(DivisiveNormalization, leaf=True)(equivariant)


@register(PhaseCollapse, SkipModulus, RealChannels, leaf=True)
def derived_channels(p: Channels, node: fx.Node) -> Labels:
    """Give each neuron the channels computed from its own: readers see all of them as separate channels."""
    module: Any = p.target(node)
    ids = p.axis_label(node.all_input_nodes[0], 1)
    if ids is None:
        return ()
    channels = p.ties.fresh(p.values[node].shape[1])
    p.ties.link(channels, ids[module.channel_sources(len(ids))])
    return (on_axis(channels, 1, p.values[node].ndim),)


@register(WaveletTransform, leaf=True)
def wavelets(p: Channels, node: fx.Node) -> list[Labels]:
    """Keep the channels: every one is filtered alike, and orientations are positions along an axis of their own."""
    ids = p.axis_label(node.all_input_nodes[0], 1)
    return [() if ids is None else (on_axis(ids, 1, value.ndim),) for value in p.values[node]]


@register(RealOnComplex1x1, leaf=True)
def real_on_complex(p: Channels, node: fx.Node) -> Labels:
    """Read axis 1 and write new channels, with a real weight on complex data."""
    name = str(node.target)
    weight = f"{name}.weight"
    p.read(weight, 1, node, node.all_input_nodes[0], 1)
    ids = p.index(weight, 0, None)
    size_attributes(p, name, weight, {"out_channels": 0, "in_channels": 1})
    return (on_axis(ids, 1, p.values[node].ndim),)
