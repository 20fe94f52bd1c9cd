"""Paths between two trained networks: straight, aligned by permutation or rotation, and through sampled networks."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pandas as pd
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from rainbownet.aligned.permute import permuted
from rainbownet.errors import DataError
from rainbownet.graph import Network
from rainbownet.rainbow.aligner import SampleAligner
from rainbownet.rainbow.drafts import draft
from rainbownet.rainbow.fit import aligned_neurons
from rainbownet.rainbow.presets import BEST, Preset
from rainbownet.rainbow.sample import assemble
from rainbownet.walk import first_inputs, inputs_and_targets

KINDS = ("unaligned", "permutation", "rotation", "sampled")


def path(
    a: nn.Module,
    b: nn.Module,
    loader: Iterable[Any],
    *,
    test: Iterable[Any] | None = None,
    kinds: Sequence[str] = KINDS,
    points: int = 11,
    preset: Preset = BEST,
    max_images: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Measure loss and accuracy along paths from one trained network to another.

    - `"unaligned"`: parameters interpolated as they are.
    - `"permutation"`: after permuting the neurons of `b` to match those of `a` (Git Re-Basin, ICLR 2023).
    - `"rotation"`: neurons of `b` are expressed in the channels of `a` (R16), interpolated straight, and the network is
      assembled layer by layer with the alignment of the preset.
    - `"sampled"`: the same, but neurons go from those of `a` to those of `b` along
      ``m + √(1−t) (w_a − m) + √t (w_b − m)``, which has the mean and covariance of the common law at every t: each
      point is a network sampled from it (R, after Theorem 2).

    Batch statistics are measured again at every point of the first two paths, as the last two do by construction.

    Args:
        a: A trained network.
        b: Another of the same shapes.
        loader: Yields inputs or (inputs, targets): the images to align on.
        test: Yields (inputs, targets) to evaluate on; `loader` by default.
        kinds: Which paths.
        points: Number of points on each, the two networks included.
        preset: Norms and alignment of the last two paths.
        max_images: Images to align on.
        progress: Called with the points done and their number.

    Returns:
        A table with columns `kind`, `t`, `loss` (cross-entropy) and `accuracy` (in 0 … 1).

    Raises:
        ArchitectureError: If the networks differ in architecture.
        DataError: If `test` yields no targets, or a kind is unknown.
    """
    if unknown := set(kinds) - set(KINDS):
        raise DataError(f"kinds: unknown path {sorted(unknown)}; there are {list(KINDS)}")
    example = first_inputs(loader)
    first, second = Network(a, example), Network(b, example)
    first.check_same(second, "network b")
    makers = {
        "unaligned": lambda: _straight(first, second, loader, max_images),
        "permutation": lambda: _straight(first, permuted(first, second, loader, max_images), loader, max_images),
        "rotation": lambda: _through_rows(first, second, loader, preset, max_images, straight=True),
        "sampled": lambda: _through_rows(first, second, loader, preset, max_images, straight=False),
    }
    rows = []
    for kind in kinds:
        at = makers[kind]()
        for k in range(points):
            t = k / (points - 1)
            loss, accuracy = _evaluate(at(t), test if test is not None else loader)
            rows.append({"kind": kind, "t": t, "loss": loss, "accuracy": accuracy})
            if progress is not None:
                progress(len(rows), points * len(kinds))
    return pd.DataFrame(rows)


def barriers(table: pd.DataFrame) -> pd.DataFrame:
    """Return the barrier of each path: the largest rise of loss, and of error, above the chord between its ends.

    Args:
        table: What `path` returned.

    Returns:
        A row per kind, columns `loss` and `error`.

    Example:
        >>> points = {"t": [0.0, 0.5, 1.0], "loss": [0.0, 3.0, 2.0], "accuracy": [1.0, 0.5, 1.0]}
        >>> barriers(pd.DataFrame({"kind": "x", **points}))
           kind  loss  error
        0     x   2.0    0.5
    """
    rows = []
    for kind, part in table.groupby("kind", sort=False):
        t = part["t"]
        rise = {}
        for name, value in (("loss", part["loss"]), ("error", 1 - part["accuracy"])):
            chord = (1 - t) * value.iloc[0] + t * value.iloc[-1]
            rise[name] = max(0.0, (value - chord).max())
        rows.append({"kind": kind, **rise})
    return pd.DataFrame(rows)


def _straight(
    first: Network, second: Network, loader: Iterable[Any], max_images: int | None
) -> Callable[[float], nn.Module]:
    def at(t: float) -> nn.Module:
        network = first.like(first.example)
        a, b, target = first.parameters, second.parameters, network.parameters
        with torch.no_grad():
            for name, value in target.items():
                if value.is_floating_point() or value.is_complex():
                    value.copy_((1 - t) * a[name] + t * b[name])
        if 0 < t < 1 and network.norms:
            _measure_norms(network, loader, max_images)
        return network.root

    return at


def _measure_norms(network: Network, loader: Iterable[Any], max_images: int | None) -> None:
    """Give every norm the statistics of the loader's images, layer after layer."""
    reference = network.like(network.example)
    preset = Preset(norms="explicit")
    drafts = {name: value.clone() for name, value in network.parameters.items()}
    aligner = SampleAligner(reference, network, drafts, preset, align=False)
    assemble(reference, network, aligner, loader, max_images=max_images, holdout=0.0)


def _through_rows(
    first: Network,
    second: Network,
    loader: Iterable[Any],
    preset: Preset,
    max_images: int | None,
    *,
    straight: bool,
) -> Callable[[float], nn.Module]:
    tables = aligned_neurons([first, second], loader, preset, max_images=max_images)
    blocks = {name: columns for name, (_, columns) in tables[0].rows.items()}

    def at(t: float) -> nn.Module:
        rows = {}
        for name in blocks:
            a, b = (table.rows[name][0] for table in tables)
            mean = (a.mean(0) + b.mean(0)) / 2
            p, q = (1 - t, t) if straight else ((1 - t) ** 0.5, t**0.5)
            rows[name] = mean + p * (a - mean) + q * (b - mean)
        new = first.like(first.example)
        drafts = draft(rows, blocks, first, new, preset)
        for name, value in tables[0].kept.items():
            if not first.is_statistic(name) and (value.is_floating_point() or value.is_complex()):
                drafts[name] = (1 - t) * value + t * tables[1].kept[name]
        aligner = SampleAligner(first, new, drafts, preset)
        assemble(first, new, aligner, loader, max_images=max_images, holdout=0.0)
        return new.root

    return at


@torch.no_grad()
def _evaluate(net: nn.Module, loader: Iterable[Any]) -> tuple[float, float]:
    loss = right = count = 0.0
    for batch in loader:
        inputs, targets = inputs_and_targets(batch)
        if targets is None:
            raise DataError("test: a path is evaluated on (inputs, targets), got inputs alone")
        outputs = net(inputs.to(next(net.parameters()).device))
        targets = targets.to(outputs.device)
        loss += cross_entropy(outputs, targets, reduction="sum").item()
        right += (outputs.argmax(1) == targets).sum().item()
        count += len(targets)
    return loss / count, right / count
