# %% [markdown]
# # 2. Align
#
# Hidden activations of two networks differ by a rotation, nearly: the rotation that brings one closest to the other is the polar
# factor of their cross-covariance (R6).

# %%
import os
from dataclasses import replace

import matplotlib.pyplot as plt

import rainbownet as rn
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

# %%
trained = rn.compare(a, b, loader)
untrained = rn.compare(nets.build(name, seed=0), nets.build(name, seed=1), loader)
columns = [
    "layer",
    "channels_a",
    "held_similarity",
    "held_error",
    "weights",
    "weights_aligned",
    "weights_random",
]
print("trained")
print(trained[columns].round(3).to_string(index=False))
print("untrained")
print(untrained[columns].round(3).to_string(index=False))

# %%
figure, axis = plt.subplots(
    num="Similarity after alignment by layer, trained and untrained networks",
    figsize=(6, 3),
)
for words, table in (("trained", trained), ("untrained", untrained)):
    axis.plot(
        table["layer"], table["held_similarity"], "o-", label=f"activations, {words}"
    )
    axis.plot(
        table["layer"], table["weights_aligned"], "s--", label=f"weights, {words}"
    )
axis.set(xlabel="layer", ylabel="cosine", ylim=(0, 1.03))
axis.legend()
plt.show()

# %% [markdown]
# ??? question "Why are untrained networks similar too?"
#
#     Random features of one kernel are the same up to a rotation as they get wide: alignment of activations is no sign of learning
#     (U3). What is learned shows in the weights.
#
# ??? question "Which images should the similarity be measured on?"
#
#     On images that the rotation was not fitted to, `held_similarity`: a rotation of 256 channels has 32,640 free numbers.
