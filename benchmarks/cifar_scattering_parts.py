"""Parts of `cifar_scattering.py`: recipes, classifiers on the features of drawn networks, and a clock."""

import argparse
import copy
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

import common
from rainbownet.data import Images, loader
from rainbownet.rainbow.classifier import logistic_regression, ridge_classifier
from rainbownet.training import Recipe, train


def recipe_of(options: argparse.Namespace, epochs: int, lr: float) -> Recipe:
    """Return one cycle, with bfloat16 products on a GPU."""
    return Recipe(
        epochs=epochs,
        lr=lr * options.batch_size / 128,
        schedule="onecycle",
        weight_decay=1e-4,
        batch_size=options.batch_size,
        augment=options.augment,
        precision="bf16" if torch.device(options.device).type == "cuda" else "float32",
    )


@contextmanager
def fast_products() -> Iterator[None]:
    """Let products that remain in float32 use TensorFloat32, while networks are trained."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def percent(net: nn.Module, images: Images) -> float:
    return round(common.percent(net, images), 2)


def last_block(net: nn.Module) -> int:
    return sum(name.startswith("block") for name, _ in net.named_children())


@torch.no_grad()
def features(net: nn.Module, images: Images) -> tuple[Tensor, Tensor]:
    """Return what the linear map of the classifier is given, and the classes."""
    seen: list[Tensor] = []
    handle = net.get_submodule("classifier.linear").register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    with fast_products():
        for inputs, _ in loader(images, batch_size=500):
            net(inputs)
    handle.remove()
    return torch.cat(seen).double(), images.targets


def accuracies(options: argparse.Namespace, net: nn.Module, data: tuple[Images, Images]) -> dict[str, float]:
    """Return the accuracy with the linear map as it is, refitted in closed form, and by logistic regression."""
    train = data[0].some(options.classifier_images)
    (x, y), (x_test, y_test) = (features(net, images) for images in (train, data[1]))
    maps = {"accuracy": net.state_dict()["classifier.linear.weight"].double()}
    for name, fit in (("ridge", ridge_classifier), ("logistic", logistic_regression)):
        maps[name] = fit(x, y, 10, offset=False)[0]
    right = {name: (x_test @ weight.T).argmax(1) == y_test for name, weight in maps.items()}
    return {name: round(100 * found.double().mean().item(), 2) for name, found in right.items()}


def retrained_block(options: argparse.Namespace, net: nn.Module, data: tuple[Images, Images]) -> float:
    """Return the accuracy with the last block and the linear map trained on what the sampled blocks give."""
    children = dict(net.named_children())
    last = f"block{last_block(net)}"
    front = nn.Sequential(*(child for name, child in children.items() if name not in (last, "classifier")))
    back = copy.deepcopy(nn.Sequential(Joined(), children[last], children["classifier"])).requires_grad_(True)
    with torch.no_grad():
        back[0].pairs = front(data[0].normalise(data[0].inputs[:1])).is_complex()
    views = [loader(data[0], batch_size=500, augment="cifar", seed=view) for view in range(options.block_views)]
    given = outputs(front, (batch for view in views for batch in view))
    with fast_products():
        recipe = Recipe(**{**vars(recipe_of(options, options.block_epochs, options.lr / 2)), "augment": None})
        train(back, given, recipe=recipe, seed=options.seed, device=options.device, progress=False)
    return percent(back, outputs(front, loader(data[1], batch_size=500)))


class Joined(nn.Module):
    """Makes complex channels of real and imaginary parts; `pairs` says whether there are any."""

    pairs = False

    def forward(self, images: Tensor) -> Tensor:
        """Return the channels."""
        if not self.pairs:
            return images
        real, imaginary = images.chunk(2, dim=1)
        return torch.complex(real, imaginary)


def parted(images: Tensor) -> Tensor:
    """Return real and imaginary parts of complex channels one after the other, real channels as they are."""
    return torch.cat([images.real, images.imag], dim=1) if images.is_complex() else images


@torch.no_grad()
def outputs(front: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> Images:
    """Return what some blocks make of batches, as images of their own: real parts, then imaginary ones if any."""
    with fast_products():
        pairs = [(parted(front(inputs)), targets) for inputs, targets in batches]
    given, targets = (torch.cat(part) for part in zip(*pairs, strict=True))
    channels = given.shape[1]
    return Images(given, targets, tuple(map(str, range(10))), "blocks", (0.0,) * channels, (1.0,) * channels)


class Clock:
    """What is left of the minutes a call may take, and how long a training should take."""

    def __init__(self, minutes: float | None) -> None:
        self.end = None if minutes is None else time.monotonic() + 60 * minutes
        self.known: tuple[float, float] | None = None

    def left(self, *, seconds: float = 0.0) -> bool:
        """Whether that many seconds are left before the end."""
        return self.end is None or time.monotonic() + seconds < self.end

    def guess(self, width: float) -> float:
        """Return the seconds a training should take, from that of another width: between linear and quadratic."""
        return 0.0 if self.known is None else self.known[1] * (width / self.known[0]) ** 1.5
