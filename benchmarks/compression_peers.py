"""What one would use instead: fewer bits, truncated SVD, pruned weights, pruned channels; none of them trained further.

Each peer gives a network and the bytes its numbers take, without headers: matrices and kernels in float16, or in whole
numbers of eight bits with a float32 scale a row; everything of one axis (biases, norms) in float32.
"""

import copy
import math
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from rainbownet.laws.precision import rounded
from rainbownet.nets.cifar_resnet import CifarResNet

Found = tuple[nn.Module, int]


def matrices(net: nn.Module) -> list[nn.Parameter]:
    """Return the weights of two axes or more."""
    return [p for p in net.parameters() if p.ndim > 1]


def rest_bytes(net: nn.Module) -> int:
    """Return the bytes of everything of one axis: biases, and scale, offset, mean and variance of norms."""
    values = [*net.parameters(), *(b for b in net.buffers() if b.is_floating_point())]
    return sum(4 * value.numel() for value in values if value.ndim == 1)


def fewer_bits(rows: Tensor, precision: str) -> tuple[Tensor, int]:
    """Return rows as a file holds them, and its bytes."""
    new = rounded(rows.double(), [slice(None)], precision).to(rows)
    return new, {"float32": 4, "float16": 2, "int8": 1}[precision] * rows.numel() + (precision == "int8") * 4 * len(
        rows
    )


def with_matrices(net: nn.Module, change: Callable[[int, Tensor], tuple[Tensor, int]]) -> Found:
    """Return a copy whose matrices are changed, and the bytes."""
    new = copy.deepcopy(net).eval()
    total = rest_bytes(new)
    with torch.no_grad():
        for k, weight in enumerate(matrices(new)):
            rows, size = change(k, weight.flatten(1))
            weight.copy_(rows.reshape(weight.shape))
            total += size
    return new, total


def quantised(net: nn.Module, precision: str) -> Found:
    """Return a network of fewer bits."""
    return with_matrices(net, lambda _, rows: fewer_bits(rows, precision))


def truncated(net: nn.Module, most: int, precision: str) -> Found | None:
    """Return the network of truncated SVDs, all layers with one share of their energy, the largest in so many bytes."""
    parts = [torch.linalg.svd(weight.detach().flatten(1).double(), full_matrices=False) for weight in matrices(net)]
    energies = [s.square().cumsum(0) / s.square().sum() for _, s, _ in parts]

    def at(share: float) -> Found:
        def change(k: int, rows: Tensor) -> tuple[Tensor, int]:
            u, s, vh = parts[k]
            rank = min(int((energies[k] < share).sum()) + 1, len(s))
            if rank * sum(rows.shape) >= rows.numel():
                return fewer_bits(rows, precision)
            root = s[:rank].sqrt()
            left, one = fewer_bits(u[:, :rank] * root, precision)
            right, other = fewer_bits(root[:, None] * vh[:rank], precision)
            return (left @ right).to(rows), one + other

        return with_matrices(net, change)

    return largest(at, most)


def pruned(net: nn.Module, most: int, precision: str) -> Found | None:
    """Return the network of the largest weights, in so many bytes; which they are costs the entropy of a mask."""
    sizes = torch.cat([weight.detach().abs().flatten() for weight in matrices(net)])
    order = sizes.sort().values

    def at(share: float) -> Found:
        threshold = order[min(int((1 - share) * len(order)), len(order) - 1)]

        def change(k: int, rows: Tensor) -> tuple[Tensor, int]:
            keep = rows.abs() >= threshold
            new, _ = fewer_bits(torch.where(keep, rows, 0.0), precision)
            p = keep.double().mean().item()
            bits = 0.0 if p in (0.0, 1.0) else -p * math.log2(p) - (1 - p) * math.log2(1 - p)
            each = {"float16": 2, "int8": 1}[precision]
            scales = 4 * int(keep.any(1).sum()) if precision == "int8" else 0
            return torch.where(keep, new, 0.0), math.ceil(each * int(keep.sum()) + scales + bits * rows.numel() / 8)

        return with_matrices(net, change)

    return largest(at, most)


def largest(at: Callable[[float], Found], most: int) -> Found | None:
    """Return what the largest share gives in so many bytes, by bisection; nothing where none does."""
    low, high = 0.0, 1.0
    best: Found | None = None
    for _ in range(14):
        middle = (low + high) / 2
        found = at(middle)
        if found[1] <= most:
            low, best = middle, found
        else:
            high = middle
    return best


def structured(
    net: nn.Module, example: Tensor, precision: str, ratios: tuple[float, ...]
) -> Iterator[tuple[float, Found]]:
    """Yield networks whose least channels are taken away by Torch-Pruning."""
    for ratio in ratios:
        yield ratio, quantised(pruned_channels(net, example, ratio), precision)


RESNET_STREAMS = ("conv1", *(f"layer{stage}.{block}.conv2" for stage in (1, 2, 3) for block in range(3)))
"""What writes into the streams of ResNet-20: its shortcuts pad channels, which Torch-Pruning does not follow."""


def pruned_channels(net: nn.Module, example: Tensor, ratio: float) -> nn.Module:
    """Return a copy without a share of its channels, those of the least norm of their groups, by Torch-Pruning.

    Of the residual networks of CIFAR the streams keep theirs.
    """
    import torch_pruning as tp

    new = copy.deepcopy(net).eval().requires_grad_(True)
    streams = RESNET_STREAMS if isinstance(net, CifarResNet) else ()
    last = [module for module in new.modules() if isinstance(module, nn.Linear)][-1]
    kept = [last, *(new.get_submodule(name) for name in streams)]
    importance = tp.importance.GroupMagnitudeImportance(p=2)
    with torch.enable_grad():  # dependencies are found through autograd
        pruner = tp.pruner.BasePruner(new, example, importance=importance, pruning_ratio=ratio, ignored_layers=kept)
        pruner.step()
    return new.requires_grad_(False)
