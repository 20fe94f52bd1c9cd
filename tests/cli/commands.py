"""What the tests of the command line share: a runner, small networks and files of their weights."""

import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from rainbownet.cli import main
from rainbownet.nets import build


@dataclass(frozen=True)
class Done:
    """What a command wrote and how it ended."""

    stdout: str
    stderr: str
    code: int

    @property
    def output(self) -> str:
        """Everything it wrote."""
        return self.stdout + self.stderr


def run(*arguments: Any, code: int = 0) -> Done:
    """Run a verb and check its exit status; a refusal must be one line on standard error."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as end:
        main([str(a) for a in arguments])
    done = Done(out.getvalue(), err.getvalue(), end.value.code)
    assert done.code == code, done.output
    if code == 2:
        assert done.stderr.startswith("rainbownet: ")
        assert done.stderr.count("\n") == 1
        assert "Traceback" not in done.output
    return done


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
