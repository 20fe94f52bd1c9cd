"""A network from two strings: the name of what builds it and the file that holds its weights."""

import ast
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rainbownet.checks import shown
from rainbownet.errors import ArchitectureError, RainbowError
from rainbownet.files.checkpoint import read_state
from rainbownet.public import build_public, is_public

PREFIXES = ("module.", "_orig_mod.")
"""What data parallelism and `torch.compile` put before every key."""

SHOWN = 4


def resolve(spec: str, **arguments: Any) -> nn.Module:
    """Build a network by name, see `resolve_network`.

    Args:
        spec: Name of a reference network, `"torchvision:resnet18"`, `"timm:vit_tiny_patch16_224"`, `"hf:owner/name"` or
            `"package.module:factory"`, with or without literal arguments.
        arguments: Further arguments of the factory; `pretrained=True` loads the trained weights of a network of
            torchvision, timm or Hugging Face, from their caches or the network.

    Returns:
        The network. What torchvision, timm or Hugging Face know of its preprocessing `rainbownet info` and every verb
        that reads images use.

    Raises:
        ArchitectureError: If it cannot be built.

    Example:
        >>> type(resolve("digits_mlp(width=0.5)", seed=1)).__name__
        'Sequential'
    """
    return resolve_network(spec, arguments)


def resolve_network(spec: str, kwargs: Mapping[str, Any] | None = None) -> nn.Module:
    """Build a network by name.

    A module is looked for as `python -m` does: in the current folder first. Names are trusted, for importing a module
    and calling a factory runs its code: give none that comes from a file of someone else.

    Args:
        spec: Name of a network of `rainbownet.nets`, of one that torchvision, timm or transformers define (see
            `rainbownet.public.build_public`), or `"package.module:factory"`, anything that can be imported; any of
            them with literal arguments behind it, `"resnet20(width=0.5)"`.
        kwargs: Further arguments.

    Returns:
        The network, as the factory initialises it.

    Raises:
        ArchitectureError: If there is no such factory, its arguments are not literals or it refuses them, or it does
            not return a module.

    Example:
        >>> resolve_network("torch.nn:Linear(in_features=3)", {"out_features": 2, "bias": False})
        Linear(in_features=3, out_features=2, bias=False)
    """
    if not isinstance(spec, str) or not spec.strip():
        raise ArchitectureError(f"spec is {shown(spec)}; a name or 'package.module:factory' is needed")
    if kwargs is not None and not isinstance(kwargs, Mapping):
        raise ArchitectureError(f"kwargs is {shown(kwargs)}; a dictionary of arguments is needed")
    name, arguments = split_arguments(spec)
    arguments |= kwargs or {}
    factory = find_factory(name) if ":" in name and not is_public(name) else None
    try:
        if factory is not None:
            network = factory(**arguments)
        else:
            network = build_public(name, arguments) if is_public(name) else _build_known(name, arguments)
    except RainbowError:
        raise
    except Exception as error:  # The factory is foreign code: whatever it raises means that it refuses its arguments.
        said = " ".join(str(error).split())
        raise ArchitectureError(
            f"network {name!r} cannot be built with {arguments}: {type(error).__name__}: {said}{_signature(factory)}"
        ) from error
    if not isinstance(network, nn.Module):
        raise ArchitectureError(f"network {name!r} gave {_described(network)}; an nn.Module is needed")
    return network


def at_width(spec: str, kwargs: Mapping[str, Any], factor: Any, net: nn.Module) -> str | None:
    """Return how a factory is called to make a network of the shapes of a widened one.

    Args:
        spec: The factory of the network before, as `resolve_network` reads it.
        kwargs: Further arguments.
        factor: How much wider the network is.
        net: The wider network.

    Returns:
        The name with its arguments, `width` among them; nothing if the factory has no such argument, the factor is
        no number, or the shapes are others.

    Example:
        >>> at_width("digits_mlp", {"width": 0.5}, 2, resolve("digits_mlp"))
        'digits_mlp(width=1.0)'
    """
    name, arguments = split_arguments(spec)
    arguments |= kwargs
    width = arguments.get("width", 1.0)
    if not all(isinstance(number, int | float) for number in (factor, width)):
        return None
    arguments["width"] = width * factor
    try:
        made = resolve_network(name, arguments)
    except ArchitectureError:
        return None
    shapes = [{key: value.shape for key, value in own.state_dict().items()} for own in (made, net)]
    if shapes[0] != shapes[1]:
        return None
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"


def split_arguments(spec: str) -> tuple[str, dict[str, Any]]:
    """Split `"name(width=2, norm='batch')"` into the name and its arguments.

    Args:
        spec: A name, with or without arguments: keywords with values that Python writes as literals (numbers, strings,
            lists, dictionaries, True, False, None). Nothing is evaluated.

    Returns:
        The name and the arguments.

    Raises:
        ArchitectureError: If what stands behind the name is something else.

    Example:
        >>> split_arguments("resnet20(width=0.5)")
        ('resnet20', {'width': 0.5})
    """
    name, bracket, _ = spec.partition("(")
    if not bracket:
        return spec, {}
    wrong = f"network {shown(spec)}: literal keyword arguments are needed, such as {name}(width=2)"
    try:
        call = ast.parse(f"f{spec[len(name) :]}", mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
            raise ArchitectureError(wrong)
        if any(keyword.arg is None for keyword in call.keywords):
            raise ArchitectureError(wrong)
        return name, {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        if isinstance(error, RainbowError):
            raise
        raise ArchitectureError(wrong) from error


def load_weights(net: nn.Module, path: str | Path) -> nn.Module:
    """Read a state dict into a network, strictly, without ever running code from the file.

    A state dict inside a larger dictionary is found; prefixes of data parallelism and `torch.compile` are dropped.
    A complex parameter may be stored as real and imaginary parts along a last axis of 2.

    Args:
        net: The network; its parameters and buffers are overwritten.
        path: A safetensors file, or one of `torch.save` that holds tensors only.

    Returns:
        The same network.

    Raises:
        FileError: If the file cannot be read as a state dict.
        ArchitectureError: If keys or shapes are not those of the network.
    """
    return apply_state(net, read_state(path), origin=str(path))


def apply_state(net: nn.Module, state: Mapping[str, Tensor], *, origin: str = "state dict") -> nn.Module:
    """Copy named tensors into a network, as strictly as `load_weights`.

    Args:
        net: The network; its parameters and buffers are overwritten.
        state: Names → tensors.
        origin: Where they come from, for messages.

    Returns:
        The same network.

    Raises:
        ArchitectureError: If keys or shapes are not those of the network.
    """
    own = net.state_dict()
    state = _without_prefix(state, own)
    missing = [key for key in own if key not in state and not key.endswith("num_batches_tracked")]
    unexpected = [key for key in state if key not in own]
    if missing or unexpected:
        raise ArchitectureError(
            f"{origin}: its parameters are not those of the network: {_some('missing', missing)}, "
            f"{_some('unexpected', unexpected)}"
        )
    state = {key: match_complex(value, own[key]) for key, value in state.items()}
    wrong = [
        f"{key}: {tuple(value.shape)} in the file, {tuple(own[key].shape)} in the network"
        for key, value in state.items()
        if value.shape != own[key].shape
    ]
    if wrong:
        raise ArchitectureError(f"{origin}: shapes differ, {_some('of which', wrong)}")
    net.load_state_dict(own | state)
    return net


def match_complex(value: Tensor, target: Tensor) -> Tensor:
    """Return a tensor stored as pairs of reals as a complex one, if `target` is complex and has such a shape."""
    if target.is_complex() and not value.is_complex() and value.shape == (*target.shape, 2):
        return torch.view_as_complex(value.contiguous())
    return value


def find_factory(spec: str) -> Callable[..., Any]:
    """Return the function or class that `"package.module:factory"` names.

    Args:
        spec: Module and name, with a colon between.

    Returns:
        What is there.

    Raises:
        ArchitectureError: If the module cannot be imported or has no such callable.
    """
    module_name, _, attribute = spec.partition(":")
    try:
        with _current_folder():
            module = importlib.import_module(module_name)
    except Exception as error:  # Importing runs foreign code, which may raise anything.
        said = " ".join(str(error).split())
        raise ArchitectureError(
            f"network {spec!r}: module {module_name!r} cannot be imported, nor from {Path.cwd()} "
            f"({type(error).__name__}: {said})"
        ) from error
    factory = module
    for part in attribute.split("."):
        factory = getattr(factory, part, None)
    if not callable(factory):
        listed = ", ".join(sorted(key for key, value in vars(module).items() if callable(value) and key[0] != "_")[:8])
        raise ArchitectureError(
            f"network {spec!r}: {attribute!r} in module {module_name!r} is {_described(factory)}; a function or class "
            f"is needed{listed and f', such as {listed}'}"
        )
    return factory


@contextmanager
def _current_folder() -> Iterator[None]:
    """Put the current folder first among the places of modules, as `python -m` does, while the context lasts."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        if here in sys.path:
            sys.path.remove(here)


def _described(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _build_known(name: str, arguments: dict[str, Any]) -> Any:
    from rainbownet.nets import build  # Only a name needs the reference networks.

    return build(name, **arguments)


def _signature(factory: Callable[..., Any] | None) -> str:
    if factory is None:
        return ""
    try:
        return f"; it takes {inspect.signature(factory)}"
    except (TypeError, ValueError):
        return ""


def _without_prefix(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    for _ in PREFIXES:
        for prefix in PREFIXES:
            if all(key.startswith(prefix) for key in state) and not any(key.startswith(prefix) for key in own):
                state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def _some(what: str, items: list[str]) -> str:
    shown = ", ".join(items[:SHOWN]) or "none"
    return f"{what} {shown}" + (f" and {len(items) - SHOWN} more" if len(items) > SHOWN else "")
