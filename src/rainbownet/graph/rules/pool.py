"""Pooling and resampling over positions: channels pass through one by one."""

from typing import TYPE_CHECKING

from torch import fx, nn

from rainbownet.graph.rules.table import register

if TYPE_CHECKING:
    from rainbownet.graph.propagate import Labels, Propagation

_POOLS = tuple(
    getattr(nn, f"{kind}{d}d")
    for kind in ("MaxPool", "AvgPool", "LPPool", "AdaptiveAvgPool", "AdaptiveMaxPool")
    for d in (1, 2, 3)
)
_FUNCTIONS = tuple(
    f"{kind}{d}d"
    for kind in ("max_pool", "avg_pool", "lp_pool", "adaptive_avg_pool", "adaptive_max_pool")
    for d in (1, 2, 3)
)
_PADS = tuple(
    getattr(nn, f"{kind}Pad{d}d") for kind in ("Zero", "Reflection", "Replication", "Constant") for d in (1, 2, 3)
)


@register(*_POOLS, *_FUNCTIONS, *_PADS, nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d)
@register("interpolate", "upsample")
def pool(p: "Propagation", node: fx.Node) -> "Labels":
    """Pass the labels on, provided that none lies on a position axis."""
    labels = p.labels_of(node.all_input_nodes[0])
    if any(size > 1 for label in labels for size in label.shape[2:]):
        raise p.unsupported(node, "it pools over an axis of channels; channels must be the second axis")
    return labels
