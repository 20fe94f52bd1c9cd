"""Training several small networks of one architecture as one: their weights stacked, each on its own batches."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional

from rainbownet.checks import device_of_name, seed_of, sequence_of, shown
from rainbownet.data import Images, loader
from rainbownet.errors import ArchitectureError, DataError
from rainbownet.training import Recipe
from rainbownet.training.epoch import own_randomness, seed_epoch, with_threads
from rainbownet.training.optimizer import optimizer_of
from rainbownet.training.score import place_of


def train_jointly(
    nets: Sequence[nn.Module],
    images: Images,
    *,
    recipe: Recipe,
    seeds: Sequence[int],
    device: torch.device | str = "cpu",
) -> list[list[dict[str, Any]]]:
    """Train networks in place, one step of all of them at a time.

    Each network takes the steps that `rainbownet.training.train` would take with its seed, up to rounding (and except
    for dropout, which is drawn for all at once). Worth it where one network leaves the device idle. Nothing is written.

    Args:
        nets: Networks of one architecture.
        images: Training images, for all.
        recipe: How all are trained; its checkpoints are not kept.
        seeds: A seed for each network.
        device: Where to compute; the networks come back to where they were.

    Returns:
        For each network a row per epoch: epoch, lr, loss, accuracy.

    Raises:
        DataError: If there is not one seed for each network, or too few images, or the recipe is none.
        ArchitectureError: If the networks cannot be stacked.
    """
    for name, given, what in (("nets", nets, "networks"), ("seeds", seeds, "whole numbers")):
        sequence_of(name, given, what, error=DataError)
    if not isinstance(recipe, Recipe):
        raise DataError(f"recipe is {shown(recipe)}; a Recipe is needed")
    if not isinstance(images, Images):
        raise DataError(f"images is a {type(images).__name__}; Images, as `rainbownet.data.load` gives, is needed")
    if not nets or len(seeds) != len(nets):
        raise DataError(f"train_jointly: {len(nets)} networks and {len(seeds)} seeds; one seed for each is needed")
    for seed in seeds:
        seed_of(seed, "seeds")
    device = device_of_name(device)
    for net in nets:
        place_of(net, device, "train_jointly")
    copies = [deepcopy(net).to(device).train() for net in nets]
    try:
        parameters, buffers = stack_module_state(copies)
    except RuntimeError as error:
        raise ArchitectureError(f"train_jointly: the networks are not of one architecture ({error})") from error
    template = copies[0]

    def forward(weights: dict[str, Tensor], state: dict[str, Tensor], inputs: Tensor) -> Tensor:
        return functional_call(template, (weights, state), (inputs,))

    together = vmap(forward, randomness="different")
    trained = [value for value in parameters.values() if value.requires_grad]
    optimizer = optimizer_of(recipe, trained)
    placed = images.to(device)
    options: dict[str, Any] = {"batch_size": recipe.batch_size, "shuffle": True, "augment": recipe.augment}
    batches = [replace(loader(placed, **options, seed=seed), smallest=2) for seed in seeds]
    steps = len(batches[0])
    if steps == 0:
        raise DataError(f"train_jointly: {len(images)} images; at least 2 are needed")
    rows: list[list[dict[str, Any]]] = [[] for _ in nets]
    with own_randomness(device), with_threads(recipe.threads):
        for epoch in range(1, recipe.epochs + 1):
            seed_epoch(seeds[0], epoch, 0)
            sums = torch.zeros(3, len(nets), dtype=torch.float64, device=device)
            for step, parts in enumerate(zip(*(part.at(epoch) for part in batches), strict=True)):
                optimizer.param_groups[0]["lr"] = recipe.rate(epoch - 1 + step / steps)
                inputs = torch.stack([part[0] for part in parts])
                targets = torch.stack([part[1] for part in parts])
                logits = together(parameters, buffers, inputs)
                losses = _losses(logits, targets, recipe.label_smoothing)
                optimizer.zero_grad(set_to_none=True)
                losses.sum().backward()
                optimizer.step()
                plain = losses if recipe.label_smoothing == 0 else _losses(logits, targets, 0.0)
                correct = (logits.argmax(2) == targets).sum(1)
                b = targets.shape[1]
                sums += torch.stack([plain.detach().double() * b, correct.double(), torch.full_like(correct, b)])
            for k, (loss, correct, n) in enumerate(sums.T.tolist()):
                rows[k].append(
                    {"epoch": epoch, "lr": recipe.rate(epoch - 1), "loss": loss / n, "accuracy": correct / n}
                )
    for k, net in enumerate(nets):
        net.load_state_dict({key: value[k].detach() for key, value in {**parameters, **buffers}.items()}, strict=False)
        net.eval()
    return rows


def _losses(logits: Float[Tensor, "m b c"], targets: Int64[Tensor, "m b"], smoothing: float) -> Float[Tensor, " m"]:
    """Return the mean cross-entropy of each of `m` networks."""
    each = functional.cross_entropy(
        logits.flatten(0, 1), targets.flatten(), reduction="none", label_smoothing=smoothing
    )
    return each.view_as(targets).mean(1)
