"""Residual networks: ResNet-18 with norms after the ReLUs, as published, and the ordinary one.

Source: Guth, Ménard, Rochette & Mallat, JMLR 2024, section 4 (norm after ReLU); He et al., CVPR 2016 (ordinary).
"""

import torch.nn.functional as F
from torch import Tensor, nn

from rainbownet.nets.scattering import scale_widths
from rainbownet.nets.seeding import seeded

STAGES = (64, 128, 256, 512)


class AfterReluBlock(nn.Module):
    """conv → ReLU → norm → conv → add → ReLU → norm, with norms that have no parameters.

    The shortcut is the identity, or a bare strided 1×1 convolution where the size changes.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        stride: Of the first convolution and of the shortcut.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.relu1 = nn.ReLU()
        self.bn1 = nn.BatchNorm2d(outputs, affine=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        same = stride == 1 and inputs == outputs
        self.downsample = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        self.relu2 = nn.ReLU()
        self.bn2 = nn.BatchNorm2d(outputs, affine=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return the block's output."""
        hidden = self.conv2(self.bn1(self.relu1(self.conv1(images))))
        return self.bn2(self.relu2(hidden + self.downsample(images)))


class BasicBlock(nn.Module):
    """conv → norm → ReLU → conv → norm → add → ReLU, the ordinary residual block of two 3×3 convolutions.

    Args:
        inputs: Channels of the input.
        outputs: Channels of the output.
        stride: Of the first convolution and of the shortcut, a 1×1 convolution and a norm where the size changes.
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, images: Tensor) -> Tensor:
        """Return the block's output."""
        shortcut = images if self.downsample is None else self.downsample(images)
        hidden = F.relu(self.bn1(self.conv1(images)))
        return F.relu(self.bn2(self.conv2(hidden)) + shortcut)


def _stages(block: type[AfterReluBlock] | type[BasicBlock], depths: tuple[int, ...], sizes: list[int]) -> nn.ModuleDict:
    stages = nn.ModuleDict()
    inputs = sizes[0]
    for index, (depth, outputs) in enumerate(zip(depths, sizes, strict=True)):
        blocks = [block(inputs, outputs, 1 if index == 0 else 2)]
        blocks += [block(outputs, outputs, 1) for _ in range(depth - 1)]
        stages[f"layer{index + 1}"] = nn.Sequential(*blocks)
        inputs = outputs
    return stages


class ResNet(nn.Module):
    """Stem, four stages of residual blocks, average pool and linear classifier, with the names of torchvision.

    Args:
        depths: Blocks of each stage.
        width: Factor on every layer, the stem included.
        classes: Outputs.
        norm_after_relu: Use `AfterReluBlock`, a stem of the same kind and a classifier without bias.
        small_images: Use a 3×3 stem of stride 1 without max-pooling, for images of about 32 pixels.
    """

    def __init__(
        self, depths: tuple[int, ...], *, width: float, classes: int, norm_after_relu: bool, small_images: bool
    ) -> None:
        super().__init__()
        sizes = scale_widths(STAGES, width)
        self.norm_after_relu = norm_after_relu
        kernel, stride = (3, 1) if small_images else (7, 2)
        self.conv1 = nn.Conv2d(3, sizes[0], kernel, stride, padding=kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(sizes[0], affine=not norm_after_relu)
        self.relu = nn.ReLU()
        self.maxpool = nn.Identity() if small_images else nn.MaxPool2d(3, stride=2, padding=1)
        for name, stage in _stages(AfterReluBlock if norm_after_relu else BasicBlock, depths, sizes).items():
            self.add_module(name, stage)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(sizes[-1], classes, bias=not norm_after_relu)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of images (b, 3, h, w)."""
        hidden = self.conv1(images)
        hidden = self.bn1(self.relu(hidden)) if self.norm_after_relu else self.relu(self.bn1(hidden))
        hidden = self.maxpool(hidden)
        for name in ("layer1", "layer2", "layer3", "layer4"):
            hidden = getattr(self, name)(hidden)
        return self.fc(self.avgpool(hidden).flatten(1))


def resnet18_bnpost(*, width: float = 1.0, classes: int = 1000, small_images: bool = False, seed: int = 0) -> ResNet:
    """Return the ResNet-18 of the rainbow paper: every norm after its ReLU and without parameters, no biases.

    Args:
        width: Factor on every layer, the stem included.
        classes: Outputs.
        small_images: Use a 3×3 stem of stride 1 without max-pooling.
        seed: Draws the initial weights.

    Raises:
        ArchitectureError: If `width` leaves a layer empty.

    Example:
        >>> sum(p.numel() for p in resnet18_bnpost().parameters())
        11678912
    """
    with seeded(seed):
        return ResNet((2, 2, 2, 2), width=width, classes=classes, norm_after_relu=True, small_images=small_images)


def resnet18(*, width: float = 1.0, classes: int = 1000, small_images: bool = False, seed: int = 0) -> ResNet:
    """Return an ordinary ResNet-18, whose state dict has the names and shapes of torchvision's.

    Args:
        width: Factor on every layer, the stem included.
        classes: Outputs.
        small_images: Use a 3×3 stem of stride 1 without max-pooling.
        seed: Draws the initial weights.

    Raises:
        ArchitectureError: If `width` leaves a layer empty.

    Example:
        >>> sum(p.numel() for p in resnet18().parameters())
        11689512
    """
    with seeded(seed):
        return ResNet((2, 2, 2, 2), width=width, classes=classes, norm_after_relu=False, small_images=small_images)
