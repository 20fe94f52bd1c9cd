"""What rules declare of a network: parameters that channels index, what reads them, norms, what is kept."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from torch import Tensor, fx

from rainbownet.graph.ties import Ids


@runtime_checkable
class Count(Protocol):
    """Counts the channels that an axis has after resizing, from its channel indices."""

    def __call__(self, ids: Ids) -> int:
        """Return their number."""
        ...

    def each(self, ids: Ids) -> Ids:
        """Return how many each of them becomes."""
        ...


Rewrite = Callable[[Count], tuple[tuple, dict]]
"""Arguments of a node after resizing."""
Renewal = Callable[[Count], Tensor]
"""A tensor after resizing."""


@dataclass(frozen=True)
class Reader:
    """A parameter that reads the channels of an activation.

    The axis read is `outer × channels × inner`: positions of a flattened feature map are `inner` (or `outer`, channels
    last). These three and `frozen` are known once all ties are.

    Attributes:
        parameter: Name of the parameter.
        axis: Its axis that reads.
        node: The operation.
        source: The node whose value is read, along its axis `dim`.
        groups: Number of groups of channels that are read apart.
        frozen: Whether the channels are never resampled, so that no alignment is needed.
        ids: Channel indices along the axis of the value, or nothing where it is plain.
    """

    parameter: str
    axis: int
    node: fx.Node
    source: fx.Node
    dim: int
    groups: int
    outer: int = 1
    channels: int = 1
    inner: int = 1
    frozen: bool = True
    ids: Ids | None = None

    @property
    def layer(self) -> str:
        """The name of the module the parameter belongs to."""
        return self.parameter.rpartition(".")[0] or self.parameter


@dataclass(frozen=True)
class IndexedParameter:
    """What is known of one parameter or buffer: which axes are indexed by channels, which one reads an activation.

    Attributes:
        shape: Its shape.
        index: Channel indices along each axis that has some.
        read: How it reads an activation, if it does.
        statistic: Whether it is a buffer of measured statistics.
    """

    shape: tuple[int, ...]
    index: dict[int, Ids] = field(default_factory=dict)
    read: Reader | None = None
    statistic: bool = False


@dataclass(frozen=True)
class Kept:
    """What has no rule, or not on these channels: what it touches is kept trained.

    Attributes:
        node: The operation.
        why: The module it stands in, and the rule it would need, in one line.
        ids: The channels that are kept because of it.
        parameters: The parameters it uses itself.
    """

    node: fx.Node
    why: str
    ids: Ids
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Norm:
    """A batch normalisation: `writer` is the weight it directly follows, when it can be folded into it."""

    node: fx.Node
    name: str
    source: fx.Node
    writer: str | None
