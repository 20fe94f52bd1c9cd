# %% [markdown]
# # Your own module and data
#
# Any `nn.Module` that `torch.fx` can trace, and anything that yields tensors: here a small regression network on waves, with
# nothing of the library's own data or training.

# %%
import matplotlib.pyplot as plt
import torch
from torch import nn

import rainbownet as rn


class Waves(nn.Module):
    def __init__(self):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(32, 64), nn.ReLU())
        self.mix = nn.Linear(64, 64)
        self.read = nn.Linear(64, 2)

    def forward(self, x):
        z = self.encode(x)
        return self.read(z + torch.relu(self.mix(z)))  # a residual connection


torch.manual_seed(0)
time = torch.linspace(0, 6.28, 32)
targets = torch.rand(4096, 2) * 2 + 0.5  # frequency and amplitude of a wave
inputs = targets[:, 1:] * torch.sin(targets[:, :1] * time) + 0.05 * torch.randn(
    4096, 32
)

# %% [markdown]
# Train it as you would.

# %%
net = Waves()
optimizer = torch.optim.Adam(net.parameters(), 3e-3)
for _epoch in range(8):
    for x, y in zip(inputs[:3072].split(128), targets[:3072].split(128), strict=True):
        optimizer.zero_grad()
        nn.functional.mse_loss(net(x), y).backward()
        optimizer.step()


def error(network):
    with torch.no_grad():
        return (network(inputs[3072:]) - targets[3072:]).square().mean().item()


print(f"trained: {error(net):.4f}, a constant: {targets.var(0).mean():.4f}")

# %% [markdown]
# Fit the law of its neurons and draw new networks. A loader is a list of batches.

# %%
loader = list(inputs[:3072].split(512))
rainbow = rn.fit(net.eval(), loader)
for width in (1, 4, 16):
    drawn, white = (
        r.sample(loader, width=width, seed=0) for r in (rainbow, rainbow.white())
    )
    print(
        f"width ×{width}: sample {error(drawn):.4f}, white control {error(white):.4f}"
    )

# %% [markdown]
# The control does as well: this function is easy enough for the alignment alone. Without it nothing could be said of the law.
#
# The addition ties channel `i` of `encode.0` to channel `i` of `mix`: together they are one neuron, drawn from one law.
# `rainbow.laws` has a law for each population.

# %%
for name, law in rainbow.laws.items():
    print(name, [block.name for block in law.blocks], "rank", law.rank)

# %% [markdown]
# Each law has a covariance of its own. A rainbow draws their spectra, a sample how well its layers could be aligned, and both show
# a small table in a notebook.

# %%
figure, axes = plt.subplots(
    1,
    2,
    num="Spectra of the laws of a network, and alignment of a sample",
    figsize=(10, 3.4),
    layout="constrained",
)
rainbow.plot(ax=axes[0])
rainbow.draw(loader, width=4).plot(ax=axes[1])
plt.show()
