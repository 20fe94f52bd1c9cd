"""A public pretrained ResNet-20 with zero-padded shortcuts, on CIFAR-10, where both are at hand."""

import os
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import rainbownet as rn
from case_laws import Copies
from cases import TOLERANCE, distance
from rainbownet.data import IMAGENET, load
from rainbownet.naming import load_weights
from rainbownet.nets import build

pytestmark = pytest.mark.extra

DATA = Path(os.environ.get("RAINBOWNET_DATA", Path(__file__).parents[3] / "shared" / "data"))
WEIGHTS = DATA.parent / "weights" / "resnet20-cifar10.th"
MEAN, DEVIATION = (torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


@pytest.fixture(scope="module")
def trained() -> tuple[nn.Module, Tensor, Tensor]:
    """Return the network, 500 of its images, and their classes."""
    pytest.importorskip("datasets")
    if not WEIGHTS.is_file() or not (DATA / "cifar10").is_dir():
        pytest.skip(f"no pretrained weights and data beside {DATA}; set RAINBOWNET_DATA")
    net = load_weights(build("resnet20"), WEIGHTS).eval()
    images = load(str(DATA / "cifar10"), split="test", limit=500, **IMAGENET)
    inputs = images.inputs.float()
    inputs = inputs / 255 if inputs.max() > 2 else inputs
    return net, (inputs - MEAN) / DEVIATION, images.targets


def accuracy(net: nn.Module, inputs: Tensor, targets: Tensor) -> float:
    with torch.no_grad():
        return (net(inputs).argmax(1) == targets).float().mean().item()


def test_the_trained_network_classifies(trained):
    assert accuracy(*trained) > 0.88


def test_its_stream_has_populations_of_channels_that_start_together(trained):
    net, inputs, _ = trained
    rainbow = rn.fit(net, [inputs[:8]])
    sizes = {p.name: len(p) for p in rainbow.network.populations if not p.frozen}
    assert sum(sizes.values()) == 3 * (16 + 32 + 64) + 64
    # The 16 channels of the first stage go through all three; 16 more are born in the second, 32 in the third.
    stream = [p for p in rainbow.network.populations if "layer3.2.conv2.weight" in p.slots]
    writers: dict[int, int] = {}
    for population in stream:
        writers[len(population.writers)] = writers.get(len(population.writers), 0) + len(population)
    assert writers == {10: 16, 6: 16, 3: 32}


def test_identity_draw_gives_the_trained_logits(trained):
    net, inputs, _ = trained
    drawn = rn.fit(net, [inputs]).sample([inputs[:200]], draw="identity", alignment=rn.Procrustes(), holdout=0.0)
    assert distance(net, drawn, inputs) < TOLERANCE


def test_neurons_shuffled_and_doubled_give_the_trained_logits(trained):
    net, inputs, _ = trained
    drawn = rn.fit(net, [inputs], law=Copies()).sample(
        [inputs[:150]], width=2, draw="gaussian", alignment=rn.Permutation(), holdout=0.0
    )
    assert distance(net, drawn, inputs) < TOLERANCE


@pytest.mark.slow
def test_our_best_preset_beats_the_published_one_and_its_own_white_control(trained):
    net, inputs, targets = trained
    fitted, held = inputs[:400], slice(400, 500)
    scores = {}
    for name, rainbow in {
        "paper": rn.fit(net, [fitted], preset=rn.PAPER),
        "best": rn.fit(net, [fitted]),
        "white": rn.fit(net, [fitted]).white(),
    }.items():
        drawn = rainbow.sample([fitted], width=2, max_images=400)
        scores[name] = accuracy(drawn, inputs[held], targets[held])
    assert scores["best"] > scores["paper"]
    assert scores["best"] > scores["white"]
