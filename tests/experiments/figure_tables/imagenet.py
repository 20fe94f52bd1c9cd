"""The ImageNet figure: tables for each verdict of each rule."""

from experiments.figure_tables.alignment import resnet
from experiments.figure_tables.spectra import over_mean, second
from experiments.figure_tables.tables import APART, ONE, THREE, Cases

CASES: Cases = {
    ("imagenet", "resnet"): {
        "agree": [resnet(-0.6, -0.1, THREE)],
        # The last falls as fast as the first.
        "disagree": [resnet(-0.42, -0.41, THREE), resnet(-0.1, 0.3, THREE)],
        "cannot tell": [
            resnet(-0.6, -0.1, THREE, standardised=False),
            resnet(-0.6, -0.1, ONE),
            resnet(-0.5, -0.1, APART),
        ],
    },
    ("imagenet", "second"): {
        "agree": [second(0.7, THREE)],
        "disagree": [second(0.25, THREE)],
        "cannot tell": [second(0.7, ONE), second(0.5, APART)],
    },
    ("imagenet", "ten"): {
        "agree": [over_mean(13.0, THREE)],
        "disagree": [over_mean(7.0, THREE)],
        "cannot tell": [over_mean(13.0, ONE), over_mean(11.0, APART)],
    },
}
