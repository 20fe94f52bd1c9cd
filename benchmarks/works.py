"""Pieces of work that `performance.py` measures, in seconds of processor time or MiB, in whatever version is imported.

    python benchmarks/works.py

It reads names of works, one a line, and answers each with a line of JSON: the seconds of the work. A line
`bound NAME` measures instead what the work is compared with. What a work needs is prepared once and not measured.
Nothing is imported that an earlier version of the library does not have.
"""

import copy
import json
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

import rainbownet as rn
from rainbownet.data import load, loader, stationary_gaussian_images
from rainbownet.moments import CrossMoment
from rainbownet.nets import build
from rainbownet.training import train

Work = Callable[[], Any]
CHUNK = 256


def chain(kind: str, depth: int, width: int) -> nn.Sequential:
    """Return a plain chain of layers with ReLU, then a map to 10 classes."""
    torch.manual_seed(0)
    if kind == "conv":
        layers = [nn.Conv2d(width if j else 3, width, 3, padding=1, bias=False) for j in range(depth)]
        first, pool = [], [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    else:
        layers = [nn.Linear(width if j else 192, width, bias=False) for j in range(depth)]
        first, pool = [nn.Flatten()], []
    for layer in layers:
        nn.init.kaiming_normal_(layer.weight)
    body = [part for layer in layers for part in (layer, nn.ReLU())]
    return nn.Sequential(*first, *body, *pool, nn.Linear(width, 10, bias=False)).eval()


@lru_cache
def images(count: int, size: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return list(stationary_gaussian_images(count, size, channels=3, generator=generator).split(CHUNK))


@lru_cache
def subject(name: str) -> tuple[nn.Module, list[Tensor], float]:
    """Return a network, its images and the width of the sample."""
    if name == "resnet20":
        torch.manual_seed(0)
        return build("resnet20", seed=0).eval(), images(256, 32), 4.0
    kind, depth = name.split()
    return chain(kind, int(depth), 64 if kind == "conv" else 256), images(2000 if kind == "conv" else 20000, 8), 1.0


def draw(name: str) -> nn.Module:
    """Fit the published law to a network and draw a sample."""
    net, batches, width = subject(name)
    rainbow = rn.fit(net, batches, preset=rn.PAPER, alignment=rn.Procrustes(scale=False))
    return rainbow.draw(batches, width=width, seed=0, max_images=sum(map(len, batches)), holdout=0.0).network


@lru_cache
def drawn(name: str) -> nn.Module:
    return draw(name)


def noting(shapes: list[tuple[int, int]]) -> Callable[[nn.Module, Any], None]:
    """Return a hook that notes how many rows of how many channels a layer reads."""
    return lambda _, args: shapes.append((args[0].numel() // args[0].shape[1], args[0].shape[1]))


@lru_cache
def moments(name: str) -> list[tuple[Tensor, Tensor]]:
    """Return rows of the shapes of a chunk, of what each layer reads in the network and its sample."""
    net, batches, _ = subject(name)
    shapes: list[list[tuple[int, int]]] = [[], []]
    for k, own in enumerate((net, drawn(name))):
        hooks = [
            layer.register_forward_pre_hook(noting(shapes[k]))
            for layer in own.modules()
            if isinstance(layer, nn.Conv2d | nn.Linear)
        ]
        own(batches[0])
        for hook in hooks:
            hook.remove()
    pairs = list(zip(*shapes, strict=True))[1:]
    return [(torch.randn(left), torch.randn(right)) for left, right in pairs]


@lru_cache
def runners(name: str) -> tuple[nn.Module, ...]:
    """Return both networks as they run fastest: with ReLUs in place."""
    pair = tuple(copy.deepcopy(own) for own in (subject(name)[0], drawn(name)))
    for own in pair:
        for layer in own.modules():
            if isinstance(layer, nn.ReLU):
                layer.inplace = True
    return pair


@torch.no_grad()
def forwards_and_products(name: str) -> None:
    """Run both networks over all images, with channels last, and the products of the moments: the bound."""
    _, batches, _ = subject(name)
    pairs = moments(name)
    for batch in batches:
        last = batch.contiguous(memory_format=torch.channels_last)
        for own in runners(name):
            own(last)
        for left, right in pairs:
            rows = len(left) * len(batch) // len(batches[0])
            left[:rows].T @ right[:rows]


@lru_cache
def digits() -> tuple[Any, Any, Tensor]:
    """Return a rainbow of a network of digits, whose norms give its neurons offsets, and images."""
    own, test = (load("digits", split=split) for split in ("train", "test"))
    net = train(build("digits_cnn", seed=0), own, recipe="digits", seed=0).network.eval()
    batches = loader(own, batch_size=CHUNK)
    return rn.fit(net, batches), batches, test.normalise(test.inputs)


LIMITS: list[nn.Module] = []
"""The limits that were computed: their outputs are another work."""


def limit() -> None:
    rainbow, batches, _ = digits()
    LIMITS.append(rainbow.limit(batches, landmarks=1024).eval())


def limit_network() -> nn.Module:
    if not LIMITS:
        limit()
    return LIMITS[-1]


@lru_cache
def wide_sample() -> nn.Module:
    rainbow, batches, _ = digits()
    return rainbow.sample(batches, width=16, seed=0).eval()


@lru_cache
def wide_network() -> tuple[nn.Module, Tensor]:
    """Return a network of separable and plain convolutions of 256 to 728 channels."""
    torch.manual_seed(0)
    widths = (64, 128, 256, 512)
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 3, 2, 1)]
    for a, b in pairwise(widths):
        layers += [nn.Conv2d(a, b, 3, 2, 1), nn.BatchNorm2d(b), nn.ReLU(), nn.Conv2d(b, b, 3, 1, 1), nn.ReLU()]
    layers += [nn.Conv2d(512, 728, 1), nn.BatchNorm2d(728), nn.ReLU()]
    for _ in range(4):
        layers += [nn.Conv2d(728, 728, 3, 1, 1, groups=728), nn.Conv2d(728, 728, 1), nn.BatchNorm2d(728), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(728, 10)).eval(), torch.randn(
        2, 3, 64, 64
    )


def fit_wide() -> None:
    net, batch = wide_network()
    rn.fit(net, [batch])


def eigenvectors_of_products() -> None:
    """Decompose the products of the rows of each layer, in float64: the least that a factor needs."""
    net, _ = wide_network()
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d) and layer.groups == 1:
            rows = layer.weight.detach().double().flatten(1)
            torch.linalg.eigh(rows @ rows.T if len(rows) <= rows.shape[1] else rows.T @ rows)


@lru_cache
def matrix(size: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(size, size, generator=generator, dtype=torch.float64) * torch.logspace(0, -3, size)


def rotation() -> None:
    try:
        from rainbownet.aligned import polar_factor
    except ImportError:  # what the room was called at first
        from rainbownet.alignment import polar_factor  # pyright: ignore[reportMissingImports]
    polar_factor(matrix(512))


def singular_vectors() -> None:
    u, _, vh = torch.linalg.svd(matrix(512))
    u @ vh


@lru_cache
def rows() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(50_000, 512, generator=generator) for _ in range(2))
    return left, right


def moment() -> None:
    CrossMoment(512, 512).update(*rows())


def bare_products() -> None:
    left, right = rows()
    for start in range(0, len(left), 1 << 15):
        z, w = left[start : start + (1 << 15)], right[start : start + (1 << 15)]
        z.T @ w
        w.T @ w


def products_of_matrices() -> None:
    a = torch.ones(2048, 2048)
    for _ in range(20):
        a @ a


@torch.no_grad()
def forward(net: nn.Module) -> None:
    for batch in digits()[2].split(CHUNK):
        net(batch)


def started(*arguments: str) -> float:
    """Return the seconds of processor time of a process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def peak(method: str, images: int) -> float:
    """Return the MiB that drawing 16 convolutions takes at most, beyond what a process holds before."""
    code = "import sys; from lockstep import Chain, measured; "
    code += f"print(measured({method!r}, Chain('conv', 16, 64, {images}))['peak_mib'])"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


WORKS: dict[str, tuple[Work, Work]] = {
    "draw conv 16": (lambda: draw("conv 16"), lambda: forwards_and_products("conv 16")),
    "draw mlp 16": (lambda: draw("mlp 16"), lambda: forwards_and_products("mlp 16")),
    "draw resnet20 x4": (lambda: draw("resnet20"), lambda: forwards_and_products("resnet20")),
    "limit": (limit, products_of_matrices),
    "limit forward": (lambda: forward(limit_network()), lambda: forward(wide_sample())),
    "fit wide": (fit_wide, eigenvectors_of_products),
    "rotation 512": (rotation, singular_vectors),
    "moments": (moment, bare_products),
    # Layer by layer memory is that of a batch, whatever their number.
    "memory conv 16": (lambda: peak("lockstep", 2000), lambda: peak("layer by layer", 512)),
    "help": (lambda: started("-m", "rainbownet", "--help"), lambda: started("-c", "import torch")),
}
"""Each work and what it is compared with; what returns a number has measured itself, memory in MiB."""

PREPARED: dict[str, Work] = {
    "draw conv 16": lambda: drawn("conv 16"),
    "draw mlp 16": lambda: drawn("mlp 16"),
    "draw resnet20 x4": lambda: drawn("resnet20"),
    "limit": digits,
    "limit forward": lambda: (limit_network(), wide_sample()),
    "fit wide": wide_network,
    "rotation 512": rotation,
    "moments": rows,
}
"""What is there before a work or its bound is measured."""


def seconds(name: str, *, bound: bool) -> float:
    """Return the processor seconds of a work, or of what it is compared with."""
    if name in PREPARED:
        PREPARED[name]()
    if bound and name.startswith("draw"):
        own = name.removeprefix("draw ").removesuffix(" x4")
        moments(own), runners(own)
    began = time.process_time()
    found = WORKS[name][bound]()
    return found if isinstance(found, float) else time.process_time() - began


def main() -> None:
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        name = line.strip()
        bound = name.startswith("bound ")
        print(json.dumps(seconds(name.removeprefix("bound "), bound=bound)), flush=True)


if __name__ == "__main__":
    main()
