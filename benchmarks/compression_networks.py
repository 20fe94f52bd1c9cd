"""The networks whose compression is measured, trained here or public; trained ones are kept and found again."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from common import cifar10, public_resnet20
from rainbownet import data, nets, training
from rainbownet.data import Images


@dataclass(frozen=True)
class Subject:
    """A network, and images to align on, to choose options on and to test on, none of them twice.

    Attributes:
        net: The trained network.
        loader: Batches of training images.
        validation: Training images that it was not trained on, but for the public network.
        test: Test images.
    """

    net: nn.Module
    loader: list[tuple[torch.Tensor, torch.Tensor]]
    validation: Images
    test: Images


def _split(images: Images, first: int) -> tuple[Images, Images]:
    return images.subset(torch.arange(first)), images.subset(torch.arange(first, len(images.targets)))


def _subject(net: nn.Module, train: Images, validation: Images, test: Images, images: int) -> Subject:
    part = train.subset(torch.arange(min(images, len(train.targets))))
    return Subject(net.eval(), list(data.loader(part, batch_size=500)), validation, test)


def _adam(net: nn.Module, train: Images, epochs: int) -> nn.Module:
    """Train by Adam, 1e-3 falling to 0 along a cosine, in batches of 128."""
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    steps = epochs * -(-len(train.targets) // 128)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    order = torch.Generator().manual_seed(0)
    net.train()
    for _ in range(epochs):
        for chosen in torch.randperm(len(train.targets), generator=order).split(128):
            inputs, targets = next(iter(data.loader(train.subset(chosen), batch_size=128)))
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(inputs), targets).backward()
            optimizer.step()
            schedule.step()
    return net


def tutorial(kind: str, width: float, runs: Path, images: int, trained_on: int = 25_000) -> Subject:
    """Return a network of the tutorial, trained for four epochs, a wide one for two, on half of grey CIFAR-10."""
    epochs = 4 if width < 4 else 2
    train, test = cifar10(grayscale=True)
    train, validation = _split(train, 45_000)
    net, file = nets.build(f"tutorial_{kind}", width=width, seed=0), runs / f"tutorial_{kind}_{width:g}.pt"
    if file.is_file():
        net.load_state_dict(torch.load(file, weights_only=True))
    else:
        torch.save(_adam(net, train.subset(torch.arange(trained_on)), epochs).state_dict(), file)
    return _subject(net, train, validation.some(2000), test.some(5000), images)


def digits(name: str, width: float, runs: Path, images: int) -> Subject:
    """Return a network of the digits, four fifths of whose training images it is trained on."""
    train, test = data.load("digits"), data.load("digits", split="test")
    train, validation = _split(train, len(train.targets) * 4 // 5)
    net, file = nets.build(name, width=width, seed=0), runs / f"{name}_{width:g}.pt"
    if file.is_file():
        net.load_state_dict(torch.load(file, weights_only=True))
    else:
        net = training.train(net, train, recipe="digits", seed=0, progress=False).network
        torch.save(net.state_dict(), file)
    return _subject(net, train, validation, test, images)


def resnet20(runs: Path, images: int) -> Subject:
    """Return the public ResNet-20; it has seen the images that options are chosen on."""
    net = public_resnet20()
    train, test = cifar10()
    train, validation = _split(train, 45_000)
    return _subject(net, train, validation.some(500), test.some(1000), images)


SUBJECTS: dict[str, Callable[[Path, int], Subject]] = {
    "digits_mlp": lambda runs, images: digits("digits_mlp", 1, runs, images),
    "digits_cnn": lambda runs, images: digits("digits_cnn", 1, runs, images),
    "digits_mlp ×4": lambda runs, images: digits("digits_mlp", 4, runs, images),
    "digits_mlp ×16": lambda runs, images: digits("digits_mlp", 16, runs, images),
    "tutorial_mlp ×1": lambda runs, images: tutorial("mlp", 1, runs, images),
    "tutorial_mlp ×4": lambda runs, images: tutorial("mlp", 4, runs, images),
    "tutorial_cnn ×1": lambda runs, images: tutorial("cnn", 1, runs, images),
    "tutorial_cnn ×4": lambda runs, images: tutorial("cnn", 4, runs, images),
    "resnet20": resnet20,
}
