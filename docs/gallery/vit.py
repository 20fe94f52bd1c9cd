# %% [markdown]
# # A vision transformer
#
# Attention has neurons too: a query and a key that meet in a product are one neuron, a head is a population of them, and what is
# added to the residual stream is written by all blocks together. `digits_vit` cuts the digits into sixteen patches.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt

import rainbownet as rn
from rainbownet import data, nets, training

digits, test = data.load("digits"), data.load("digits", split="test")
recipe = replace(training.RECIPES["gpt"], epochs=12)
net = nets.build("digits_vit", depth=2)
training.train(net, digits, recipe=recipe, seed=0, progress=False)
loader = data.loader(digits, batch_size=256)
print(f"trained: {training.evaluate(net, test).accuracy:.1%}")

# %%
rainbow = rn.fit(net, loader)
print(rainbow)
for name, law in rainbow.laws.items():
    print(f"{name:28}", len(law.neurons()), "neurons of", len(law.mean), "numbers")

# %% [markdown]
# Everything is drawn: patches, queries and keys, values, hidden neurons, and the stream that they are added to. Its accuracy stands
# beside those of its companions.

# %%
sample = rainbow.draw(loader)
print(sample.baselines(test).round(3).to_string(index=False))
sample.plot()
plt.show()

# %% [markdown]
# The white control does nearly as well: least squares, fitted at every layer, does most of the work of so small a network. With
# rotations alone the law is seen:

# %%
turned = rainbow.draw(loader, alignment=rn.Procrustes())
print(turned.baselines(test).round(3).to_string(index=False))

# %% [markdown]
# Transformers of your own go the same way, whether written with `scaled_dot_product_attention`, with `einsum` or with
# `nn.MultiheadAttention`: [Networks](../networks.md) says what goes through, and what is kept as trained.
