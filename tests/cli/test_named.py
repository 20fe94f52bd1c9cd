"""Networks of torchvision, timm and Hugging Face by name: in Python, by commands, and when packages are missing."""

import json
import sys

import pytest
import torch

import rainbownet as rn
from cli.commands import run
from rainbownet.errors import ArchitectureError, MissingExtra
from rainbownet.public import example_of, preprocessing

NET = """
import torch
from torch import nn

def tiny(classes=10, value=0.0):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, classes))
    if value:
        nn.init.constant_(net[1].bias, value)
    return net
"""
TIMM = """
from tiny_nets import tiny

def create_model(name, pretrained=False, **arguments):
    if name != "small":
        raise RuntimeError(f"Unknown model ({name})")
    net = tiny(value=0.5 if pretrained else 0.0, **arguments)
    net.pretrained_cfg = {"mean": (0.25,), "std": (0.5,), "input_size": (1, 8, 8)}
    return net
"""
TORCHVISION = """
from types import SimpleNamespace
from tiny_nets import tiny

def get_model_weights(name):
    transforms = lambda: SimpleNamespace(mean=[0.1], std=[0.2], crop_size=[8])
    return SimpleNamespace(DEFAULT=SimpleNamespace(transforms=transforms))

def get_model(name, weights=None, **arguments):
    return tiny(value=0.5 if weights else 0.0, **arguments)
"""
TRANSFORMERS = """
import os
from types import SimpleNamespace
from tiny_nets import tiny

class Config(SimpleNamespace):
    architectures = ["TinyForImages"]

class AutoConfig:
    @staticmethod
    def from_pretrained(name, **arguments):
        if not os.path.isdir(name):
            raise OSError(f"{name} is not a local folder")
        return Config(**arguments)

def TinyForImages(config):
    return tiny(**vars(config))

TinyForImages.from_pretrained = lambda name, config: tiny(value=0.5, **vars(config))
utils = SimpleNamespace(cached_file=lambda name, file, **_: os.path.join(name, file))
"""


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Small packages in the place of the three."""
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text("")
    files = {"tiny_nets": NET, "timm": TIMM, "torchvision/models": TORCHVISION, "transformers": TRANSFORMERS}
    for name, text in files.items():
        (tmp_path / f"{name}.py").write_text(text)
    folder = tmp_path / "images"
    folder.mkdir()
    values = {"image_mean": [0.3], "image_std": [0.4], "size": {"height": 8, "width": 8}}
    (folder / "preprocessor_config.json").write_text(json.dumps(values))
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in ("tiny_nets", "timm", "torchvision", "torchvision.models", "transformers"):
        sys.modules.pop(name, None)


def bias(net):
    return net[1].bias[0].item()


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("timm:small", {"mean": [0.25], "std": [0.5], "size": 8}),
        ("torchvision:anything", {"mean": [0.1], "std": [0.2], "size": 8}),
        ("hf:{folder}", {"mean": [0.3], "std": [0.4], "size": 8}),
    ],
)
def test_a_name_builds_the_network_of_its_package_with_its_weights_and_preprocessing(packages, name, known):
    name = name.format(folder=packages)
    trained = rn.resolve(name, pretrained=True)
    assert bias(trained) == 0.5
    assert preprocessing(trained) == known
    assert bias(rn.resolve(name)) != 0.5
    assert bias(rn.resolve(f"{name}(pretrained=True, classes=4)")) == 0.5


def test_an_example_of_a_public_network_has_its_size(packages):
    assert example_of(rn.resolve("timm:small")).shape == (2, 3, 8, 8)
    assert example_of(torch.nn.Linear(2, 2)) is None


def test_what_a_package_says_of_a_wrong_name_is_passed_on_in_one_line(packages):
    with pytest.raises(ArchitectureError, match=r"network 'timm:large' cannot be built .*Unknown model \(large\)"):
        rn.resolve("timm:large")
    with pytest.raises(ArchitectureError, match=r"network 'timm:small': pretrained is 1; True or False"):
        rn.resolve("timm:small", pretrained=1)


@pytest.mark.parametrize(("name", "extra"), [("torchvision:a", "torchvision"), ("timm:a", "timm"), ("hf:a/b", "hf")])
def test_a_missing_package_is_named_with_its_extra(monkeypatch, name, extra):
    for package in ("torchvision", "torchvision.models", "timm", "transformers"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=rf"is not installed; it comes with: pip install 'rainbownet\[{extra}\]'"):
        rn.resolve(name)


def test_fit_takes_the_weights_and_the_preprocessing_of_the_package(packages, tmp_path):
    done = run("fit", "timm:small", "--pretrained", "--out", tmp_path / "a.rainbow", "--limit", 200)
    assert "mean 0.25" in done.stdout
    assert "as timm:small was trained" in done.stdout
    rainbow = rn.load(tmp_path / "a.rainbow")
    assert rainbow.network.parameters["1.bias"][0] == 0.5


def test_compare_takes_names_with_weights_of_their_own(packages):
    done = run("compare", "timm:small(pretrained=True)", "--other", "torchvision:any(pretrained=True)", "--mean", 0.5)
    assert "timm:small(pretrained=True) and torchvision:any(pretrained=True)" in " ".join(done.stdout.split())


def test_info_prints_the_preprocessing(packages):
    done = run("info", "timm:small", "--input-shape", "1,8,8")
    assert "preprocessing: mean [0.25], std [0.5], size 8" in done.stdout


def test_trained_weights_of_a_network_without_any_are_refused(tmp_path):
    done = run("fit", "digits_mlp", "--pretrained", "--out", tmp_path / "a.rainbow", code=2)
    assert "--pretrained: 'digits_mlp' has no weights of its own" in done.stderr
    done = run("info", "timm:small", "--pretrained", "--weights", "a.safetensors", code=2)
    assert "--pretrained and --weights exclude each other" in done.stderr
