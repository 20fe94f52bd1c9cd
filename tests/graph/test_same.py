"""Two networks are of one architecture when they do the same, whatever their code calls things."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import rainbownet as rn
from rainbownet.errors import ArchitectureError
from rainbownet.graph import Network

IMAGES = torch.randn(64, 3, 6, 6, generator=torch.Generator().manual_seed(0))


class Named(nn.Module):
    """A network whose forward is given as a function of its layers and the input."""

    def __init__(self, **options) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3, **{"padding": 1, "stride": 1, **options}), nn.LazyLinear(2)


class First(Named):
    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.flatten(F.max_pool2d(F.relu(self.conv(x)), 2), 1))


class Second(Named):
    def forward(self, images: Tensor) -> Tensor:
        return self.head(F.max_pool2d(F.relu(self.conv(images)), kernel_size=2).flatten(1))


class Pooled(Named):
    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.flatten(F.max_pool2d(F.relu(self.conv(x)), 3, 2, 1), 1))


class Twice(Named):
    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        return self.head(torch.flatten(F.max_pool2d(F.relu(y), 2) + 0 * F.max_pool2d(y, 2), 1))


class TwiceOther(Named):
    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x)
        z = F.relu(y)
        return self.head(torch.flatten(F.max_pool2d(z, 2) + 0 * F.max_pool2d(z, 2), 1))


def made(cls: type[Named], seed: int = 0, **options) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = cls(**options).eval()
        net(IMAGES)
    return net


def test_names_of_arguments_and_methods_for_functions_make_no_difference():
    one, two = made(First), made(Second, seed=1)
    Network(one, IMAGES).check_same(Network(two, IMAGES), "b")
    assert len(rn.compare(one, two, [IMAGES])) > 0
    rn.fit([one, two], [IMAGES], max_images=64)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: made(First, stride=2, padding=3), r"layer 'conv' has padding=\(3, 3\), in the first network \(1, 1\)"),
        (lambda: made(First, padding=2, dilation=2), r"layer 'conv' has dilation=\(2, 2\)"),
        (lambda: made(First, padding_mode="circular"), "layer 'conv' has padding_mode=circular"),
        (
            lambda: made(Pooled),
            r"'max_pool2d' \(max_pool2d\) has the arguments \(3, stride=2, .*\), in the first network \(2, ",
        ),
        (lambda: made(Twice), "its operation"),
    ],
    ids=["stride", "dilation", "padding_mode", "arguments", "operations"],
)
def test_what_computes_otherwise_is_refused_by_its_first_difference(other, message):
    net = Network(made(First), IMAGES)
    for check in (net.check_same, net.check_same_structure):
        with pytest.raises(ArchitectureError, match=f"^b( has another architecture)?: .*{message}") as caught:
            check(Network(other(), IMAGES), "b")
        assert "\n" not in str(caught.value)


def test_the_values_that_operations_act_on_are_compared():
    with pytest.raises(ArchitectureError, match="acts on other values than in the first network"):
        Network(made(Twice), IMAGES).check_same(Network(made(TwiceOther), IMAGES), "b")


def test_widths_make_a_difference_to_shapes_but_not_to_structure(case):
    net = Network(case.network(), case.images(4))
    wide = net.resized(2)
    net.check_same_structure(wide, "b")
    with pytest.raises(ArchitectureError):
        net.check_same(wide, "b")
    net.check_same(Network(case.network(seed=1), case.images(4)), "b")
