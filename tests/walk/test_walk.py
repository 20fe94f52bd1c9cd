"""The walk: every node once a network and image, in an order that respects what visitors wait for."""

from collections import Counter

import pytest
import torch

from cases import CASES
from rainbownet.graph import Network
from rainbownet.walk import AlignmentImages, Visitor, walk


class Recorder(Visitor):
    """Waits for the input of every layer that reads, and writes down what it sees."""

    def __init__(self, network: Network, *, wait: bool) -> None:
        self.waiting = {r.node: r.source for r in network.readers} if wait else {}
        self.seen: dict[str, list[list[torch.Tensor]]] = {}
        self.images: Counter[str] = Counter()
        self.readied: list[tuple[str, int]] = []
        self.total = 0

    def needs(self, node):
        return [self.waiting[node]] if node in self.waiting else []

    def ready(self, node):
        self.readied.append((node.name, self.images[self.waiting[node].name]))

    def observe(self, node, values, chunk):
        self.images[node.name] += len(chunk.inputs) if node.op == "placeholder" else len(values[0])
        self.seen.setdefault(node.name, []).append(list(values))


def run(name: str, *, wait: bool, size: int = 5, budget: int = 1 << 30, count: int = 2):
    case = CASES[name]
    images = case.images(17)
    networks = [Network(case.network(seed), images) for seed in range(count)]
    visitor = Recorder(networks[0], wait=wait)
    chunks = AlignmentImages([images]).chunks(size)
    return networks, images, visitor, walk(networks, chunks, visitor, budget=budget)


WALKED = ["mlp", "norm_last", "resnet_option_a", "dense", "shuffle", "unet", "tokens", "mixer", "functional_view_size"]


@pytest.mark.parametrize("wait", [False, True])
@pytest.mark.parametrize("name", WALKED)
def test_nodes_have_the_values_of_a_plain_forward_pass(name, wait):
    networks, images, visitor, report = run(name, wait=wait)
    last = next(n for n in networks[0].traced.graph.nodes if n.op == "output").name
    for k, network in enumerate(networks):
        found = torch.cat([values[k] for values in visitor.seen[last]])
        with torch.no_grad():
            torch.testing.assert_close(found, network.root(images), rtol=1e-4, atol=1e-5)
    calls = [n for n in networks[0].traced.graph.nodes if n.op.startswith("call_")]
    assert report.evaluations == 2 * 17 * len(calls)
    assert report.images == 17


@pytest.mark.parametrize("name", WALKED)
def test_a_node_waits_until_every_image_has_passed_what_it_needs(name):
    networks, _, visitor, report = run(name, wait=True)
    assert {name for name, _ in visitor.readied} == {r.node.name for r in networks[0].readers}
    assert {seen for _, seen in visitor.readied} == {17}
    assert report.stages > 1


def test_without_waiting_nothing_is_stored():
    _, _, _, report = run("resnet_option_a", wait=False)
    assert (report.stages, report.peak_bytes, report.spilled_bytes) == (1, 0, 0)


@pytest.mark.parametrize("name", WALKED)
def test_spilling_changes_no_value(name):
    _, _, free, a = run(name, wait=True)
    _, _, tight, b = run(name, wait=True, budget=0)
    assert a.spilled_bytes == 0 < b.spilled_bytes
    assert b.peak_bytes == 0
    for node, values in free.seen.items():
        for left, right in zip(values, tight.seen[node], strict=True):
            for x, y in zip(left, right, strict=True):  # another layout in memory may round in another way
                torch.testing.assert_close(x, y, rtol=1e-5, atol=1e-6)


def test_memory_is_given_back_as_soon_as_no_later_stage_needs_it():
    case = CASES["mlp"]
    _, _, _, report = run("mlp", wait=True)
    # Two networks' hidden layers of 16 and 12 channels wait in turn, and the input of 12 for the first.
    assert case.shape == (12,)
    assert report.peak_bytes <= 4 * 17 * (12 + 2 * 16 + 2 * 12)


def test_a_visitor_that_says_nothing_does_nothing():
    images = CASES["mlp"].images(9)
    report = walk([Network(CASES["mlp"].network(), images)], AlignmentImages([images]).chunks(4), Visitor(), budget=1)
    assert (report.images, report.stages, report.peak_bytes) == (9, 1, 0)


def test_progress_counts_the_stages():
    case = CASES["mlp"]
    images = case.images(9)
    network = Network(case.network(), images)
    steps = []
    chunks = AlignmentImages([images]).chunks(5)
    report = walk([network], chunks, Recorder(network, wait=True), budget=1 << 20, progress=lambda *s: steps.append(s))
    assert steps == [(i + 1, report.stages) for i in range(report.stages)]


class Images(Visitor):
    """Keeps nothing; adds up what it sees."""

    keeps = False

    def __init__(self):
        self.sums = {}

    def observe(self, node, values, chunk):
        for k, value in enumerate(values):
            self.sums[node.name, k] = self.sums.get((node.name, k), 0.0) + value.double().sum()


@pytest.mark.parametrize("name", ["mlp", "resnet_option_a", "unet", "functional_view_size"])
def test_a_visitor_that_keeps_nothing_sees_the_same_values_before_a_relu_overwrites_them(name):
    networks, images, visitor, _ = run(name, wait=False)
    chunks = AlignmentImages([images]).chunks(5)
    passing = Images()
    walk(networks, chunks, passing, budget=1 << 30)
    for node, seen in visitor.seen.items():
        for k in range(2):
            expected = sum(values[k].double().sum() for values in seen)
            torch.testing.assert_close(passing.sums[node, k], expected, rtol=1e-6, atol=1e-5)


def test_the_images_of_the_caller_are_not_overwritten():
    net = torch.nn.Sequential(torch.nn.Identity(), torch.nn.ReLU(), torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU())
    images = torch.randn(4, 3, 5, 5)
    before = images.clone()
    walk([Network(net, images)], AlignmentImages([images]).chunks(2), Images(), budget=1 << 30)
    assert torch.equal(images, before)


def test_code_written_for_one_layout_reads_maps_in_it():
    class Views(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 4, 3)
            self.last = torch.nn.Linear(36, 2)

        def forward(self, x):
            return self.last(self.conv(x).view(x.size(0), -1))

    net, images = Views().eval(), torch.randn(4, 3, 5, 5)
    network = Network(net, images)
    visitor = Recorder(network, wait=False)
    walk([network], AlignmentImages([images]).chunks(4), visitor, budget=1 << 30)
    conv, out = (visitor.seen[name][0][0] for name in ("conv", "last"))
    assert conv.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(out, net(images), rtol=1e-5, atol=1e-6)


def test_residual_sums_of_maps_with_channels_last_are_such_maps():
    block = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 3, padding=1), torch.nn.ReLU())

    class Residual(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.block, self.shortcut = block, torch.nn.Identity()

        def forward(self, x):
            return torch.relu(self.block(x) + self.shortcut(x))

    images = torch.randn(4, 3, 5, 5)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1), Residual()).eval()
    network = Network(net, images)
    visitor = Recorder(network, wait=False)
    walk([network], AlignmentImages([images]).chunks(4), visitor, budget=1 << 30)
    (total,) = visitor.seen["add"][0]
    assert total.is_contiguous(memory_format=torch.channels_last)
    assert not total.is_contiguous()
    torch.testing.assert_close(visitor.seen["output"][0][0], net(images), rtol=1e-5, atol=1e-6)
