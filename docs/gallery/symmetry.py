# %% [markdown]
# # Symmetry
#
# Are the features of a network equivariant, and do the laws of its weights know? Digits are no mirror images of themselves; a
# network trained on digits and their mirror images has reason to be symmetric.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt
import torch

import rainbownet as rn
from rainbownet import analysis, data, nets, training

digits = data.load("digits")
both = replace(
    digits,
    inputs=torch.cat([digits.inputs, digits.inputs.flip(-1)]),
    targets=digits.targets.repeat(2),
)
recipe = replace(training.RECIPES["digits"], epochs=4)
found = {"untrained": nets.build("digits_cnn")}
for words, images in (("digits", digits), ("digits and mirror images", both)):
    found[words] = nets.build("digits_cnn")
    training.train(found[words], images, recipe=recipe, seed=0, progress=False)
loader = data.loader(both, batch_size=256)

# %% [markdown]
# `error`: how much of a layer's input changes when the image is mirrored, after the best mixing of channels; `commutator`: how far
# the covariance of the weights is from commuting with that mixing; `commutator_random`: the same for a random one.

# %%
flip = analysis.Flip()
tables = {words: analysis.symmetry(net, flip, loader) for words, net in found.items()}
for words, table in tables.items():
    print(words)
    print(
        table[["layer", "error", "unmixed", "commutator", "commutator_random"]]
        .round(3)
        .to_string(index=False)
    )

# %%
figure, axis = plt.subplots(
    num="Asymmetry of features under mirroring, by layer, for three networks",
    figsize=(6, 3),
)
for words, table in tables.items():
    axis.plot(table["layer"], table["error"], "o-", label=words)
axis.set(xlabel="layer", ylabel="error of equivariance")
axis.legend()
plt.show()

# %% [markdown]
# A law can be made symmetric: averaged over the group, it commutes with the mixing.

# %%
rainbow = rn.fit(found["digits"], loader)
symmetric = analysis.symmetrized(rainbow, analysis.FLIPS, loader)
images = both.normalise(both.inputs[:200])
for words, each in (("law as fitted", rainbow), ("averaged over mirroring", symmetric)):
    wide = each.sample(loader, width=4, seed=0)
    change = analysis.invariance(wide, flip, images, layers=["8"])["difference"].item()
    print(f"{words:24} kernel of layer 8 changes by {change:.3f}")
