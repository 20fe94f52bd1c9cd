"""Building the limit of a rainbow: the walk of sampling, with neurons in infinite number (theory, 8)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import fx, nn

from rainbownet.aligned import Alignment, LeastSquares, Procrustes
from rainbownet.checks import seed_of, whole
from rainbownet.errors import RainbowError
from rainbownet.graph import Network
from rainbownet.graph.inputs import described
from rainbownet.graph.nodes import fetch
from rainbownet.limit.activation import operation, operation_kernel
from rainbownet.limit.coordinates import white_rows, write_rows
from rainbownet.limit.fitting import LayerFit, LimitVisitor, Reservoir
from rainbownet.limit.layers import LimitFeatures, LimitMap
from rainbownet.limit.network import LimitNetwork
from rainbownet.limit.own import own_limits
from rainbownet.limit.plan import LayerPlan, plan_layers, preactivation
from rainbownet.limit.substitution import FOLDER, key, with_layers
from rainbownet.processes import distributed
from rainbownet.rainbow.data import RainbowData
from rainbownet.rainbow.neurons import parameters_of
from rainbownet.rainbow.unaligned import kept_populations, stream
from rainbownet.walk import AlignmentImages
from rainbownet.walk.plan import ROWS_PER_CHANNEL, default_images

CANDIDATES = 8
"""Rows that landmarks are chosen among, for each landmark."""

PARTS = ("features", "map")
"""The two nodes of a layer while it is built."""


def build_limit(
    rainbow: RainbowData,
    images: Any,
    *,
    landmarks: int = 1024,
    method: str = "rpcholesky",
    layers: str | Sequence[str] | None = None,
    seed: int = 0,
    alignment: Alignment | str | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> LimitNetwork:
    """Compute the network that samples of a rainbow tend to as their width grows.

    Every layer becomes `r` linear channels (the rank of its law, and one for the mean), kernel values at landmarks,
    and a map to the reference's channels. The layers after it, pooling and the classifier among them, are the
    reference's own. Maps act where a layer ends, on its channels: a sample whose maps act after pooling tends to
    slightly different ones. Norms after a non-linearity act on reference channels, their statistics measured again:
    the mean is exact, the variance is that of a channel of the reference instead of that of each of the neurons. The
    ridge of least squares is relative to the mean energy of a feature, so that its strength follows their number: with
    `LeastSquares` samples of growing width tend to the limit of no ridge, only near that of another.

    Of a pre-norm transformer hidden neurons become layers; its heads, norms and stream are their own limits, see
    `rainbownet.limit.own` (theory, 10). A stream with a non-linearity in it has none that is known: what a neuron adds
    to depends on all of its earlier rows, so that its kernel is an average over draws of whole neurons, in as many
    dimensions as these have numbers. A wide sample is such an average.

    With a mean (that of the law, or biases) the kernel of most non-linearities is an integral; that of ReLU takes less
    than half of the time, the rest goes to products of matrices.

    Args:
        rainbow: The fitted rainbow; its laws must be Gaussian, White or Kronecker.
        images: `AlignmentImages`, or a loader that they are made of; by default as many as sampling takes, and ten rows
            for each landmark.
        landmarks: Landmarks of each layer, fewer where fewer rows explain the kernel or there are fewer.
        method: How they are chosen, see `choose_landmarks`.
        layers: Prefixes of the modules whose neurons go to the limit; the others keep the trained ones. All by default.
        seed: Seed of the choice of landmarks.
        alignment: `Procrustes` or `LeastSquares`; the rainbow's by default.
        progress: Called with the stages done and their number.

    Returns:
        The limit network, in evaluation mode.

    Raises:
        UnsupportedOp: If a population has no limit that is known, naming the operation or parameter in the way.
        LawError: If a law is not Gaussian.
        AlignmentError: If activations are dead or not finite, naming the layer.
        DataError: If the loader is empty, ends before `max_images`, or does not fit the network.
        RainbowError: If an option has no meaning.

    Example:
        >>> import torch
        >>> from rainbownet import fit
        >>> generator = torch.Generator().manual_seed(0)
        >>> net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 3))
        >>> data = [torch.randn(64, 4, generator=generator)]
        >>> build_limit(fit(net, data), data, landmarks=16).layers["0"]
        LimitLayer(
          coordinates=6, landmarks=16, channels=32, mean=True, dim=-1
          (activation): GraphModule(
            (activation): ReLU()
          )
        )
    """
    preset = rainbow.preset
    chosen = preset.but(alignment=alignment).alignment
    _check(chosen, landmarks, preset.flatten)
    seed = seed_of(seed)
    images = AlignmentImages.of(images)
    reference = rainbow.network.like(images.example)
    if images.example.is_complex():
        raise RainbowError("loader: its inputs are complex; limits are computed for real networks")
    parameters = parameters_of(reference, fold=preset.norms == "folded")
    folded = {norm.name for norm in parameters.folded}
    kept = kept_populations(reference, layers) | own_limits(rainbow, reference)
    drawn = {p.name: p for p in reference.populations if not p.frozen and p.name not in kept}
    if not drawn:
        raise RainbowError("network: none of its layers is drawn and has another limit than the trained neurons")
    names = {name: preactivation(reference, population, folded) for name, population in drawn.items()}
    plans = plan_layers(reference, drawn.keys(), folded)
    white, means = copy.deepcopy(reference.traced), {}
    for name, population in drawn.items():
        law = rainbow.laws[name]
        rows, means[name] = white_rows(law, population.writers, names[name], joint=preset.tie == "joint")
        write_rows(white, population, law, rows, parameters.fixed, names[name])
    activations = [operation(reference.traced, plan.nodes) for plan in plans]
    pair = _pair(reference, white, plans, activations, means, landmarks)
    fits = {}
    for plan in plans:
        path = f"{FOLDER}.{key(plan)}"
        candidates = Reservoir(CANDIDATES * landmarks, stream(seed, plan.name))
        features: Any = pair[1].modules[f"{path}.{PARTS[0]}"]
        own_map: Any = pair[1].modules[f"{path}.{PARTS[1]}"]
        fits[path] = LayerFit(plan.name, features, own_map, candidates, method)
    norms = [norm.name for norm in reference.norms if norm.name not in folded and norm.node in _after(plans)]
    visitor = LimitVisitor(pair[0], pair[1], fits, chosen, norms)
    images.walk(pair, visitor, least=_images(reference, plans, landmarks), progress=progress)
    for norm in norms:
        fetch(white, norm).load_state_dict(pair[1].modules[norm].state_dict())
    done = [
        fit.layer(activation, means[plan.population])
        for plan, activation, fit in zip(plans, activations, fits.values(), strict=True)
    ]
    network = with_layers(white, reference.traced.graph, plans, done)
    provenance = {
        "images": images.images,
        "seed": seed,
        "method": method,
        "alignment": chosen.to_dict(),
        "input": described(reference.example, 1),
    }
    paths = {plan.name: f"{FOLDER}.{key(plan)}" for plan in plans}
    ends = {plan.name: (plan.nodes or [plan.source])[-1].name for plan in plans}
    return LimitNetwork(network, paths, visitor.table(), provenance, ends)


def _check(alignment: Alignment, landmarks: int, flatten: str) -> None:
    if not isinstance(alignment, Procrustes | LeastSquares):
        raise RainbowError(
            f"alignment: the features of a limit have no channels to match one by one, so {alignment.name!r} has no "
            "meaning; use Procrustes() or LeastSquares()"
        )
    whole("landmarks", landmarks, least=1)
    if flatten == "features":
        raise RainbowError("flatten: the maps of a limit act on channels; fit the rainbow with flatten='channels'")
    if distributed():
        raise RainbowError("a limit is computed in one process; call it outside of torch.distributed")


def _pair(
    reference: Network,
    white: fx.GraphModule,
    plans: Sequence[LayerPlan],
    activations: Sequence[fx.GraphModule],
    means: Mapping[str, bool],
    landmarks: int,
) -> tuple[Network, Network]:
    """Return the reference and the limit with one graph: each layer is two nodes, features and their map."""
    still, open_ = [], []
    for plan, activation in zip(plans, activations, strict=True):
        kernel = operation_kernel(activation, mean=means[plan.population])
        features = LimitFeatures(kernel, plan.dim, landmarks, plan.channels)
        still.append(nn.ModuleDict(dict(zip(PARTS, (copy.deepcopy(activation), nn.Identity()), strict=True))))
        open_.append(nn.ModuleDict(dict(zip(PARTS, (features, LimitMap(plan.dim, plan.channels)), strict=True))))
    graph = reference.traced.graph
    return (
        Network(with_layers(reference.traced, graph, plans, still, parts=PARTS), reference.example),
        Network(with_layers(white, graph, plans, open_, parts=PARTS), reference.example),
    )


def _after(plans: Sequence[LayerPlan]) -> set[fx.Node]:
    """Return the nodes that follow a layer of infinite width."""
    found = {node for plan in plans for node in (plan.nodes[-1:] or plan.readers)}
    waiting = list(found)
    while waiting:
        new = set(waiting.pop().users) - found
        found |= new
        waiting += new
    return found


def _images(reference: Network, plans: Sequence[LayerPlan], landmarks: int) -> int:
    """Return how many images sampling takes, or those of ten rows for each landmark."""
    needed = [default_images(reference)]
    for plan in plans:
        shape = reference.shapes[plan.source]
        positions = math.prod(shape) // (shape[0] * shape[plan.dim])
        needed.append(math.ceil(ROWS_PER_CHANNEL * landmarks / positions))
    return max(needed)
