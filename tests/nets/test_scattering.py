"""Scattering networks: published sizes and counts, weights, traceability."""

import pytest
import torch
from torch import fx, nn

from rainbownet.errors import ArchitectureError
from rainbownet.graph.rules.table import leaf_modules
from rainbownet.nets import build
from rainbownet.nets.scattering import (
    cifar_scattering,
    half_scales,
    imagenet_scattering,
    paper_scattering4,
    scattering,
)


class Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, leaf_modules()) or super().is_leaf_module(m, module_qualified_name)


def stored_reals(net: nn.Module) -> int:
    return sum(p.numel() * (2 if p.is_complex() else 1) for p in net.parameters())


def blocks(net: nn.Module) -> list[nn.Module]:
    return [child for name, child in net.named_children() if name.startswith("block")]


def input_sizes(net: nn.Module) -> list[int]:
    return [block.linear.weight.shape[1] for block in blocks(net)]


@pytest.mark.parametrize(
    ("net", "parameters", "dimensions", "sides"),
    [
        ("cifar", 6_124_480, [15, 320, 640, 1280, 2560, 2560, 2560, 2560], [32, 16, 16, 8, 8, 4, 4, 2]),
        ("cifar_skip", 12_248_960, [30, 640, 1280, 2560, 5120, 5120, 5120, 5120], [32, 16, 16, 8, 8, 4, 4, 2]),
        ("paper4", 881_600, [15, 320, 640, 1280], [16, 8, 4, 2]),
    ],
)
def test_networks_have_the_published_sizes(net, parameters, dimensions, sides):
    built = {
        "cifar": cifar_scattering,
        "cifar_skip": lambda: cifar_scattering(skip=True),
        "paper4": paper_scattering4,
    }[net]()
    assert stored_reals(built) == parameters
    assert input_sizes(built) == dimensions
    x = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    seen = []
    with torch.no_grad():
        for block in blocks(built):
            x = block.eval()(x)
            seen.append(x.shape[-1])
        assert seen == sides
        assert built.classifier.eval()(x).isfinite().all()


def test_the_imagenet_network_has_the_published_sizes():
    net = imagenet_scattering(width=0.125)
    assert [block.wavelets.output_size[0] for block in blocks(net)] == [112, 112, 56, 56, 28, 28, 14, 14, 7, 6, 3]
    assert net.classifier.linear.weight.shape == (1000, 256 // 8 * 2 * 9)
    assert net.classifier.linear.bias is not None
    assert net(torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))).isfinite().all()


@pytest.mark.slow
def test_the_imagenet_network_has_the_published_number_of_parameters():
    net = imagenet_scattering()
    assert input_sizes(net) == [30, 320, 640, 640, 1280, 2560, 5120, 5120, 5120, 5120, 5120]
    assert round(stored_reals(net) / 1e6, 1) == 31.8


def test_complex_weights_start_with_singular_values_one():
    net = scattering([8, 12], ["standard"] * 2, skip=True, complex_weights=True, size=8)
    for block in blocks(net):
        values = torch.linalg.svdvals(block.linear.weight[:, :, 0, 0])
        assert torch.allclose(values, torch.ones_like(values), atol=1e-5)


def test_width_scales_every_layer_of_the_cifar_network_and_spares_the_last_of_the_paper_network():
    assert [b.linear.weight.shape[0] for b in blocks(cifar_scattering(width=0.25))] == [
        16,
        32,
        64,
        128,
        128,
        128,
        128,
        128,
    ]
    assert [b.linear.weight.shape[0] for b in blocks(paper_scattering4(width=0.5))] == [32, 64, 128, 512]


def test_scales_alternate_after_one_standard_block_if_odd():
    assert half_scales(4) == ["half_a", "half_b", "half_a", "half_b"]
    assert half_scales(5) == ["standard", "half_a", "half_b", "half_a", "half_b"]


@pytest.mark.parametrize(
    "net",
    [
        cifar_scattering(width=0.125, size=16, blocks=4),
        cifar_scattering(width=0.125, size=16, blocks=4, skip=True),
        scattering([4, 8], ["standard"] * 2, skip=True, complex_weights=True, size=8),
    ],
)
def test_networks_trace_to_their_leaves(net):
    net.eval()
    side = net.block1.wavelets.size[0]
    x = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    graph = fx.GraphModule(net, Tracer().trace(net))
    assert torch.equal(graph(x), net(x))
    assert {node.op for node in graph.graph.nodes} == {"placeholder", "call_module", "output"}


@pytest.mark.parametrize("skip", [False, True])
def test_routes_give_the_same_network(skip):
    x = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    options = {"width": 0.125, "size": 16, "blocks": 4, "skip": skip}
    direct, by_fft = (cifar_scattering(route=route, **options).eval()(x) for route in ("auto", "fft"))
    assert torch.allclose(direct, by_fft, atol=1e-4)


@pytest.mark.parametrize("options", [{}, {"skip": True}])
def test_every_weight_gets_a_gradient_also_under_autocast(options):
    net = cifar_scattering(width=0.125, size=16, blocks=2, **options)
    x = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        net(x).float().square().sum().backward()
    for parameter in net.parameters():
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()
        assert parameter.grad.abs().max() > 0


def test_the_seed_decides_the_weights_and_spares_the_global_generator():
    before = torch.random.get_rng_state()
    one, same, other = (build("digits_mlp", seed=seed)[1].weight for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_impossible_networks_are_refused():
    with pytest.raises(ArchitectureError, match="blocks=9"):
        cifar_scattering(blocks=9)
    with pytest.raises(ArchitectureError, match=r"width=0.01"):
        cifar_scattering(width=0.01)
    with pytest.raises(ArchitectureError, match="needs skip=True"):
        scattering([4], ["standard"], complex_weights=True)
    with pytest.raises(ArchitectureError, match="scales 1"):
        scattering([4, 4], ["standard"])
