"""Two networks for the 8×8 digits of scikit-learn, which train in seconds on a CPU."""

from torch import nn

from rainbownet.nets.scattering import scale_widths
from rainbownet.nets.seeding import seeded


def digits_mlp(*, width: float = 1.0, classes: int = 10, bias: bool = False, seed: int = 0) -> nn.Sequential:
    """Return the perceptron 64–256–256–10 with ReLU.

    Args:
        width: Factor on the hidden layers.
        classes: Outputs.
        bias: Give every layer a bias.
        seed: Draws the initial weights.

    Raises:
        ArchitectureError: If `width` leaves a layer empty.

    Example:
        >>> sum(p.numel() for p in digits_mlp().parameters())
        84480
    """
    first, second = scale_widths([256, 256], width)
    with seeded(seed):
        return nn.Sequential(
            nn.Flatten(),
            nn.Linear(64, first, bias=bias),
            nn.ReLU(),
            nn.Linear(first, second, bias=bias),
            nn.ReLU(),
            nn.Linear(second, classes, bias=bias),
        )


def digits_cnn(*, width: float = 1.0, norm: bool = True, classes: int = 10, seed: int = 0) -> nn.Sequential:
    """Return a convolutional network of three 3×3 layers, 32, 64 and 64 channels, average pooling and a linear map.

    Args:
        width: Factor on every layer.
        norm: Put a batch norm before each ReLU; without it convolutions have biases.
        classes: Outputs.
        seed: Draws the initial weights.

    Raises:
        ArchitectureError: If `width` leaves a layer empty.

    Example:
        >>> sum(p.numel() for p in digits_cnn().parameters())
        56554
    """
    layers: list[nn.Module] = []
    channels = 1
    with seeded(seed):
        for index, size in enumerate(scale_widths([32, 64, 64], width)):
            layers.append(nn.Conv2d(channels, size, 3, padding=1, bias=not norm))
            layers += [nn.BatchNorm2d(size)] * norm + [nn.ReLU()]
            if index < 2:
                layers.append(nn.MaxPool2d(2))
            channels = size
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))
