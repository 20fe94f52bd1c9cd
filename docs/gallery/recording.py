# %% [markdown]
# # Responses of a recording
#
# Neurons of an animal in place of a second network: responses to the same stimuli, with repeated trials, as an array
# `(stimuli, trials, neurons)`. This cortex is synthetic, so that the right answer is known: its 40 neurons are random mixtures
# of the second layer of a network (after its ReLU, module `6`, the mean over positions), with noise of its own in each trial.

# %%
import matplotlib.pyplot as plt
import numpy as np
import torch

import rainbownet as rn
from rainbownet import data, nets, training

digits = data.load("digits").some(600)
net = nets.build("digits_cnn")
training.train(net, data.load("digits"), recipe="tutorial", seed=0, progress=False)
stimuli = data.loader(digits, batch_size=200)

with torch.no_grad():
    layer = net[:7](torch.cat([x for x, _ in stimuli])).mean((2, 3)).numpy()
random = np.random.default_rng(0)
signal = layer @ random.normal(size=(layer.shape[1], 40))
noise = 2 * signal.std(0) * random.normal(size=(600, 8, 40))
cortex = {"area": signal[:, None] + noise}
print(cortex["area"].shape)

# %% [markdown]
# `ceiling` is the most that a perfect model of the stimuli could reach with responses this noisy: a value means little without
# it. Held-out values are of stimuli that no map was fitted to.

# %%
found = rn.similarity(
    net,
    cortex,
    stimuli,
    measures=["linear", "cka", "rsa"],
    layers_a=["2", "6", "10", "13"],
)
columns = ["layer_a", "measure", "value", "held_value", "ceiling"]
print(
    found.table[found.table["measure"] != "linear_reverse"][columns]
    .round(2)
    .to_string(index=False)
)

# %%
table = found.table[found.table["measure"] == "linear"]
figure, axis = plt.subplots(
    num="Variance of the responses explained by each layer, below the noise ceiling",
    figsize=(6, 3),
)
axis.bar(table["layer_a"], table["value"])
axis.axhline(
    table["ceiling"].iloc[0], color="black", linestyle="--", label="noise ceiling"
)
axis.set(xlabel="layer", ylabel="explained by a linear map", ylim=(0, 1))
axis.legend()
plt.show()
