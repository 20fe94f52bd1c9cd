# %% [markdown]
# # Two seeds compared
#
# Two networks of one architecture, trained from different initial weights: activations agree up to a rotation, and so do the
# covariances of weights, once that rotation is taken off.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt

import rainbownet as rn
from rainbownet import data, nets, training

digits = data.load("digits")
recipe = replace(training.RECIPES["digits"], epochs=5)
a, b = (nets.build("digits_cnn", seed=seed) for seed in range(2))
for seed, net in enumerate((a, b)):
    training.train(net, digits, recipe=recipe, seed=seed, progress=False)
loader = data.loader(digits, batch_size=256)

# %%
table = rn.compare(a, b, loader)
print(
    table[["layer", "channels_a", "held_similarity", "held_error"]]
    .round(3)
    .to_string(index=False)
)
print(
    table[["layer", "weights", "weights_aligned", "weights_random"]]
    .round(3)
    .to_string(index=False)
)

# %% [markdown]
# `held_similarity` is measured on images that the rotation was not fitted to. `weights` compares covariances as they are,
# `weights_aligned` after the rotation that *activations* gave, `weights_random` after a random one, the zero of that scale.

# %%
table.plot()
plt.show()

# %% [markdown]
# Dotted lines are the zeros of each scale: activations beside a network of random parameters, with and without their means, and
# weights after a random rotation.
