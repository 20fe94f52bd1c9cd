"""The limit of a fitted rainbow: what it equals exactly, and what samples tend to."""

import math

import pytest
import torch
from torch import nn

import rainbownet as rn
from limit_cases import arc_cosine_recursion
from rainbownet.errors import LawError, RainbowError, RainbowWarning, UnsupportedOp
from rainbownet.limit import LimitNetwork


def inputs(n, *shape, seed=0):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed))


def seeded(build, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build().eval()


def distance(a, b):
    with torch.no_grad():
        return ((a - b).norm() / b.norm()).item()


def mlp(bias=False, activation=None, width=32):
    activation = nn.ReLU() if activation is None else activation
    return seeded(
        lambda: nn.Sequential(
            nn.Linear(10, width, bias=bias),
            activation,
            nn.Linear(width, width, bias=bias),
            activation,
            nn.Linear(width, 4, bias=bias),
        )
    )


def cnn():
    return seeded(
        lambda: nn.Sequential(
            nn.Conv2d(1, 12, 3),
            nn.ReLU(),
            nn.Conv2d(12, 16, 3, stride=2, bias=False),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(16, 3),
        )
    )


@pytest.mark.parametrize("alignment", [rn.Procrustes(), rn.LeastSquares(ridge=0.0)], ids=["rotation", "least squares"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("mean", [True, False])
def test_a_linear_network_is_its_own_limit(alignment, bias, mean):
    net = seeded(lambda: nn.Sequential(nn.Linear(6, 20, bias=bias), nn.Linear(20, 9, bias=bias), nn.Linear(9, 3)))
    x = inputs(200, 6)
    limit = rn.fit(net, [x], law=rn.Gaussian(mean=mean)).limit([x], landmarks=40, alignment=alignment)
    assert list(limit.layers) == ["0", "1"]
    assert distance(limit(x), net(x)) < 1e-5


def test_a_linear_convolutional_network_is_its_own_limit():
    net = seeded(
        lambda: nn.Sequential(
            nn.Conv2d(2, 12, 3, padding=1), nn.AvgPool2d(2), nn.Conv2d(12, 8, 3), nn.Flatten(1), nn.Linear(32, 3)
        )
    )
    x = inputs(100, 2, 8, 8)
    limit = rn.fit(net, [x]).limit([x], landmarks=64, alignment=rn.Procrustes())
    assert distance(limit(x), net(x)) < 1e-4


def test_samples_tend_to_the_limit_like_one_over_the_root_of_the_width():
    net, x, test = mlp(), inputs(600, 10), inputs(200, 10, seed=1)
    rainbow = rn.fit(net, [x], law=rn.Gaussian(mean=False), draw="gaussian", alignment=rn.Procrustes())
    limit = rainbow.limit([x], landmarks=300, holdout=0.0)
    found = []
    for width in (1, 4, 16):
        samples = [rainbow.sample([x], width=width, seed=seed, holdout=0.0) for seed in range(3)]
        found.append(sum(distance(sample(test), limit(test)) for sample in samples) / 3)
    assert found[0] > found[1] > found[2]
    assert -0.65 < math.log(found[2] / found[0]) / math.log(16) < -0.35


def test_wide_samples_are_nearer_to_the_limit_than_to_that_of_white_neurons():
    net, x = mlp(), inputs(600, 10)
    with torch.no_grad():
        net[0].weight[:, :7] *= 0.1
        net[2].weight += net[2].weight[:, :1] @ net[2].weight[:1] * 20
    rainbow = rn.fit(net, [x], law=rn.Gaussian(mean=False), draw="gaussian", alignment=rn.Procrustes())
    sample = rainbow.sample([x], width=16, seed=0)
    own, white = rainbow.limit([x], landmarks=100), rainbow.white().limit([x], landmarks=100)
    assert distance(sample(x), own(x)) < 0.5 * distance(sample(x), white(x))


def test_convolutions_with_means_and_pooling_have_limits_that_samples_approach():
    x = inputs(260, 1, 8, 8)
    net = cnn()
    rainbow = rn.fit(net, [x], draw="gaussian", alignment=rn.Procrustes())
    limit = rainbow.limit([x], landmarks=48, holdout=0.0)
    near, far = (distance(rainbow.sample([x], width=width, seed=0, holdout=0.0)(x), limit(x)) for width in (16, 1))
    assert near < 0.5 * far


class Stream(nn.Module):
    """A residual stream without a non-linearity of its own."""

    def __init__(self):
        super().__init__()
        self.stem, self.inner = nn.Linear(8, 24), nn.Linear(24, 20)
        self.outer, self.head = nn.Linear(20, 24, bias=False), nn.Linear(24, 3)

    def forward(self, x):
        stream = self.stem(x)
        stream = stream + self.outer(torch.tanh(self.inner(torch.relu(stream))))
        return self.head(torch.relu(stream))


@pytest.mark.parametrize("tie", ["joint", "independent"])
def test_a_linear_stream_has_the_law_of_its_writers(tie):
    net, x = seeded(Stream), inputs(100, 8)
    with torch.no_grad():
        net.outer.weight[:, :8] += net.stem.weight
    rainbow = rn.fit(net, [x], tie=tie)
    limit = rainbow.limit([x], landmarks=40)
    assert list(limit.layers) == ["stem", "inner", "outer"]
    read = {}
    handle = limit.network.get_submodule("outer").register_forward_pre_hook(lambda _, args: read.update(f=args[0]))
    limit(x)
    handle.remove()
    law = rainbow.laws["stem"]
    assert [block.name for block in law.blocks] == ["stem.weight", "stem.bias", "outer.weight"]
    first = law.draw(40_000, generator=torch.Generator().manual_seed(0))
    second = first if tie == "joint" else law.draw(40_000, generator=torch.Generator().manual_seed(1))
    neurons = torch.relu(x.double() @ first[:, :8].T + first[:, 8] + read["f"].double() @ second[:, 9:].T)
    expected = neurons @ neurons.T / len(first)
    torch.testing.assert_close(limit.kernel(x), expected, rtol=0.05, atol=0.02 * float(expected.mean()))
    other = first if tie == "independent" else law.draw(40_000, generator=torch.Generator().manual_seed(1))
    neurons = torch.relu(x.double() @ first[:, :8].T + first[:, 8] + read["f"].double() @ other[:, 9:].T)
    wrong = neurons @ neurons.T / len(first)
    assert (wrong - expected).norm() > 5 * (limit.kernel(x) - expected).norm()


def test_white_weights_have_the_arc_cosine_kernel():
    net, x = mlp(), inputs(100, 10)
    rainbow = rn.fit(net, [x]).white()
    limit = rainbow.limit([x], landmarks=100)
    variance = net[0].weight.double().square().mean()
    expected = arc_cosine_recursion(x.double(), 1) * variance
    torch.testing.assert_close(limit.kernel(x, layer="0"), expected, rtol=1e-6, atol=1e-7)


def test_kernels_are_means_over_neurons_and_sums_over_positions():
    net, x = cnn(), inputs(8, 1, 8, 8)
    rainbow = rn.fit(net, [x])
    limit = rainbow.limit([x], landmarks=20)
    rows = rainbow.laws["0"].draw(10_000, generator=torch.Generator().manual_seed(0)).float()
    neurons = torch.relu(nn.functional.conv2d(x, rows[:, :9].reshape(-1, 1, 3, 3), rows[:, 9])).flatten(2)
    expected = torch.einsum("acp,bcp->ab", neurons, neurons).double() / len(rows)
    kernel = limit.kernel(x, layer="0")
    torch.testing.assert_close(kernel, expected, rtol=0.05, atol=0.02 * float(expected.mean()))
    seen = []
    blocked = limit.kernel(x, layer="0", block=3, progress=lambda done, total: seen.append((done, total)))
    torch.testing.assert_close(blocked, kernel)
    torch.testing.assert_close(limit.kernel(x[:4], x[4:], layer="0", block=3), kernel[:4, 4:])
    assert seen == [(k, 6) for k in range(1, 7)]


def test_least_squares_with_landmarks_everywhere_returns_the_reference_on_the_images_it_was_fitted_to():
    net, x = mlp(bias=True), inputs(60, 10)
    limit = rn.fit(net, [x]).limit([x], landmarks=60, holdout=0.0, alignment=rn.LeastSquares(ridge=0.0))
    assert distance(limit(x), net(x)) < 1e-3


def test_norms_after_a_non_linearity_are_measured_on_the_limit():
    net = seeded(lambda: nn.Sequential(nn.Linear(6, 20), nn.ReLU(), nn.BatchNorm1d(20), nn.Linear(20, 3)))
    x = inputs(300, 6)
    rows = torch.relu(net[0](x)).detach()
    net[2].running_mean.copy_(rows.mean(0))
    net[2].running_var.copy_(rows.var(0, unbiased=False))
    limit = rn.fit(net, [x]).limit([x], landmarks=50, holdout=0.0)
    seen = {}
    handle = limit.network.get_submodule("2").register_forward_pre_hook(lambda _, args: seen.update(z=args[0]))
    limit(x)
    handle.remove()
    norm = limit.network.get_submodule("2")
    torch.testing.assert_close(norm.running_mean, seen["z"].mean(0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.running_var, seen["z"].var(0, unbiased=False), rtol=1e-4, atol=1e-5)


def test_folded_norms_and_their_layers_have_one_limit():
    net = seeded(lambda: nn.Sequential(nn.Linear(6, 20), nn.BatchNorm1d(20), nn.ReLU(), nn.Linear(20, 3)))
    with torch.no_grad():
        for value, low in (
            (net[1].weight, 0.5),
            (net[1].bias, -1.0),
            (net[1].running_mean, -1.0),
            (net[1].running_var, 0.5),
        ):
            value.uniform_(low, 1.5, generator=torch.Generator().manual_seed(3))
    x = inputs(400, 6)
    rainbow = rn.fit(net, [x], draw="gaussian")
    limit = rainbow.limit([x], landmarks=60)
    assert distance(rainbow.sample([x], width=16, seed=0)(x), limit(x)) < 0.15
    with pytest.raises(UnsupportedOp, match="folded"):
        rn.fit(net, [x], norms="explicit").limit([x], landmarks=8)


@pytest.mark.parametrize(
    "activation", [lambda h: nn.functional.leaky_relu(h, 0.3), lambda h: h.clamp(min=0), lambda h: torch.tanh(2 * h)]
)
def test_activations_written_as_functions_are_understood(activation):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(6, 16), nn.Linear(16, 2)

        def forward(self, x):
            return self.last(activation(self.first(x)))

    x = inputs(300, 6)
    net = seeded(Net)
    rainbow = rn.fit(net, [x], draw="gaussian")
    limit = rainbow.limit([x], landmarks=60)
    assert list(limit.layers) == ["first"]
    assert distance(rainbow.sample([x], width=16, seed=0)(x), limit(x)) < 0.15


def test_layers_that_are_not_asked_for_keep_their_neurons():
    net, x = mlp(), inputs(100, 10)
    limit = rn.fit(net, [x]).limit([x], landmarks=50, layers=["2"])
    assert list(limit.layers) == ["2"]
    torch.testing.assert_close(limit.network.get_submodule("0").weight, net[0].weight, rtol=1e-5, atol=1e-6)


def test_the_limit_is_a_function_of_its_seed_and_leaves_the_network_alone():
    net, x = mlp(), inputs(150, 10)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    rainbow = rn.fit(net, [x])
    first, again, other = (rainbow.limit([x], landmarks=20, seed=seed) for seed in (0, 0, 1))
    assert isinstance(first, LimitNetwork)
    assert torch.equal(first(x), again(x))
    assert not torch.equal(first(x), other(x))
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_the_table_reports_held_out_images():
    net, x = mlp(), inputs(400, 10)
    rainbow = rn.fit(net, [x], law=rn.Gaussian(mean=False))
    few, many = (rainbow.limit([x], landmarks=m) for m in (10, 100))
    assert list(many.table["layer"]) == ["0", "2"]
    assert (many.table["rows"] == 360).all()
    assert (few.table["energy_explained"] < many.table["energy_explained"]).all()
    assert (many.table["energy_explained"] <= 1).all()
    assert (few.table["error"] > many.table["error"]).all()
    assert not rainbow.limit([x], landmarks=10, holdout=0.0).table["held_out"].any()


def test_what_is_not_linear_after_a_layer_of_infinite_width_is_told():
    net = seeded(lambda: nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(54, 2)))
    x = inputs(30, 1, 8, 8)
    with pytest.warns(RainbowWarning, match=r"'2'.*samples do not tend"):
        rn.fit(net, [x]).limit([x], landmarks=16)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.last = nn.Linear(6, 8), nn.Linear(8, 8), nn.Linear(8, 2)

    def forward(self, x):
        h = torch.relu(self.a(x))
        return self.last(torch.relu(h + self.b(h)))


def test_what_has_no_known_limit_is_refused_by_name():
    x = inputs(40, 6)
    with pytest.raises(UnsupportedOp, match=r"'add'.*layers="):
        rn.fit(seeded(Residual), [x]).limit([x])
    late = seeded(lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.ReLU(), nn.Linear(16, 2)))
    with pytest.raises(UnsupportedOp, match=r"'2'.*directly follow"):
        rn.fit(late, [inputs(20, 1, 4, 4)]).limit([inputs(20, 1, 4, 4)])
    prelu = seeded(lambda: nn.Sequential(nn.Linear(6, 8), nn.PReLU(8), nn.Linear(8, 2)))
    with pytest.raises(UnsupportedOp, match=r"1\.weight"):
        rn.fit(prelu, [x]).limit([x])


def test_options_without_meaning_are_refused():
    net, x = mlp(), inputs(40, 10)
    rainbow = rn.fit(net, [x])
    for options, words in (
        ({"alignment": rn.Permutation()}, "permutation"),
        ({"landmarks": 0}, "landmarks"),
        ({"holdout": 0.9}, "holdout"),
        ({"method": "best"}, "method"),
    ):
        with pytest.raises(RainbowError, match=words):
            rainbow.limit([x], **options)
    with pytest.raises(LawError, match="Gaussian"):
        rn.fit(net, [x], law=rn.Smoothed(0.5)).limit([x])
    with pytest.raises(RainbowError, match="flatten"):
        rn.fit(net, [x], flatten="features").limit([x])
    with pytest.raises(RainbowError, match=r"'7'.*'0', '2'"):
        rainbow.limit([x], landmarks=8).kernel(x, layer="7")
