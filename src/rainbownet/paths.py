"""Paths between two trained networks: straight, aligned by permutation or rotation, and through sampled networks."""

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from rainbownet.aligned.permute import permuted
from rainbownet.aligned.rotate import rotated
from rainbownet.checks import shown, whole, words_of
from rainbownet.errors import ArchitectureError, DataError
from rainbownet.graph import Network, folded_gains
from rainbownet.graph.inputs import picked, run
from rainbownet.rainbow.aligner import SampleAligner
from rainbownet.rainbow.fit import aligned_neurons
from rainbownet.rainbow.presets import BEST, Preset, preset_of
from rainbownet.rainbow.sample import assemble
from rainbownet.rainbow.unaligned import unaligned_weights
from rainbownet.training.score import check_targets
from rainbownet.walk import AlignmentImages

KINDS = ("unaligned", "permutation", "rotation", "sampled")
"""The paths that are walked by default."""

ALL_KINDS = (*KINDS, "basis")


def path(
    a: nn.Module,
    b: nn.Module,
    loader: Any,
    *,
    test: Any = None,
    kinds: Sequence[str] = KINDS,
    points: int = 11,
    preset: Preset | str = BEST,
    max_images: int | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> pd.DataFrame:
    """Measure loss and accuracy along paths from one trained network to another.

    - `"unaligned"`: parameters interpolated as they are.
    - `"permutation"`: after permuting the neurons and the heads of `b` to match those of `a` (Git Re-Basin, ICLR 2023).
    - `"basis"` (not walked by default): rotated besides where the function allows it, the stream of a transformer with
      scales and offsets of its norms folded, queries with keys and values within heads (Theus et al. 2025).
    - `"rotation"`: neurons of `b` are expressed in the channels of `a` (R16), interpolated straight, and the network is
      assembled layer by layer with the alignment of the preset.
    - `"sampled"`: the same, but neurons go from those of `a` to those of `b` along the arc of `neurons_between`: if
      both were independent draws of one law, so would be every point (R, after Theorem 2).

    Batch statistics are measured again at every point of the first two paths, as the last two do by construction.

    Args:
        a: A trained network.
        b: Another of the same shapes.
        loader: Yields inputs or (inputs, targets): the images to align on; see `AlignmentImages`.
        test: Yields (inputs, targets) to evaluate on, also of a text; `loader` by default.
        kinds: Which paths.
        points: Number of points on each, the two networks included.
        preset: Norms and alignment of the last two paths.
        max_images: Images to align on.
        progress: Called with the points done and their number.

    Returns:
        A table with columns `kind`, `t`, `loss` (cross-entropy) and `accuracy` (in 0 … 1).

    Raises:
        ArchitectureError: If the networks differ in architecture.
        DataError: If `test` yields no images or no targets, or a kind is unknown.
        RainbowError: If there are fewer than two points.
    """
    if not words_of("kinds", kinds, error=DataError):
        raise DataError(f"kinds is empty; some of {list(ALL_KINDS)} are needed")
    if unknown := set(kinds) - set(ALL_KINDS):
        raise DataError(f"kinds: unknown path {sorted(unknown)}; there are {list(ALL_KINDS)}")
    whole("points", points, least=2)
    chosen = preset_of(preset)
    for name, module in (("a", a), ("b", b)):
        if not isinstance(module, nn.Module):
            raise ArchitectureError(f"{name} is {shown(module)}; an nn.Module is needed")
    images = AlignmentImages.of(loader, max_images=max_images, holdout=0.0)
    judged = images if test is None else _test_images(test, images.example.device)
    for own in (images, judged):
        own.check_passes(2, "a path")
    first, second = Network(a, images.example), Network(b, images.example)
    first.check_same(second, "network b")
    plain = [folded_gains(network) for network in (first, second)] if "basis" in kinds else []
    makers = {
        "unaligned": lambda: _straight(first, second, images),
        "permutation": lambda: _straight(first, permuted(first, second, images), images),
        "basis": lambda: _straight(plain[0], rotated(plain[0], plain[1], images), images),
        "rotation": lambda: _through_rows(first, second, images, chosen, straight=True),
        "sampled": lambda: _through_rows(first, second, images, chosen, straight=False),
    }
    rows = []
    for kind in kinds:
        at = makers[kind]()
        for k in range(points):
            t = k / (points - 1)
            loss, accuracy = _evaluate(at(t), judged)
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
    columns = {"kind", "t", "loss", "accuracy"}
    if not isinstance(table, pd.DataFrame) or not columns <= set(table.columns):
        raise DataError(f"table is a {type(table).__name__}; the table of `path`, with {sorted(columns)}, is needed")
    rows = []
    for kind, part in table.groupby("kind", sort=False):
        t = part["t"]
        rise = {}
        for name, value in (("loss", part["loss"]), ("error", 1 - part["accuracy"])):
            chord = (1 - t) * value.iloc[0] + t * value.iloc[-1]
            rise[name] = max(0.0, (value - chord).max())
        rows.append({"kind": kind, **rise})
    return pd.DataFrame(rows)


def neurons_between(
    a: Float[Tensor, "n D"], b: Float[Tensor, "n D"], t: float, *, straight: bool
) -> Float[Tensor, "n D"]:
    r"""Return the neurons at a point of the way from those of one network to those of another in the same channels.

    The arc is :math:`w_t = m + \sqrt{1-t}\,(w_a - m) + \sqrt t\,(w_b - m)` with `m` the mean of all neurons. Draws
    :math:`w_a, w_b` of one law of mean `m` and covariance `C`, independent of each other, give :math:`w_t` that mean
    and covariance at every `t`. The neurons of two networks have its moments only as far as they are such draws: their
    mean is :math:`m + \tfrac12(\sqrt{1-t} - \sqrt t)(m_a - m_b)`, their covariance
    :math:`(1-t)\,C_a + t\,C_b + \sqrt{t(1-t)}\,(C_{ab} + C_{ba})`, where the cross-covariance of neurons paired by
    their number is of the order :math:`n^{-1/2}` if they are independent; between networks trained from one
    initialisation it is not small.

    Args:
        a: Neurons at `t = 0`.
        b: Neurons at `t = 1`.
        t: Point of the way, between 0 and 1.
        straight: Whether the way is the straight line, :math:`(1-t)\,w_a + t\,w_b`.

    Returns:
        Neurons.

    Example:
        >>> neurons_between(torch.tensor([[1.0, 1.0]]), torch.tensor([[3.0, -1.0]]), 1.0, straight=False)
        tensor([[ 3., -1.]])
    """
    mean = (a.mean(0) + b.mean(0)) / 2
    p, q = (1 - t, t) if straight else ((1 - t) ** 0.5, t**0.5)
    return mean + p * (a - mean) + q * (b - mean)


def _test_images(test: Any, device: torch.device) -> AlignmentImages:
    try:
        return AlignmentImages.of(test, device=device)
    except DataError as error:
        raise DataError(f"test: {str(error).removeprefix('loader: ')}") from error


def _straight(first: Network, second: Network, images: AlignmentImages) -> Callable[[float], nn.Module]:
    def at(t: float) -> nn.Module:
        network = first.like(first.example)
        a, b, target = first.parameters, second.parameters, network.parameters
        with torch.no_grad():
            for name, value in target.items():
                if value.is_floating_point() or value.is_complex():
                    value.copy_((1 - t) * a[name] + t * b[name])
        if 0 < t < 1 and network.norms:
            _measure_norms(network, images)
        return network.root

    return at


def _measure_norms(network: Network, images: AlignmentImages) -> None:
    """Give every norm the statistics of the images, layer after layer."""
    reference = network.like(network.example)
    preset = Preset(norms="explicit")
    unaligned = {name: value.clone() for name, value in network.parameters.items()}
    aligner = SampleAligner(reference, network, unaligned, preset, align=False)
    assemble(reference, network, aligner, images)


def _through_rows(
    first: Network,
    second: Network,
    images: AlignmentImages,
    preset: Preset,
    *,
    straight: bool,
) -> Callable[[float], nn.Module]:
    tables, _ = aligned_neurons([first, second], images, preset)
    blocks = {name: columns for name, (_, columns) in tables[0].rows.items()}

    def at(t: float) -> nn.Module:
        rows = {}
        for name in blocks:
            a, b = (table.rows[name][0] for table in tables)
            rows[name] = neurons_between(a, b, t, straight=straight)
        new = first.like(first.example)
        unaligned = unaligned_weights(rows, blocks, first, new, preset)
        for name, value in tables[0].kept.items():
            if not first.is_statistic(name) and (value.is_floating_point() or value.is_complex()):
                unaligned[name] = (1 - t) * value + t * tables[1].kept[name]
        aligner = SampleAligner(first, new, unaligned, preset)
        assemble(first, new, aligner, images)
        return new.root

    return at


@torch.no_grad()
def _evaluate(net: nn.Module, images: AlignmentImages) -> tuple[float, float]:
    loss = right = count = 0.0
    for inputs, targets in images.batches():
        if targets is None:
            raise DataError("test: a path is evaluated on (inputs, targets), got inputs alone")
        outputs = picked(run(net, inputs)).flatten(0, max(targets.ndim - 1, 0))
        targets = targets.to(outputs.device).flatten()
        check_targets("test", targets, outputs)
        loss += cross_entropy(outputs, targets, reduction="sum").item()
        right += (outputs.argmax(1) == targets).sum().item()
        count += len(targets)
    return loss / count, right / count
