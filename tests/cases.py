"""The networks and data that tests are parametrised over: small, seeded, with statistics as training leaves them."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import case_branches as branches
import case_chains as chains

TOLERANCE = 1e-5
"""What float32 rounding may do to logits, relative to the largest."""


def distance(net: nn.Module, other: nn.Module, images: Tensor) -> float:
    """Return the largest difference of two networks' outputs, relative to the largest output."""
    with torch.no_grad():
        y, z = net(images), other(images)
    assert y.shape == z.shape, (y.shape, z.shape)
    return ((y - z).abs().max() / y.abs().max()).item()


@dataclass(frozen=True)
class Case:
    """A network and its inputs.

    Attributes:
        name: Its name in test identifiers.
        build: Makes the module, weights from the global generator.
        shape: Shape of one input.
        symbols: Number of symbols, for inputs that are integers.
    """

    name: str
    build: Callable[[], nn.Module]
    shape: tuple[int, ...] = (3, 8, 8)
    symbols: int = 0

    def network(self, seed: int = 0) -> nn.Module:
        """Return the network in evaluation mode, the same for the same seed; the global generator is left as it was."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return settled(self.build(), self.images())

    def images(self, n: int = 96, seed: int = 1) -> Tensor:
        """Return inputs: Gaussian, or symbols."""
        generator = torch.Generator().manual_seed(seed)
        if self.symbols:
            return torch.randint(self.symbols, (n, *self.shape), generator=generator)
        return torch.randn(n, *self.shape, generator=generator)


def settled(net: nn.Module, images: Tensor) -> nn.Module:
    """Give a network norms as if trained: scales and offsets that vary, the exact statistics of some images."""
    norms = [m for m in net.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.track_running_stats]
    for module in net.modules():
        if "Norm" in type(module).__name__ and getattr(module, "weight", None) is not None:
            nn.init.uniform_(module.weight, 0.5, 1.5)
            if getattr(module, "bias", None) is not None:
                nn.init.normal_(module.bias, std=0.3)
        if isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, 0.1, 0.5)
    hooks = [norm.register_forward_pre_hook(_measure) for norm in norms]
    with torch.no_grad():
        net.eval()(images)
    for hook in hooks:
        hook.remove()
    return net


def _measure(norm: nn.Module, inputs: tuple[Tensor]) -> None:
    rows = inputs[0].movedim(1, -1).flatten(0, -2).double()
    norm.running_mean.copy_(rows.mean(0))
    norm.running_var.copy_(rows.var(0, unbiased=False))


_ALL = [
    Case("mlp", chains.mlp, (12,)),
    Case("conv_biases", chains.conv_biases),
    Case("norm_first", chains.norm_first),
    Case("norm_first_plain", lambda: chains.norm_first(affine=False)),
    Case("norm_first_untracked", lambda: chains.norm_first(track_running_stats=False)),
    Case("norm_last", chains.norm_last),
    Case("norm_last_plain", lambda: chains.norm_last(affine=False)),
    Case("norm_last_untracked", lambda: chains.norm_last(track_running_stats=False)),
    *(
        Case(f"functional_{how}", lambda how=how: chains.Functional(how))
        for how in ("view", "view_size", "reshape", "flatten")
    ),
    Case("channels_last", chains.ChannelsLast),
    Case("conv1d", chains.conv1d, (2, 12)),
    Case("prelu", chains.prelu),
    Case("tokens", chains.Tokens, (6,), symbols=11),
    Case("shared", chains.Shared, (12,)),
    Case("shared_activation", chains.SharedActivation, (12,)),
    Case("complex", chains.Complex, (12,)),
    Case("resnet", branches.ResNet),
    Case("resnet_option_a", lambda: branches.ResNet("A")),
    Case("preactivation", branches.preactivation),
    Case("wide_resnet", lambda: branches.preactivation(2)),
    Case("dense", branches.Dense),
    Case("separable", branches.Separable),
    Case("shuffle", branches.Shuffle),
    Case("convnext", branches.ConvNext),
    Case("group_norm", lambda: branches.normed("group")),
    Case("group_norm_one", lambda: branches.normed("one")),
    Case("instance_norm", lambda: branches.normed("instance")),
    Case("rms_norm", branches.rms, (12,)),
    Case("unet", branches.UNet),
    Case("mixer", branches.Mixer),
]
CASES = {case.name: case for case in _ALL}
"""Every case by name."""
