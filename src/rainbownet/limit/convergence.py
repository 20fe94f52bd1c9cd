"""How samples of growing width reach the limit: distances by layer and at the output, their slopes and the bound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor, nn

from rainbownet.aligned import Alignment
from rainbownet.errors import RainbowError
from rainbownet.graph.nodes import evaluate
from rainbownet.graph.trace import symbolic_trace
from rainbownet.limit.network import LimitNetwork
from rainbownet.limit.rates import predicted_rate
from rainbownet.rainbow.data import RainbowData
from rainbownet.rainbow.presets import Draw, Tie
from rainbownet.rainbow.sample import draw_sample
from rainbownet.spectra.decay import fit_power_law, log_slope
from rainbownet.walk import HOLDOUT, AlignmentImages

OUTPUT = "output"
"""The name under which distances of outputs are listed."""

_BATCH = 200


@torch.no_grad()
def limit_distances(
    rainbow: RainbowData,
    limit: LimitNetwork,
    loader: Any,
    inputs: Tensor,
    *,
    widths: Sequence[int | float] = (1, 2, 4, 8),
    seeds: Sequence[int] = (0, 1, 2),
    pairs: int = 300,
    judge: Callable[[Tensor], float] | None = None,
    progress: Callable[[int, int], None] | None = None,
    layers: str | Sequence[str] | None = None,
    alignment: Alignment | str | None = None,
    draw: Draw | None = None,
    tie: Tie | None = None,
    max_images: int | None = None,
    holdout: float = HOLDOUT,
    budget: int | str | None = None,
    device: torch.device | str | None = None,
) -> pd.DataFrame:
    r"""Measure how far sampled networks are from the limit.

    At a layer it is the distance of kernels, :math:`\|\hat K - K\| / \|K\|` over pairs of inputs, where :math:`\hat K`
    are the inner products of the sample's activations over its width (summed over positions), which do not depend on
    the basis. At the output it is :math:`\|\hat f - f\| / \|f\|`.

    Args:
        rainbow: The fitted rainbow.
        limit: Its limit, computed with the same alignment.
        loader: Yields what samples are aligned on.
        inputs: Inputs to compare on, not among those aligned on.
        widths: Factors on the reference's widths.
        seeds: Seeds of the draws of each width.
        pairs: How many of the inputs kernels are compared on, the first ones: the cost is quadratic.
        judge: What else to note of outputs, such as their accuracy: column `value`.
        progress: Called with the samples done and their number.
        layers: This option and the next ones are those of `Rainbow.sample`: prefixes of the modules that are drawn,
        alignment: how channels are mapped onto the reference's,
        draw: how laws are drawn,
        tie: whether layers that write the same neurons draw them together,
        max_images: images to align on,
        holdout: share of them that is kept to measure the alignment,
        budget: bytes of activations held in memory,
        device: where to compute.

    Returns:
        Columns `width`, `seed`, `layer`, `distance`, and `value` at the output.

    Raises:
        RainbowError: If there is no width or no seed.

    Example:
        >>> import rainbownet as rn
        >>> x = torch.randn(1600, 6, generator=torch.Generator().manual_seed(0))
        >>> with torch.random.fork_rng(devices=[]):
        ...     _ = torch.manual_seed(0)
        ...     net = nn.Sequential(nn.Linear(6, 30), nn.ReLU(), nn.Linear(30, 2))
        >>> rainbow = rn.fit(net, [x[:1500]], draw="gaussian")
        >>> limit = rainbow.limit([x[:1500]], landmarks=50)
        >>> found = limit_distances(rainbow, limit, [x[:1500]], x[1500:], widths=(1, 4), seeds=(0,))
        >>> found["layer"].tolist()
        ['0', 'output', '0', 'output']
        >>> found["distance"][2].item() < found["distance"][0].item()
        True

    Source: Guth et al., JMLR 2024, Theorem 2.
    """
    if not widths or not seeds:
        raise RainbowError(f"widths, seeds: expected at least one of each, got {list(widths)} and {list(seeds)}")
    preset = rainbow.preset.but(alignment=alignment, draw=draw, tie=tie)
    few = inputs[:pairs]
    kernels = {name: limit.kernel(few, layer=name) for name in limit.paths}
    target = _outputs(limit, inputs)
    rows: list[dict[str, Any]] = []
    for width in widths:
        for seed in seeds:
            images = AlignmentImages.of(loader, max_images=max_images, holdout=holdout, budget=budget, device=device)
            sample = draw_sample(rainbow, images, preset=preset, width=width, seed=seed, layers=layers).network
            values = layer_values(sample, limit, few)
            at = {"width": float(width), "seed": seed}
            for name, kernel in kernels.items():
                found = _kernel(values[name], limit.layers[name].dim)
                rows.append(at | {"layer": name, "distance": _relative(found, kernel)})
            out = _outputs(sample, inputs)
            rows.append(at | {"layer": OUTPUT, "distance": _relative(out, target)})
            if judge is not None:
                rows[-1]["value"] = judge(out)
            if progress is not None:
                progress(1 + (len(rows) - 1) // (1 + len(kernels)), len(widths) * len(seeds))
    return pd.DataFrame(rows)


def layer_values(network: nn.Module, limit: LimitNetwork, inputs: Tensor) -> dict[str, Tensor]:
    """Return what a network of the reference's operations makes of inputs where the limit has its layers.

    Args:
        network: The reference or a sample.
        limit: The limit.
        inputs: Inputs.

    Returns:
        Activations by the name of the layer.
    """
    traced = symbolic_trace(network)
    names = {ends: layer for layer, ends in limit.ends.items()}
    modules, env, found = dict(traced.named_modules()), {}, {}
    for node in traced.graph.nodes:
        env[node] = inputs if node.op == "placeholder" else evaluate(traced, node, env, modules)
        if node.name in names:
            found[names[node.name]] = env[node]
        if len(found) == len(names):
            break
    return found


def convergence_rates(distances: pd.DataFrame, limit: LimitNetwork, inputs: Tensor) -> pd.DataFrame:
    r"""Fit the slope of distances in the width and put the theorem's beside it.

    Args:
        distances: What `limit_distances` returned.
        limit: The limit.
        inputs: Inputs whose kernel gives the spectrum of each layer; some hundreds.

    Returns:
        By layer: `slope` of log distance in log width with its standard error, the `decay` α of the spectrum, and the
        slopes of distances that Theorem 2 proves (`bound`) and that its authors expect (`expected`): minus half the
        rate η of the layer; at the output, of the slowest layer.

    Source: Guth et al., JMLR 2024, Theorems 1 and 2.
    """
    decays = {}
    for name in limit.paths:
        values = torch.linalg.eigvalsh(limit.kernel(inputs, layer=name)).flip(0)
        values = values[values > 1e-10 * values[0]]
        decays[name] = fit_power_law(values, _ranks(len(values))).rate
    decays[OUTPUT] = min(decays.values())
    rows = []
    for name, found in distances.groupby("layer", sort=False):
        slope, error = log_slope(found["width"].to_list(), found["distance"].to_list())
        proved, expected = predicted_rate(decays[str(name)])
        rows.append(
            {
                "layer": name,
                "slope": slope,
                "slope_error": error,
                "decay": decays[str(name)],
                "bound": -proved / 2,
                "expected": -expected / 2,
            }
        )
    return pd.DataFrame(rows)


def _ranks(count: int) -> tuple[int, int]:
    """Return the ranks whose decay counts: after the few that hold classes, before the cut-off by finite images."""
    return min(5, 1 + count // 8), min(count, max(10, count // 4))


def _outputs(net: nn.Module, inputs: Tensor) -> Tensor:
    return torch.cat([net(part) for part in inputs.split(_BATCH)]).double()


def _kernel(value: Tensor, dim: int) -> Float[Tensor, "b b"]:
    channels = value.movedim(dim, 1).flatten(1).double()
    return channels @ channels.T / value.shape[dim]


def _relative(a: Tensor, b: Tensor) -> float:
    return (torch.linalg.vector_norm(a - b) / torch.linalg.vector_norm(b)).item()
