# %% [markdown]
# # Many networks
#
# Ensembles are folders: a member per network, named by what decides its weights. The same call goes on after a kill and trains
# nothing twice. With the extra `cluster`, `cluster="ray"` makes each member a task of a Ray cluster; nothing else changes.

# %%
import importlib.util
from dataclasses import replace

import rainbownet as rn
from rainbownet import data, ensemble, training

members = [
    ensemble.Member(
        "digits_mlp",
        replace(training.RECIPES["digits"], epochs=4),
        seed=seed,
        width=width,
        test={"source": "digits", "split": "test"},
    )
    for width in (0.125, 0.5)
    for seed in range(3)
]
print(
    "Ray is installed"
    if importlib.util.find_spec("ray")
    else "Ray is not installed: members are trained in turn"
)
found = ensemble.train_ensemble("runs", members, progress=False)  # cluster="ray"

# %%
print(
    found.table[["network", "width", "seed", "accuracy"]]
    .round(3)
    .to_string(index=False)
)

# %% [markdown]
# Read it back anywhere. Several networks share one law: their neurons are brought to the channels of the mean.

# %%
found = ensemble.read("runs")
loader = data.loader(data.load("digits"), batch_size=256)
test = data.load("digits", split="test")
wide = [found.network(k) for k in range(len(found)) if found.table["width"][k] == 0.5]
for count in (1, 2, 3):
    rainbow = rn.fit(wide[:count], loader)
    accuracy = training.evaluate(rainbow.sample(loader, width=2, seed=0), test).accuracy
    print(f"law of {count} network(s): a sample of width ×2 has {accuracy:.1%}")
