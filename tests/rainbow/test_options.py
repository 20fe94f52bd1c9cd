"""What is drawn, with whom, and how wide: ties, widths by prefix, partial sampling, heads, presets."""

import pytest
import torch
from torch import Tensor, nn

import rainbownet as rn
from cases import CASES, TOLERANCE, distance
from rainbownet.errors import RainbowError


class Stream(nn.Module):
    """A linear residual stream with three writers."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.a, self.b = nn.Linear(6, 40, bias=False), nn.Linear(40, 40), nn.Linear(40, 40, bias=False)
        self.head = nn.Linear(40, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = x + self.a(x)
        return self.head(x + self.b(x))


@pytest.fixture
def stream() -> tuple[nn.Module, Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Stream(), torch.randn(400, 6)


def _rows(drawn: rn.Sample, rainbow: rn.Rainbow) -> dict[str, Tensor]:
    law, (rows, _) = rainbow.laws["stem"], drawn.rows["stem"]
    sizes = [block.size for block in law.blocks]
    return dict(zip([block.name for block in law.blocks], rows.split(sizes, dim=1), strict=True))


def _coefficients(rows: dict[str, Tensor], rainbow: rn.Rainbow, name: str) -> Tensor:
    """White coefficients that one writer's rows were drawn with, as far as its factor shows them."""
    law = rainbow.laws["stem"]
    parts = dict(zip([b.name for b in law.blocks], law.factor.split([b.size for b in law.blocks], dim=1), strict=True))
    means = dict(zip([b.name for b in law.blocks], law.mean.split([b.size for b in law.blocks]), strict=True))
    return (rows[name] - means[name]) @ torch.linalg.pinv(parts[name])


def test_writers_of_a_stream_share_their_coefficients_when_tied(stream):
    net, images = stream
    rainbow = rn.fit(net, [images])
    assert [p.name for p in rainbow.network.populations if not p.frozen] == ["stem"]
    law = rainbow.laws["stem"]
    assert [block.name for block in law.blocks] == ["stem.weight", "a.weight", "a.bias", "b.weight"]
    joint = _rows(rainbow.draw([images], draw="gaussian", width=3), rainbow)
    # 46 to 87 columns of rank 39 show all coefficients, so that those of two writers can be compared.
    a, b = (_coefficients(joint, rainbow, name) for name in ("a.weight", "b.weight"))
    torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-6)
    apart = _rows(rainbow.draw([images], draw="gaussian", width=3, tie="independent"), rainbow)
    a, b = (_coefficients(apart, rainbow, name) for name in ("a.weight", "b.weight"))
    correlation = (a * b).sum() / (a.norm() * b.norm())
    assert correlation.abs() < 0.1


def test_a_layers_weight_and_bias_are_drawn_together_even_when_layers_are_not(stream):
    net, images = stream
    rainbow = rn.fit(net, [images])
    rows = _rows(rainbow.draw([images], draw="gaussian", width=3, tie="independent"), rainbow)
    law = rainbow.laws["stem"]
    biases = 6 + 40  # columns of the stem's weight, then of a's
    predicted = law.mean[biases] + _coefficients(rows, rainbow, "a.weight") @ law.factor[:, biases]
    torch.testing.assert_close(rows["a.bias"][:, 0], predicted, rtol=1e-6, atol=1e-6)


@pytest.mark.filterwarnings("ignore:law:rainbownet.errors.RainbowWarning")
@pytest.mark.parametrize("draw", ["gaussian", "orthogonal", "antithetic"])
@pytest.mark.parametrize(
    "law", [rn.Smoothed(h=0.5), rn.Gaussian(rank=3), rn.White(), rn.Gaussian(rank=0.9, mean=False)]
)
def test_every_law_and_draw_samples_a_residual_network(law, draw):
    case = CASES["resnet_option_a"]
    images = case.images(128)
    drawn = rn.fit(case.network(), [images], law=law).sample([images], draw=draw, width=1.5)
    assert torch.isfinite(drawn(images)).all()


def test_a_width_for_each_prefix():
    case = CASES["resnet"]
    images = case.images(192)
    rainbow = rn.fit(case.network(), [images])
    drawn = rainbow.sample([images], width={"layer1.conv1": 2, "layer2": 1.5})
    sizes = {name: m.out_channels for name, m in drawn.named_modules() if isinstance(m, nn.Conv2d)}
    assert sizes["stem.0"] == sizes["layer1.conv2"] == 8
    assert sizes["layer1.conv1"] == 16
    assert {size for name, size in sizes.items() if name.startswith("layer2")} == {24}


def test_layers_that_are_not_asked_for_stay_trained():
    case = CASES["mlp"]
    net, images = case.network(), case.images(128)
    rainbow = rn.fit(net, [images])
    drawn = rainbow.sample([images], layers=["2"])
    assert torch.equal(drawn[0].weight, net[0].weight)
    assert torch.equal(drawn[0].bias, net[0].bias)
    assert (drawn[2].weight - net[2].weight).abs().max() > 0.01
    table = rainbow.draw([images], layers=["2"]).alignment
    assert list(table.layer) == ["4"]  # nothing before the drawn layer changed, so nothing there is aligned


def test_layers_after_a_drawn_one_keep_their_rows_and_are_aligned():
    case = CASES["mlp"]
    net, images = case.network(), case.images(512)
    rainbow = rn.fit(net, [images])
    sample = rainbow.draw([images], layers=["0"], width={"0": 4}, seed=1)
    assert list(sample.alignment.layer) == ["2", "4"]
    assert sample.network[2].weight.shape == (12, 64)
    hidden = [net[:3](images), sample.network[:3](images)]
    relative = ((hidden[0] - hidden[1]).square().sum() / hidden[0].square().sum()).item()
    assert relative < 0.1  # the same neurons, reading activations that are only approximately the same


def test_no_layer_drawn_is_the_trained_network(case):
    net, images = case.network(), case.images()
    drawn = rn.fit(net, [images]).sample([images], layers=[])
    assert distance(net, drawn, images) < TOLERANCE


def test_a_head_is_aligned_and_not_drawn():
    case = CASES["mlp"]
    net, images = case.network(), case.images(128)
    rainbow = rn.fit(net, [images], head=["2"])
    assert set(rainbow.laws) == {"0"}
    drawn = rainbow.sample([images], width=2)
    assert drawn[0].weight.shape == (32, 12)
    assert drawn[2].weight.shape == (12, 32)
    assert torch.equal(drawn[4].weight, net[4].weight)


def test_a_sample_reports_how_far_its_neurons_are_from_copies():
    case = CASES["resnet"]
    images = case.images()
    rainbow = rn.fit(case.network(), [images])
    copied = rainbow.draw([images], draw="identity").copy_scores()
    drawn = rainbow.draw([images], draw="gaussian").copy_scores()
    assert copied.keys() == drawn.keys() == rainbow.laws.keys()
    for name in copied:
        assert copied[name].score > 0.999
        assert drawn[name].score < 0.99


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draw": "uniform"}, "draw: expected one of"),
        ({"tie": "none"}, "tie: expected one of"),
        ({"flatten": "pixels"}, "flatten: expected one of"),
        ({"alignment": "nope"}, "no alignment is called 'nope'"),
        ({"width": float("nan")}, "width is nan"),
        ({"width": float("inf")}, "width is inf"),
        ({"width": 1e9}, "width is 1000000000.0; it must be at least 0 and at most 10000"),
        ({"width": {"0": -1.0}}, "width of '0' is -1.0"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 10**23}, "seed is 1"),
        ({"layers": "layer9"}, "'layer9' matches no drawn layer"),
        ({"holdout": 0.9}, "holdout is 0.9"),
        ({"classifier": "svm"}, "classifier: expected"),
        ({"layers": ["layer9"]}, "'layer9' matches no drawn layer"),
        ({"width": {"layer9": 2}}, r"\['layer9'\] match no drawn layer"),
        ({"width": 0.01}, "leaves zero channels"),
        ({"width": 0}, "width is 0; it must be above 0"),
    ],
    ids=str,
)
def test_options_without_meaning_are_refused_by_name(options, message):
    case = CASES["mlp"]
    images = case.images()
    targets = torch.zeros(len(images), dtype=torch.long)
    rainbow = rn.fit(case.network(), [images])
    with pytest.raises(RainbowError, match=message):
        rainbow.sample([(images, targets)], **options)


def test_presets_have_names_and_go_to_json_and_back():
    from rainbownet.rainbow.presets import preset

    assert preset("paper") is rn.PAPER
    with pytest.raises(RainbowError, match="unknown preset 'papr'"):
        preset("papr")
    for value in rn.PRESETS.values():
        assert rn.Preset.from_dict(value.to_dict()) == value


def test_until_draws_the_layers_up_to_one():
    images = CASES["mlp"].images(128)
    rainbow = rn.fit(CASES["mlp"].network(), [images])
    names = list(rainbow.laws)
    first, both = (rainbow.sample([images], until=name) for name in names[:2])
    for until, layers in ((first, names[:1]), (both, names[:2])):
        same = rainbow.sample([images], layers=layers)
        assert all(torch.equal(a, b) for a, b in zip(until.parameters(), same.parameters(), strict=True))
    assert not torch.equal(first[2].weight, both[2].weight)
    with pytest.raises(RainbowError, match="matches no drawn layer"):
        rainbow.draw([images], until="nothing")
    with pytest.raises(RainbowError, match="exclude each other"):
        rainbow.draw([images], until=names[0], layers=[names[0]])


@pytest.mark.filterwarnings("ignore:law:rainbownet.errors.RainbowWarning")
def test_names_stand_for_presets_laws_and_alignments():
    case = CASES["mlp"]
    net, images = case.network(), case.images(256)
    named = rn.fit(net, [images], preset="paper", law="gaussian:rank=3", alignment="least-squares:ridge=0.5")
    made = rn.PAPER.but(law=rn.Gaussian(rank=3), alignment=rn.LeastSquares(ridge=0.5))
    assert named.preset == made
    a, b = named.sample([images], alignment="procrustes"), named.sample([images], alignment=rn.Procrustes())
    assert all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))
    with pytest.raises(RainbowError, match="unknown preset 'nope'"):
        rn.fit(net, [images], preset="nope")
    with pytest.raises(RainbowError, match="no law is called 'nope'"):
        rn.fit(net, [images], law="nope")


def test_a_prefix_is_one_prefix_not_a_list_of_letters():
    case = CASES["mlp"]
    net, images = case.network(), case.images(256)
    rainbow = rn.fit(net, [images])
    assert list(rainbow.draw([images], layers="2").rows) == list(rainbow.draw([images], layers=["2"]).rows) == ["2"]


def test_a_rainbow_is_shown_in_one_line():
    case = CASES["mlp"]
    rainbow = rn.fit(case.network(), [case.images(256)], law=rn.White())
    counts = [len(law.neurons()) for law in rainbow.laws.values()]
    start = f"{len(counts)} populations, {sum(counts)} neurons, 1 network, white)"
    assert repr(rainbow) == f"Rainbow({type(rainbow.reference).__name__}: {start}"


def test_a_network_with_nothing_to_draw_is_refused():
    with pytest.raises(RainbowError, match="nets: no neuron can be drawn"):
        rn.fit(torch.nn.Linear(4, 3), [torch.ones(8, 4)])
