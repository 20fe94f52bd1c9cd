import pandas as pd
import pytest
import torch
from torch import nn

from rainbownet import data, nets, training
from rainbownet.aligned.permute import permuted
from rainbownet.errors import ArchitectureError, DataError, RainbowError
from rainbownet.graph import Network
from rainbownet.paths import KINDS, barriers, neurons_between, path
from rainbownet.walk import AlignmentImages

pytest.importorskip("sklearn", reason="the digits come with the extra [train]")


@pytest.fixture(scope="module")
def pair():
    digits, test = data.load("digits", split="train"), data.load("digits", split="test")
    made = [
        training.train(nets.build("digits_cnn", seed=s), digits, recipe="digits", seed=s, progress=False).network
        for s in (0, 1)
    ]
    return made, list(data.loader(digits, batch_size=256))[:2], list(data.loader(test, batch_size=256))


@pytest.fixture(scope="module")
def table(pair):
    (a, b), loader, test = pair
    return path(a, b, loader, test=test, points=3)


def test_paths_end_at_the_two_networks(pair, table):
    (a, b), _, test = pair
    ends = [training.evaluate(net, test).accuracy for net in (a, b)]
    for kind in ("unaligned", "permutation"):
        line = table[table["kind"] == kind]["accuracy"]
        assert line.iloc[0] == pytest.approx(ends[0])
        assert line.iloc[-1] == pytest.approx(ends[1])


def test_every_kind_of_path_has_its_points(table):
    assert list(table.groupby("kind", sort=False).size().items()) == [(kind, 3) for kind in KINDS]


def test_the_sampled_path_has_a_lower_barrier_than_the_unaligned_one(table):
    error = barriers(table).set_index("kind")["error"]
    assert error["sampled"] < error["unaligned"]


def test_permuting_neurons_does_not_change_the_function(pair):
    (a, b), loader, test = pair
    example = loader[0][0]
    moved = permuted(Network(a, example), Network(b, example), AlignmentImages(loader))
    x = test[0][0]
    expected = b.eval()(x)
    assert torch.allclose(moved.root(x), expected, atol=1e-5 * expected.abs().max().item())


def test_a_shuffled_copy_is_matched_back_exactly():
    generator = torch.Generator().manual_seed(0)
    a = torch.nn.Sequential(torch.nn.Linear(6, 9), torch.nn.ReLU(), torch.nn.Linear(9, 3))
    order = torch.randperm(9, generator=generator)
    b = torch.nn.Sequential(torch.nn.Linear(6, 9), torch.nn.ReLU(), torch.nn.Linear(9, 3))
    b[0].load_state_dict({"weight": a[0].weight[order], "bias": a[0].bias[order]})
    b[2].load_state_dict({"weight": a[2].weight[:, order], "bias": a[2].bias})
    x = torch.randn(200, 6, generator=generator)
    moved = permuted(Network(a, x), Network(b, x), AlignmentImages(x)).root
    assert all(torch.equal(p, q) for p, q in zip(moved.parameters(), a.parameters(), strict=True))


def test_networks_of_other_shapes_are_refused():
    a, b = (torch.nn.Sequential(torch.nn.Linear(4, n), torch.nn.ReLU(), torch.nn.Linear(n, 2)) for n in (5, 6))
    with pytest.raises(ArchitectureError, match=r"network b: parameter '0\.weight'"):
        path(a, b, [torch.randn(8, 4)])


def test_a_path_without_targets_is_refused():
    net = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU(), torch.nn.Linear(5, 2))
    with pytest.raises(DataError, match="targets"):
        path(net, net, [torch.randn(8, 4)], kinds=["unaligned"])


def test_unknown_kinds_are_named():
    net = torch.nn.Linear(4, 2)
    with pytest.raises(DataError, match="straight"):
        path(net, net, [torch.randn(8, 4)], kinds=["straight"])


def test_a_straight_line_has_no_barrier():
    line = pd.DataFrame({"kind": "x", "t": [0.0, 0.5, 1.0], "loss": [0.0, 1.0, 2.0], "accuracy": [1.0, 0.9, 0.8]})
    assert barriers(line)[["loss", "error"]].to_numpy().max() < 1e-12


@pytest.mark.parametrize("t", [0.0, 0.2, 0.5, 0.9, 1.0])
def test_the_moments_between_are_those_the_docstring_states(t):
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(12, 4, dtype=torch.float64, generator=generator) + k for k in (1, 2))
    found = neurons_between(a, b, t, straight=False)
    mean = (a.mean(0) + b.mean(0)) / 2 + ((1 - t) ** 0.5 - t**0.5) / 2 * (a.mean(0) - b.mean(0))
    torch.testing.assert_close(found.mean(0), mean, rtol=0, atol=1e-12)
    both = torch.cov(torch.cat([a, b], 1).T)
    cross = both[:4, 4:] + both[4:, :4]
    expected = (1 - t) * both[:4, :4] + t * both[4:, 4:] + (t * (1 - t)) ** 0.5 * cross
    torch.testing.assert_close(torch.cov(found.T), expected, rtol=0, atol=1e-12)


def test_independent_draws_of_a_law_have_its_moments_between():
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(3, 3, dtype=torch.float64, generator=generator)
    a, b = (torch.randn(40_000, 3, dtype=torch.float64, generator=generator) @ mixing + 1 for _ in range(2))
    found = neurons_between(a, b, 0.3, straight=False)
    covariance = mixing.T @ mixing
    assert (found.mean(0) - 1).abs().max() < 5 * covariance.diagonal().max().sqrt() / 200
    assert (torch.cov(found.T) - covariance).abs().max() < 0.04 * covariance.diagonal().max()


def test_the_straight_way_is_the_mean_of_the_ends_at_the_middle():
    a, b = torch.tensor([[1.0, 5.0], [0.0, 2.0]]), torch.tensor([[3.0, -1.0], [2.0, 2.0]])
    assert torch.equal(neurons_between(a, b, 0.5, straight=True), (a + b) / 2)


def test_a_network_with_dead_neurons_is_matched_to_itself_neuron_by_neuron():
    generator = torch.Generator().manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(6, 9), torch.nn.ReLU(), torch.nn.Linear(9, 3))
    with torch.no_grad():
        net[0].bias[[0, 3, 4, 8]] = -100.0
    x = torch.randn(64, 6, generator=generator)
    moved = permuted(Network(net, x), Network(net, x), AlignmentImages(x))
    for name, value in moved.parameters.items():
        assert torch.equal(value, net.get_parameter(name)), name


def test_a_path_has_two_points_and_images_to_judge_it_on():
    net, x = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), torch.ones(8, 3)
    loader = [(x, torch.zeros(8, dtype=torch.long))]
    with pytest.raises(RainbowError, match="points is 0; it must be at least 2"):
        path(net, net, loader, points=0)
    with pytest.raises(DataError, match="test: it yields no images"):
        path(net, net, loader, test=[])
    with pytest.raises(DataError, match="an iterator gives its images once, and a path reads them more than once"):
        path(net, net, iter(loader))
    with pytest.raises(DataError, match="test: a path is evaluated on"):
        path(net, net, loader, test=x)


@pytest.mark.parametrize("groups", [1, 2, 4, 8])
def test_permuting_neurons_that_are_read_in_groups_does_not_change_the_function(groups):
    def build(seed: int) -> torch.nn.Sequential:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            grouped = torch.nn.Conv2d(8, 8, 3, groups=groups)
            first, last = torch.nn.Conv2d(2, 8, 3), torch.nn.Linear(8 * 4, 3)
        return torch.nn.Sequential(first, torch.nn.ReLU(), grouped, torch.nn.ReLU(), torch.nn.Flatten(), last).double()

    a, b = build(0), build(1)
    x = torch.randn(32, 2, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    moved = permuted(Network(a, x), Network(b, x), AlignmentImages(x))
    assert not torch.equal(moved.parameters["0.weight"], b[0].weight)
    torch.testing.assert_close(moved.root(x), b(x), rtol=0, atol=1e-12)
