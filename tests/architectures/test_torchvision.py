"""Networks of torchvision as inputs, where it can be imported: traced, sampled exactly, resized."""

import sys
import warnings
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

import rainbownet as rn
from case_laws import Copies
from cases import distance, settled

pytestmark = [
    pytest.mark.extra,
    pytest.mark.filterwarnings("ignore:.*rows to align:rainbownet.errors.RainbowWarning"),
]

IMAGES = 16
_SHIM = []


@pytest.fixture(scope="session")
def models() -> ModuleType:
    """Return torchvision.models; a wheel without its operators imports once two of them are declared."""
    if find_spec("torchvision") is None:
        pytest.skip("torchvision is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return import_module("torchvision.models")
        except RuntimeError:
            for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
                del sys.modules[name]
            library = torch.library.Library("torchvision", "DEF")
            library.define("nms(Tensor dets, Tensor scores, float threshold) -> Tensor")
            library.define("qnms(Tensor dets, Tensor scores, float threshold) -> Tensor")
            _SHIM.append(library)
        try:
            return import_module("torchvision.models")
        except (ImportError, RuntimeError) as error:
            pytest.skip(f"torchvision cannot be imported beside this torch: {error}")


def small(models: ModuleType, name: str) -> nn.Module:
    """Return torchvision's own classes with few channels."""
    if name == "mobilenet_v2":
        return models.mobilenet_v2(num_classes=10, width_mult=0.25)
    if name == "densenet":
        return models.DenseNet(growth_rate=4, block_config=(2, 2, 2, 2), num_init_features=8, num_classes=10)
    if name == "shufflenet_v2":
        return models.ShuffleNetV2([1, 2, 1], [8, 16, 32, 64, 64], num_classes=10)
    if name == "resnet":
        return models.ResNet(models.resnet.Bottleneck, [1, 1, 1, 1], num_classes=10, groups=4, width_per_group=4)
    assert name == "convnext"
    settings = [models.convnext.CNBlockConfig(16, 32, 1), models.convnext.CNBlockConfig(32, None, 2)]
    return models.ConvNeXt(settings, num_classes=10)


def stock(models: ModuleType, name: str) -> nn.Module:
    """Return a network as torchvision has it, but for ten classes and VGG's hidden layers of 4,096."""
    if name == "googlenet":
        return models.googlenet(num_classes=10, aux_logits=False, init_weights=False)
    net = getattr(models, name)(num_classes=10)
    if name == "vgg11_bn":
        net.avgpool = nn.AdaptiveAvgPool2d(2)
        net.classifier[0], net.classifier[3] = nn.Linear(512 * 4, 128), nn.Linear(128, 64)
        net.classifier[6] = nn.Linear(64, 10)
    return net


def prepared(build, models: ModuleType, name: str, size: int) -> tuple[nn.Module, Tensor]:
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        images = torch.randn(IMAGES, 3, size, size, dtype=torch.float64)
        return settled(build(models, name).double(), images), images


def assert_copies_are_exact(net: nn.Module, images: Tensor, width: int) -> None:
    rainbow = rn.fit(net, [images], law=Copies())
    drawn = rainbow.sample([images], width=width, draw="gaussian", alignment=rn.Permutation(), holdout=0.0)
    assert distance(net, drawn, images) < 1e-8


def assert_drawn(net: nn.Module, images: Tensor) -> None:
    rainbow = rn.fit(net, [images])
    same = rainbow.sample([images], draw="identity", alignment=rn.Permutation(), holdout=0.0)
    assert distance(net, same, images) < 1e-8
    drawn = rainbow.sample([images], alignment=rn.LeastSquares(), holdout=0.0)
    others = images.flip(0).roll(5, -1)  # fewer images than channels can be fitted exactly, others not
    values = drawn(others)
    assert values.shape == (IMAGES, 10)
    assert torch.isfinite(values).all()
    assert distance(net, drawn, others) > 1e-3


DRAWN = ["densenet", "shufflenet_v2", "convnext"]
SMALL = [*DRAWN, "mobilenet_v2", "resnet"]


@pytest.mark.parametrize("name", DRAWN)
def test_small_networks_are_sampled(models, name):
    assert_drawn(*prepared(small, models, name, 32))


@pytest.mark.parametrize("name", SMALL)
def test_small_networks_shuffled_compute_the_same(models, name):
    assert_copies_are_exact(*prepared(small, models, name, 32), 1)


@pytest.mark.parametrize("name", DRAWN)
def test_small_networks_doubled_compute_the_same(models, name):
    assert_copies_are_exact(*prepared(small, models, name, 32), 2)


STOCK = {
    "resnet18": 32,
    "resnet50": 32,
    "vgg11_bn": 64,
    "densenet121": 32,
    "mobilenet_v2": 32,
    "efficientnet_b0": 32,
    "googlenet": 64,
    "regnet_y_400mf": 32,
    "convnext_tiny": 64,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", STOCK)
def test_stock_networks_shuffled_compute_the_same(models, name):
    assert_copies_are_exact(*prepared(stock, models, name, STOCK[name]), 1)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "regnet_y_400mf"])
def test_stock_networks_doubled_compute_the_same(models, name):
    assert_copies_are_exact(*prepared(stock, models, name, STOCK[name]), 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", STOCK)
def test_stock_networks_are_sampled(models, name):
    assert_drawn(*prepared(stock, models, name, STOCK[name]))
