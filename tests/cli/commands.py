"""What the tests of the command line share: a runner, small networks and files of their weights."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn
from typer.testing import CliRunner

from rainbownet.cli import app
from rainbownet.nets import build


def run(*arguments: Any, code: int = 0) -> Any:
    """Run a verb and check its exit status; a refusal must be one line on standard error."""
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    if code == 2:
        assert result.stderr.startswith("rainbownet: ")
        assert result.stderr.count("\n") == 1
        assert "Traceback" not in result.output
    return result


def refused(*arguments: Any) -> str:
    """Run a verb that must refuse its arguments, and return what it says."""
    return run(*arguments, code=2).stderr


def numbers(path: Path) -> dict[str, Any]:
    """Read a file of results; NaN and Infinity are not JSON."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} in {path}")

    return json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)


def weights(folder: Path, seed: int = 0, width: float = 0.25) -> Path:
    """Write the weights of a small network for digits."""
    path = folder / f"net-{seed}-{width}.safetensors"
    save_file(dict(build("digits_cnn", seed=seed, width=width).state_dict()), path)
    return path


def untraceable() -> nn.Module:
    """Return a module whose path depends on its input."""

    class Fork(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x

    return Fork()


KWARGS = '{"width": 0.25}'
