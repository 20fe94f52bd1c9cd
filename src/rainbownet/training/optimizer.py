"""The optimizer of a recipe, and its state as tensors with names."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from rainbownet.naming import match_complex
from rainbownet.training.recipe import Recipe

_NAMES = {"momentum": "momentum_buffer", "adam.mean": "exp_avg", "adam.square": "exp_avg_sq", "adam.step": "step"}


def optimizer_of(recipe: Recipe, parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
    """Return the optimizer that a recipe names.

    Args:
        recipe: The recipe.
        parameters: What it moves.
    """
    if recipe.optimizer == "adamw":
        betas = (recipe.momentum, 0.999)
        return torch.optim.AdamW(parameters, lr=recipe.lr, betas=betas, weight_decay=recipe.weight_decay)
    return torch.optim.SGD(parameters, lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay)


def state_tensors(optimizer: torch.optim.Optimizer, named: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """Return what an optimizer remembers of each parameter, by `kind.parameter`."""
    return {
        f"{kind}.{name}": optimizer.state[parameter][key]
        for name, parameter in named.items()
        for kind, key in _NAMES.items()
        if optimizer.state[parameter].get(key) is not None
    }


def restore_state(
    optimizer: torch.optim.Optimizer, named: Mapping[str, nn.Parameter], tensors: Mapping[str, Tensor]
) -> None:
    """Give an optimizer back what `state_tensors` returned.

    Args:
        optimizer: The optimizer.
        named: Its parameters by name.
        tensors: Tensors by name; others are passed over.
    """
    for name, parameter in named.items():
        for kind, key in _NAMES.items():
            if (saved := tensors.get(f"{kind}.{name}")) is not None:
                if kind != "adam.step":  # a number, which stays on the CPU
                    saved = match_complex(saved, parameter).to(parameter.device, copy=True)
                optimizer.state[parameter][key] = saved
