# %% [markdown]
# # Compress and regenerate
#
# A law of low rank says the network in fewer numbers, most of all where it was trained wide: this perceptron is four times as wide
# as that of the other examples.

# %%
from dataclasses import replace
from pathlib import Path

import rainbownet as rn
from rainbownet import data, nets, training

digits, test = data.load("digits"), data.load("digits", split="test")
net = nets.build("digits_mlp", width=4, seed=0)
training.train(
    net,
    digits,
    recipe=replace(training.RECIPES["digits"], epochs=8),
    seed=0,
    progress=False,
)
loader = data.loader(digits, batch_size=256)
weights = 4 * sum(p.numel() for p in net.parameters())
print(
    f"trained: {training.evaluate(net, test).accuracy:.1%}, float32 weights: {weights} bytes"
)

# %% [markdown]
# `canonical` draws a network from a seed, here at a quarter of the width, and keeps of its laws what the size allows: the directions
# that move most of what a layer computes, the others as noise. A white control has the same width and seed, and no directions.

# %%
rainbow = rn.fit(net, loader)
for share in (100, 200):
    for words, law in (("law", rainbow), ("white control", rainbow.white())):
        small = law.canonical(
            loader, width=0.25, bytes=weights // share, precision="int8"
        )
        size = small.save(f"{words}.rainbow")
        ranks = ", ".join(str(fitted.rank) for fitted in small.laws.values())
        print(
            f"{words:13} 1/{weights / size:.0f} of the bytes, ranks {ranks:6}: {training.evaluate(small.reference, test).accuracy:.1%}"
        )

# %% [markdown]
# The file holds no neuron. Read again, anywhere and without data, it gives the network bit by bit; with images, other members of
# the family, of any width.

# %%
again = rn.load("law.rainbow")
same = all(
    a.equal(b)
    for a, b in zip(
        rainbow.canonical(
            loader, width=0.25, bytes=weights // 200, precision="int8"
        ).reference.parameters(),
        again.reference.parameters(),
        strict=True,
    )
)
wide = again.sample(loader, width=4, seed=1)
print(
    f"{Path('law.rainbow').stat().st_size} bytes; the same bits: {same}; another member, four times as wide: {training.evaluate(wide, test).accuracy:.1%}"
)
