"""Published numbers, each written once, with its source: what figures draw in black and rules take thresholds from.

Sources are [R] Guth, Ménard, Rochette & Mallat, "A rainbow in deep network black boxes", JMLR 2024, with its code; [T]
the authors' tutorial at CCN 2023; [U] Guth & Ménard, "On the universality of neural encodings in CNNs", Re-Align 2024.
Values said to be printed stand in the outputs of the authors' notebooks; the others were read off the pixels of
figures, to two or three per cent of a value on logarithmic axes.
"""

from __future__ import annotations

from math import log, log2

ByWidth = dict[float, float]

RESAMPLED: dict[float, dict[str, float]] = {
    0.125: {"trained": 88.0, "rainbow": 54.8, "retrained": 67.15},
    0.25: {"trained": 89.7, "rainbow": 67.2, "retrained": 77.13},
    0.5: {"trained": 91.1, "rainbow": 76.3, "retrained": 81.68},
    1.0: {"trained": 91.6, "rainbow": 81.4, "retrained": 85.52},
    2.0: {"trained": 91.9, "rainbow": 84.0, "retrained": 87.55},
    4.0: {"trained": 91.9, "rainbow": 84.7, "retrained": 88.72},
}
"""Test accuracy in % by width, printed [R, section 4.2]: eight learned layers with skip, 150 epochs, sampled at the
width of the trained network; retrained: the last block and the linear map."""

TUTORIAL: dict[str, dict[str, float]] = {
    "tutorial_mlp": {"trained": 42.4, "published method": 30.6},
    "tutorial_cnn": {"trained": 57.4, "published method": 40.3},
}
"""Test accuracy in % on grey CIFAR-10, printed [T]."""

TUTORIAL_SIMILARITY = (0.923, 0.879)
"""Similarity of two perceptrons at their hidden layers after alignment, printed [T]."""

TUTORIAL_LIFT = ((6e-3, 1.9e-3), (2e-2, 3.8e-3))
"""First eigenvalue of the weights of layers 1 and 2, trained and initial, read off [T]."""

TUTORIAL_KNEES = (50, 15)
"""Rank of the knee of the weight spectra of layers 1 and 2, read off [T]."""

ACTIVATION_32: ByWidth = {0.125: 0.032, 0.25: 0.023, 8.0: 0.0176}
"""Eigenvalue 32 of activations over the first, by width, read off [R, figure of spectra, left]."""

ACTIVATION_DECADE = {
    "φ_2": (0.085, 0.0059),
    "φ_3": (0.105, 0.0045),
    "φ_6": (0.22, 0.0115),
    "φ_7": (0.073, 0.0037),
}
"""Eigenvalues 10 and 100 over the first, read off [R, figure of spectra, right]."""

ACTIVATION_ERROR: dict[str, ByWidth] = {
    "1": {0.125: 0.35, 0.25: 0.26, 0.5: 0.18, 1.0: 0.118, 2.0: 0.076},
    "3": {0.125: 0.593, 0.25: 0.551, 0.5: 0.496, 1.0: 0.421, 2.0: 0.34, 4.0: 0.257},
    "7": {0.125: 0.666, 0.25: 0.618, 0.5: 0.556, 1.0: 0.468, 2.0: 0.337, 4.0: 0.242},
}
"""Error of φ_1, φ_3 and φ_7 of the eight-layer network against width 8, read off [R, convergence, left]."""

RESNET_ERROR: dict[str, ByWidth] = {
    "first": {0.125: 0.575, 0.25: 0.33, 0.5: 0.219, 1.0: 0.154},
    "second": {0.125: 1.29, 0.25: 1.04, 0.5: 0.77, 1.0: 0.576, 2.0: 0.418, 4.0: 0.32},
    "third": {0.125: 1.14, 0.25: 0.88, 0.5: 0.705, 1.0: 0.538, 2.0: 0.398, 4.0: 0.293},
    "last": {0.125: 1.66, 0.25: 1.57, 0.5: 1.47, 1.0: 1.35, 2.0: 1.26, 4.0: 1.46},
    "classifier": {0.125: 1.40, 0.25: 1.21, 0.5: 1.09, 1.0: 0.94, 2.0: 0.85, 4.0: 0.83},
}
"""Inputs of layers of a ResNet-18 on ImageNet: twice one minus the cosine of standardised activations; the last
convolution and the classifier at the end; read off [R, convergence, right]."""

COVARIANCE_ERROR: dict[str, ByWidth] = {
    "j = 2": {0.125: 0.708, 0.25: 0.567, 0.5: 0.448, 1.0: 0.364, 2.0: 0.285, 4.0: 0.233},
    "j = 3": {0.125: 0.896, 0.25: 0.812, 0.5: 0.708, 1.0: 0.597, 2.0: 0.494, 4.0: 0.397},
}
"""Distance of covariances to those of width 32, ten networks of each width, read off [R, figure of covariances, d]."""

FIRST_EIGENVALUE = (55.0, 3.6)
"""First eigenvalue times dimension, trained (50 to 60) and, of one network, initial, read off [R, covariances, a]."""

WEIGHT_SPECTRUM = {20: 8.1, 50: 1.9, 100: 0.94, 200: 0.56, 320: 0.33}
"""Eigenvalue times dimension by rank, 50 networks, j = 2, read off [R, covariances, a]."""

CLIPPED_ACCURACY = {1: 18.8, 5: 45.4, 10: 63.7, 20: 74.3, 30: 79.6, 50: 80.4, 128: 80.94}
"""Accuracy in % of a network clipped to so many of 320 directions, j = 2, tensors of [R, covariances, c]."""

INFORMATIVE: dict[str, dict[str, tuple[int, int]]] = {
    "j = 2": {"weights": (19, 320), "activations": (25, 320), "random": (217, 320)},
    "j = 3": {"weights": (64, 640), "activations": (89, 640), "random": (448, 640)},
    "j = 4": {"weights": (51, 1280), "activations": (76, 1280), "random": (793, 1280)},
    "j = 6": {"weights": (51, 2560), "activations": (204, 2560), "random": (1945, 2560)},
}
"""Smallest rank within one point of full accuracy, and the dimension, tensors of [R, figure of clipping]."""

NORMALITY = {"j = 2": (0.0042, 0.463, 0.136), "j = 4": (0.057, 0.045, 0.157), "j = 6": (0.075, 0.756, 0.487)}
"""Kolmogorov–Smirnov p-values of whitened weights, printed [R, figure of marginals]; 6,400 neurons at j = 2."""

NORMALITY_ROWS = 6400

OUTSIDE = {"raw": (21.1, 12.1, 26.8), "whitened": (1.6, 3.9, 8.4)}
"""Share in % of eigenvalues of weights outside the Marchenko–Pastur edges at j = 2, 4, 6, printed [R, bulk]."""

SECOND_EIGENVALUE: dict[str, tuple[float, ...]] = {
    "scattering": (0.175, 0.199, 0.236, 0.231, 0.250, 0.292, 0.339, 0.219, 0.195),
    "ResNet-18": (
        *(0.765, 0.707, 0.821, 0.569, 0.507, 0.789, 0.850, 0.537),
        *(0.518, 0.732, 0.965, 0.504, 0.790, 0.820, 0.645, 0.739),
    ),
}
"""Second over first eigenvalue of what each layer reads, on ImageNet, printed [R, figure on ImageNet]."""

FIRST_OVER_MEAN = 10.0
"""First eigenvalue of weights over their mean: at least so much in every layer [R, figure on ImageNet]."""

AMPLIFICATION = {1: 6.0, 50: 1.8, 100: 1.55, 512: 1.0}
TURN = {1: 0.75, 10: 0.68, 100: 0.88, 250: 0.88, 512: 0.72}
"""a_r and c_r at epoch 20, j = 4 of the eight-layer network, read off [R, figure of dynamics]."""

DYNAMICS_EPOCH = 20

SAME_TASK, OTHER_TASK = 1.0, 0.2
"""S of the same data, and of true against random labels ("about 0.2") [U]."""


def log_slope(values: ByWidth, low: float, high: float) -> float:
    """Return the slope of logarithms over published widths from `low` to `high`, the two next to them at least.

    Example:
        >>> round(log_slope(COVARIANCE_ERROR["j = 2"], 0.125, 4.0), 2)
        -0.32
        >>> log_slope({1.0: 1.0, 2.0: 0.5, 4.0: 0.25}, 1.1, 1.9)
        -1.0
    """
    known = [width for width in values if low <= width <= high]
    if len(known) < 2:
        known = sorted(values, key=lambda width: abs(log(width * width / (low * high))))[:2]
    first, last = min(known), max(known)
    return log(values[last] / values[first]) / log(last / first)


def power_deviation() -> float:
    """Return how far from −1 the published spectra of activations decay between ranks 10 and 100, at most."""
    return max(abs(log(tenth / hundredth) / log(10) - 1) for tenth, hundredth in ACTIVATION_DECADE.values())


def settled_step() -> float:
    """Return the step for a doubling of the width, in logarithms, half way from narrow to wide published networks."""
    narrow = log(ACTIVATION_32[0.125] / ACTIVATION_32[0.25])
    wide = log(ACTIVATION_32[0.25] / ACTIVATION_32[8.0]) / log2(8.0 / 0.25)
    return (narrow + wide) / 2
