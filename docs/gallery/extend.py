# %% [markdown]
# # A rule and a law of one's own
#
# An operation that the library does not know is a rule: what it does to channels. A law is a class: how it is fitted to neurons,
# and how it draws them.

# %%
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import nn

import rainbownet as rn
from rainbownet import data, training
from rainbownet.graph import register
from rainbownet.laws import Block
from rainbownet.laws.base import FittedLaw, Law

# %% [markdown]
# ## A rule
#
# A module that the tracer keeps whole, here a shift along a row of the image, passes channels through one by one.


# %%
class Shift(nn.Module):
    def forward(self, x):
        return x.roll(1, dims=-1)


@register(Shift, leaf=True)
def shift(p, node):
    """Channels pass through one by one."""
    return p.labels_of(node.all_input_nodes[0])


torch.manual_seed(0)
digits, test = data.load("digits"), data.load("digits", split="test")
net = nn.Sequential(
    nn.Conv2d(1, 16, 3),
    Shift(),
    nn.ReLU(),
    nn.Conv2d(16, 32, 3),
    nn.ReLU(),
    nn.Flatten(),
    nn.Linear(32 * 16, 10),
)
training.train(
    net,
    digits,
    recipe=replace(training.RECIPES["digits"], epochs=4, lr=0.02),
    seed=0,
    progress=False,
)
loader = data.loader(digits, batch_size=256)
print(f"trained: {training.evaluate(net, test).accuracy:.1%}")

# %% [markdown]
# ## A law
#
# Trained neurons drawn with replacement: the bootstrap. A law that says nothing beyond the neurons it has seen.


# %%
@dataclass(frozen=True, eq=False)
class FittedBootstrap(FittedLaw):
    rows: torch.Tensor

    @property
    def rank(self) -> int:
        return len(self.rows)

    def neurons(self) -> torch.Tensor:
        return self.rows

    @classmethod
    def _shapes(
        cls, law: Law, blocks: tuple[Block, ...], tensors: Mapping[str, torch.Tensor]
    ) -> dict[str, Sequence]:
        return {"mean": ("D",), "rows": ("n", "D")}

    def _draw(
        self, n: int, draw: str, generator: torch.Generator | None
    ) -> torch.Tensor:
        return self.rows[torch.randint(len(self.rows), (n,), generator=generator)]


@dataclass(frozen=True)
class Bootstrap(Law[FittedBootstrap]):
    fitted: ClassVar = FittedBootstrap

    def _fit(self, rows, blocks, reference, name):
        return FittedBootstrap(blocks, rows.mean(0), rows)


# %%
for law in (Bootstrap(), rn.Gaussian(), rn.White()):
    rainbow = rn.fit(net, loader, law=law)
    for width in (1, 4):
        accuracy = training.evaluate(
            rainbow.sample(loader, width=width, draw="gaussian", seed=0), test
        ).accuracy
        print(f"{type(law).__name__:10} ×{width}: {accuracy:.1%}")

# %% [markdown]
# Copies of four times as many neurons hold nearly all the trained ones; [`copy_scores`](../reference/laws.md) of a sample says how much of
# them is in it, for any law.
