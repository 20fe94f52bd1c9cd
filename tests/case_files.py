"""Files made to do harm: valid ones whose contents were changed by hand."""

import json
import warnings
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

import rainbownet as rn

KEYS = {"rainbow": "rainbownet", "limit": "rainbownet.limit"}


class Net(nn.Module):
    """A network with a module, a function, a method, an attribute, a constant and a tensor of its own."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8)
        self.second, self.last = nn.Conv2d(8, 6, 3, bias=False), nn.Linear(6 * 4, 3)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        x = nn.functional.leaky_relu(self.norm(self.first(x)), 0.1)
        x = nn.functional.adaptive_avg_pool2d(torch.abs(self.second(x)), 2)
        return self.last(x.view(x.shape[0], -1)) * self.scale


def images(n: int = 40) -> torch.Tensor:
    return torch.randn(n, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def valid_files(folder: Path) -> dict[str, Path]:
    """Write a rainbow, one of a seed, a limit network and a checkpoint."""
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        net = Net().eval()
        rainbow = rn.fit(net, [images()])
        rainbow.save(folder / "rainbow")
        rainbow.canonical([images()], rank=4, precision="int8").save(folder / "seed")
        rainbow.limit([images()], landmarks=12).save(folder / "limit")
    torch.save(net.state_dict(), folder / "checkpoint.pt")
    return {name: folder / name for name in ("rainbow", "limit", "seed", "checkpoint.pt")}


def contents(path: Path) -> tuple[str, dict, dict[str, torch.Tensor]]:
    """Return the kind of a file, its metadata and its tensors."""
    with safe_open(path, framework="pt") as file:
        ((key, text),) = file.metadata().items()
        return key, json.loads(text), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def rewritten(path: Path, metadata, tensors, key: str) -> None:
    text = metadata if isinstance(metadata, str) else json.dumps(metadata)
    save_file(tensors, path, metadata={key: text})


def node(metadata, op: str, name: str = ""):
    """Return the first node of a kind."""
    return next(n for n in metadata["program"]["nodes"] if n["op"] == op and name in n["target"])


def call(
    metadata, target: str, args: list, kwargs: dict | None = None, *, name: str = "evil", op: str = "call_function"
):
    """Put a call before the output, and give its value to the output."""
    nodes = metadata["program"]["nodes"]
    made = {"name": name, "op": op, "target": target, "args": {"tuple": args}, "kwargs": {"dict": kwargs or {}}}
    nodes.insert(len(nodes) - 1, made)
    return {"node": name}


def last(metadata) -> dict:
    """Return the node before the output, as an argument."""
    return {"node": metadata["program"]["nodes"][-2]["name"]}


def source(metadata) -> dict:
    """Return the input, as an argument."""
    return {"node": metadata["program"]["nodes"][0]["name"]}


def code(ran) -> str:
    return f"__import__('os').mkdir('{ran}')"
