# %% [markdown]
# # 1. What is random in a trained network
#
# Train one network twice, from two random initial weights. Both classify alike. What do they share, and what is left of chance?

# %%
import os
from dataclasses import replace

import matplotlib.pyplot as plt
import torch

from rainbownet import data, nets, training

source = os.environ.get(
    "RAINBOWNET_TUTORIAL", "digits"
)  # or "cifar10", as published: grey images
options = {} if source == "digits" else {"grayscale": True}
images, test = data.load(source, **options), data.load(source, split="test", **options)
name = "digits_mlp" if source == "digits" else "tutorial_mlp"
recipe = (
    replace(training.RECIPES["digits"], epochs=6) if source == "digits" else "tutorial"
)


def train(seed, images=images, **shape):
    net = nets.build(name, seed=seed, **shape)
    training.train(net, images, recipe=recipe, seed=seed, progress=False)
    return net


loader = data.loader(images, batch_size=256)
a, b = train(0), train(1)
print([f"{training.evaluate(net, test).accuracy:.1%}" for net in (a, b)])

# %% [markdown]
# The weights look unrelated: neuron 7 of one network has nothing to do with neuron 7 of the other.

# %%
first, second = a[1].weight.detach(), b[1].weight.detach()
cosines = torch.nn.functional.cosine_similarity(first, second)
chance = (2 / torch.pi / first.shape[1]) ** 0.5
print(
    f"mean |cosine| of neurons of the same number: {cosines.abs().mean():.3f}; of random vectors: {chance:.3f}"
)

# %%
figure, axes = plt.subplots(
    2,
    8,
    num="Weights of the first eight neurons of two networks, as images",
    figsize=(8, 2.2),
)
size = int(first.shape[1] ** 0.5)
for row, weights in zip(axes, (first, second), strict=True):
    for axis, neuron in zip(row, weights, strict=False):
        axis.imshow(neuron.reshape(size, size).numpy(), cmap="RdBu")
        axis.set_axis_off()
plt.show()

# %% [markdown]
# Their *second moments* are alike, though. The first layer reads pixels, which both networks have in common, so its covariances
# \(C = W^\top W / n\) can be compared as they are.

# %%
covariances = [w.mT @ w / len(w) for w in (first, second)]
initial = [nets.build(name, seed=seed)[1].weight.detach() for seed in (0, 1)]
before = [w.mT @ w / len(w) for w in initial]


def cosine(c, d):
    return ((c * d).sum() / c.norm() / d.norm()).item()


learned = [c - b for c, b in zip(covariances, before, strict=True)]
print(f"cosine of what training added to the covariances: {cosine(*learned):.2f}")
shuffled = learned[1][
    torch.randperm(len(learned[1]), generator=torch.Generator().manual_seed(0))
]
print(f"the same with pixels shuffled: {cosine(learned[0], shuffled):.2f}")

# %% [markdown]
# ??? question "A network has as many neurons as it has. What would you have to know to draw another like it?"
#
#     The law that its neurons are drawn from: here, at least, the covariance. That is the rainbow model: neurons are independent
#     samples of one law per layer ([theory](../theory.md)).
#
# ??? question "Why could the second layer not be compared in this way?"
#
#     It reads the neurons of the first, which come in another order, and mixed, in each network. They must be aligned first: that is
#     the [next page](2_align.md).
