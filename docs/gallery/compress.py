# %% [markdown]
# # Compress and regenerate
#
# A law of low rank says the network in fewer numbers. The spiked law keeps the directions that stand out of the bulk that random
# initial weights leave; `rank=` keeps a given number.

# %%
from dataclasses import replace
from pathlib import Path

import rainbownet as rn
from rainbownet import data, nets, training

digits, test = data.load("digits"), data.load("digits", split="test")
net = nets.build("digits_mlp", seed=0)
training.train(
    net,
    digits,
    recipe=replace(training.RECIPES["digits"], epochs=8),
    seed=0,
    progress=False,
)
loader = data.loader(digits, batch_size=256)
print(f"trained: {training.evaluate(net, test).accuracy:.1%}")

# %%
laws = {
    "all directions": rn.Gaussian(),
    "spiked": rn.Gaussian(shrinkage="spiked"),
    "spiked, with its bulk": rn.Gaussian(shrinkage="spiked", bulk=True),
    "rank 8": rn.Gaussian(rank=8),
    "rank 2": rn.Gaussian(rank=2),
    "white": rn.White(),
}
for words, law in laws.items():
    rainbow = rn.fit(net, loader, law=law)
    drawn = rainbow.sample(loader, alignment=rn.Procrustes(), seed=0)
    clipped = rainbow.sample(
        loader, draw="identity"
    )  # the trained neurons, as far as the rank keeps them
    rainbow.save("net.rainbow")
    ranks = ", ".join(str(fitted.rank) for fitted in rainbow.laws.values())
    print(
        f"{words:22} ranks {ranks:9} drawn {training.evaluate(drawn, test).accuracy:.1%}, "
        f"trained neurons {training.evaluate(clipped, test).accuracy:.1%}, file {Path('net.rainbow').stat().st_size} bytes"
    )
print(f"float32 weights: {4 * sum(p.numel() for p in net.parameters())} bytes")

# %% [markdown]
# A file holds what is not drawn (here the last layer) and, for each population, the mean, as many directions as the rank, and the
# coefficients of every trained neuron in them: these are the reference that samples are aligned to, clipped to the rank. So it
# is smaller than the network where ranks are well below the widths, and larger where they are not. *Drawn* neurons are new, and
# rotated into place by images; *trained neurons* are the clipped network itself.
#
# The last rainbow, read again from its file:

# %%
regenerated = rn.load("net.rainbow")
print(regenerated)
