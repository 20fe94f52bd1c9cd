# %% [markdown]
# # 3. The law
#
# Rows of weights, seen from aligned channels, are samples of one law per layer. Is it a Gaussian, and of which covariance?

# %%
import os
from dataclasses import replace

import matplotlib.pyplot as plt

import rainbownet as rn
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
net = train(0)
aligned = analysis.align_networks(net, loader)
layer = aligned["3"]  # the second layer of weights

# %% [markdown]
# The spectrum of the covariance: a few directions stand out, the rest is what random initial weights leave.

# %%
spectra = analysis.weight_spectra(aligned, initial=[nets.build(name, seed=0)])
spectra = spectra[spectra["layer"] == "3"]
figure, axis = plt.subplots(
    num="Eigenvalues of the covariance of weights, trained and initial, by rank",
    figsize=(6, 3),
)
for state, part in spectra.groupby("state", sort=False):
    axis.loglog(part["rank"], part["eigenvalue"], label=state)
axis.set(xlabel="rank", ylabel="eigenvalue")
axis.legend()
plt.show()

# %% [markdown]
# A rainbow holds the law of every layer, and draws their spectra in units of their mean: a white law would be a flat line.

# %%
rainbow = rn.fit(net, loader)
rainbow.plot()
plt.show()

# %% [markdown]
# Along the leading directions, are whitened weights normal? `p_corrected` is the probability of so large a distance under a normal law
# whose variance was estimated too.

# %%
rows = layer.stacked()
table = analysis.gaussianity(rows, directions=[1, 2, 4, 8, 16])
print(
    table[
        [
            "direction",
            "eigenvalue",
            "ks",
            "p_corrected",
            "excess_kurtosis",
            "p_kurtosis",
        ]
    ]
    .round(3)
    .to_string(index=False)
)

# %%
quantiles = analysis.qq_table(rows, directions=[1, 4, 16])
figure, axis = plt.subplots(
    num="Quantiles of whitened weights against those of a normal law", figsize=(4, 4)
)
for direction, part in quantiles.groupby("direction"):
    axis.plot(part["normal"], part["measured"], ".", label=f"direction {direction}")
axis.plot([-3, 3], [-3, 3], color="black", linewidth=1)
axis.set(xlabel="normal", ylabel="measured")
axis.legend()
plt.show()

# %% [markdown]
# ??? question "A small p-value says that weights are not Gaussian. Does that spoil the model?"
#
#     No: what matters is how well networks drawn from the law work ([next page](4_draw.md)). With many neurons a test sees any
#     difference, however small.
#
# ??? question "What would a law other than the Gaussian be?"
#
#     `rn.Smoothed(h=…)` lies between the trained neurons and a Gaussian, `rn.Mixture(k=…)` has several centres; see
#     [Choosing](../choosing.md).
