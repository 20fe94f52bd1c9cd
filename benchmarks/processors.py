"""Whether verdicts depend on the processor: figures from networks trained anew, by threads and by instructions.

    python benchmarks/processors.py [--figures bulk dynamics gaussianity] [--images 1500] [--epochs 8]

Each setting is a process of its own that trains its own networks, all from the same seeds. The number of threads while
training is part of the recipe, so weights should be the same bit for bit with one and with two threads; with other
instructions they are not. What is asked is whether the rules of the figures say the same.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from common import RESULTS, data_folder, show, skip, write_json
from rainbownet.ensemble import read
from rainbownet.experiments import FIGURES
from rainbownet.experiments.context import Context
from rainbownet.experiments.reproduce import reproduce
from rainbownet.experiments.scales import SCALES, Scale, kept

SETTINGS: Mapping[str, Mapping[str, str]] = {
    "one thread": {"OMP_NUM_THREADS": "1"},
    "two threads": {"OMP_NUM_THREADS": "2"},
    "one thread, SSE4": {
        "OMP_NUM_THREADS": "1",
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "DNNL_MAX_CPU_ISA": "SSE41",
    },
}
FIRST = next(iter(SETTINGS))
SAID = "verdicts.json"


def scale_of(images: int, epochs: int) -> Scale:
    """Return a scale of three small networks, the same for every figure that asks for one width."""
    tiny = SCALES["tiny"]
    recipe = kept(replace(tiny.recipe, epochs=epochs))
    return replace(
        tiny, name="toy", images=images, test=max(60, images // 3), widths=(0.125,), base=0.125, seeds=3,
        crowd=(0.125, 3), width_seeds=3, recipe=recipe, align=min(images, 500),
    )  # fmt: skip


def one(folder: Path, figures: Sequence[str], scale: Scale) -> None:
    """Make figures in this process and write what their rules said."""
    context = Context(scale, folder / "runs", data=_data(), progress=False)
    claims = []
    for name in figures:
        content = reproduce(FIGURES[name], context, folder)
        claims += [{"figure": name} | {key: c[key] for key in ("rule", "ours", "verdict")} for c in content["claims"]]
    instructions = torch.backends.cpu.get_cpu_capability()
    said = {"instructions": instructions, "threads": torch.get_num_threads(), "claims": claims, "scale": scale.words}
    (folder / SAID).write_text(json.dumps(said))


def _data() -> Path:
    folder = data_folder("cifar10")
    return skip("no cifar10 under RAINBOWNET_DATA or ../shared/data") if folder is None else folder.parent


def weights(folder: Path, epoch: int | None = None) -> Iterator[tuple[str, dict[str, torch.Tensor]]]:
    """Return name and weights of each network that a process trained, at the end or after an epoch that was kept."""
    ensemble = read(folder / "runs" / "networks")
    for k, name in enumerate(ensemble.names):
        if ensemble.members[k].recipe.epochs > 0:
            yield name, dict(ensemble.network(k, epoch=epoch).state_dict())


def digest(found: Mapping[str, Mapping[str, torch.Tensor]]) -> str:
    """Return a hash of all weights."""
    total = hashlib.sha256()
    for name in sorted(found):
        for key, value in sorted(found[name].items()):
            total.update(f"{name} {key}".encode() + value.contiguous().numpy().tobytes())
    return total.hexdigest()[:16]


def apart(found: Mapping[str, Mapping[str, torch.Tensor]], others: Mapping[str, Mapping[str, torch.Tensor]]) -> float:
    """Return the largest difference of parameters of two runs, relative to the parameters, over all tensors."""
    return max(
        float((value.double() - others[name][key].double()).norm() / value.double().norm())
        for name, own in found.items()
        for key, value in own.items()
        if value.is_floating_point() and key.endswith("weight")
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--figures", nargs="+", choices=FIGURES, default=["bulk", "dynamics", "gaussianity"])
    parser.add_argument("--images", type=int, default=1500)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--one", type=Path, help="make the figures in this process, into a folder")
    parser.add_argument("--out", type=Path, default=RESULTS / "processors.json")
    a = parser.parse_args()
    if a.one is not None:
        one(a.one, a.figures, scale_of(a.images, a.epochs))
        return
    _data()
    options = ["--figures", *a.figures, "--images", str(a.images), "--epochs", str(a.epochs)]
    epochs = scale_of(a.images, a.epochs).recipe.checkpoints
    with tempfile.TemporaryDirectory() as root:
        said, nets, along = {}, {}, {}
        for k, (name, environment) in enumerate(SETTINGS.items()):
            folder = Path(root) / str(k)
            folder.mkdir()
            command = [sys.executable, __file__, "--one", str(folder), *options]
            subprocess.run(command, check=True, env={**os.environ, **environment})
            said[name], nets[name] = json.loads((folder / SAID).read_text()), dict(weights(folder))
            along[name] = {epoch: dict(weights(folder, epoch)) for epoch in epochs}
            print(name, said[name]["instructions"], digest(nets[name]), flush=True)
    settings = [
        {
            "name": name,
            "environment": dict(environment),
            "instructions": said[name]["instructions"],
            "weights": digest(nets[name]),
            "apart": apart(nets[name], nets[FIRST]),
            "apart_by_epoch": {epoch: apart(along[name][epoch], along[FIRST][epoch]) for epoch in epochs},
        }
        for name, environment in SETTINGS.items()
    ]
    claims = [
        {
            "figure": claim["figure"],
            "rule": claim["rule"],
            "verdicts": [said[name]["claims"][k]["verdict"] for name in SETTINGS],
            "ours": [said[name]["claims"][k]["ours"] for name in SETTINGS],
        }
        for k, claim in enumerate(said[FIRST]["claims"])
    ]
    write_json(a.out, {"scale": said[FIRST]["scale"], "settings": settings, "claims": claims})
    rows = [[c["figure"], c["rule"], *c["verdicts"]] for c in claims]
    show("Verdicts", ["figure", "rule", *SETTINGS], rows)


if __name__ == "__main__":
    main()
