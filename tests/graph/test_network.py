"""Networks as populations and readers: who writes, who reads, what is frozen, and what resizing does."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import CASES
from rainbownet.errors import ArchitectureError
from rainbownet.graph import Network


def network(name: str, **options) -> Network:
    case = CASES[name]
    return Network(case.network(), case.images(4), **options)


def drawn(net: Network) -> dict[str, tuple[int, tuple[str, ...]]]:
    return {p.name: (len(p), p.writers) for p in net.populations if not p.frozen}


def test_a_chain_has_a_population_a_layer_and_the_outputs_are_frozen():
    net = network("norm_first")
    assert drawn(net) == {"0": (8, ("0.weight",)), "3": (12, ("3.weight",))}
    slots = {p.name: list(p.slots) for p in net.populations}
    assert slots["0"] == ["0.weight", "1.weight", "1.bias", "1.running_mean", "1.running_var"]
    assert [p.name for p in net.populations if p.frozen] == ["8"]
    last = net.readers[-1]
    assert (last.parameter, last.channels, last.inner, last.outer) == ("8.weight", 12, 4, 1)
    assert net.kept == ["1.num_batches_tracked", "4.num_batches_tracked"]


def test_channels_last_puts_positions_outside():
    reader = network("channels_last").readers[-1]
    assert (reader.outer, reader.channels, reader.inner) == (16, 8, 1)


def test_a_residual_stream_is_one_population_of_all_its_writers():
    found = drawn(network("resnet"))
    assert found["stem.0"] == (8, ("stem.0.weight", "layer1.conv2.weight"))
    assert found["layer2.0.conv2"] == (
        16,
        ("layer2.0.conv2.weight", "layer2.0.shortcut.0.weight", "layer2.1.conv2.weight"),
    )
    assert set(found) == {"stem.0", "layer1.conv1", "layer2.0.conv1", "layer2.0.conv2", "layer2.1.conv1"}


def test_zero_padded_shortcuts_make_populations_of_the_channels_they_tie():
    found = drawn(network("resnet_option_a"))
    stream = {name: value for name, value in found.items() if "layer2.0.conv2.weight" in value[1]}
    sizes = sorted((len(writers), n) for n, writers in stream.values())
    # 8 channels come from the stem and go on through the second stage; 8 are born there, before and after them.
    assert sizes == [(2, 8), (4, 8)]


def test_parts_of_a_split_and_groups_are_populations_of_their_own():
    found = drawn(network("shuffle"))
    assert {n for name, (n, _) in found.items() if name.startswith("last")} == {8, 4}
    assert len([name for name in found if name.startswith("stem")]) == 2
    assert len([name for name in drawn(network("group_norm")) if name.startswith("0")]) == 2


def test_depthwise_filters_and_gates_belong_to_the_neurons_of_the_stream():
    net = network("separable")
    population = next(p for p in net.populations if p.name == "stem.0")
    assert population.writers == ("stem.0.weight", "excite.weight", "point.0.weight")
    assert {"depthwise.0.weight", "depthwise.1.bias", "multiplied.0.weight"} <= set(population.slots)
    assert population.slots["multiplied.0.weight"].shape == (8, 2)


def test_maps_over_positions_stay_as_trained():
    net = network("mixer")
    names = set(drawn(net))
    assert names == {"patches", "channels.0"}
    assert next(p for p in net.populations if p.name == "tokens.0").frozen


def test_a_shared_layer_reads_what_it_writes():
    net = network("shared")
    assert drawn(net) == {"stem": (16, ("stem.weight", "shared.weight"))}
    assert len([r for r in net.readers if r.parameter == "shared.weight"]) == 1


def test_a_head_by_name_is_frozen():
    assert set(drawn(network("mlp", head=["2"]))) == {"0"}
    assert set(drawn(network("resnet", head="layer2.1"))) == {"stem.0", "layer1.conv1", "layer2.0.conv1"}


def test_every_entry_of_every_parameter_has_at_most_one_owner(case):
    net = Network(case.network(), case.images(4))
    for name, value in net.parameters.items():
        owners = [p for p in net.populations if name in p.slots]
        entries = [i for p in owners for i in p.slots[name].ravel().tolist()]
        if owners:
            axis = owners[0].axes[name]
            assert sorted(entries) == list(range(value.shape[axis]))
        else:
            assert name in net.kept


@pytest.mark.parametrize("width", [0.5, 1, 1.5, 2, 3])
def test_a_resized_network_has_the_populations_of_the_original_and_runs(case, width):
    net = Network(case.network(), case.images(4))
    resized = net.resized(width)
    theirs = {p.key: len(p) for p in resized.populations}
    for population in net.populations:
        factor = 1 if population.frozen else width
        assert theirs[population.key] == math.floor(factor * len(population) + 0.5)
    with torch.no_grad():
        assert resized.root(case.images(3)).shape == net.root(case.images(3)).shape
    assert set(resized.parameters) == set(net.parameters)


@settings(max_examples=8)
@given(st.floats(0.2, 4.0))
def test_any_width_resizes_streams_that_are_padded(width):
    net = network("resnet_option_a")
    resized = net.resized(width)
    assert resized.root(torch.zeros(2, 3, 8, 8)).shape == (2, 5)
    sizes = {p.key: len(p) for p in resized.populations if not p.frozen}
    for population in net.populations:
        if not population.frozen:
            assert sizes[population.key] == math.floor(width * len(population) + 0.5)


def test_a_network_of_constants_becomes_a_graph_and_others_keep_their_class():
    assert type(network("functional_view").resized(2).root).__name__ == "Functional"
    assert type(network("functional_view").resized(2).root) is not type(CASES["functional_view"].network())
    assert type(network("functional_view_size").resized(2).root) is type(CASES["functional_view_size"].network())


def test_widths_that_leave_nothing_are_refused_with_the_population():
    with pytest.raises(ArchitectureError, match=r"width 0.05 leaves zero channels in population '0' of 8 neurons"):
        network("norm_first").resized(0.05)
    with pytest.raises(ArchitectureError, match=r"zero channels in population '3' of 12"):
        network("norm_first").resized({"0": 2, "3": 0.01})


def test_a_prefix_stands_for_whole_names():
    net = network("norm_first")
    with pytest.raises(ArchitectureError, match=r"\['3x'\] match no drawn layer; the populations are \['0', '3'\]"):
        net.resized({"3x": 2})
