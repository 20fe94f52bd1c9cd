"""What a user of the wheel writes: run and type-checked by `tools/wheel.py` in an empty environment."""

from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import assert_type

import rainbownet as rn


def chain(seed: int) -> nn.Sequential:
    """Return a network with random weights."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3)).eval()


loader: list[Tensor] = [torch.randn(800, 6)]
rainbow = rn.fit([chain(0), chain(1)], loader, law=rn.Gaussian(rank=0.9), alignment="procrustes")
assert_type(rainbow, rn.Rainbow)
assert_type(rainbow.save("user.rainbow"), int)
again = rn.load("user.rainbow")
assert_type(again, rn.Rainbow)
wide = again.sample(loader, width=2, seed=0)
assert_type(wide, nn.Module)
sample = again.draw(loader, width={"0": 2.0}, classifier="aligned")
assert_type(sample, rn.Sample)
labelled = [(loader[0], chain(0)(loader[0]).argmax(1))]
print(sample, sample.baselines(labelled), sep="\n")
assert_type(again.limit(loader, landmarks=32), rn.limit.LimitNetwork)
table = rn.compare(chain(0), chain(1), loader)
assert_type(table, rn.Comparison)
similarity = rn.similarity(chain(0), chain(1), loader, measures=["cka"])
assert_type(similarity, rn.Similarity)
print(table[["layer", "similarity"]], similarity.matrix("cka"), sep="\n")
alignments: list[Any] = [rn.Procrustes(), rn.LeastSquares(ridge="auto"), rn.Permutation(), rn.Identity()]
assert len({type(alignment) for alignment in alignments}) == 4
