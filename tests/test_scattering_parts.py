"""Parts of the benchmark of learned scattering: complex channels travel as real ones and come back."""

import importlib
from pathlib import Path

import pytest
import torch


@pytest.fixture
def parts(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "benchmarks"))
    return importlib.import_module("cifar_scattering_parts")


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64])
def test_channels_that_are_parted_are_joined_again(parts, dtype):
    images = torch.randn(4, 3, 5, 5, dtype=dtype)
    joined = parts.Joined()
    joined.pairs = images.is_complex()
    given = parts.parted(images)
    assert not given.is_complex()
    assert torch.equal(joined(given), images)
