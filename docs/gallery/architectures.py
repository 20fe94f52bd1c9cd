# %% [markdown]
# # Two architectures compared
#
# `rn.similarity` compares every layer of one network with every layer of another, whatever they are: modules, functions or
# recordings. Here a convolutional network and a perceptron.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt

import rainbownet as rn
from rainbownet import data, nets, training

digits = data.load("digits")
recipe = replace(training.RECIPES["digits"], epochs=4)
cnn, mlp = nets.build("digits_cnn"), nets.build("digits_mlp")
for net in (cnn, mlp):
    training.train(net, digits, recipe=recipe, seed=0, progress=False)
loader = data.loader(digits, batch_size=256)

# %%
found = rn.similarity(cnn, mlp, loader, measures=["rotation", "cka", "linear"])
print(found)
print(found.matrix("cka").round(2))

# %% [markdown]
# A similarity needs its zero: an untrained network of the same architecture.

# %%
untrained = rn.similarity(
    cnn, nets.build("digits_mlp", seed=1), loader, measures=["cka"]
)
for words, each in (("trained", found), ("untrained", untrained)):
    print(words)
    print(each.best("cka").round(2).to_string(index=False))

# %%
figure, axes = plt.subplots(
    1,
    2,
    num="CKA of all layers, with a trained and with an untrained perceptron",
    figsize=(8, 3.4),
)
for axis, words, each in zip(
    axes, ("trained", "untrained"), (found, untrained), strict=True
):
    each.plot("cka", ax=axis)
    axis.set_title(words)
figure.tight_layout()
plt.show()

# %% [markdown]
# Cells of a heat map are not always measured alike: where the grids of two layers agree every position is a row, elsewhere positions
# are averaged first, as here, where a perceptron has none. The column `positions` of `found.table` says which;
# `rn.similarity(…, positions="pool")` measures all cells alike.
