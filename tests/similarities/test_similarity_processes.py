"""Several processes share the stimuli and sum: the similarities are those of one process."""

import os
import socket
from pathlib import Path

import pandas as pd
import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.multiprocessing.spawn import spawn

import rainbownet as rn
from rainbownet.errors import RainbowError

MEASURES = ["rotation", "cka", "linear", "pwcca"]


def net(seed: int, width: int) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Conv2d(1, width, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16 * width, 5)).double()


def batches() -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return list((torch.randn(301, 1, 6, 6, generator=generator, dtype=torch.float64) + 3).split(43))


def table() -> pd.DataFrame:
    return rn.similarity(net(0, 4), net(1, 6), batches(), measures=MEASURES, holdout=0.1).table


def share(rank: int, port: int, out: str) -> None:
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=2)
    table().to_pickle(Path(out) / f"{rank}.pkl")
    with pytest.raises(RainbowError, match="measures: 'rsa' needs the patterns of all stimuli"):
        rn.similarity(net(0, 4), net(1, 6), batches())
    dist.destroy_process_group()


def test_two_processes_find_what_one_finds(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    spawn(share, args=(port, str(tmp_path)), nprocs=2)
    one = table()
    for rank in range(2):
        pd.testing.assert_frame_equal(pd.read_pickle(tmp_path / f"{rank}.pkl"), one, rtol=1e-9, atol=1e-11)
    assert (one["held_rows"] > 0).all()
