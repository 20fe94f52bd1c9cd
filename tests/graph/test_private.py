"""What a user passes as a network: unwrapped, its computed weights baked into the copy, or refused in one line."""

import copy
import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

import rainbownet as rn
from rainbownet.errors import ArchitectureError, RainbowWarning
from rainbownet.graph import Network
from rainbownet.graph.private import private_copy

IMAGES = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))


def plain() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).eval()


class Doubled(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * x


def twice_pruned(layer: nn.Module) -> None:
    prune.random_unstructured(layer, "weight", 0.2)
    prune.l1_unstructured(layer, "weight", 0.3)


COMPUTED = {
    "weight_norm": parametrizations.weight_norm,
    "weight_norm_old": lambda layer: torch.nn.utils.weight_norm(layer),
    "spectral_norm": parametrizations.spectral_norm,
    "spectral_norm_old": lambda layer: torch.nn.utils.spectral_norm(layer),
    "orthogonal": parametrizations.orthogonal,
    "own": lambda layer: parametrize.register_parametrization(layer, "bias", Doubled()),
    "prune": lambda layer: prune.l1_unstructured(layer, "weight", 0.3),
    "prune_twice": twice_pruned,
}


@pytest.mark.parametrize("how", COMPUTED)
@pytest.mark.filterwarnings("ignore:.*weight_norm.* is deprecated:FutureWarning")
def test_computed_weights_are_baked_and_said_and_the_users_module_is_as_it_was(how):
    net = plain()
    COMPUTED[how](net[0])
    net(IMAGES)
    with torch.no_grad():
        for value in net[0].parameters():
            value.mul_(1.5)  # what was computed before is out of date
    keys = set(net.state_dict())
    with pytest.warns(RainbowWarning, match=r"^network Sequential: computed weights are plain parameters .*: 0\."):
        own = private_copy(net)
    assert set(own.state_dict()) == set(plain().state_dict())
    assert list(dict(own.named_parameters())) == list(dict(plain().named_parameters())) or how == "own"
    torch.testing.assert_close(own(IMAGES), net(IMAGES))
    assert set(net.state_dict()) == keys
    net(IMAGES).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    copy.deepcopy(own)


def test_a_network_of_computed_weights_is_drawn():
    net = plain()
    parametrizations.weight_norm(net[0])
    with pytest.warns(RainbowWarning, match=r"0\.weight \(WeightNorm\)"):
        rainbow = rn.fit(net, [IMAGES])
    drawn = rainbow.sample([IMAGES], draw="identity", alignment=rn.Procrustes(), holdout=0.0)
    torch.testing.assert_close(drawn(IMAGES), net(IMAGES).detach(), rtol=1e-4, atol=1e-5)


def test_wrappers_are_taken_off():
    net = plain()
    wrapped = nn.Sequential(nn.DataParallel(net[0]), torch.compile(nn.Sequential(net[1], net[2])))
    for outer in (nn.DataParallel(net), torch.compile(net), torch.compile(nn.DataParallel(net))):
        assert list(Network(outer, IMAGES).parameters) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    inner = Network(wrapped, IMAGES)
    assert list(inner.parameters) == ["0.weight", "0.bias", "1.1.weight", "1.1.bias"]
    assert isinstance(wrapped[0], nn.DataParallel)
    torch.testing.assert_close(inner.root(IMAGES), net(IMAGES))


REFUSED = {
    "script": (lambda: torch.jit.script(plain()), "is a TorchScript module .*pass the module it was made from"),
    "script inside": (lambda: nn.Sequential(torch.jit.script(plain())), "network: 0 is a TorchScript module"),
    "lazy": (lambda: nn.Sequential(nn.LazyLinear(3)), "'0.weight' is lazy .*call the network once on a batch"),
    "meta": (lambda: plain().to("meta"), "'0.weight' is on the meta device.*load trained weights"),
    "bfloat16": (lambda: plain().bfloat16(), r"'0.weight' is of type torch.bfloat16.*\.float\(\)"),
    "half": (lambda: plain().half(), "'0.weight' is of type torch.float16"),
    "half buffer": (lambda: nn.Sequential(nn.BatchNorm1d(4, affine=False).half()), "'0.running_mean' is of type"),
}


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_line(what):
    make, message = REFUSED[what]
    net = make()
    with pytest.raises(ArchitectureError, match=message) as caught:
        rn.fit([net], [IMAGES])
    assert "\n" not in str(caught.value)


def test_a_plain_network_is_copied_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert private_copy(plain()) is not None


def test_a_shared_activation_in_place_changes_what_is_read_later():
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.act = nn.Linear(4, 8), nn.Linear(8, 3), nn.ReLU(inplace=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.a(self.act(x + 0))
            self.act(y)
            return self.b(y)

    net = Shared().eval()
    network = Network(net, IMAGES)
    torch.testing.assert_close(network.traced(IMAGES), net(IMAGES))
    assert net.act.inplace


class Recording(nn.Module):
    """What it returns was recorded by a hook that it sets at the first call, as models of transformers do."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(4, 8), nn.Linear(8, 3)
        self._output_capturing_hooks_installed = False
        self.seen: list = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self._output_capturing_hooks_installed:
            self.body.register_forward_hook(lambda _module, _inputs, output: self.seen.append(output))
            self._output_capturing_hooks_installed = True
        self.seen.clear()
        self.body(x)
        return self.head(self.seen[-1].tanh())


def test_a_model_that_records_by_hooks_of_its_own_is_traced_after_it_was_run():
    class Body(nn.Linear):
        """No leaf of torch.fx, so that hooks see it."""

    net = Recording()
    net.body = Body(4, 8)
    net(IMAGES)
    net.seen.clear()
    assert [p.name for p in Network(net, IMAGES).populations if not p.frozen] == ["body"]
