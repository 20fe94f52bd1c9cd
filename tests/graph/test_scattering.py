"""How scattering networks are traced: channels computed from a neuron's own are its channels, and are read apart."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from rainbownet import nets
from rainbownet.errors import ArchitectureError
from rainbownet.graph import Network
from rainbownet.graph.rules.table import leaf_modules
from rainbownet.nets import WaveletTransform, build
from rainbownet.nets.scattering import scattering

VARIANTS = {
    "real": {},
    "skip": {"skip": True, "normalize": True},
    "complex": {"skip": True, "complex_weights": True, "classifier_affine": True},
}


def tiny(variant: str, **changes) -> nn.Module:
    return scattering([4, 6, 5], ["standard", "half_a", "half_b"], size=16, **VARIANTS[variant], **changes)


def traced(net: nn.Module, **options) -> Network:
    return Network(net.eval(), torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)), **options)


def test_every_leaf_of_the_reference_networks_has_a_rule():
    own = {m for m in vars(nets).values() if isinstance(m, type) and issubclass(m, nn.Module)}
    assert len(own) == 8
    assert own <= set(leaf_modules())


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_neurons_of_a_block_are_the_rows_of_its_matrix(variant):
    drawn = {p.name: len(p) for p in traced(tiny(variant)).populations if not p.frozen}
    assert drawn == {"block1.linear": 4, "block2.linear": 6, "block3.linear": 5}


@pytest.mark.parametrize(("variant", "factor"), [("real", 5), ("skip", 10), ("complex", 10)])
def test_readers_see_every_channel_computed_from_a_neuron(variant, factor):
    channels = {r.layer: (r.channels, r.inner) for r in traced(tiny(variant)).readers if not r.frozen}
    parts = 1 if variant == "real" else 2
    assert channels == {
        "block2.linear": (4 * factor, 1),
        "block3.linear": (6 * factor, 1),
        "classifier.linear": (5 * parts, 16),
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_neuron_owns_the_statistics_of_the_channels_computed_from_it(variant):
    net = tiny(variant)
    network = traced(net)
    population = next(p for p in network.populations if p.name == "block1.linear")
    sources = net.block2.wavelets.channel_sources(4)
    for neuron, entries in enumerate(population.slots["block2.standardize.running_mean"]):
        assert entries.tolist() == [i for i, source in enumerate(sources) if source == neuron]
    assert network.is_statistic("block2.standardize.running_mean")


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("width", [0.5, 2, 1.5])
def test_a_resized_network_is_the_one_built_at_that_width(variant, width):
    sizes = [int(np.floor(width * n + 0.5)) for n in (4, 6, 5)]
    expected = scattering(sizes, ["standard", "half_a", "half_b"], size=16, **VARIANTS[variant])
    resized = traced(tiny(variant)).resized(float(width)).root
    shapes = [{name: (v.shape, v.dtype) for name, v in net.state_dict().items()} for net in (expected, resized)]
    assert shapes[0] == shapes[1]
    assert repr(resized) == repr(expected.eval())


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_last_matrix_can_belong_to_the_classifier(variant):
    network = traced(tiny(variant), head=["block3", "classifier.linear"])
    assert [p.name for p in network.populations if not p.frozen] == ["block1.linear", "block2.linear"]
    assert [r.layer for r in network.readers if not r.frozen] == ["block2.linear", "block3.linear"]


def test_a_head_that_is_not_there_is_refused():
    with pytest.raises(ArchitectureError, match="no layer 'block9'"):
        traced(tiny("real"), head=["block9"])


def test_the_published_networks_have_seven_and_three_drawn_layers_before_their_classifiers():
    for name, blocks in (("cifar_scattering", 8), ("paper_scattering4", 4)):
        net = build(name, width=1 / 32)
        network = Network(net, torch.zeros(2, 3, 32, 32), head=[f"block{blocks}", "classifier.linear"])
        drawn = [p.name for p in network.populations if not p.frozen]
        assert drawn == [f"block{j}.linear" for j in range(1, blocks)]


class OwnModulus(nn.Module):
    """A user's network around the bare wavelet transform."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1)
        self.wavelets = WaveletTransform(8)
        self.second = nn.Conv2d(4 * 5, 6, 1)
        self.third = nn.Linear(6 * 16, 2)

    def forward(self, x: Tensor) -> Tensor:
        low, high = self.wavelets(self.first(x))
        x = torch.cat([low, high.abs().flatten(1, 2)], dim=1)
        return self.third(self.second(x).flatten(1))


def test_a_bare_wavelet_transform_keeps_the_channels_and_adds_orientations():
    network = Network(OwnModulus(), torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert {p.name: len(p) for p in network.populations if not p.frozen} == {"first": 4, "second": 6}
    assert network.resized(2.0).root.second.weight.shape == (12, 40, 1, 1)
