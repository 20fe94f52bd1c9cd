"""Layers × layers across architectures on CIFAR-10 with random baselines, a synthetic cortex, and the cost of both.

    python benchmarks/similarity.py [--parts maps cortex speed moments] [--images 2000] [--epochs 4] [--train 10000]

`maps`: a public ResNet-20, the tutorial's convolutional network, a learned scattering network and a ResNet-8 (the last
three trained here, briefly, and kept under `--runs`), every layer of each with every layer of each, and the same with
the second network reset to random weights. `cortex`: noisy repeated responses, mixed from layers of the ResNet-20, to
which layers are matched. `speed`: 20 × 20 layers of 256 channels on 5,000 images by `rainbownet.similarity` and by code
that goes through pairs one by one as netrep and torch-cka do. `moments`: 50,000 × 512 rows in float32.
"""

import argparse
import json
import resource
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg
import torch
from torch import Tensor, nn

import rainbownet as rn
from common import RESULTS, ROOT, cifar10, command_line, data_folder, show, skip, write_json
from rainbownet.data import IMAGENET
from rainbownet.data.source import LUMA
from rainbownet.ensemble import grid, train_ensemble
from rainbownet.moments import CrossMoment
from rainbownet.naming import load_weights
from rainbownet.nets import build
from rainbownet.nets.initial import reinitialised
from rainbownet.plotting.heatmap import heatmaps
from rainbownet.plotting.style import save
from rainbownet.training import Recipe

MEASURES = ("rotation", "cka", "linear", "rsa")


def grey_of(pixels: Tensor) -> Tensor:
    """Mix normalised colours into grey, what the tutorial's network reads."""
    return (pixels * torch.tensor(LUMA)[:, None, None]).sum(1, keepdim=True)


def networks(options: argparse.Namespace) -> dict[str, tuple[nn.Module, list[str], Callable[[Tensor], Tensor] | None]]:
    """Return trained networks, which of their layers are compared, and what they do to the images."""
    folder = data_folder("cifar10")
    if folder is None:
        skip("no cifar10 under RAINBOWNET_DATA or ../shared/data")
    weights = folder.parent.parent / "weights" / "resnet20-cifar10.th"
    found: dict[str, tuple[nn.Module, list[str], Callable[[Tensor], Tensor] | None]] = {}
    if weights.is_file():
        layers = ["conv1", *(f"layer{s}.{b}.conv{c}" for s in (1, 2, 3) for b in (0, 1, 2) for c in (1, 2))]
        found["ResNet-20"] = (load_weights(build("resnet20"), weights).eval(), layers, None)
    source: dict[str, Any] = {"source": str(folder), "split": "train", "limit": options.train}
    source |= {key: list(values) for key, values in IMAGENET.items()}
    recipe = Recipe(epochs=options.epochs, batch_size=128, lr=0.05, schedule="onecycle", augment="cifar")
    for name, spec, kwargs, mixed in (
        ("tutorial CNN", "tutorial_cnn", {}, True),
        ("scattering", "paper_scattering4", {"width": 0.25}, False),
        ("ResNet-8", "cifar_resnet", {"depth": 8}, False),
    ):
        members = grid(
            spec, recipe=recipe, seeds=[0], kwargs=[kwargs], data=source | ({"grayscale": True} if mixed else {})
        )
        ensemble = train_ensemble(options.runs, members, progress=False)
        place = ensemble.names.index(members[0].name)
        found[name] = (ensemble.network(place).eval(), ["*"], grey_of if mixed else None)
    return found


def maps(options: argparse.Namespace) -> dict[str, Any]:
    """Compare all networks with all, and with random ones."""
    _, images = cifar10(limit=options.images)
    loader = images.normalise(images.inputs).split(256)
    nets = networks(options)
    rows, pictures = [], {}
    for a, (net_a, layers_a, mix_a) in nets.items():
        for b, (net_b, layers_b, mix_b) in nets.items():
            for kind, other in (("trained", net_b), ("random", reinitialised(net_b, seed=1))):
                began = time.perf_counter()
                found = rn.similarity(
                    net_a, other, loader, measures=MEASURES, inputs_a=mix_a, inputs_b=mix_b,
                    layers_a=None if layers_a == ["*"] else layers_a, layers_b=None if layers_b == ["*"] else layers_b,
                )  # fmt: skip
                seconds = time.perf_counter() - began
                for measure in MEASURES:
                    best = found.best(measure)["value"]
                    rows.append(
                        {
                            "a": a,
                            "b": b,
                            "weights of b": kind,
                            "measure": measure,
                            "mean of best": best.mean(),
                            "seconds": seconds,
                        }
                    )
                pictures[f"{a} × {b}, {kind}"] = found.matrix("cka")
    show("Mean over layers of a of their best match in b", list(rows[0]), [list(row.values()) for row in rows])
    for name in nets:
        own = {title: matrix for title, matrix in pictures.items() if title.startswith(f"{name} ×")}
        save(heatmaps(own), options.out.with_name(f"similarity-{name.lower().replace(' ', '-')}.png"))
    return {"images": len(images), "epochs": options.epochs, "train": options.train, "pairs": rows}


def cortex(options: argparse.Namespace) -> dict[str, Any]:
    """Recover the layers behind noisy responses."""
    nets = networks(options)
    if "ResNet-20" not in nets:
        skip("no resnet20-cifar10.th beside the data")
    net, layers, _ = nets["ResNet-20"]
    _, images = cifar10(limit=options.images)
    pixels = images.normalise(images.inputs)
    areas = {"V1": "layer1.0.conv2", "V4": "layer2.1.conv2", "IT": "layer3.2.conv2"}
    kept: dict[str, Tensor] = {}
    hooks = [
        net.get_submodule(layer).register_forward_hook(lambda _m, _i, out, area=area: kept.__setitem__(area, out))
        for area, layer in areas.items()
    ]
    parts: dict[str, list[Tensor]] = {area: [] for area in areas}
    with torch.no_grad():
        for batch in pixels.split(256):
            net(batch)
            for area, value in kept.items():
                parts[area].append(value.mean((2, 3)))
    for hook in hooks:
        hook.remove()
    generator = torch.Generator().manual_seed(0)
    recorded = {}
    for area, pieces in parts.items():
        z = torch.cat(pieces)
        z = (z - z.mean(0)) / z.std()
        mixing = torch.linalg.qr(torch.randn(z.shape[1], z.shape[1], generator=generator))[0]
        noise = torch.randn(len(z), 5, z.shape[1], generator=generator)
        recorded[area] = (z @ mixing)[:, None] + options.noise * noise
    result = rn.similarity(net, recorded, pixels.split(256), layers_a=layers, measures=MEASURES)
    rows = []
    for measure in result.measures:
        matrix = result.matrix(measure)
        for area, layer in areas.items():
            table = result.table
            cell = table[(table["measure"] == measure) & (table["layer_b"] == area) & (table["layer_a"] == layer)].iloc[
                0
            ]
            rows.append(
                {"measure": measure, "area": area, "layer": layer, "matched": str(matrix[area].idxmax()),
                 "value": cell["value"], "ceiling": None if np.isnan(cell["ceiling"]) else cell["ceiling"]}
            )  # fmt: skip
    show(
        "Layers matched to noisy responses",
        list(rows[0]),
        [[str(v) if v is None else v for v in r.values()] for r in rows],
    )
    return {"noise": options.noise, "trials": 5, "areas": rows}


def pairwise_cka(a: list[np.ndarray], b: list[np.ndarray]) -> np.ndarray:
    """Linear CKA pair by pair from whole activations, in minibatches with the unbiased HSIC, as torch-cka does."""
    values = np.zeros((len(a), len(b)))
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            sums = np.zeros(3)
            for start in range(0, len(x), 500):
                k, m = (z[start : start + 500] @ z[start : start + 500].T for z in (x, y))
                for gram in (k, m):
                    np.fill_diagonal(gram, 0)
                sums += [unbiased(k, m), unbiased(k, k), unbiased(m, m)]
            values[i, j] = sums[0] / np.sqrt(sums[1] * sums[2])
    return values


def unbiased(k: np.ndarray, m: np.ndarray) -> float:
    """HSIC of Song et al. for Gram matrices without diagonal."""
    n = len(k)
    return ((k * m).sum() + k.sum() * m.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (k.sum(0) @ m.sum(0))) / (
        n * (n - 3)
    )


def pairwise_rotation(a: list[np.ndarray], b: list[np.ndarray]) -> np.ndarray:
    """Procrustes similarity pair by pair from whole activations, as netrep's metrics fit and score."""
    values = np.zeros((len(a), len(b)))
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            x0, y0 = x - x.mean(0), y - y.mean(0)
            rotation, _ = scipy.linalg.orthogonal_procrustes(y0, x0)
            values[i, j] = ((y0 @ rotation) * x0).sum() / np.linalg.norm(x0) / np.linalg.norm(y0)
    return values


def speed(options: argparse.Namespace) -> dict[str, Any]:
    """Time 20 × 20 layers, all pairs at once and one by one."""
    generator = torch.Generator().manual_seed(0)
    count, layers, width = 5000, 20, 256
    sides = []
    for _ in range(2):
        z = torch.randn(count, width, generator=generator)
        own = []
        for _ in range(layers):
            z = torch.relu(z @ torch.randn(width, width, generator=generator) * (2 / width) ** 0.5)
            own.append(z)
        sides.append(own)
    a, b = ({f"{k}": z for k, z in enumerate(own)} for own in sides)
    arrays = [[z.numpy() for z in own] for own in sides]
    rows = []
    for measure, pairwise in (("cka", pairwise_cka), ("rotation", pairwise_rotation)):
        times = []
        ours = partial(rn.similarity, a, b, measures=measure, holdout=0.0)
        for work in (ours, partial(pairwise, *arrays)):
            began = time.perf_counter(), time.process_time()
            result: Any = work()
            times.append((time.perf_counter() - began[0], time.process_time() - began[1], result))
        difference = float(np.abs(times[0][2].matrix(measure).to_numpy() - times[1][2]).max())
        rows.append(
            {"measure": measure, "at once (s)": times[0][0], "one by one (s)": times[1][0],
             "processor at once (s)": times[0][1], "processor one by one (s)": times[1][1],
             "ratio of processor times": times[1][1] / times[0][1], "largest difference": difference}
        )  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    show(
        f"{layers} × {layers} layers of {width} channels, {count} images",
        list(rows[0]),
        [list(r.values()) for r in rows],
    )
    return {"layers": layers, "channels": width, "images": count, "peak_mib": peak, "rows": rows}


def moments(options: argparse.Namespace) -> dict[str, Any]:
    """Time the moments of 50,000 × 512 rows in float32 beside the bare products and others."""
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(50_000, 512, generator=generator) + 1 for _ in range(2))
    exact = x.double().mT @ y.double() / len(x)
    ways: dict[str, Callable[[], Any]] = {
        "bare products in float32 (bound)": lambda: (x.mT @ y, y.mT @ y),
        "CrossMoment with the self moment": lambda: CrossMoment(512, 512).update(x, y).cross,
        "products in float64": lambda: (x.double().mT @ y.double(), y.double().mT @ y.double()),
        "SciPy orthogonal_procrustes": lambda: scipy.linalg.orthogonal_procrustes(y.numpy(), x.numpy()),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(5):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - began)
    bound = min(seconds["bare products in float32 (bound)"])
    rows = [{"way": name, "least (s)": min(s), "ratio to the bound": min(s) / bound} for name, s in seconds.items()]
    errors = {
        name: ((found - exact).norm() / exact.norm()).item()
        for name, found in (
            ("CrossMoment", CrossMoment(512, 512).update(x, y).cross),
            ("float32", (x.mT @ y / len(x)).double()),
        )
    }
    show("Moments of 50,000 × 512 rows", list(rows[0]), [list(row.values()) for row in rows])
    show("Relative error of the cross moment", ["way", "error"], list(map(list, errors.items())))
    return {"rows": rows, "errors": errors}


PARTS = {"maps": maps, "cortex": cortex, "speed": speed, "moments": moments}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--train", type=int, default=10000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--noise", type=float, default=1.0)
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "similarity")
    parser.add_argument("--out", type=Path, default=RESULTS / "similarity.json")
    options = parser.parse_args()
    # Parts that were run before stay in the file, each with the command that gave it.
    result: dict[str, Any] = json.loads(options.out.read_text()) if options.out.is_file() else {}
    for part in options.parts:
        result[part] = {"command": command_line()} | PARTS[part](options)
    result["command"] = "; ".join(dict.fromkeys(result[part]["command"] for part in PARTS if part in result))
    result.pop("machine", None)
    write_json(options.out, result)


if __name__ == "__main__":
    main()
