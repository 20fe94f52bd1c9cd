"""Scales at which figures are reproduced: how many images, epochs, widths and seeds."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rainbownet.errors import RainbowError
from rainbownet.training import RECIPES, Recipe

FOLLOWED = (0, 1, 2, 5, 10, 20)
"""Epochs at which a training is looked at, besides the last."""


def kept(recipe: Recipe) -> Recipe:
    """Return a recipe that keeps the weights of the epochs that are looked at.

    Example:
        >>> kept(Recipe(epochs=6, lr=0.1)).checkpoints
        (0, 1, 2, 5, 6)
    """
    return replace(recipe, checkpoints=tuple(e for e in sorted({*FOLLOWED, recipe.epochs}) if e <= recipe.epochs))


@dataclass(frozen=True)
class Scale:
    """How much a reproduction may cost.

    Attributes:
        name: Its name.
        images: Training images, None for all.
        test: Test images, None for all.
        deep: The scattering network that stands for the paper's eight layers.
        base: Width at which its figures of one width are made (1 in the paper).
        widths: Widths of figures over widths, the last being the reference (8 or 32 in the paper).
        seeds: Networks at the base width (50 in the paper).
        crowd: Width and number of networks where many are pooled (1 and 50 in the paper).
        width_seeds: Networks of each other width (10 in the paper).
        recipe: How scattering networks are trained.
        vgg: The network of the universality figures.
        vgg_width: Its width.
        vgg_images: Images it is taught, None for all.
        vgg_recipe: How it is trained.
        patience: How many times as long random labels are taught.
        align: Images to align on, None for what the library chooses.
        side: Side of the pictures of ImageNet.
        reference_seeds: Networks of the last width, where they are fewer than of the others.
        residual: Widths of the ResNets whose activations are compared over widths; those of the scattering networks
            where None, no ResNet where empty.
    """

    name: str
    images: int | None
    test: int | None
    deep: str
    base: float
    widths: tuple[float, ...]
    seeds: int
    crowd: tuple[float, int]
    width_seeds: int
    recipe: Recipe
    vgg: str
    vgg_width: float
    vgg_images: int | None
    vgg_recipe: Recipe
    patience: int
    align: int | None
    side: int
    reference_seeds: int | None = None
    residual: tuple[float, ...] | None = None

    def seeds_at(self, width: float) -> range:
        """Return the seeds of the networks of a width."""
        fewer = width == self.widths[-1] and self.reference_seeds is not None
        return range(self.reference_seeds if fewer and self.reference_seeds is not None else self.width_seeds)

    @property
    def eight(self) -> bool:
        """Whether the scattering network is that of eight layers, with its variants."""
        return self.deep == "cifar_scattering"

    @property
    def residual_widths(self) -> tuple[float, ...]:
        """Widths of ResNets."""
        return self.widths if self.residual is None else self.residual

    @property
    def each_width(self) -> str:
        """How many networks there are of each width, in words."""
        few = "" if self.reference_seeds is None else f", {self.reference_seeds} of width {self.widths[-1]:g}"
        return f"{self.width_seeds} of each width{few}"

    @property
    def free(self) -> Recipe:
        """The recipe of scattering networks without weight decay: covariances with width, dynamics."""
        return replace(self.recipe, weight_decay=0.0)

    @property
    def tutorial(self) -> Recipe:
        """The recipe of the tutorial's networks; fewer images get more passes, up to a quarter of its steps."""
        recipe = RECIPES["tutorial"]
        if self.images is None:
            return recipe
        return replace(recipe, epochs=min(20, max(5, round(1.25 * 50_000 / self.images))))

    @property
    def patient(self) -> Recipe:
        """The recipe of the universality figures for random labels, which take longer to learn."""
        recipe = self.vgg_recipe
        return replace(recipe, epochs=self.patience * recipe.epochs, decay_every=self.patience * recipe.decay_every)

    @property
    def vgg_words(self) -> str:
        """What the networks of the universality figures were taught, in words."""
        images = "all images" if self.vgg_images is None else f"{self.vgg_images} images"
        return (
            f"width {self.vgg_width:g}, {images}, {self.vgg_recipe.epochs} epochs, {self.patience} times as many for "
            "random labels"
        )

    @property
    def words(self) -> str:
        """The scale in words."""
        images = "all" if self.images is None else self.images
        few = "" if self.reference_seeds is None else f" ({self.reference_seeds} of the last)"
        return (
            f"{self.name}: {images} training images, {self.recipe.epochs} epochs, widths "
            f"{', '.join(f'{width:g}' for width in self.widths)}, {self.width_seeds} seeds of each{few}; at width "
            f"{self.base:g}, {self.seeds} networks"
        )


_SHORT = Recipe(epochs=6, lr=0.01, schedule="onecycle", augment="flip", batch_size=64, threads=1)

_TINY = Scale(
    name="tiny",
    images=4000,
    test=2000,
    deep="paper_scattering4",
    base=0.5,
    widths=(0.125, 0.25, 0.5, 1.0),
    seeds=3,
    crowd=(0.25, 12),
    width_seeds=3,
    recipe=_SHORT,
    vgg="simple_vgg11",
    vgg_width=0.25,
    vgg_images=1000,
    vgg_recipe=replace(_SHORT, epochs=20, lr=0.02, batch_size=32, augment=None),
    patience=2,
    align=2000,
    side=64,
)
_SMALL = Scale(
    name="small",
    images=None,
    test=None,
    deep="paper_scattering4",
    base=0.5,
    widths=(0.125, 0.25, 0.5, 1.0),
    seeds=3,
    crowd=(0.125, 8),
    width_seeds=3,
    # Without decay and with every epoch that is looked at, all figures share their networks.
    recipe=kept(replace(_SHORT, epochs=20, lr=0.015, batch_size=128, augment="cifar")),
    vgg="factorized_vgg11",
    vgg_width=1.0,
    vgg_images=None,
    vgg_recipe=replace(_SHORT, epochs=20, batch_size=128, augment="cifar"),
    patience=4,
    align=10_000,
    side=224,
    reference_seeds=1,
    residual=(),
)
_GPU = replace(
    _SMALL,
    name="gpu",
    base=1.0,
    widths=(0.125, 0.25, 0.5, 1.0, 2.0, 4.0),
    seeds=5,
    crowd=(0.5, 16),
    recipe=replace(_SHORT, epochs=20, batch_size=128, augment="cifar", weight_decay=1e-4),
    reference_seeds=None,
    residual=None,
)

SCALES = {
    "tiny": _TINY,
    "short": replace(
        _TINY,
        name="short",
        images=10_000,
        widths=(0.125, 0.25, 0.5),
        recipe=replace(_SHORT, epochs=20),
        vgg_images=5000,
    ),
    "small": _SMALL,
    "gpu": _GPU,
    "paper": replace(
        _GPU,
        name="paper",
        deep="cifar_scattering",
        widths=(0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0),
        seeds=50,
        crowd=(1.0, 50),
        width_seeds=10,
        recipe=RECIPES["paper"],
        vgg_recipe=RECIPES["universality"],
        align=None,
    ),
}


def scale_named(name: str) -> Scale:
    """Return a scale.

    Raises:
        RainbowError: If there is none of that name.
    """
    if name not in SCALES:
        raise RainbowError(f"scale: {name!r} is unknown; there are {', '.join(SCALES)}")
    return SCALES[name]
