"""Retraining the classifier on sampled features: ridge in closed form, or logistic regression by L-BFGS."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.optimize import minimize
from torch import Tensor, fx, nn

from rainbownet.aligned.ridge import Ridge
from rainbownet.checks import shown
from rainbownet.errors import ArchitectureError, DataError, RainbowError
from rainbownet.graph import Network, Reader
from rainbownet.processes import distributed
from rainbownet.walk import AlignmentImages, Chunk, Visitor

LEAST_RIDGE = 1e-3
"""Ridge, relative to the mean variance of a feature, where there is nothing to choose it by."""

LOGISTIC_RIDGES = (1e-1, 1e-2, 1e-3, 1e-4)
"""Weights of the penalty that logistic regression tries."""

Classifier = Literal["aligned", "ridge", "logistic"] | str


class Features:
    """Collects what the last linear layer of a network reads.

    Args:
        network: The sampled network.

    Raises:
        ArchitectureError: If the output is not that of one linear layer.
    """

    def __init__(self, network: Network) -> None:
        self.reader = _classifier_of(network)
        self._parts: list[Tensor] = []

    def source_in(self, network: Network) -> fx.Node:
        """Return the node, in another network of the same structure, that holds the features."""
        return next(r.source for r in network.readers if r.parameter == self.reader.parameter)

    def classifier_parameters(self, network: Network) -> list[str]:
        """Return the names of the weight and, if there is one, the bias of the last layer."""
        return [n for n in (self.reader.parameter, f"{self.reader.layer}.bias") if n in network.parameters]

    def add(self, value: Tensor) -> None:
        """Add the features of a chunk of images."""
        self._parts.append(value.detach())

    def gathered(self) -> Float[Tensor, "n d"]:
        """Return all features, in the order of the images."""
        return torch.cat(self._parts).to(torch.float64)


def _classifier_of(network: Network) -> Reader:
    outputs = {source for node in network.traced.graph.nodes if node.op == "output" for source in node.all_input_nodes}
    found = [reader for reader in network.readers if reader.node in outputs]
    if len(found) != 1 or len(network.shapes[found[0].source]) != 2:
        layers = [reader.layer for reader in found]
        raise ArchitectureError(f"classifier: the output must be that of one linear layer on vectors; found {layers}")
    return found[0]


def retrain_classifier(
    module: nn.Module, loader: Any, kind: Classifier = "ridge", *, max_images: int | None = None
) -> nn.Module:
    """Return a copy of a network whose last linear layer is fitted anew, the others as they are.

    Args:
        module: A network that ends in a linear layer.
        loader: Yields (inputs, targets); see `AlignmentImages`.
        kind: `"ridge"`: regression on ±1 indicators, in closed form; `"logistic"`: by L-BFGS.
        max_images: Images to use; all the loader yields by default.

    Returns:
        The new network, in evaluation mode.

    Raises:
        ArchitectureError: If the output is not that of one linear layer.
        DataError: If the loader gives no targets.
    """
    check_one_process(kind)
    if not isinstance(module, nn.Module):
        raise ArchitectureError(f"module is {shown(module)}; an nn.Module is needed")
    images = AlignmentImages.of(loader, max_images=max_images)
    network = Network(module, images.example)
    features = Features(network)
    images.walk([network], _Collector(network, features), least=math.inf)
    retrain(network, features, images.targets, kind)
    return network.root


class _Collector(Visitor):
    """A visitor that collects features and does nothing else."""

    def __init__(self, network: Network, features: Features) -> None:
        self.source, self.features = features.source_in(network), features

    def observe(self, node: fx.Node, values: Sequence[Any], chunk: Chunk) -> None:
        if node is self.source:
            self.features.add(values[0])


def check_one_process(kind: Classifier) -> None:
    """Refuse to retrain where the images are shared by processes.

    Raises:
        RainbowError: Under `torch.distributed`.
    """
    if distributed() and torch.distributed.get_world_size() > 1:
        raise RainbowError(f"classifier={kind!r} needs the features of all images in one process")


def retrain(network: Network, features: Features, targets: list[Tensor | None], kind: Classifier) -> None:
    """Fit the last layer of a network to targets, in place.

    Args:
        network: The sampled network.
        features: What its last layer reads, for every image.
        targets: Classes of the images, chunk by chunk in the same order.
        kind: `"ridge"` or `"logistic"`.

    Raises:
        DataError: If the loader gave no targets.
        RainbowError: If the kind is unknown.
    """
    known = [t for t in targets if t is not None]
    if len(known) < len(targets):
        raise DataError(f"classifier={kind!r} needs targets; the loader must yield (inputs, targets)")
    x = features.gathered()
    y = torch.cat(known).to(x.device)
    parameters = network.parameters
    weight = parameters[features.reader.parameter]
    if y.ndim != 1 or y.is_floating_point() or y.is_complex():
        raise DataError(f"classifier={kind!r} needs classes as targets, whole numbers; got {y.dtype}, {y.ndim} axes")
    if not 0 <= int(y.min()) <= int(y.max()) < len(weight):
        raise DataError(
            f"classifier={kind!r}: targets run from {int(y.min())} to {int(y.max())}, the network has {len(weight)} "
            "outputs"
        )
    bias = parameters.get(f"{features.reader.layer}.bias")
    if kind == "ridge":
        w, b = ridge_classifier(x, y, len(weight), offset=bias is not None)
    elif kind == "logistic":
        w, b = logistic_regression(x, y, len(weight), offset=bias is not None)
    else:
        raise RainbowError(f"classifier: expected 'aligned', 'ridge' or 'logistic', got {kind!r}")
    with torch.no_grad():
        weight.copy_(w)
        if bias is not None:
            bias.copy_(b)


def ridge_classifier(
    x: Float[Tensor, "n d"], y: Int[Tensor, " n"], classes: int, *, offset: bool = True, ridge: float | None = None
) -> tuple[Float[Tensor, "c d"], Float[Tensor, " c"]]:
    """Regress ±1 indicators of the classes on features.

    Args:
        x: Features.
        y: Classes.
        classes: Number of classes.
        offset: Whether there is a constant term.
        ridge: Penalty relative to the mean variance of a feature; by default that of the least generalised
            leave-one-out error.

    Returns:
        Weight and bias of the linear classifier.
    """
    t = 2.0 * torch.nn.functional.one_hot(y.long(), classes).to(x) - 1.0
    mean, center = x.mean(0), t.mean(0)
    if not offset:
        mean, center = torch.zeros_like(mean), torch.zeros_like(center)
    a = x - mean
    solver = Ridge.of(a.T @ a / len(x), len(x), centred=offset)
    turned = solver.vectors.T @ (a.T @ (t - center)) / len(x)
    penalty = solver.choose(turned, (t - center).square().sum(1).mean().item())[0] if ridge is None else math.nan
    if not math.isfinite(penalty):
        penalty = (LEAST_RIDGE if ridge is None else ridge) * solver.values.mean().item()
    w = (solver.vectors @ solver.coefficients(turned, penalty)).T
    return w, center - w @ mean


def logistic_regression(
    x: Float[Tensor, "n d"],
    y: Int[Tensor, " n"],
    classes: int,
    *,
    offset: bool = True,
    ridge: float | None = None,
    steps: int = 200,
) -> tuple[Float[Tensor, "c d"], Float[Tensor, " c"]]:
    """Fit a multinomial logistic regression by L-BFGS (SciPy's).

    Args:
        x: Features; they are standardised by their common scale inside.
        y: Classes.
        classes: Number of classes.
        offset: Whether there is a constant term.
        ridge: Weight of half the squared norm of the weights, on the scale where features have unit mean square; by
            default the one of `LOGISTIC_RIDGES` of the least loss on every fifth image, fitted to the others.
        steps: Most iterations.

    Returns:
        Weight and bias of the linear classifier.
    """
    if ridge is None:
        ridge = _validated_ridge(x, y.long(), classes, offset=offset, steps=steps)
    scale = x.square().mean().sqrt()
    z = torch.cat([x / scale, torch.full((len(x), 1), float(offset), dtype=x.dtype, device=x.device)], dim=1)
    y = y.long()

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        w = torch.from_numpy(flat).to(z).reshape(classes, -1).requires_grad_(True)
        with torch.enable_grad():
            value = torch.nn.functional.cross_entropy(z @ w.T, y) + 0.5 * ridge * w[:, :-1].square().sum()
            (gradient,) = torch.autograd.grad(value, w)
        return value.item(), gradient.cpu().numpy().ravel()

    start = np.zeros(classes * z.shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": steps})
    w = torch.from_numpy(found.x).to(z).reshape(classes, -1)
    return w[:, :-1] / scale, w[:, -1] * float(offset)


def _validated_ridge(x: Tensor, y: Tensor, classes: int, *, offset: bool, steps: int) -> float:
    """Return the penalty of least loss on every fifth image; of equal ones the largest."""
    held = torch.arange(len(x), device=x.device) % 5 == 4
    if not held.any():
        return LOGISTIC_RIDGES[0]
    losses = []
    for ridge in LOGISTIC_RIDGES:
        w, b = logistic_regression(x[~held], y[~held], classes, offset=offset, ridge=ridge, steps=steps)
        losses.append(torch.nn.functional.cross_entropy(x[held] @ w.T + b, y[held]).item())
    return LOGISTIC_RIDGES[int(np.argmin(losses))]
