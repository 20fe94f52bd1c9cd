# %% [markdown]
# # 6. What is learned, compared across data
#
# Networks of two seeds learn the same law. And networks of other data? Train on the images, on half of their classes, and on the images
# turned by a quarter, and compare what was learned (U).

# %%
import os
from dataclasses import replace

import matplotlib.pyplot as plt

from rainbownet import analysis, data, nets, training

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
few = images.targets < 5
half = replace(images, inputs=images.inputs[few], targets=images.targets[few])
turned = replace(images, inputs=images.inputs.rot90(1, (-2, -1)))
networks = {
    "images": [train(0), train(1)],
    "images again": [train(2), train(3)],
    "half of the classes": [train(4, half), train(5, half)],
    "turned images": [train(6, turned), train(7, turned)],
}
for words, each in networks.items():
    print(
        f"{words:20}",
        " ".join(f"{training.evaluate(net, test).accuracy:.1%}" for net in each),
    )

# %% [markdown]
# All are aligned to the first, on the same upright images. \(S\) is 1 for one law, and 0 for covariances turned at random.

# %%
aligned = analysis.align_networks(
    [net for each in networks.values() for net in each], loader, layers=["1", "3"]
)
groups = [words for words in networks for _ in range(2)]
variance = analysis.initial_variances(aligned, [nets.build(name, seed=0)])
table = analysis.group_similarity(aligned, groups, variance=variance)
print(
    table[["layer", "a", "b", "spikes_a", "spikes_b", "similarity"]]
    .round(2)
    .to_string(index=False)
)

# %%
figure, axes = plt.subplots(
    1,
    2,
    num="Similarity S of what two groups of networks learned, by layer",
    figsize=(9, 3),
    sharey=True,
)
for axis, (layer, part) in zip(axes, table.groupby("layer"), strict=True):
    axis.barh(
        [f"{a} · {b}" for a, b in zip(part["a"], part["b"], strict=True)],
        part["similarity"],
    )
    axis.set(title=f"layer {layer}", xlabel="S")
    axis.axvline(1, color="black", linewidth=1)
figure.tight_layout()
plt.show()

# %% [markdown]
# ??? question "Which layers would you expect to be alike for half of the classes, and which not?"
#
#     The first layer reads pixels, and half of the classes have much the same strokes as all of them. Turned images have their
#     strokes in other places.
#
# ??? question "Why are the second layers of networks of turned images more alike than the first?"
#
#     They read channels that were aligned, while the first layer reads pixels, which are in other places. Aligned on upright images,
#     though, which these networks were never trained on: align each group on images of its own and compare again.
