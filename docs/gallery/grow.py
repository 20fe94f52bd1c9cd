# %% [markdown]
# # Grow and fine-tune
#
# A sample of twice the width is a trained start for a wider network: it classifies before the first step, and a short training
# takes it on.

# %%
from dataclasses import replace

import matplotlib.pyplot as plt

import rainbownet as rn
from rainbownet import data, nets, training

digits, test = data.load("digits"), data.load("digits", split="test")
net = nets.build("digits_cnn", width=0.25, seed=0)
training.train(
    net,
    digits,
    recipe=replace(training.RECIPES["digits"], epochs=6),
    seed=0,
    progress=False,
)
loader = data.loader(digits, batch_size=256)
print(f"narrow, trained: {training.evaluate(net, test).accuracy:.1%}")

# %% [markdown]
# A wide network three ways: drawn from the law of the narrow one, its white control, and from random initial weights.

# %%
rainbow = rn.fit(net, loader)
starts = {
    "drawn": rainbow.sample(loader, width=4, seed=0),
    "white control": rainbow.white().sample(loader, width=4, seed=0),
    "random": nets.build("digits_cnn", seed=0),
}
short = training.Recipe(epochs=3, lr=0.1, batch_size=64, schedule="onecycle", threads=1)
curves = {}
for words, start in starts.items():
    before = training.evaluate(start, test).accuracy
    history = training.train(
        start, digits, recipe=short, test=test, seed=0, progress=False
    )
    curves[words] = [before, training.evaluate(history.network, test).accuracy]
    print(f"{words:14} before {before:.1%}, after three epochs {curves[words][-1]:.1%}")

# %%
figure, axis = plt.subplots(
    num="Accuracy of three wide networks before and after three epochs", figsize=(6, 3)
)
for words, values in curves.items():
    axis.plot([0, 3], values, "o-", label=words)
axis.set(xlabel="epochs of fine-tuning", ylabel="test accuracy", xticks=[0, 3])
axis.legend()
plt.show()

# %% [markdown]
# On digits, random weights catch up within three epochs: what the sample saves is the way there. A sample trains as any other
# network: it is of the narrow one's class, its weights need gradients, its norms have the statistics of what they see. Its
# weights load into that class at its width.

# %%
own = nets.build("digits_cnn", width=1.0)
print(own.load_state_dict(starts["drawn"].state_dict()))
