# %% [markdown]
# # A public ResNet
#
# The architecture of torchvision's ResNet-18, written out at a quarter of its width for 8 × 8 images, so that the page runs
# anywhere. With torchvision installed, `net = torchvision.models.resnet18(weights="DEFAULT")` takes its place as it is.

# %%
from dataclasses import replace

from torch import nn

import rainbownet as rn
from rainbownet import data, training


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                nn.BatchNorm2d(outputs),
            )

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        identity = x if self.downsample is None else self.downsample(x)
        return self.relu(self.bn2(self.conv2(out)) + identity)


def resnet(channels=16, classes=10):
    layers = [
        nn.Conv2d(1, channels, 3, 1, 1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    ]
    inputs = channels
    for outputs, stride in ((channels, 1), (2 * channels, 2), (4 * channels, 2)):
        layers += [BasicBlock(inputs, outputs, stride), BasicBlock(outputs, outputs, 1)]
        inputs = outputs
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes)
    )


# %%
digits, test = data.load("digits"), data.load("digits", split="test")
net = resnet()
training.train(
    net,
    digits,
    recipe=replace(training.RECIPES["digits"], epochs=3),
    seed=0,
    progress=False,
)
loader = data.loader(digits, batch_size=256)
print(f"trained: {training.evaluate(net, test).accuracy:.1%}")

# %% [markdown]
# `fit` finds the populations: what an addition ties is drawn together and rotated by one map.

# %%
rainbow = rn.fit(net, loader)
for name, law in rainbow.laws.items():
    print(
        f"{name:12} {len(law.neurons()):3} neurons of {sum(b.size for b in law.blocks):4} numbers"
    )

# %% [markdown]
# Residual streams are the hard case: a stream is read by many layers, and what alignment misses adds up. Width inside the blocks
# helps most (`product_widths`; figures of a public ResNet-20 are in [Measured](../results.md)).

# %%
for words, width in (
    ("×1", 1),
    ("×2", 2),
    ("streams ×2, products", rainbow.product_widths(2, most=4)),
):
    accuracies = [
        training.evaluate(r.sample(loader, width=width, seed=0), test).accuracy
        for r in (rainbow, rainbow.white())
    ]
    print(f"{words:22} sample {accuracies[0]:.1%}, white control {accuracies[1]:.1%}")

# %% [markdown]
# Draw some layers only: all before the last stage, the others stay trained.

# %%
print(
    f"{training.evaluate(rainbow.sample(loader, width=2, until='6', seed=0), test).accuracy:.1%}"
)
