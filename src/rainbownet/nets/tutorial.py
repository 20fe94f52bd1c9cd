"""The two small networks of the authors' tutorial: grey 32×32 images, ReLU, no biases.

Source: tutorial of the released code of Guth, Ménard, Rochette & Mallat, JMLR 2024.
"""

from torch import nn

from rainbownet.nets.scattering import scale_widths
from rainbownet.nets.seeding import seeded


def tutorial_mlp(*, width: float = 1.0, classes: int = 10, inputs: int = 1024, seed: int = 0) -> nn.Sequential:
    """Return the perceptron 1024–512–256–10.

    Args:
        width: Factor on the hidden layers.
        classes: Outputs.
        inputs: Pixels of an image.
        seed: Draws the initial weights.

    Raises:
        ArchitectureError: If `width` leaves a layer empty.

    Example:
        >>> [tuple(p.shape) for p in tutorial_mlp().parameters()]
        [(512, 1024), (256, 512), (10, 256)]
    """
    first, second = scale_widths([512, 256], width)
    with seeded(seed):
        return nn.Sequential(
            nn.Flatten(),
            nn.Linear(inputs, first, bias=False),
            nn.ReLU(),
            nn.Linear(first, second, bias=False),
            nn.ReLU(),
            nn.Linear(second, classes, bias=False),
        )


def tutorial_cnn(*, width: float = 1.0, classes: int = 10, seed: int = 0) -> nn.Sequential:
    """Return the convolutional network of two 5×5 layers of stride 2, 1 → 32 → 64, and a linear map of 1600 features.

    Args:
        width: Factor on the two convolutions.
        classes: Outputs.
        seed: Draws the initial weights.

    Raises:
        ArchitectureError: If `width` leaves a layer empty.

    Example:
        >>> [tuple(p.shape) for p in tutorial_cnn().parameters()]
        [(32, 1, 5, 5), (64, 32, 5, 5), (10, 1600)]
    """
    first, second = scale_widths([32, 64], width)
    with seeded(seed):
        return nn.Sequential(
            nn.Conv2d(1, first, 5, stride=2, bias=False),
            nn.ReLU(),
            nn.Conv2d(first, second, 5, stride=2, bias=False),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(second * 25, classes, bias=False),
        )
