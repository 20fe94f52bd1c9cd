"""Reference networks by name: those of the papers, and small ones that train in seconds."""

import difflib
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from torch import nn

from rainbownet.errors import ArchitectureError
from rainbownet.nets import rules as rules
from rainbownet.nets.cifar_resnet import cifar_resnet
from rainbownet.nets.collapse import PhaseCollapse, SkipModulus
from rainbownet.nets.gpt import gpt
from rainbownet.nets.layers import (
    ComplexStandardization,
    Conv1x1,
    DivisiveNormalization,
    RealChannels,
    RealOnComplex1x1,
)
from rainbownet.nets.resnet import resnet18, resnet18_bnpost
from rainbownet.nets.scattering import cifar_scattering, imagenet_scattering, paper_scattering4
from rainbownet.nets.small import digits_cnn, digits_mlp
from rainbownet.nets.tutorial import tutorial_cnn, tutorial_mlp
from rainbownet.nets.vgg import factorized_vgg11, simple_vgg11, vgg11
from rainbownet.nets.vit import digits_vit, vit
from rainbownet.nets.wavelet import WaveletTransform

__all__ = [
    "ComplexStandardization",
    "Conv1x1",
    "DivisiveNormalization",
    "PhaseCollapse",
    "RealChannels",
    "RealOnComplex1x1",
    "SkipModulus",
    "WaveletTransform",
    "build",
    "names",
]

_BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "cifar_resnet": cifar_resnet,
    "cifar_scattering": cifar_scattering,
    "digits_cnn": digits_cnn,
    "digits_mlp": digits_mlp,
    "digits_vit": digits_vit,
    "factorized_vgg11": factorized_vgg11,
    "gpt": gpt,
    "imagenet_scattering": imagenet_scattering,
    "paper_scattering4": paper_scattering4,
    "resnet18": resnet18,
    "resnet18_bnpost": resnet18_bnpost,
    "resnet20": partial(cifar_resnet, 20),
    "resnet32": partial(cifar_resnet, 32),
    "resnet56": partial(cifar_resnet, 56),
    "simple_vgg11": simple_vgg11,
    "tutorial_cnn": tutorial_cnn,
    "tutorial_mlp": tutorial_mlp,
    "vgg11": vgg11,
    "vit": vit,
}


def names() -> list[str]:
    """Return the names that `build` knows, sorted."""
    return sorted(_BUILDERS)


def build(name: str, **kwargs: Any) -> nn.Module:
    """Build a reference network.

    Args:
        name: One of `names()`.
        kwargs: Arguments of its constructor; all take `width`, a factor on the number of channels, and `seed`.

    Returns:
        The network, on the CPU, with initial weights drawn from `seed`.

    Raises:
        ArchitectureError: If there is no such network, or it does not take these arguments.

    Example:
        >>> type(build("digits_mlp", width=0.5)).__name__
        'Sequential'
    """
    if name not in _BUILDERS:
        close = difflib.get_close_matches(name, names()) or names()
        raise ArchitectureError(f"name={name!r}: no such network; did you mean {', '.join(close)}?")
    builder = _BUILDERS[name]
    try:
        inspect.signature(builder).bind(**kwargs)
    except TypeError as error:
        raise ArchitectureError(f"network {name!r}: {error}; its signature is {inspect.signature(builder)}") from error
    return builder(**kwargs)
