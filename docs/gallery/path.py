# %% [markdown]
# # A path between networks
#
# Two trained networks and the ways from one to the other: straight, straight after a permutation of neurons, straight after a
# rotation, and through networks drawn between the laws of both.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt

import rainbownet as rn
from rainbownet import data, nets, training

digits = data.load("digits")
recipe = replace(training.RECIPES["digits"], epochs=4)
a, b = (nets.build("digits_cnn", seed=seed) for seed in range(2))
for seed, net in enumerate((a, b)):
    training.train(net, digits, recipe=recipe, seed=seed, progress=False)
loader = data.loader(digits, batch_size=256)
test = data.loader(data.load("digits", split="test"), batch_size=256)

# %%
table = rn.path(a, b, loader, test=test, points=5)
print(table.pivot(index="t", columns="kind", values="accuracy").round(3))
print(rn.barriers(table).round(3).to_string(index=False))

# %%
figure, axis = plt.subplots(
    num="Test loss along four paths between two networks", figsize=(6, 3.4)
)
for kind, part in table.groupby("kind", sort=False):
    axis.plot(part["t"], part["loss"], "o-", label=kind)
axis.set(xlabel="from a (0) to b (1)", ylabel="test loss")
axis.legend()
plt.show()

# %% [markdown]
# A barrier is the largest rise above the chord between the ends. The straight way mixes neurons that have nothing to do with
# each other; a rotation is more than a permutation, and so lower.
