"""The context of figures: trained networks and images, made when first asked for and found again afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from torch import nn

from rainbownet.data import IMAGENET, Images, load, loader
from rainbownet.data.batches import Loader
from rainbownet.ensemble import Member, train_ensemble
from rainbownet.errors import DataError
from rainbownet.experiments.scales import Scale
from rainbownet.training import Recipe

if TYPE_CHECKING:
    from typing_extensions import Unpack

HUB = {"cifar10": "uoft-cs/cifar10", "cifar100": "uoft-cs/cifar100"}
"""Names on the Hugging Face hub of what is not in the data folder."""


class Selection(TypedDict, total=False):
    """What of a data set: further arguments of `rainbownet.data.load`."""

    limit: int | None
    classes: Sequence[str | int]
    random_labels: int
    grayscale: bool


@dataclass(frozen=True)
class Context:
    """Where figures get networks and images.

    Attributes:
        scale: How much may be spent.
        runs: Folder where trained networks are kept; figures share them.
        data: Folder with `cifar10` and `cifar100` in the Hugging Face layout; without it they come from the hub.
        device: Where to train; left to the training by default.
        report: Called with a sentence for each network trained.
        progress: Whether to show bars.
        large: A data set that is streamed, such as `imagenet-1k`: a folder or a name on the hub.
        checkpoint: Name of a trained network that is shown beside those trained here, such as `torchvision:resnet18`.
    """

    scale: Scale
    runs: Path
    data: Path | None = None
    device: str | None = None
    report: Callable[[str], None] | None = None
    progress: bool = True
    large: str | None = None
    checkpoint: str | None = None

    def source(self, name: str, split: str, **selection: Unpack[Selection]) -> dict[str, Any]:
        """Return the arguments of `rainbownet.data.load` for part of a data set, cut to the scale.

        Args:
            name: `cifar10`, `cifar100`, or what `load` takes.
            split: `train` or `test`.
            selection: What of it, `limit` instead of that of the scale.
        """
        folder = None if self.data is None else self.data / name
        source = str(folder) if folder is not None and folder.is_dir() else HUB.get(name, name)
        limit = self.scale.images if split == "train" else self.scale.test
        # The published networks read CIFAR by the mean and deviation of ImageNet.
        scaled = {key: list(values) for key, values in IMAGENET.items()} if name in HUB else {}
        given = {"source": source, "split": split, "limit": limit} | scaled | selection
        return {key: value for key, value in given.items() if value is not None}

    def has(self, name: str) -> bool:
        """Whether a data set can be loaded."""
        try:
            self.images(name, "test")
        except DataError:
            return False
        return True

    def images(self, name: str = "cifar10", split: str = "train", **selection: Unpack[Selection]) -> Images:
        """Return images, cut to the scale."""
        return load(**self.source(name, split, **selection))

    def batches(self, images: Images, count: int | None = None) -> Loader:
        """Return batches to align on: those of the scale, or `count`."""
        most = self.scale.align if count is None else count
        part = images if most is None else images.some(most)
        return loader(part, batch_size=250)

    def train(
        self,
        network: str,
        *,
        recipe: Recipe | None = None,
        seeds: Sequence[int] = (0,),
        widths: Sequence[float | None] = (None,),
        kwargs: Mapping[str, Any] | None = None,
        data: str = "cifar10",
        **selection: Unpack[Selection],
    ) -> Trained:
        """Return trained networks, those that are not in `runs` trained first.

        Args:
            network: Name of a reference network.
            recipe: How they are trained; that of scattering networks at this scale by default.
            seeds: Seeds.
            widths: Widths.
            kwargs: Further arguments of the network.
            data: The data set.
            selection: What of it.
        """
        each = [(width, seed) for width in widths for seed in seeds]
        return self._trained(network, each, recipe, kwargs, self.source(data, "train", **selection))

    def family(self, network: str, *, recipe: Recipe | None = None, kwargs: Mapping[str, Any] | None = None) -> Trained:
        """Return networks of every width of the scale, as many of each as it says; see `train`."""
        each = [(width, seed) for width in self.scale.widths for seed in self.scale.seeds_at(width)]
        return self._trained(network, each, recipe, kwargs, self.source("cifar10", "train"))

    def _trained(
        self,
        network: str,
        each: Sequence[tuple[float | None, int]],
        recipe: Recipe | None,
        kwargs: Mapping[str, Any] | None,
        data: Mapping[str, Any],
    ) -> Trained:
        chosen = self.scale.recipe if recipe is None else recipe
        members = [Member(network, chosen, seed, width, kwargs or {}, data) for width, seed in each]
        folder = self.runs / "networks"
        ensemble = train_ensemble(folder, members, device=self.device, progress=self.progress, report=self.report)
        places = {name: k for k, name in enumerate(ensemble.names)}
        found = [places[member.name] for member in members]

        def read(k: int, epoch: int | None) -> nn.Module:
            return ensemble.network(found[k], epoch=epoch)

        return Trained([(member.width, member.seed) for member in members], read)

    def untrained(self, recipe: Recipe) -> Recipe:
        """Return a recipe of no epoch: networks as they are drawn."""
        return replace(recipe, epochs=0, checkpoints=())


@dataclass(frozen=True)
class Trained:
    """Trained networks, read when asked for.

    Attributes:
        keys: Width and seed of each.
        read: Returns the network of a number, at an epoch that was kept or at the end (None).
    """

    keys: Sequence[tuple[float | None, int]]
    read: Callable[[int, int | None], nn.Module]

    def all(self) -> list[nn.Module]:
        """Return every network, in order of width and seed."""
        return [self.read(k, None) for k in range(len(self.keys))]

    def at(self, *, width: float | None = None, seed: int = 0, epoch: int | None = None) -> nn.Module:
        """Return one network."""
        return self.read(self.keys.index((width, seed)), epoch)
