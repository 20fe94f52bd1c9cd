"""Recipes: how a network is trained, as plain numbers with names."""

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from rainbownet.checks import real, sequence_of, shown, whole
from rainbownet.data.augment import AUGMENTATIONS
from rainbownet.data.stream import CROP
from rainbownet.errors import DataError

WARM_UP = 0.3
"""Part of a one-cycle schedule in which the learning rate rises."""

MOST_THREADS = 1024
"""More threads than this are a mistake."""


@dataclass(frozen=True)
class Recipe:
    """Stochastic gradient descent on the cross-entropy, with (plain) momentum or by AdamW.

    Args:
        epochs: Passes over the data.
        lr: Learning rate: the first one, or the peak of `"onecycle"`.
        schedule: `"step"` multiplies the rate by `decay` every `decay_every` epochs; `"onecycle"` rises along a cosine
            from lr/25 for 30 % of the time, then falls along one to nearly zero; `"constant"`.
        decay_every: Epochs between two decays.
        decay: Factor of a decay.
        momentum: Momentum; of AdamW the first β, beside 0.999.
        weight_decay: Half the coefficient of the squared norm of all parameters; of AdamW the decay that is decoupled
            from the gradient (Loshchilov & Hutter 2019).
        batch_size: Images per step, over all processes.
        augment: None, `"flip"`, `"cifar"`, or of streams `"imagenet"`.
        precision: `"bf16"` multiplies in bfloat16 with float32 weights.
        channels_last: Whether images lie in memory with the channels last (faster convolutions on GPUs).
        label_smoothing: Weight of the uniform distribution in the targets.
        checkpoints: Epochs whose weights are kept; 0 is the initial network.
        threads: Threads of the CPU while training. Sums are cut into as many parts, so they decide the last bits of
            every product and, after some epochs, the weights; None leaves PyTorch's number. The run records it.
        optimizer: `"sgd"` or `"adamw"`.

    Raises:
        DataError: If a number cannot be meant.

    Example:
        >>> recipe = Recipe(epochs=150, lr=0.01, schedule="step", decay_every=50)
        >>> [round(recipe.rate(epoch), 6) for epoch in (0, 49.9, 50, 149)]
        [0.01, 0.01, 0.001, 0.0001]
    """

    epochs: int
    lr: float
    schedule: Literal["step", "onecycle", "constant"] = "constant"
    decay_every: int = 50
    decay: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 0.0
    batch_size: int = 128
    augment: str | None = None
    precision: Literal["float32", "bf16"] = "float32"
    channels_last: bool = False
    label_smoothing: float = 0.0
    checkpoints: tuple[int, ...] = ()
    threads: int | None = None
    optimizer: Literal["sgd", "adamw"] = "sgd"

    def __post_init__(self) -> None:
        """Refuse numbers that cannot be meant."""
        for name, least in (("epochs", 0), ("batch_size", 1), ("decay_every", 1)):
            whole(f"recipe: {name}", getattr(self, name), least=least, error=DataError)
        for name in ("lr", "decay"):
            real(f"recipe: {name}", getattr(self, name), above=0.0, error=DataError)
        for name in ("momentum", "label_smoothing"):
            real(f"recipe: {name}", getattr(self, name), least=0.0, below=1.0, error=DataError)
        real("recipe: weight_decay", self.weight_decay, least=0.0, error=DataError)
        for epoch in sequence_of("recipe: checkpoints", self.checkpoints, "epochs", error=DataError):
            whole("recipe: checkpoints", epoch, error=DataError)
        if self.threads is not None:
            whole("recipe: threads", self.threads, least=1, most=MOST_THREADS, error=DataError)
        if not isinstance(self.channels_last, bool):
            raise DataError(f"recipe: channels_last is {shown(self.channels_last)}; True or False is needed")
        for name, known in (
            ("schedule", ("step", "onecycle", "constant")),
            ("precision", ("float32", "bf16")),
            ("augment", (None, *AUGMENTATIONS, CROP)),
            ("optimizer", ("sgd", "adamw")),
        ):
            if getattr(self, name) not in known:
                raise DataError(
                    f"recipe: {name} is {shown(getattr(self, name))}; it can be {', '.join(map(repr, known))}"
                )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a file holds them: runs from before there was a choice of optimizer name none."""
        fields = asdict(self)
        if self.optimizer == "sgd":
            del fields["optimizer"]
        return fields

    def rate(self, epoch: float | int) -> float:
        """Return the learning rate after a (fractional) number of epochs."""
        if self.schedule == "step":
            return self.lr * self.decay ** int(epoch // self.decay_every)
        if self.schedule == "onecycle":
            progress = epoch / max(self.epochs, 1)
            if progress < WARM_UP:
                return _cosine(self.lr / 25, self.lr, progress / WARM_UP)
            return _cosine(self.lr, self.lr / 250_000, (progress - WARM_UP) / (1 - WARM_UP))
        return self.lr


def _cosine(start: float, stop: float, progress: float) -> float:
    return stop + (start - stop) * (1 + math.cos(math.pi * min(progress, 1.0))) / 2


_PAPER = Recipe(
    epochs=150,
    lr=0.01,
    schedule="step",
    weight_decay=1e-4,
    augment="cifar",
    checkpoints=(0, 1, 2, 5, 10, 20, 50, 100),
)

_TRANSFORMER = Recipe(
    epochs=10,
    lr=2e-3,
    schedule="onecycle",
    weight_decay=0.05,
    batch_size=64,
    augment="cifar",
    threads=1,
    optimizer="adamw",
)

RECIPES: dict[str, Recipe] = {
    "paper": _PAPER,
    "paper-no-decay": replace(_PAPER, weight_decay=0.0),
    "resnet-imagenet": replace(_PAPER, epochs=90, lr=0.1, decay_every=30, batch_size=256, checkpoints=(0,)),
    "universality": replace(_PAPER, epochs=90, lr=0.005, decay_every=30, weight_decay=0.0, checkpoints=(0,)),
    "tutorial": Recipe(epochs=5, lr=0.01),
    "quick": Recipe(epochs=24, lr=0.01, schedule="onecycle", weight_decay=1e-4, augment="cifar"),
    "digits": Recipe(epochs=30, lr=0.1, schedule="onecycle", weight_decay=1e-4, batch_size=64, threads=1),
    "vit": _TRANSFORMER,
    "gpt": replace(_TRANSFORMER, epochs=20, batch_size=32, augment=None),
}
"""The recipes of the paper (weight convergence and dynamics: `paper-no-decay`), of its sequel on universality, of its
tutorial, and short ones of ours: `quick` for CIFAR-10 (beside `paper` in `benchmarks/recipes.py`), `digits` for the
built-in data, `vit` for a transformer on CIFAR-10, `gpt` for one on a text. The published ones read images normalised
by the statistics of ImageNet: `load(name, **IMAGENET)`."""
