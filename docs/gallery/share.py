# %% [markdown]
# # Share a rainbow
#
# A rainbow is one file of data. `push_to_hub` puts it on the Hugging Face Hub with a card that says what its laws are, what samples
# reach beside the trained network, the identity baseline and the white control, and how to draw.

# %%
from dataclasses import replace

import rainbownet as rn
from rainbownet import data, nets, training

digits, test = data.load("digits"), data.load("digits", split="test")
net = nets.build("digits_mlp")
training.train(
    net,
    digits,
    recipe=replace(training.RECIPES["digits"], epochs=6),
    seed=0,
    progress=False,
)
loader = data.loader(digits, batch_size=256)
rainbow = rn.fit(net, loader, law="gaussian:rank=32")

# %% [markdown]
# With `folder=` nothing is sent: look at the card first.

# %%
folder = rainbow.push_to_hub(
    "ada/digits", loader, test=test, license="bsd-3-clause", folder="shared"
)
with open(f"{folder}/README.md", encoding="utf-8") as card:
    print(card.read())

# %% [markdown]
# Without it, once you are logged in (`hf auth login`), the same call makes the repository and sends both files:
#
# ```text
# rainbow.push_to_hub("ada/digits", loader, test=test, license="bsd-3-clause")
# rainbow = rn.load("hf://ada/digits")          # anybody, later; or hf://ada/digits@v2, a branch, tag or commit
# ```
#
# The file is downloaded once and kept in the cache of the hub's client, from which it is read without a network.

# %%
shared = rn.load(f"{folder}/rainbow.safetensors")
sample = shared.sample(loader, width=2)
print(f"{training.evaluate(sample, test).accuracy:.1%}")

# %% [markdown]
# Loading runs nothing: a file names operations of a closed list. A network that is not made of them is named by what makes it,
# `architecture="package.module:factory"`; that is called only if who loads says `trust=True`, and never if they bring a network of
# that architecture, `network=`.
#
# `hf://owner/name` is a *rainbow* on the hub. The name of a *network* there is another thing, see [Networks](../networks.md).
