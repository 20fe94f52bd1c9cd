"""Pooling and resampling over positions: channels pass through one by one."""

from torch import fx, nn

from rainbownet.graph.channels import Channels, Labels
from rainbownet.graph.rules.table import register

_AVERAGES = tuple(getattr(nn, f"{kind}Pool{d}d") for kind in ("Avg", "AdaptiveAvg") for d in (1, 2, 3))
_POOLS = tuple(getattr(nn, f"{kind}Pool{d}d") for kind in ("Max", "LP", "AdaptiveMax") for d in (1, 2, 3))
_LINEAR_PADS = tuple(getattr(nn, f"{kind}Pad{d}d") for kind in ("Zero", "Reflection", "Replication") for d in (1, 2, 3))
_PADS = tuple(getattr(nn, f"ConstantPad{d}d") for d in (1, 2, 3))
_UPSAMPLES = (nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d)
_AVERAGE_FUNCTIONS = tuple(f"{kind}_pool{d}d" for kind in ("avg", "adaptive_avg") for d in (1, 2, 3))
_FUNCTIONS = tuple(f"{kind}_pool{d}d" for kind in ("max", "lp", "adaptive_max") for d in (1, 2, 3))


@register(*_AVERAGES, *_LINEAR_PADS, *_UPSAMPLES, *_AVERAGE_FUNCTIONS, channelwise=True, linear=True)
@register("interpolate", "upsample", channelwise=True, linear=True)
@register(*_POOLS, *_PADS, *_FUNCTIONS, channelwise=True)
def pool(p: Channels, node: fx.Node) -> Labels:
    """Pass the labels on, provided that none lies on a position axis."""
    labels = p.labels_of(node.all_input_nodes[0])
    if any(size > 1 for label in labels for size in label.shape[2:]):
        raise p.unsupported(node, "it pools over an axis of channels; channels must be the second axis")
    return labels
