"""Training one network by a recipe, resumably: the same start gives the same weights, killed in between or not."""

import hashlib
import itertools
import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float64
from torch import Tensor, nn

from rainbownet.checks import path_of, seed_of, shown
from rainbownet.data import Examples, Loader, Stream, StreamLoader, loader
from rainbownet.errors import ArchitectureError, DataError, RainbowError
from rainbownet.naming import apply_state, load_weights
from rainbownet.progress import progress as progress_bar
from rainbownet.training.epoch import own_randomness, run_epoch, seed_epoch, with_threads
from rainbownet.training.files import RunFiles
from rainbownet.training.optimizer import optimizer_of, restore_state, state_tensors
from rainbownet.training.processes import Processes
from rainbownet.training.recipe import RECIPES, Recipe
from rainbownet.training.score import score_sums


@dataclass(frozen=True, eq=False)
class History:
    """What came out of a training.

    Args:
        network: The trained network, in evaluation mode: the one that was given.
        rows: One dictionary an epoch: epoch, lr, loss, accuracy, seconds and, with test images, test_loss and
            test_accuracy. Loss and accuracy are those seen while training (of the moving network, on augmented images).
    """

    network: nn.Module
    rows: list[dict[str, Any]]

    @property
    def table(self) -> pd.DataFrame:
        """The rows as a table indexed by epoch."""
        return pd.DataFrame(self.rows).set_index("epoch")


def train(
    net: nn.Module,
    images: Examples | Stream,
    *,
    recipe: Recipe | str = "quick",
    out: str | Path | None = None,
    test: Examples | Stream | None = None,
    seed: int = 0,
    device: torch.device | str | None = None,
    progress: bool = True,
) -> History:
    """Train a network in place.

    With `out`, every epoch is saved there (weights, optimizer, log) and the same call resumes after the last one saved.
    Order, augmentation and dropout of an epoch depend on `seed` and its number alone, so a run that was killed ends
    with the weights of one that was not, bit for bit on a CPU with the same number of threads. Under `torchrun` every
    batch is divided among the processes and the gradient is that of the whole batch (batch norms see their part of it).

    The files of weights hold in their metadata, as JSON, how the images were normalised (`normalisation`, see
    `Images.normalisation`) and on how many threads the network was trained (`threads`).

    Args:
        net: The network. Parameters that need no gradient are left alone.
        images: Training images, or a text where the network gives logits at each character; they are held on the device
            as a whole. Or a stream of images, see `rainbownet.data.stream`.
        recipe: A recipe, or the name of one in `RECIPES`.
        out: Directory of the run; None writes nothing.
        test: Images on which each epoch is scored.
        seed: Seed of everything random but the initial weights.
        device: Where to compute; None is the first GPU, or else where the network is.
        progress: Whether to show a bar, on a terminal.

    Returns:
        The network and a row per epoch, the initial network's included.

    Raises:
        DataError: If the recipe is unknown, the images are too few, or those of `test` are of another kind.
        ArchitectureError: If nothing in the network can be trained, it cannot take the images or has too few outputs.
        FileError: If `out` holds another run.
        RainbowError: If the device is not there or the loss is no longer finite.
    """
    recipe = _known(recipe)
    _check(images, test)
    seed_of(seed)
    if out is not None:
        path_of("out", out)
    with with_threads(recipe.threads) as threads:
        return _train(net, images, recipe, out, test, seed, device, progress=progress, threads=threads)


def _train(
    net: nn.Module,
    images: Examples | Stream,
    recipe: Recipe,
    out: str | Path | None,
    test: Examples | Stream | None,
    seed: int,
    device: torch.device | str | None,
    *,
    progress: bool,
    threads: int,
) -> History:
    processes = Processes.current(net, device)
    net.to(processes.device)
    if recipe.channels_last:
        net.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    batches = _batches(images, recipe, processes, seed)
    named = {name: parameter for name, parameter in net.named_parameters() if parameter.requires_grad}
    if not named:
        raise ArchitectureError("train: no parameter of the network needs a gradient; nothing can be trained")
    optimizer = optimizer_of(recipe, named.values())
    files = None if out is None else RunFiles(out, _identity(net, images, recipe, seed))
    done, rows = -1, []
    if files is not None:
        if processes.rank == 0:
            files.claim()
        processes.wait()
        if files.model.exists():
            load_weights(net, files.model)
            return History(net.eval(), files.rows())
        done, rows = _resume(files, net, named, optimizer, processes)
    scored = None if test is None else _share(loader(test, batch_size=512, device=processes.device), processes)
    wrapped = processes.wrap(net)
    steps = len(batches)
    known = {"normalisation": json.dumps(images.normalisation), "threads": str(threads)}
    visible = progress and processes.rank == 0
    title = "training" if out is None else f"training {Path(out).name}"
    with (
        progress_bar(title, "steps", before=max(done, 0) * steps, shown=visible) as show,
        own_randomness(processes.device),
    ):
        taken, total = itertools.count(max(done, 0) * steps + 1), recipe.epochs * steps

        def advance() -> None:
            if show is not None:
                show(next(taken), total)

        for epoch in range(done + 1, recipe.epochs + 1):
            began = time.perf_counter()
            row: dict[str, Any] = {"epoch": epoch}
            if epoch > 0:
                row["lr"] = recipe.rate(epoch - 1)
                seed_epoch(seed, epoch, processes.rank)
                sums = run_epoch(wrapped, optimizer, batches.at(epoch), recipe, epoch, advance)
                row |= _means(processes.sum(sums), "")
                if not np.isfinite(row["loss"]):
                    raise RainbowError(
                        f"train: the loss is {row['loss']} in epoch {epoch}; "
                        f"try a learning rate below {recipe.lr} or another initialisation"
                    )
            if scored is not None:
                row |= _means(processes.sum(score_sums(net, scored, processes.device)), "test_")
            row["seconds"] = round(time.perf_counter() - began, 3)
            rows.append(row)
            if files is not None and processes.rank == 0:
                _save(files, net, named, optimizer, recipe, row, known)
    if files is not None and processes.rank == 0:
        files.finish(net.state_dict(), known)
    processes.wait()
    return History(net.eval(), rows)


def _known(recipe: Recipe | str) -> Recipe:
    if isinstance(recipe, Recipe):
        return recipe
    if not isinstance(recipe, str) or recipe not in RECIPES:
        raise DataError(f"recipe is {shown(recipe)}; it can be a Recipe or one of {', '.join(map(repr, RECIPES))}")
    return RECIPES[recipe]


def _check(images: Examples | Stream, test: Examples | Stream | None) -> None:
    for name, given in (("images", images), ("test", test)):
        if not isinstance(given, Examples | Stream) and (name == "images" or given is not None):
            raise DataError(f"{name} is a {type(given).__name__}; Images, as `rainbownet.data.load` gives, is needed")
    if test is not None and (test.shape != images.shape or len(test.classes) > len(images.classes)):
        raise DataError(
            f"test: {len(test.classes)} classes of images of shape {test.shape}; the network is taught "
            f"{len(images.classes)} classes of shape {images.shape}"
        )


def _batches(images: Examples | Stream, recipe: Recipe, processes: Processes, seed: int) -> Loader | StreamLoader:
    # Batch norm needs two images, so a last batch that would leave a process with fewer is left out.
    least = 2 * processes.world
    size, device = recipe.batch_size, processes.device
    batches = loader(images, batch_size=size, shuffle=True, augment=recipe.augment, seed=seed, device=device)
    batches = replace(batches, smallest=least)
    if recipe.batch_size < least or len(batches) == 0:
        raise DataError(
            f"train: batches of {min(recipe.batch_size, len(images))} images for {processes.world} process(es); "
            f"at least {least} are needed"
        )
    return _share(batches, processes)


def _share(batches: Loader | StreamLoader, processes: Processes) -> Loader | StreamLoader:
    return replace(batches, rank=processes.rank, world=processes.world)


def _means(sums: Float64[Tensor, "3"], prefix: str) -> dict[str, float]:
    loss, correct, n = sums.tolist()
    return {f"{prefix}loss": loss / n, f"{prefix}accuracy": correct / n}


def _identity(net: nn.Module, images: Examples | Stream, recipe: Recipe, seed: int) -> dict[str, Any]:
    shapes = {name: list(value.shape) for name, value in net.state_dict().items()}
    return {
        "recipe": recipe.to_dict(),
        "seed": seed,
        "data": {"name": images.name, "images": len(images), "fingerprint": images.fingerprint()},
        "network": hashlib.sha256(json.dumps(shapes).encode()).hexdigest()[:16],
    }


def _resume(
    files: RunFiles,
    net: nn.Module,
    named: dict[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    processes: Processes,
) -> tuple[int, list[dict[str, Any]]]:
    saved = files.load_state()
    done = -1 if saved is None else saved[0]
    if saved is not None:
        tensors = saved[1]
        apply_state(net, {key.removeprefix("net."): value for key, value in tensors.items() if key.startswith("net.")})
        restore_state(optimizer, named, tensors)
    rows = files.rows(done)
    processes.wait()
    if processes.rank == 0:
        files.rewind(done)
    return done, rows


def _save(
    files: RunFiles,
    net: nn.Module,
    named: dict[str, nn.Parameter],
    optimizer: torch.optim.Optimizer,
    recipe: Recipe,
    row: dict[str, Any],
    known: dict[str, str],
) -> None:
    weights = net.state_dict()
    if row["epoch"] in recipe.checkpoints:
        files.keep_epoch(row["epoch"], weights, known)
    tensors = {f"net.{key}": value for key, value in weights.items()} | state_tensors(optimizer, named)
    files.save_state(row["epoch"], tensors, row)
