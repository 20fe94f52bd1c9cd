r"""Layers of infinite width as modules: from white coordinates to kernel values at landmarks to reference channels.

While a limit network is built a layer is two modules, `LimitFeatures` and `LimitMap`, because the map can only be
computed once the features of all images are known; afterwards it is one `LimitLayer`, their product.
"""

from jaxtyping import Float, Inexact
from torch import Tensor, fx, nn

from rainbownet.graph import Channels, register
from rainbownet.graph.channels import Labels
from rainbownet.limit.activation import operation_kernel
from rainbownet.limit.kernel import Kernel
from rainbownet.limit.nystrom import NystromFeatures

_BLOCK = 1 << 20
"""Kernel values held at once, 8 bytes each."""


def rows_of_channels(value: Tensor, dim: int) -> Inexact[Tensor, "b c"]:
    """Return the channels of an activation as rows, one per image and position."""
    return value.movedim(dim, -1).flatten(0, -2)


def channels_from_rows(rows: Inexact[Tensor, "b c"], like: Tensor, dim: int) -> Tensor:
    """Return rows as an activation with the images and positions of another, in the memory of the rows."""
    moved = like.movedim(dim, -1)
    return rows.to(like.dtype).reshape(*moved.shape[:-1], rows.shape[1]).movedim(-1, dim)


class LimitFeatures(nn.Module):
    """Nyström features of the neurons of a layer, scaled to the energy of the reference's number of neurons.

    Args:
        kernel: Kernel of the layer.
        dim: Axis of the channels.
        landmarks: Number of landmarks.
        neurons: The reference's number of neurons.

    Attributes:
        fitted: The features; until they are fitted the output is zero.
        any_layout: That it reads channels wherever they lie.
    """

    any_layout = True

    def __init__(self, kernel: Kernel, dim: int, landmarks: int, neurons: int) -> None:
        super().__init__()
        self.kernel, self.dim, self.landmarks, self.neurons = kernel, dim, landmarks, neurons
        self.fitted: NystromFeatures | None = None

    def forward(self, z: Tensor) -> Tensor:
        """Return the features of every image and position."""
        rows = rows_of_channels(z, self.dim)
        if self.fitted is None:
            return channels_from_rows(rows.new_zeros(len(rows), self.landmarks), z, self.dim)
        block = max(1, _BLOCK // len(self.fitted.landmarks))
        return channels_from_rows(self.fitted(rows, block=block, scale=self.neurons**0.5, dtype=z.dtype), z, self.dim)


class LimitMap(nn.Module):
    """The map from features to reference channels; zero until it is known."""

    any_layout = True

    def __init__(self, dim: int, channels: int) -> None:
        super().__init__()
        self.dim, self.channels = dim, channels
        self.map: Float[Tensor, "d k"] | None = None

    def forward(self, features: Tensor) -> Tensor:
        """Return the reference channels of every image and position."""
        rows = rows_of_channels(features, self.dim)
        value = rows.new_zeros(len(rows), self.channels) if self.map is None else rows @ self.map.T.to(rows)
        return channels_from_rows(value, features, self.dim).contiguous()


class LimitLayer(nn.Module):
    r"""One infinitely wide layer in the reference's channels.

    It is :math:`h = k(z, L)\,W` with :math:`W = \sqrt d\,V\Lambda^{-1/2}\hat A^\top` (theory, 8). Kernels are computed
    in float64 and the result has the type of the input.

    Args:
        activation: The non-linearity, a graph of one operation.
        dim: Axis of the white coordinates in the input, and of the channels in the output.
        mean: Whether the last coordinate is the mean of the pre-activation.
        landmarks: Landmarks `(m, s)`.
        weight: From kernel values to channels `(m, d)`.

    Example:
        >>> import torch
        >>> from rainbownet.limit.activation import operation
        >>> layer = LimitLayer(operation(nn.Module(), []), 1, False, torch.eye(2), 3 * torch.eye(2))
        >>> layer(torch.tensor([[1.0, 2.0]])).round(decimals=6)  # the kernel of a linear layer is the inner product
        tensor([[3., 6.]])
    """

    landmarks: Float[Tensor, "m s"]
    weight: Float[Tensor, "m d"]

    def __init__(self, activation: fx.GraphModule, dim: int, mean: bool, landmarks: Tensor, weight: Tensor) -> None:
        super().__init__()
        self.activation, self.dim, self.mean = activation, dim, mean
        self.register_buffer("landmarks", landmarks)
        self.register_buffer("weight", weight)
        self._kernel: Kernel | None = None

    @property
    def kernel(self) -> Kernel:
        """The kernel between rows of white coordinates: the expected product of two neurons' activations."""
        if self._kernel is None:
            self._kernel = operation_kernel(self.activation, mean=self.mean)
        return self._kernel

    def forward(self, z: Tensor) -> Tensor:
        """Return the reference channels of every image and position."""
        rows = rows_of_channels(z, self.dim)
        result = rows.new_empty(len(rows), self.weight.shape[1])
        block = max(1, _BLOCK // len(self.landmarks))
        for start in range(0, len(rows), block):
            values = self.kernel(rows[start : start + block], self.landmarks)
            result[start : start + block] = values @ self.weight.to(values)
        return channels_from_rows(result, z, self.dim).contiguous()

    def extra_repr(self) -> str:
        """Return the sizes, for printing."""
        (m, s), d = self.landmarks.shape, self.weight.shape[1]
        return f"coordinates={s}, landmarks={m}, channels={d}, mean={self.mean}, dim={self.dim}"

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_kernel": None}


@register(LimitFeatures, LimitMap, LimitLayer, leaf=True)
def limit_layer(p: Channels, node: fx.Node) -> Labels:
    """Mix all channels and write others, neither of which are neurons that could be drawn."""
    module = p.target(node)
    assert isinstance(module, LimitFeatures | LimitMap | LimitLayer)
    source = node.all_input_nodes[0]
    value = p.values[node]
    dim = module.dim % value.ndim
    inputs = p.axis_label(source, dim)
    if inputs is not None:
        p.ties.freeze(inputs)
    outputs = p.ties.fresh(value.shape[dim])
    p.ties.freeze(outputs)
    shape = [1] * value.ndim
    shape[dim] = value.shape[dim]
    return (outputs.reshape(shape),)
