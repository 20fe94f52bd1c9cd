# %% [markdown]
# # A report page
#
# All there is to say about a rainbow, or about networks, on one self-contained HTML page with interactive figures, written by one
# call or by `rainbownet report`. It needs the extra `report` (plotly and jinja2).

# %%
from dataclasses import replace
from pathlib import Path

import rainbownet as rn
from rainbownet import data, nets, training

digits, test = data.load("digits"), data.load("digits", split="test")
recipe = replace(training.RECIPES["digits"], epochs=4)
a, b = (nets.build("digits_cnn", width=0.5, seed=seed) for seed in range(2))
for seed, net in enumerate((a, b)):
    training.train(net, digits, recipe=recipe, seed=seed, progress=False)
loader = data.loader(digits, batch_size=256)

# %%
report = rn.write_report(
    [a, b], "report.html", loader, test=test, widths=[1, 2], names=["seed 0", "seed 1"]
)
print(Path("report.html").stat().st_size // 1024, "KiB")

# %% [markdown]
# The numbers of the page are there too, as tables.

# %%
print(report.samples[["width", "law", "accuracy"]].round(3).to_string(index=False))
