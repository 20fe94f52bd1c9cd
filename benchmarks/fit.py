"""Where the time of `fit` goes on a network of many channels, fusions, additions and concatenations.

    python benchmarks/fit.py --json benchmarks/results/fit.json

Seconds are of processor time. The populations are found a second time by a loop over neurons, the baseline; the
factorisations of the laws alone are the lower bound of `fit`.
"""

import argparse
import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import rainbownet as rn
from common import RESULTS, machine
from rainbownet.graph import Network
from rainbownet.graph.population import find_populations
from rainbownet.graph.propagate import apply_rules
from rainbownet.laws.factor import thin_factor


def layer(inputs: int, outputs: int, size: int = 3, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Return a convolution and its norm."""
    convolution = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(outputs)]


def separable(channels: int) -> list[nn.Module]:
    """Return a depthwise filter and a map of all channels."""
    return [nn.Conv2d(channels, channels, 3, 1, 1, groups=channels, bias=False), *layer(channels, channels, 1)]


class Residual(nn.Module):
    """Adds what a branch computes."""

    def __init__(self, *branch: nn.Module) -> None:
        super().__init__()
        self.branch = nn.Sequential(*branch)

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum."""
        return x + self.branch(x)


class Fuse(nn.Module):
    """Adds maps of every resolution to those of every other (HRNet)."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.paths = nn.ModuleList(
            nn.ModuleList(self._path(i, j, widths) for j in range(len(widths))) for i in range(len(widths))
        )

    @staticmethod
    def _path(i: int, j: int, widths: tuple[int, ...]) -> nn.Module:
        if i == j:
            return nn.Identity()
        if j > i:
            return nn.Sequential(*layer(widths[j], widths[i], 1), nn.Upsample(scale_factor=2 ** (j - i)))
        return nn.Sequential(*layer(widths[j], widths[i], 3, 2 ** (i - j)))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Return the fused maps."""
        result = []
        for row in self.paths:
            total = row[0](maps[0])
            for path, value in zip(row[1:], maps[1:], strict=True):
                total = total + path(value)
            result.append(F.relu(total))
        return result


class Wide(nn.Module):
    """Four resolutions fused four times, a separable stream of 728 channels, eight concatenations, 2048 channels."""

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128, 256), stream: int = 728, end: int = 2048) -> None:
        super().__init__()
        self.stem = nn.Sequential(*layer(3, widths[0], 3, 2), nn.ReLU())
        self.down = nn.ModuleList(nn.Sequential(*layer(a, b, 3, 2), nn.ReLU()) for a, b in pairwise(widths))
        self.blocks = nn.ModuleList(
            nn.ModuleList(Residual(*layer(c, c), nn.ReLU(), *layer(c, c)) for c in widths) for _ in range(4)
        )
        self.fuse = nn.ModuleList(Fuse(widths) for _ in range(4))
        self.widen = nn.Conv2d(sum(widths), stream, 1)
        self.stream = nn.Sequential(*(Residual(nn.ReLU(), *separable(stream)) for _ in range(24)))
        self.dense = nn.ModuleList(nn.Sequential(*layer(stream + 64 * i, 64, 1), nn.ReLU()) for i in range(8))
        self.last = nn.Sequential(*layer(stream + 8 * 64, end, 1), nn.ReLU())
        self.end = Residual(*layer(end, 256, 1), nn.ReLU(), *layer(256, 256, 3, 1, 8), nn.ReLU(), *layer(256, end, 1))
        self.head = nn.Linear(end, 1000)

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs."""
        maps = [self.stem(x)]
        for down in self.down:
            maps.append(down(maps[-1]))
        for blocks, fuse in zip(self.blocks, self.fuse, strict=True):
            maps = fuse([block(value) for block, value in zip(blocks, maps, strict=True)])
        features = [self.stream(self.widen(torch.cat([F.interpolate(value, size=(4, 4)) for value in maps], 1)))]
        for dense in self.dense:
            features.append(dense(torch.cat(features, 1)))
        return self.head(self.end(self.last(torch.cat(features, 1))).mean((2, 3)))


def by_loops(parameters: Any, solved: Any) -> dict:
    """Group neurons one by one: the baseline."""
    entries: dict[int, dict[str, list[int]]] = {}
    for name, parameter in parameters.items():
        for ids in list(parameter.index.values())[:1]:
            for i, root in enumerate(solved.neuron[ids]):
                entries.setdefault(int(root), {}).setdefault(name, []).append(i)
    groups: dict = {}
    for root, slots in entries.items():
        shape = tuple((name, len(indices)) for name, indices in slots.items())
        groups.setdefault((shape, solved.marks[solved.group[root]], bool(solved.frozen[root])), []).append(slots)
    return groups


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.process_time()
    result = work()
    return time.process_time() - began, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, default=RESULTS / "fit.json")
    given = parser.parse_args()
    torch.manual_seed(0)
    net, images = Wide().eval(), torch.randn(2, 3, 64, 64)
    seconds: dict[str, float] = {}
    seconds["trace and channels"], network = timed(lambda: Network(net, images))
    seconds["resize"], _ = timed(lambda: network.resized(1.5))
    seconds["neurons behind readers"], _ = timed(lambda: [network.neurons_read(r) for r in network.readers])
    channels = apply_rules(network.traced, network.example)
    solved = channels.ties.solve()
    seconds["populations"], found = timed(lambda: find_populations(channels.parameters, solved))
    seconds["populations by loops"], _ = timed(lambda: by_loops(channels.parameters, solved))
    seconds["fit"], rainbow = timed(lambda: rn.fit(net, [images]))
    rows = [law.neurons() for law in rainbow.laws.values()]
    seconds["factorisations"], _ = timed(lambda: [thin_factor(own - own.mean(0)) for own in rows])
    for name, value in seconds.items():
        print(f"{name:24} {value:8.3f} s")
    sizes = {"populations": len(found[0]), "neurons": sum(len(p) for p in found[0]), "readers": len(network.readers)}
    content = {"seconds": seconds, "network": sizes, "machine": machine()}
    given.json.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
