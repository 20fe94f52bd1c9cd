# %% [markdown]
# # Several processes with torchrun
#
# Under `torchrun` every process reads its share of the images, moments are summed, and all arrive at the same rainbow. The
# script is the one you would run without it; the command line works the same way.

# %%
import os
import subprocess
import sys
from pathlib import Path

Path("fit.py").write_text("""
import rainbownet as rn
import torch.distributed as dist
from rainbownet import data, nets

dist.init_process_group("gloo")
rank, world = dist.get_rank(), dist.get_world_size()
digits = data.load("digits").some(512)
mine = [(x[rank::world], y[rank::world]) for x, y in data.loader(digits, batch_size=256)]

rainbow = rn.fit(nets.build("digits_cnn"), mine)
sample = rainbow.draw(mine, width=2, seed=0)
if rank == 0:
    rainbow.save("two.rainbow")
    print(f"{world} processes,", sample.alignment[["layer", "error"]].round(3).to_dict("list"))
dist.destroy_process_group()
""")
command = [
    sys.executable,
    "-m",
    "torch.distributed.run",
    "--standalone",
    "--nproc-per-node",
    "2",
    "fit.py",
]
done = subprocess.run(
    command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
)
print(done.stdout if done.returncode == 0 else done.stderr)

# %% [markdown]
# One process with all the images finds the same laws.

# %%
import torch

import rainbownet as rn
from rainbownet import data, nets

one = rn.fit(
    nets.build("digits_cnn"), data.loader(data.load("digits").some(512), batch_size=256)
)
two = rn.load("two.rainbow")
for name, law in one.laws.items():
    pairs = zip(law.mean_and_factor(), two.laws[name].mean_and_factor(), strict=True)
    print(name, all(torch.allclose(p, q) for p, q in pairs))
