# %% [markdown]
# # 4. Draw
#
# If the law is all there is to a layer, a network of *new* neurons from it must classify, without training. Each layer is drawn,
# then rotated to what the layers drawn before it have become (R12–R15).

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
net = train(0)
print(f"trained: {training.evaluate(net, test).accuracy:.1%}")

# %%
laws = {
    "Gaussian": rn.Gaussian(),
    "rank 8": rn.Gaussian(rank=8),
    "rank 2": rn.Gaussian(rank=2),
    "white": rn.White(),
}
alignments = {"rotation": rn.Procrustes(), "least squares": rn.LeastSquares(1e-3)}
found = {}
for law_name, law in laws.items():
    rainbow = rn.fit(net, loader, law=law)
    for words, alignment in alignments.items():
        samples = [
            rainbow.sample(loader, alignment=alignment, seed=seed) for seed in range(3)
        ]
        found[law_name, words] = [
            training.evaluate(sample, test).accuracy for sample in samples
        ]
        print(
            f"{law_name:9} {words:14}",
            " ".join(f"{accuracy:.1%}" for accuracy in found[law_name, words]),
        )

# %%
figure, axis = plt.subplots(
    num="Accuracy of networks drawn from four laws, with two alignments", figsize=(6, 3)
)
for offset, words in enumerate(alignments):
    for k, law_name in enumerate(laws):
        values = found[law_name, words]
        axis.plot(
            [k + offset / 5] * 3,
            values,
            "o",
            color=f"C{offset}",
            label=words if k == 0 else None,
        )
axis.set(xticks=range(len(laws)), xticklabels=list(laws), ylabel="test accuracy")
axis.legend()
plt.show()

# %% [markdown]
# One sample, beside all that its accuracy must be read with: the trained network, the trained neurons through the same alignment,
# and the white control ([theory](../theory.md)).

# %%
sample = rn.fit(net, loader).draw(loader, alignment=rn.Procrustes(), width=2)
print(sample.baselines(test).round(3).to_string(index=False))
sample.plot(test)
plt.show()

# %% [markdown]
# ??? question "Why does the white law, which knows nothing of what was learned, classify at all?"
#
#     Its maps are fitted to the activations of the trained network, and its last layer is the trained one: part of a sample's
#     accuracy owes nothing to the law. That part is the control, and a figure without it says nothing.
#
# ??? question "What changes if one layer is drawn and the others are kept?"
#
#     Try `rainbow.sample(loader, layers=["1"])`, and `until="1"`.
