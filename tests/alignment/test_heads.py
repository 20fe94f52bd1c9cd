"""Heads are matched and streams are rotated: copies of a transformer in other bases come back, and functions stay."""

import pytest
import torch
from torch import nn

import rainbownet as rn
from case_families import Cosine, Placed, TalkingHeads, Windows
from cases import distance
from rainbownet.aligned.permute import matched_heads, permuted
from rainbownet.aligned.rotate import rotated
from rainbownet.graph import Network, folded_gains
from rainbownet.nets import build
from rainbownet.walk import AlignmentImages


def transformer(seed: int) -> nn.Module:
    net = build("digits_vit", width=0.5, depth=2, seed=seed).double().eval()
    generator = torch.Generator().manual_seed(seed)
    for parameter in net.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return net


def images() -> AlignmentImages:
    generator = torch.Generator().manual_seed(5)
    return AlignmentImages([torch.randn(60, 1, 8, 8, generator=generator, dtype=torch.float64)], holdout=0.0)


def with_heads(net: nn.Module, order: list[int]) -> nn.Module:
    """Return the same function with the heads of its first block in another order."""
    other = build("digits_vit", width=0.5, depth=2).double().eval()
    other.load_state_dict(net.state_dict())
    attention = other.blocks[0].attention
    rows = torch.arange(32).view(4, 8)[order].flatten()
    for layer in (attention.query, attention.key, attention.value):
        layer.weight.data, layer.bias.data = layer.weight.data[rows], layer.bias.data[rows]
    attention.result.weight.data = attention.result.weight.data[:, rows]
    return other


def in_another_basis(network: Network, seed: int) -> Network:
    """Return the same function with its stream and its heads rotated at random, and its hidden neurons permuted."""
    from rainbownet.aligned.permute import moved
    from rainbownet.aligned.rotate import _rotation, _turned

    generator = torch.Generator().manual_seed(seed)
    maps, moves = {}, {}
    for p in network.populations:
        noise = torch.randn(len(p), len(p), generator=generator, dtype=torch.float64)
        if p.name in network.normed | network.summed:
            maps[p.name] = _rotation(noise, keep_sum=p.name in network.normed)
        elif not p.frozen:
            moves[p.name] = (p.name, torch.randperm(len(p), generator=generator).numpy())
    return moved(_turned(network, maps), moves)


def test_the_heads_of_each_attention_are_found():
    network = Network(transformer(0), images().example)
    assert [[head[0] for head in heads] for heads in network.heads] == [
        [f"blocks.{i}.attention.query{tail}" for tail in ("", "#1", "#2", "#3")] for i in (0, 1)
    ]
    assert all(len(head) == 2 for heads in network.heads for head in heads)
    assert len(network.normed) == 1


@pytest.mark.parametrize("attention", [Windows, Cosine, TalkingHeads, Placed])
def test_heads_that_something_tells_apart_are_not_offered(attention):
    net = nn.Sequential(nn.Linear(5, 12), attention(12, 3), nn.Linear(12, 4)).double().eval()
    images = torch.randn(4, 4, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    network = Network(net, images)
    assert any(not p.frozen for p in network.populations)
    assert network.heads == ()


def test_heads_in_another_order_are_matched():
    first, example = transformer(0), images().example
    networks = [Network(net, example) for net in (first, with_heads(first, [2, 0, 3, 1]))]
    found = matched_heads(*networks, images())
    assert all(torch.equal(value, found.parameters[name]) for name, value in networks[0].parameters.items())


@pytest.mark.parametrize("function", [matched_heads, permuted, rotated])
def test_the_function_of_another_transformer_stays(function):
    example = images().example
    networks = [folded_gains(Network(transformer(seed), example)) for seed in (0, 1)]
    found = function(*networks, images())
    assert distance(networks[1].root, found.root, example) < 1e-9
    assert not torch.equal(found.parameters["patches.weight"], networks[0].parameters["patches.weight"])


def test_a_copy_in_another_basis_comes_back():
    first = folded_gains(Network(transformer(0), images().example))
    other = in_another_basis(first, 3)
    assert distance(first.root, other.root, first.example) < 1e-9
    found = rotated(first, other, images())
    for name, value in first.parameters.items():
        torch.testing.assert_close(found.parameters[name], value, rtol=0, atol=1e-6)


def test_a_stream_whose_norms_have_scales_is_permuted_only():
    networks = [Network(transformer(seed), images().example) for seed in (0, 1)]
    found = rotated(*networks, images())
    own, their = (n.parameters["blocks.0.norm1.weight"].sort().values for n in (networks[1], found))
    assert torch.equal(own, their)


def test_laws_of_heads_are_those_of_matched_heads():
    first = transformer(0)
    rainbow = rn.fit([first, with_heads(first, [2, 0, 3, 1])], images())
    alone = rn.fit(first, images())
    for name in rainbow.laws:
        if ".query" in name or ".value" in name:
            own, other = (law.mean_and_factor()[1] for law in (rainbow.laws[name], alone.laws[name]))
            torch.testing.assert_close(own.T @ own, other.T @ other, rtol=1e-6, atol=1e-8)


def test_the_path_to_a_copy_in_another_basis_has_no_barrier():
    first = folded_gains(Network(transformer(0), images().example))
    other, inputs = in_another_basis(first, 3), torch.randn(40, 1, 8, 8, dtype=torch.float64)
    test = [(inputs, first.root(inputs).argmax(1))]
    options = {"kinds": ["unaligned", "basis"], "points": 3}
    found = rn.barriers(rn.path(first.root, other.root, images(), test=test, **options)).set_index("kind")
    assert found["error"]["basis"] == 0
    assert found["loss"]["basis"] < 1e-6
    assert found["loss"]["unaligned"] > 0.01
