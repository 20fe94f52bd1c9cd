"""Bad input: each kind is refused by an error of the library that names the culprit."""

import warnings

import pytest
import torch
from torch import Tensor, nn

import rainbownet as rn
from cases import CASES
from rainbownet.errors import (
    AlignmentError,
    ArchitectureError,
    DataError,
    LawError,
    RainbowError,
    RainbowWarning,
)

IMAGES = torch.randn(128, 12, generator=torch.Generator().manual_seed(0))


def mlp(*layers: nn.Module) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(12, 16), *(layers or [nn.ReLU()]), nn.Linear(16, 5))


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x) if x.sum() > 0 else -self.a(x)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(8, 8) for _ in range(3))
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        weights = torch.softmax(self.q(x) @ self.k(x).transpose(1, 2), -1)
        return self.head((weights @ self.v(x)).mean(1))


class Wrapped(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)


class TwoInputs(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


def test_a_module_that_branches_on_values_says_what_to_do():
    with pytest.raises(ArchitectureError, match=r"Branching cannot be traced by torch.fx.*graph\.register"):
        rn.fit(Branching(), [IMAGES])


def test_a_module_of_two_inputs_says_how_to_give_them():
    with pytest.raises(ArchitectureError, match="TwoInputs has 2 inputs, x, y; give batches that are dictionaries"):
        rn.fit(TwoInputs(), [IMAGES])


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        ({"x": IMAGES}, "TwoInputs needs an input 'y', and a batch has x only"),
        ({"x": IMAGES, "z": IMAGES}, "TwoInputs has no input 'z'; it takes x, y: name the keys of a batch"),
    ],
)
def test_inputs_that_are_not_those_of_the_network_are_named(batch, said):
    with pytest.raises(ArchitectureError, match=said):
        rn.fit(TwoInputs(), [batch])


def test_networks_of_other_architecture_or_width_are_told_apart():
    with pytest.raises(ArchitectureError, match=r"network 1 has another architecture: its operation"):
        rn.fit([mlp(), mlp(nn.ReLU(), nn.Linear(16, 16))], [IMAGES])
    wide = nn.Sequential(nn.Linear(12, 17), nn.ReLU(), nn.Linear(17, 5))
    with pytest.raises(ArchitectureError, match=r"network 1: parameter '0.weight' has shape \(17, 12\).*\(16, 12\)"):
        rn.fit([mlp(), wide], [IMAGES])
    with pytest.raises(ArchitectureError, match="empty sequence"):
        rn.fit([], [IMAGES])


def test_networks_with_other_activations_are_told_apart():
    with pytest.raises(ArchitectureError, match="network 1: layer '1' is a Tanh, in the first network a ReLU"):
        rn.fit([mlp(nn.ReLU()), mlp(nn.Tanh())], [IMAGES])


def test_a_head_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(ArchitectureError, match=r"head: no layer 'fc' in the network; its layers are \['0', '2'\]"):
        rn.fit(mlp(), [IMAGES], head=["fc"])


@pytest.mark.parametrize("loader", [[], iter(()), [torch.zeros(0, 12)]], ids=["list", "iterator", "no images"])
def test_an_empty_loader(loader):
    with pytest.raises(DataError, match="loader: it yields no images"):
        rn.fit(mlp(), loader)


def test_an_iterator_that_was_used_up_says_so():
    rainbow = rn.fit(mlp(), [IMAGES])
    once = iter([IMAGES])
    rainbow.sample(once)
    with pytest.raises(DataError, match="used up"):
        rainbow.sample(once)


def test_too_few_images_for_max_images():
    rainbow = rn.fit(mlp(), [IMAGES])
    with pytest.raises(DataError, match="ended after 128 images, 500 were asked for with max_images"):
        rainbow.sample([IMAGES], max_images=500)
    assert rainbow.draw([IMAGES], max_images=100).images == 100


@pytest.mark.parametrize("batch", ["images", (1, 2), [], ()], ids=["str", "int", "list", "tuple"])
def test_batches_that_are_no_tensors(batch):
    with pytest.raises(DataError, match="loader: a batch must be inputs or"):
        rn.fit(mlp(), [batch])


def test_inputs_of_a_wrong_shape_or_dtype_name_the_layer_or_the_batch():
    with pytest.raises(DataError, match=r"layer '0' cannot be evaluated on inputs of shape \(2, 7\)"):
        rn.fit(mlp(), [torch.randn(8, 7)])
    with pytest.raises(DataError, match=r"layer '0' .* dtype torch.float64"):
        rn.fit(mlp(), [IMAGES.double()])
    with pytest.raises(DataError, match=r"layer '0' .* dtype torch.int64"):
        rn.fit(mlp(), [IMAGES.long()])
    rainbow = rn.fit(mlp(), [IMAGES])
    with pytest.raises(DataError, match=r"inputs of shape \(7,\) .* after some of shape \(12,\)"):
        rainbow.sample([IMAGES, torch.randn(8, 7)])
    with pytest.raises(DataError, match=r"dtype torch.float64 after some .* torch.float32"):
        rainbow.sample([IMAGES, IMAGES.double()])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_traced_to_where_they_are(value):
    net = mlp()
    with torch.no_grad():
        net[2].weight[0, 3] = value
    with pytest.raises(RainbowError, match=r"network 0: parameter '2.weight' holds 1 NaN or infinite values of 80"):
        rn.fit(net, [IMAGES])
    bad = IMAGES.clone()
    bad[100, 3] = value
    rainbow = rn.fit(mlp(), [IMAGES])
    with pytest.raises(DataError, match="loader: inputs hold NaN or infinite"):
        rainbow.sample([bad])


def test_activations_that_overflow_name_the_layer_that_reads_them():
    class Explodes(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.exp(1e3 * x)

    rainbow = rn.fit(mlp(Explodes(), nn.Linear(16, 16), nn.ReLU()), [IMAGES])
    with pytest.raises(AlignmentError, match=r"layer '2': activations are not finite .* reference channels"):
        rainbow.sample([IMAGES])


def test_a_dead_layer_is_named():
    net = mlp(nn.ReLU(), nn.Linear(16, 16), nn.ReLU())
    with torch.no_grad():
        net[2].weight.zero_()
        net[2].bias.fill_(-1.0)
    rainbow = rn.fit(net, [IMAGES])
    with pytest.raises(AlignmentError, match=r"layer '4': activations of the reference are zero on all 116 rows"):
        rainbow.sample([IMAGES])


def test_a_layer_of_a_sample_that_is_dead_by_chance_is_named_and_gives_its_offset():
    net = mlp(nn.ReLU(), nn.Linear(16, 2), nn.ReLU(), nn.Linear(2, 16), nn.ReLU())
    with torch.no_grad():
        net[2].bias.copy_(torch.tensor([10.0, -10.0]))  # a drawn neuron is on for all images or for none
    rainbow = rn.fit(net, [IMAGES])
    dead = []
    for seed in range(8):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            drawn = rainbow.sample([IMAGES], width={"2": 0.5}, seed=seed)
        named = [str(w.message) for w in said if "layer '4': the 1 sampled channels" in str(w.message)]
        constant = torch.allclose(drawn(IMAGES), drawn(IMAGES[:1]), atol=1e-5)
        assert len(named) == constant
        dead.append(constant)
    assert 0 < sum(dead) < len(dead)


def test_a_layer_of_zeros_is_warned_of_when_it_is_fitted():
    net = mlp()
    with torch.no_grad():
        net[0].weight.zero_()
        net[0].bias.zero_()
    with pytest.warns(RainbowWarning, match="population '0': every one of its 16 neurons is zero"):
        rn.fit(net, [IMAGES])


def test_fewer_rows_than_channels_is_warned_of_with_numbers():
    rainbow = rn.fit(mlp(), [IMAGES])
    with pytest.warns(RainbowWarning, match=r"layer '2': 10 rows to align 16 channels on; give at least 160"):
        rainbow.sample([IMAGES[:10]], holdout=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rainbow.sample([IMAGES[:16]], holdout=0.0)


def test_a_rank_above_the_possible_takes_what_there_is_and_names_the_population():
    with pytest.warns(RainbowWarning, match=r"population '0': 16 neurons of 13 numbers have 13 directions"):
        rainbow = rn.fit(mlp(), [IMAGES], law=rn.Gaussian(rank=14))
    assert rainbow.laws["0"].rank == 13


def test_no_alignment_at_another_width():
    rainbow = rn.fit(mlp(), [IMAGES])
    with pytest.raises(AlignmentError, match=r"without alignment both networks need one width, got 16 .* 32"):
        rainbow.sample([IMAGES], alignment=rn.Identity(), width=2)


def test_an_identity_draw_at_another_width():
    rainbow = rn.fit(mlp(), [IMAGES])
    with pytest.raises(LawError, match=r"draw='identity' gives the reference network's 16 neurons, asked for 32"):
        rainbow.sample([IMAGES], draw="identity", width=2)


def test_retraining_without_targets():
    rainbow = rn.fit(mlp(), [IMAGES])
    with pytest.raises(DataError, match="classifier='ridge' needs targets"):
        rainbow.sample([IMAGES], classifier="ridge")


def test_a_classifier_that_is_not_one_linear_layer():
    case = CASES["unet"]
    images = case.images()
    rainbow = rn.fit(case.network(), [images])
    with pytest.raises(ArchitectureError, match="classifier: the output must be that of one linear layer on vectors"):
        rainbow.sample([(images, torch.zeros(len(images)).long())], classifier="ridge")


def test_an_unknown_reference_of_several():
    with pytest.raises(RainbowError, match="reference: expected 'first' or 'mean', got 'median'"):
        rn.fit([mlp(), mlp()], [IMAGES], reference="median")
