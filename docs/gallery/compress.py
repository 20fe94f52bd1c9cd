# %% [markdown]
# # Compress and regenerate
#
# A law of low rank says the network in fewer numbers, most of all where it was trained wide. Beside it stands the white control, which
# has no directions at all: on digits it does well too, and what it reaches owes nothing to the law.

# %%
from dataclasses import replace
from pathlib import Path

import rainbownet as rn
from rainbownet import data, nets, training

digits, test = data.load("digits"), data.load("digits", split="test")
net = nets.build("digits_cnn", seed=0)
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
# `canonical` draws a network from a seed and keeps of its laws what the size allows: the directions that move most of what a layer
# computes, the others as noise. A white control has the same width and seed, and noise alone. A narrower network has fewer columns, so
# that more directions fit.

# %%
rainbow = rn.fit(net, loader)


def show(words, small):
    size = small.save("file.rainbow")
    ranks = ", ".join(str(fitted.rank) for fitted in small.laws.values())
    accuracy = training.evaluate(small.reference, test).accuracy
    print(
        f"{words:22} {size:6} bytes, 1/{weights / size:<3.0f} ranks {ranks:10} drawn again: {accuracy:.1%}"
    )


for share in (5, 10):
    for width in (1, 0.5):
        small = rainbow.canonical(
            loader, width=width, bytes=weights // share, precision="int8"
        )
        show(f"1/{share}, width ×{width}", small)
for width in (1, 0.5):
    show(
        f"white, width ×{width}",
        rainbow.white().canonical(loader, width=width, precision="int8"),
    )

# %% [markdown]
# The file holds no neuron. Read again, anywhere and without data, it gives the network bit by bit; with images, other members of
# the family, of any width.

# %%
small = rainbow.canonical(loader, bytes=weights // 5, precision="int8")
small.save("small.rainbow", reference="seed")
again = rn.load("small.rainbow")
pairs = zip(small.reference.parameters(), again.reference.parameters(), strict=True)
print("the same bits:", all(a.equal(b) for a, b in pairs))
wide = again.sample(loader, width=2, seed=1)
print(
    f"another member, twice as wide: {training.evaluate(wide, test).accuracy:.1%}, file {Path('small.rainbow').stat().st_size} bytes"
)
