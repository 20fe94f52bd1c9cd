# %% [markdown]
# # The infinite-width network
#
# What samples tend to as they get wider is a deterministic network: each layer's kernel, evaluated at landmarks, and a map to the
# channels of the reference. More landmarks explain more of a kernel's energy; 96 are few, and take a second.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import torch

import rainbownet as rn
from rainbownet import data, nets, training

digits, test = data.load("digits"), data.load("digits", split="test")
net = nets.build("digits_mlp", seed=0)
training.train(
    net,
    digits,
    recipe=replace(training.RECIPES["digits"], epochs=8),
    seed=0,
    progress=False,
)
loader = data.loader(digits, batch_size=256)
rainbow = rn.fit(net, loader)

# %%
limit = rainbow.limit(loader, landmarks=96)
print(
    limit.table[["layer", "channels", "landmarks", "energy_explained", "error"]]
    .round(3)
    .to_string(index=False)
)
print(
    f"limit: {training.evaluate(limit, test).accuracy:.1%}, trained: {training.evaluate(net, test).accuracy:.1%}"
)

# %% [markdown]
# The outputs of samples come closer to it with width, until the landmarks' own error shows.

# %%
inputs = torch.cat([x for x, _ in data.loader(test, batch_size=256)])
with torch.no_grad():
    goal = limit(inputs)
    distances = {
        width: [
            (
                (
                    (
                        rainbow.sample(loader, width=width, seed=seed)(inputs) - goal
                    ).norm()
                    / goal.norm()
                ).item()
            )
            for seed in range(2)
        ]
        for width in (0.25, 0.5, 1, 2)
    }
for width, values in distances.items():
    print(f"width ×{width}: {sum(values) / 2:.3f}")

# %%
figure, axis = plt.subplots(
    num="Distance of outputs from the infinite-width network, falling with width",
    figsize=(6, 3),
)
axis.loglog(list(distances), [sum(v) / 2 for v in distances.values()], "o-")
axis.set(xlabel="width", ylabel="relative distance of outputs")
plt.show()
