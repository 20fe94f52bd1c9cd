"""What is measured of one network of the benchmark of coverage: what is drawn of it, and whether copies are exact."""

import copy
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils._pytree import tree_leaves, tree_map

import rainbownet as rn
from coverage_entry import Entry
from rainbownet.aligned import Alignment
from rainbownet.graph import Network
from rainbownet.graph.inputs import taken
from rainbownet.graph.nodes import called
from rainbownet.laws import Block, FittedLaw, Law
from rainbownet.laws.base import Shape
from rainbownet.moments import CrossMoment

Tell = Callable[[dict[str, Any]], None]
"""Takes what is known so far."""

WIDTHS = (0.5, 1.5, 2, 3)
LARGEST = 1.5e8
"""Samples of more parameters than this are not drawn: they would take minutes of one core."""


@dataclass(frozen=True, eq=False)
class FittedCopies(FittedLaw):
    """The trained rows."""

    rows: Tensor

    @property
    def rank(self) -> int:
        """Their number."""
        return len(self.rows)

    def neurons(self) -> Tensor:
        """Return the trained rows."""
        return self.rows

    @classmethod
    def _shapes(cls, law: Law, blocks: tuple[Block, ...], tensors: Mapping[str, Tensor]) -> dict[str, Shape]:
        return {"mean": ("D",), "rows": ("n", "D")}

    @classmethod
    def _restore(cls, law: Law, blocks: tuple[Block, ...], tensors: Mapping[str, Tensor]) -> "FittedCopies":
        return cls(blocks, tensors["mean"], tensors["rows"])

    def _draw(self, n: int, draw: str, generator: torch.Generator | None) -> Tensor:
        assert n % len(self.rows) == 0, (n, len(self.rows))
        return self.rows[torch.randperm(n, generator=generator) % len(self.rows)]


@dataclass(frozen=True)
class Copies(Law[FittedCopies]):
    """A law whose draws are the trained neurons, each equally often, in random order."""

    name: ClassVar[str] = "copies"
    fitted: ClassVar[type[FittedLaw]] = FittedCopies

    def _fit(self, rows: Tensor, blocks: tuple[Block, ...], reference: int, name: str) -> FittedCopies:
        return FittedCopies(blocks, rows.mean(0), rows[:reference])


@dataclass(frozen=True)
class Closest(Alignment):
    r"""Each reference channel is the mean of the sampled ones that are closest to it, as only copies are.

    Closeness is :math:`2 E[z_i z'_j] / (E|z_i|^2 + E|z'_j|^2)`, one for equal channels alone. Unlike an assignment of
    largest total gain it matches channels that are nearly dead as exactly as the others.
    """

    name: ClassVar[str] = "closest"

    def __call__(self, moment: CrossMoment) -> Tensor:
        """Return the map."""
        energies = moment.left_second[:, None] + moment.right_second
        closeness = torch.where(energies > 0, 2 * moment.cross.real / energies, 1.0)
        matched = (closeness >= closeness.amax(1, keepdim=True) - 1e-15).to(moment.cross.dtype)
        return matched / matched.sum(1, keepdim=True)


def measure(entry: Entry, tell: Tell) -> None:
    """Measure a network.

    Args:
        entry: The network.
        tell: Called with what is known so far, again and again: a network that takes too long ends in between.
    """
    warnings.simplefilter("ignore")
    found: dict[str, Any] = {"group": entry.group, "name": entry.name, "variant": entry.variant, "stage": "build"}
    tell(found)
    torch.manual_seed(0)
    net = entry.build()
    inputs = entry.inputs(16)
    found["inputs"] = [list(x.shape[1:]) for x in tree_leaves(inputs)]
    found["parameters"] = sum(p.numel() for p in net.parameters())
    settle(net, inputs)

    with stage(found, "trace", tell):
        network = Network(net, _some(inputs, 2), **entry.fit)
        found["share"] = network.share_drawn
        modules = dict(network.modules)
        kinds = Counter(
            (called(k.node, modules), k.why.partition("is not supported: ")[2] or k.why) for k in network.kept_by
        )
        found["kept"] = [{"operation": op, "why": why, "times": n} for (op, why), n in kinds.most_common()]
        found["traced"] = True
        del network
    if found.get("traced"):
        _copies(entry, net, inputs, found, tell)
        _samples(entry, net, inputs, found, tell)
    found["stage"] = "done"
    tell(found)


def _copies(entry: Entry, net: nn.Module, inputs: Any, found: dict[str, Any], tell: Tell) -> None:
    """Draw the trained neurons as they are, shuffled and doubled, in float64."""
    net, inputs = copy.deepcopy(net).double(), tree_map(lambda x: x.double() if x.is_floating_point() else x, inputs)
    measure_norms(net, inputs)
    with stage(found, "copies", tell):
        copies = rn.fit(net, [inputs], law=Copies(), **entry.fit)
    if "copies" in found.get("errors", {}):
        return
    for name, width, draw in (("identity", 1, "identity"), ("shuffled", 1, "gaussian"), ("doubled", 2, "gaussian")):
        with stage(found, name, tell):
            drawn = copies.sample([inputs], width=width, draw=draw, alignment=Closest(), holdout=0.0)
            found[name] = distance(net, drawn, inputs)


def _samples(entry: Entry, net: nn.Module, inputs: Any, found: dict[str, Any], tell: Tell) -> None:
    """Fit Gaussian laws and draw from them at several widths."""
    with stage(found, "fit", tell):
        start = time.process_time()
        rainbow = rn.fit(net, [inputs], **entry.fit)
        found["fit_seconds"] = time.process_time() - start
    if "fit_seconds" not in found:
        return
    draws = found["draws"] = {}
    for width in WIDTHS:
        if found["parameters"] * max(width, 1) ** 2 > LARGEST:
            draws[str(width)] = "not run: too large"
            continue
        with stage(found, f"draw at {width}", tell):
            drawn = rainbow.sample([inputs], width=width, alignment=Closest(), holdout=0.0)
            finite = all(bool(y.isfinite().all()) for y in outputs(drawn, inputs))
            draws[str(width)] = "finite" if finite else "not finite"


@contextmanager
def stage(found: dict[str, Any], name: str, tell: Tell) -> Iterator[None]:
    """Record the error with which a stage ends, if any, and its processor time; other stages go on."""
    found["stage"] = name
    tell(found)
    start = time.process_time()
    try:
        yield
    except Exception as error:
        found.setdefault("errors", {})[name] = f"{type(error).__name__}: {error}".splitlines()[0][:600]
    found.setdefault("seconds", {})[name] = round(time.process_time() - start, 2)
    tell(found)


def _some(inputs: Any, n: int) -> Any:
    return tree_map(lambda x: x[:n], inputs)


def outputs(net: nn.Module, inputs: Any) -> list[Tensor]:
    """Return the tensors that a network gives."""
    with torch.no_grad():
        result = net(**inputs) if isinstance(inputs, dict) else net(inputs)
    result = taken(result, None)  # of a dataclass what the library takes
    return [y for y in tree_leaves(dict(result) if hasattr(result, "items") else result) if isinstance(y, Tensor)]


def distance(net: nn.Module, other: nn.Module, inputs: Any) -> float:
    """Return the largest difference of two networks' outputs, relative to the largest output of each."""
    pairs = list(zip(outputs(net, inputs), outputs(other, inputs), strict=True))
    return max(((y - z).abs().max() / y.abs().max()).item() for y, z in pairs)


@torch.no_grad()
def settle(net: nn.Module, inputs: Any) -> None:
    """Give a network parameters and statistics as if trained: nothing is constant, norms know the inputs, in place.

    Scales that start at 0 or 1, biases and layer scales would hide mistakes: a branch times zero is always exact.
    """
    for value in net.parameters():
        if value.numel() > 1 and value.is_floating_point() and value.min() == value.max():
            level = value.flatten()[0].item()
            if level == 0:
                nn.init.normal_(value, std=0.1 if value.ndim == 1 else value[0].numel() ** -0.5)
            else:
                nn.init.uniform_(value, 0.5 * max(abs(level), 0.1), 1.5 * max(abs(level), 0.1))
    net.eval()
    measure_norms(net, inputs)


@torch.no_grad()
def measure_norms(net: nn.Module, inputs: Any) -> None:
    """Give the batch norms of a network the exact statistics of the inputs, in place: samples have theirs."""
    norms = [m for m in net.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    hooks = [norm.register_forward_pre_hook(_measured) for norm in norms]
    found = outputs(net, inputs)
    for hook in hooks:
        hook.remove()
    if not all(bool(y.isfinite().all()) for y in found):
        raise ValueError("its outputs are not finite")


def _measured(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    rows = inputs[0].movedim(1, -1).flatten(0, -2).double()
    norm.running_mean.copy_(rows.mean(0))
    norm.running_var.copy_(rows.var(0, unbiased=False))
