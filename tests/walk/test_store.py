"""The store: what is put comes back, memory stays within the budget, and the disk is left as it was."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rainbownet.errors import RainbowError
from rainbownet.walk import Store


@given(st.integers(0, 200), st.lists(st.tuples(st.integers(0, 5), st.integers(1, 12)), max_size=20))
def test_values_come_back_and_memory_stays_within_the_budget(budget, steps):
    kept: dict[int, torch.Tensor] = {}
    with Store(budget) as store:
        for i, (key, size) in enumerate(steps):
            if key in kept:
                store.drop(key)
                del kept[key]
            else:
                kept[key] = torch.full((size,), float(i))
                store.put(key, kept[key])
            assert store.held <= budget
            assert all(torch.equal(store.get(k), value) for k, value in kept.items())
        assert store.peak <= budget


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.complex64, torch.int64, torch.bool]
)
def test_every_dtype_survives_the_disk(dtype):
    value = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).to(dtype).T
    with Store(budget=0) as store:
        store.put("key", value)
        assert store.get("key").dtype is dtype
        assert torch.equal(store.get("key"), value)
        assert store.spilled == value.numel() * value.element_size()


def test_objects_that_are_no_tensors_are_kept_for_nothing():
    with Store(budget=0) as store:
        store.put("sizes", (3, 4))
        assert store.get("sizes") == (3, 4)
        assert store.held == store.spilled == 0


@pytest.mark.parametrize("kind", [tuple, list])
@pytest.mark.parametrize(("budget", "held", "spilled"), [(100, 32, 0), (16, 16, 16), (0, 0, 32)])
def test_tuples_of_tensors_count_against_the_budget(kind, budget, held, spilled):
    parts = kind([torch.ones(4), torch.zeros(4)])
    with Store(budget=budget) as store:
        store.put("parts", parts)
        assert (store.held, store.spilled) == (held, spilled)
        assert type(store.get("parts")) is kind
        assert all(torch.equal(a, b) for a, b in zip(store.get("parts"), parts, strict=True))
        store.drop("parts")
        assert store.held == 0


def test_a_part_of_a_tensor_does_not_hold_the_whole():
    with Store(budget=1000) as store:
        store.put("part", torch.zeros(100, 8)[:, :2])
        assert store.held == store.get("part").untyped_storage().nbytes() == 800


def test_the_folder_is_removed_even_after_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    store = Store(budget=0)
    with pytest.raises(KeyError), store:
        _put_and_miss(store, tmp_path)
    assert not list(tmp_path.iterdir())


def _put_and_miss(store: Store, folder: Path) -> None:
    store.put("a", torch.ones(3))
    assert list(folder.iterdir())
    store.get("b")


def test_dropping_frees_the_disk(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Store(budget=0) as store:
        store.put("a", torch.ones(3))
        store.drop("a")
        assert not [p for p in Path(tmp_path).rglob("*") if p.is_file()]


def test_a_full_disk_says_what_to_do(monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with (
        Store(budget=8) as store,
        pytest.raises(RainbowError, match=r"budget of 8 bytes .*raise budget=.*TMPDIR"),
    ):
        store.put("a", torch.ones(3))
