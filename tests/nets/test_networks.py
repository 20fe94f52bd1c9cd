"""Residual, VGG, tutorial and digits networks, and the registry."""

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from rainbownet.errors import ArchitectureError
from rainbownet.nets import build, names
from rainbownet.nets.cifar_resnet import cifar_resnet
from rainbownet.nets.resnet import resnet18, resnet18_bnpost
from rainbownet.nets.vgg import cosine_filters, factorized_vgg11, simple_vgg11, vgg11


def weights_folder() -> Path:
    data = os.environ.get("RAINBOWNET_DATA")
    root = Path(data).parent if data else Path(__file__).parents[3] / "shared"
    return root / "weights"


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_resnet18_bnpost_has_the_published_number_of_parameters_and_no_bias_or_affine_norm():
    net = resnet18_bnpost()
    assert count(net) == 11_678_912
    assert all(p.ndim >= 2 for p in net.parameters())


def test_resnet18_bnpost_runs_its_layers_in_the_published_order():
    net = resnet18_bnpost(width=0.125).eval()
    seen = []
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(lambda *_, name=name: seen.append(name))
    net(noise(1, 3, 64, 64))
    weighted = [name for name, module in net.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert len(weighted) == len(seen) == 21
    assert sorted(seen) == sorted(weighted)
    assert [i + 1 for i, name in enumerate(seen) if name.endswith("downsample")] == [8, 13, 18]
    assert seen[0] == "conv1"
    assert seen[20] == "fc"


def test_inputs_of_bnpost_convolutions_after_norms_are_standardised_in_training():
    net = resnet18_bnpost(width=0.125)
    inputs = {}
    conv = net.layer2[1].conv1
    conv.register_forward_pre_hook(lambda _, args: inputs.update(x=args[0]))
    net(noise(4, 3, 64, 64))
    assert inputs["x"].mean(dim=(0, 2, 3)).abs().max() < 1e-5
    assert (inputs["x"].var(dim=(0, 2, 3), correction=0) - 1).abs().max() < 0.01


def test_ordinary_resnet18_has_the_number_of_parameters_and_the_names_of_torchvision():
    net = resnet18()
    assert count(net) == 11_689_512
    keys = set(net.state_dict())
    assert len(keys) == 122
    assert {
        "conv1.weight",
        "bn1.running_var",
        "layer2.0.downsample.0.weight",
        "layer2.0.downsample.1.bias",
        "fc.bias",
    } <= keys


@pytest.mark.parametrize(("depth", "parameters"), [(20, 269_722), (32, 464_154), (56, 853_018)])
def test_cifar_resnets_have_the_published_number_of_parameters(depth, parameters):
    assert count(cifar_resnet(depth)) == parameters


def test_a_padded_shortcut_puts_a_quarter_of_zero_channels_on_each_side():
    shortcut = cifar_resnet(20).layer2[0].shortcut
    x = noise(1, 16, 4, 4)
    y = shortcut(x)
    assert torch.equal(y[:, 8:24], x[:, :, ::2, ::2])
    assert y[:, :8].abs().sum() + y[:, 24:].abs().sum() == 0


def test_a_projected_shortcut_is_a_convolution_and_a_norm():
    net = cifar_resnet(20, shortcut="projection")
    assert count(net) == 269_722 + 16 * 32 + 64 + 32 * 64 + 128
    assert net.eval()(noise(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.extra
def test_the_public_checkpoint_loads_strictly():
    file = weights_folder() / "resnet20-cifar10.th"
    if not file.exists():
        pytest.skip(f"no checkpoint at {file}: set RAINBOWNET_DATA to a folder beside a folder 'weights'")
    state = torch.load(file, weights_only=True, map_location="cpu")["state_dict"]
    net = build("resnet20").eval()
    net.load_state_dict({key.removeprefix("module."): value for key, value in state.items()})
    assert net(noise(2, 3, 32, 32)).isfinite().all()


def test_vgg11_has_the_number_of_parameters_and_the_names_of_torchvision():
    with torch.device("meta"):
        net = vgg11()
    assert count(net) == 132_863_336
    assert {"features.0.weight", "features.18.bias", "classifier.6.weight"} <= set(net.state_dict())


@pytest.mark.parametrize(("norm", "second"), [("none", nn.ReLU), ("before", nn.BatchNorm2d), ("after", nn.ReLU)])
def test_vgg11_puts_norms_where_it_is_told(norm, second):
    net = vgg11(width=0.0625, norm=norm, classes=3)
    assert isinstance(net.features[1], second)
    assert isinstance(net.features[2], nn.BatchNorm2d) == (norm == "after")
    assert net(noise(2, 3, 32, 32)).shape == (2, 3)


def test_the_simple_vgg_has_eight_biasfree_convolutions_and_one_linear_map():
    net = simple_vgg11(width=0.25)
    convs = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert [c.out_channels for c in convs] == [16, 32, 64, 64, 128, 128, 128, 128]
    assert all(c.bias is None for c in convs)
    assert sum(isinstance(m, nn.Linear) for m in net.modules()) == 1
    assert not [m for m in net.modules() if isinstance(m, nn.BatchNorm2d) and m.affine]


def test_the_factorised_vgg_filters_every_channel_by_plus_and_minus_each_frozen_filter():
    net = factorized_vgg11(width=0.125)
    space = net.features[0].space
    assert not space.weight.requires_grad
    x = noise(1, 3, 32, 32)
    y = space(x)
    filters = cosine_filters(5)
    assert torch.allclose(y[:, 10:15], nn.functional.conv2d(x[:, 1:2], filters[:, None], padding=1), atol=1e-5)
    assert torch.equal(y[:, 10:15], -y[:, 15:20])
    assert net.features[2].mix.weight.shape == (16, 80, 1, 1)
    assert net(x.expand(2, -1, -1, -1)).shape == (2, 10)


def test_cosine_filters_are_orthonormal():
    flat = cosine_filters(9).flatten(1)
    assert torch.allclose(flat @ flat.mT, torch.eye(9), atol=1e-6)


def test_tutorial_networks_take_grey_images():
    assert build("tutorial_mlp", width=0.25)(noise(2, 1, 32, 32)).shape == (2, 10)
    assert build("tutorial_cnn", width=0.25)(noise(2, 1, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize("options", [{}, {"norm": False}])
def test_the_digits_network_learns_its_training_images(options):
    images, labels = noise(40, 1, 8, 8), torch.arange(40) % 10
    net = build("digits_cnn", width=0.5, **options)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(60):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(images), labels).backward()
        optimiser.step()
    assert (net(images).argmax(1) == labels).float().mean() > 0.9


@pytest.mark.parametrize("name", [name for name in names() if name not in ("imagenet_scattering", "vgg11")])
def test_every_network_builds_narrow_and_runs(name):
    net = build(name, width=0.125).eval()
    grey = {"digits_cnn": 8, "digits_mlp": 8, "digits_vit": 8, "tutorial_cnn": 32, "tutorial_mlp": 32}
    side = grey.get(name, 32)
    tokens = torch.arange(128).view(2, 64) % 97
    logits = net(tokens if name == "gpt" else noise(2, 1 if name in grey else 3, side, side))
    assert logits.shape[0] == 2
    assert logits.isfinite().all()


def test_every_constructor_takes_width_and_seed():
    for name in names():
        with torch.device("meta" if name == "vgg11" else "cpu"):
            assert count(build(name, width=0.0625, seed=3)) > 0


def test_unknown_networks_and_arguments_are_refused_with_a_hint():
    with pytest.raises(ArchitectureError, match=r"did you mean .*resnet20"):
        build("resnet21")
    with pytest.raises(ArchitectureError, match="unexpected keyword argument 'wdith'"):
        build("resnet20", wdith=2)
    with pytest.raises(ArchitectureError, match="depth=21"):
        build("cifar_resnet", depth=21)
    with pytest.raises(ArchitectureError, match="shortcut='none'"):
        build("resnet20", shortcut="none")
    with pytest.raises(ArchitectureError, match="multiple of 16"):
        build("simple_vgg11", size=24)
