# %% [markdown]
# # Spectra and Marchenko–Pastur
#
# Rows of random weights have a spectrum of known shape, the law of Marchenko and Pastur. Training moves a few eigenvalues out of
# it: what was learned, as far as second moments tell.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import torch

from rainbownet import analysis, data, nets, training
from rainbownet.spectra.marchenko_pastur import marchenko_pastur_density

digits = data.load("digits")
initial, net = (nets.build("digits_mlp", seed=0) for _ in range(2))
training.train(
    net,
    digits,
    recipe=replace(training.RECIPES["digits"], epochs=8),
    seed=0,
    progress=False,
)
loader = data.loader(digits, batch_size=256)

# %%
bulks = {}
for words, each in (("initial", initial), ("trained", net)):
    rows = analysis.align_networks(each, loader)["3"].stacked()
    bulks[words] = analysis.marchenko_pastur(rows)
    bulk = bulks[words]
    print(
        f"{words}: {len(bulk.eigenvalues)} eigenvalues, {bulk.above} above the edge {bulk.edges[1]:.2f}",
        end=", ",
    )
    print(f"the largest {bulk.eigenvalues[0]:.2f}")

# %%
figure, axes = plt.subplots(
    1,
    2,
    num="Eigenvalues of weights against the Marchenko–Pastur density",
    figsize=(8, 3),
)
for axis, (words, bulk) in zip(axes, bulks.items(), strict=True):
    shown = bulk.eigenvalues[bulk.eigenvalues < 8].numpy()
    axis.hist(shown, bins=40, density=True, alpha=0.5)
    grid = torch.linspace(0.01, bulk.edges[1], 300)
    axis.plot(grid, marchenko_pastur_density(grid, bulk.gamma), color="black")
    axis.set(title=words, xlabel="eigenvalue / variance", ylim=(0, 2))
plt.show()

# %% [markdown]
# Spectra of weights and of activations, their effective ranks, and which law of decay fits better.

# %%
aligned = analysis.align_networks(net, loader)
for words, table in (
    ("activations", analysis.activation_spectra(aligned)),
    ("weights", analysis.weight_spectra(aligned)),
):
    print(words)
    print(analysis.effective_ranks(table).round(2).to_string(index=False))
