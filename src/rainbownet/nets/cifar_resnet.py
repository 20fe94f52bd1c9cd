"""The CIFAR residual networks of He et al.: narrow basic blocks, with shortcuts padded with zeros or projected.

Names of parameters are those of the public checkpoints of `akamaster/pytorch_resnet_cifar10`. Source: He et al., CVPR
2016, section 4.2 and shortcut option A.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from rainbownet.errors import ArchitectureError
from rainbownet.nets.scattering import scale_widths
from rainbownet.nets.seeding import seeded

STAGES = (16, 32, 64)


class ZeroShortcut(nn.Module):
    """Every second position, with channels of zeros added before and after: a shortcut without parameters.

    Args:
        before: Zero channels put before the input's.
        after: Zero channels put after.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.before = before
        self.after = after

    def forward(self, images: Tensor) -> Tensor:
        """Return the sub-sampled and padded input."""
        return F.pad(images[:, :, ::2, ::2], (0, 0, 0, 0, self.before, self.after))


class CifarBlock(nn.Module):
    """conv → norm → ReLU → conv → norm → add → ReLU.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        stride: Of the first convolution.
        shortcut: What joins input and output where the size changes.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, shortcut: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        if stride == 1:
            self.shortcut = nn.Identity()
        elif shortcut == "zeros":
            before = (outputs - inputs) // 2
            self.shortcut = ZeroShortcut(before, outputs - inputs - before)
        else:
            projection = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(outputs))

    def forward(self, images: Tensor) -> Tensor:
        """Return the block's output."""
        hidden = F.relu(self.bn1(self.conv1(images)))
        return F.relu(self.bn2(self.conv2(hidden)) + self.shortcut(images))


class CifarResNet(nn.Module):
    """A residual network for images of about 32 pixels.

    Args:
        depth: Layers in all, 6n + 2.
        width: Factor on every layer.
        classes: Outputs.
        shortcut: `zeros` (option A) or `projection` (1×1 convolution and norm).
    """

    def __init__(self, depth: int, *, width: float, classes: int, shortcut: str) -> None:
        super().__init__()
        if depth < 8 or (depth - 2) % 6:
            raise ArchitectureError(f"depth={depth}: expected 6n + 2 layers, such as 20, 32, 44, 56 or 110")
        if shortcut not in ("zeros", "projection"):
            raise ArchitectureError(f"shortcut={shortcut!r}: expected 'zeros' or 'projection'")
        sizes = scale_widths(STAGES, width)
        self.conv1 = nn.Conv2d(3, sizes[0], 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(sizes[0])
        stages = []
        for index, outputs in enumerate(sizes):
            blocks = [CifarBlock(sizes[max(index - 1, 0)], outputs, 1 if index == 0 else 2, shortcut)]
            blocks += [CifarBlock(outputs, outputs, 1, shortcut) for _ in range((depth - 2) // 6 - 1)]
            stages.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3 = stages
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(sizes[-1], classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of images (b, 3, h, w)."""
        hidden = F.relu(self.bn1(self.conv1(images)))
        hidden = self.layer3(self.layer2(self.layer1(hidden)))
        return self.linear(self.pool(hidden).flatten(1))


def cifar_resnet(
    depth: int = 20, *, width: float = 1.0, classes: int = 10, shortcut: str = "zeros", seed: int = 0
) -> CifarResNet:
    """Return a CIFAR residual network of 20, 32, 56 or any 6n + 2 layers.

    Args:
        depth: Layers in all.
        width: Factor on every layer.
        classes: Outputs.
        shortcut: `zeros` pads channels (option A); `projection` is a 1×1 convolution and a norm.
        seed: Draws the initial weights.

    Raises:
        ArchitectureError: If `depth` or `shortcut` is none of these, or `width` leaves a layer empty.

    Example:
        >>> sum(p.numel() for p in cifar_resnet(20).parameters())
        269722
    """
    with seeded(seed):
        return CifarResNet(depth, width=width, classes=classes, shortcut=shortcut)
