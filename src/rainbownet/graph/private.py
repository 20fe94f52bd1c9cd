"""Private copies: what a user passes as a network, unwrapped, its computed weights baked, or refused by name."""

import copy
import inspect
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrize
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from rainbownet.errors import ArchitectureError, RainbowWarning

_WRAPPERS = (nn.DataParallel, nn.parallel.DistributedDataParallel)
_PRECISIONS = (torch.float32, torch.float64, torch.complex64, torch.complex128)


def private_copy(module: nn.Module) -> nn.Module:
    """Return a deep copy of a module in evaluation mode, without wrappers, computed weights and the user's hooks.

    Weights that another tensor computes (weight and spectral norms, parametrizations, pruning) become plain parameters
    of the copy, and a warning says so.

    Args:
        module: Any module. It is neither changed nor put in another mode.

    Raises:
        ArchitectureError: If it is no module that can be read: a TorchScript module, a lazy one that was never run, one
            without data (meta device), or one of half precision.
    """
    if not isinstance(module, nn.Module):
        what = f"the class {module.__name__}" if inspect.isclass(module) else type(module).__name__
        raise ArchitectureError(f"network: expected a torch.nn.Module, got {what}")
    module = _unwrapped(module)
    _check_readable(module)
    # What hooks and wrappers computed is no leaf, and torch refuses to copy it.
    memo: dict[int, Any] = {
        id(value): value.detach().clone()
        for child in module.modules()
        for value in vars(child).values()
        if isinstance(value, Tensor) and not value.is_leaf
    }
    result = copy.deepcopy(module, memo).eval()
    for parent in list(result.modules()):
        for name, child in parent.named_children():
            if (inner := _unwrapped(child)) is not child:
                setattr(parent, name, inner)
    if baked := [f"{name} ({how})" for name, how in _bake(result)]:
        warn_of_baked(module, baked)
    _untie_tables(result)
    config: Any = getattr(result, "config", None)
    if getattr(config, "use_cache", False):
        config.use_cache = False  # what a language model would keep of its queries and keys for the next token
    for child in result.modules():
        for name, value in vars(child).items():
            if name.endswith("_hooks") and isinstance(value, dict):
                value.clear()
        if "_output_capturing_hooks_installed" in vars(child):  # transformers: what it records, it records by hooks
            setattr(child, "_output_capturing_hooks_installed", False)  # noqa: B010
    return result.requires_grad_(False)


def fixed_parameters(module: nn.Module) -> list[str]:
    """Return the names of parameters that training leaves alone, where it does not leave all of them.

    A network that is frozen as a whole was so after its training: nothing is known of what was fixed in it.
    """
    named = dict(_unwrapped(module).named_parameters())
    fixed = [name for name, parameter in named.items() if not parameter.requires_grad]
    return fixed if len(fixed) < len(named) else []


def warn_of_baked(module: nn.Module, baked: Sequence[str]) -> None:
    """Say which computed weights became plain parameters."""
    shown = ", ".join(baked[:3]) + (f" and {len(baked) - 3} more" if len(baked) > 3 else "")
    warnings.warn(
        f"network {type(module).__name__}: computed weights are plain parameters of the private copy: {shown}",
        RainbowWarning,
        stacklevel=3,
    )


def _unwrapped(module: nn.Module) -> nn.Module:
    """Return the module inside those that only say how to run it."""
    while True:
        if isinstance(module, _WRAPPERS):
            module = module.module
        elif isinstance(inner := getattr(module, "_orig_mod", None), nn.Module):  # torch.compile
            module = inner
        else:
            return module


def _check_readable(module: nn.Module) -> None:
    for name, child in module.named_modules():
        if isinstance(child, torch.jit.ScriptModule):
            raise ArchitectureError(
                f"network: {name or 'it'} is a TorchScript module ({type(child).__name__}), whose code is compiled: "
                "pass the module it was made from, with load_state_dict(scripted.state_dict())"
            )
    for name, value in (*module.named_parameters(), *module.named_buffers()):
        if is_lazy(value):
            raise ArchitectureError(
                f"network: parameter {name!r} is lazy and has no values yet: call the network once on a batch first"
            )
        if value.is_meta:
            raise ArchitectureError(
                f"network: parameter {name!r} is on the meta device, without values: load trained weights first, "
                "network.to_empty(device='cpu') and load_state_dict(...)"
            )
        if (value.is_floating_point() or value.is_complex()) and value.dtype not in _PRECISIONS:
            raise ArchitectureError(
                f"network: parameter {name!r} is of type {value.dtype}, and statistics need float32 or float64: pass "
                "copy.deepcopy(network).float()"
            )


def _untie_tables(module: nn.Module) -> None:
    """Give every user of a table of embeddings that is shared, such as a head, its own copy of it, in place.

    A table writes neurons and a head reads them: in a sample they are no longer one matrix.
    """
    owners: dict[int, list[tuple[nn.Module, str]]] = {}
    for child in module.modules():
        for name, value in child._parameters.items():
            if value is not None:
                owners.setdefault(id(value), []).append((child, name))
    for found in owners.values():
        if len(found) > 1 and any(isinstance(owner, nn.Embedding) for owner, _ in found):
            for owner, name in found[1:]:
                owner._parameters[name] = nn.Parameter(owner._parameters[name].detach().clone())  # type: ignore[union-attr]


def _bake(module: nn.Module) -> list[tuple[str, str]]:
    """Make computed weights of a module plain parameters, in place; return their names and what computed them."""
    found = []
    for path, child in module.named_modules():
        prefix = f"{path}." if path else ""
        if parametrize.is_parametrized(child):
            found += [(prefix + name, how) for name, how in _bake_parametrized(child)]
        hooks: list[Any] = list(child._forward_pre_hooks.values())
        for hook in hooks:
            if isinstance(hook, WeightNorm):
                value = hook.compute_weight(child)
                _settle(child, hook.name, value, (f"{hook.name}_g", f"{hook.name}_v"))
                found.append((prefix + hook.name, "weight_norm"))
            elif isinstance(hook, SpectralNorm):
                value = hook.compute_weight(child, do_power_iteration=False)
                _settle(child, hook.name, value, [f"{hook.name}_{part}" for part in ("orig", "u", "v")])
                found.append((prefix + hook.name, "spectral_norm"))
            elif isinstance(hook, BasePruningMethod):
                name: str = hook._tensor_name  # type: ignore[attr-defined]
                _settle(child, name, hook.apply_mask(child), (f"{name}_orig", f"{name}_mask"))
                found.append((prefix + name, "prune"))
    return found


def _bake_parametrized(module: nn.Module) -> list[tuple[str, str]]:
    lists: Any = module.parametrizations
    values = {name: getattr(module, name) for name in lists}
    how = {name: ", ".join(type(step).__name__.strip("_") for step in lists[name]) for name in lists}
    # The class made for the parametrization is shared with the user's module: it is left, not changed.
    del module._modules["parametrizations"]
    module.__class__ = type(module).__bases__[0]
    for name, value in values.items():
        _settle(module, name, value, ())
    return list(how.items())


def _settle(module: nn.Module, name: str, value: Tensor, computed_from: Any) -> None:
    """Put a value in the place of the tensors it is computed from, first among the parameters as it once was."""
    for source in computed_from:
        module._parameters.pop(source, None)
        module._buffers.pop(source, None)
    vars(module).pop(name, None)
    others = dict(module._parameters)
    module._parameters.clear()
    module.register_parameter(name, nn.Parameter(value.detach().clone()))
    module._parameters.update(others)
