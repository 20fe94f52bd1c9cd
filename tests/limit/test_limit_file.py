"""Limit networks on disk."""

import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import rainbownet as rn
from rainbownet.errors import FileError
from rainbownet.limit import load_limit


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8)
        self.second, self.last = nn.Conv2d(8, 6, 3, bias=False), nn.Linear(6, 3)

    def forward(self, x):
        x = nn.functional.leaky_relu(self.norm(self.first(x)), 0.1)
        return self.last(torch.abs(self.second(x)).mean((2, 3)))


@pytest.fixture(scope="module")
def limit():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = Net().eval()
    return rn.fit(net, [images()]).limit([images()], landmarks=24)


def images():
    return torch.randn(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def test_a_saved_limit_is_loaded_bit_by_bit(limit, tmp_path):
    path = tmp_path / "net.limit"
    size = limit.save(path)
    assert path.stat().st_size == size
    loaded = load_limit(path)
    assert torch.equal(loaded(images()), limit(images()))
    assert torch.equal(loaded.kernel(images()[:4]), limit.kernel(images()[:4]))
    assert loaded.provenance == limit.provenance
    assert list(loaded.layers) == list(limit.layers)
    assert loaded.table.equals(limit.table)


def test_a_limit_can_be_pickled_and_traced_like_any_module(limit):
    copy = pickle.loads(pickle.dumps(limit))
    assert torch.equal(copy(images()), limit(images()))
    assert set(limit.state_dict()) == set(copy.state_dict())


def test_a_file_that_is_no_limit_is_refused(limit, tmp_path):
    path = tmp_path / "net.limit"
    limit.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FileError, match="damaged"):
        load_limit(path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(FileError, match="LimitNetwork"):
        load_limit(path)
    with pytest.raises(FileError, match="no such file"):
        load_limit(tmp_path / "absent")
