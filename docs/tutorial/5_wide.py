# %% [markdown]
# # 5. How wide
#
# A law can be drawn from any number of times: a sample may be wider or narrower than the network it came from. The wider, the
# closer to one deterministic network.

# %%
import os
from dataclasses import replace

import matplotlib.pyplot as plt
import torch

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
rainbow = rn.fit(net, loader, preset=rn.PAPER)

# %%
widths = (0.125, 0.25, 0.5, 1, 2)
curves = {}
for words, each in (("law", rainbow), ("white control", rainbow.white())):
    curves[words] = [
        training.evaluate(each.sample(loader, width=w, seed=0), test).accuracy
        for w in widths
    ]
    print(
        f"{words:14}",
        " ".join(f"×{w}: {a:.1%}" for w, a in zip(widths, curves[words], strict=True)),
    )
trained = training.evaluate(net, test).accuracy
print(f"trained {trained:.1%}")

# %%
figure, axis = plt.subplots(
    num="Accuracy of samples against their width, with the white control",
    figsize=(6, 3),
)
for words, values in curves.items():
    axis.semilogx(widths, values, "o-", label=words)
axis.axhline(trained, color="black", linestyle="--", label="trained")
axis.set(xlabel="width", ylabel="test accuracy", xticks=widths, xticklabels=widths)
axis.legend()
plt.show()

# %% [markdown]
# Two samples of one width differ; the difference falls with width.

# %%
inputs = images.normalise(images.inputs[:500])
distances = []
for width in widths:
    with torch.no_grad():
        one, other = (
            rainbow.sample(loader, width=width, seed=seed)(inputs) for seed in (0, 1)
        )
    distances.append(((one - other).norm() / one.norm()).item())
    print(f"×{width}: two samples differ by {distances[-1]:.3f}")

# %% [markdown]
# ??? question "At which rate would you expect the distance to fall?"
#
#     As \(1/\sqrt{\text{width}}\): outputs are means over neurons, to leading order. How far, and to what, is on the page
#     [The infinite-width network](../gallery/infinite.md).
#
# ??? question "Trained networks of other widths: are they of the same law?"
#
#     `rn.compare` takes networks of two widths; `analysis.activation_convergence` and `covariance_convergence` follow it.
