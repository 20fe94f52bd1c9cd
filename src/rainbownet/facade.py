"""The façade: `fit`, `load`, and the rainbow with all that can be done with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import Any

import torch
from torch import nn

from rainbownet.aligned import Alignment
from rainbownet.aligned.basis import Flatten
from rainbownet.checks import modules, number_of_bytes
from rainbownet.errors import RainbowError
from rainbownet.graph.network import Width
from rainbownet.laws import Law
from rainbownet.laws.precision import Precision
from rainbownet.limit.build import build_limit
from rainbownet.limit.network import LimitNetwork
from rainbownet.rainbow.canonical import canonical
from rainbownet.rainbow.classifier import Classifier
from rainbownet.rainbow.data import RainbowData
from rainbownet.rainbow.file import read, save
from rainbownet.rainbow.fit import fit_laws
from rainbownet.rainbow.presets import BEST, Draw, Norms, Preset, Tie, preset_of
from rainbownet.rainbow.sample import Sample, draw_sample
from rainbownet.rainbow.widths import product_widths
from rainbownet.sharing.address import Address, is_address
from rainbownet.walk import HOLDOUT, AlignmentImages


class Rainbow(RainbowData):
    """Laws of neurons around a reference network, from which new networks are sampled.

    Made by `rainbownet.fit` or `rainbownet.load`.

    Attributes:
        network: The reference: the trained network, whatever its laws keep of it.
        laws: The fitted law of each population that is drawn, by the population's name.
        preset: How it was fitted, and the defaults of sampling.
        networks: Number of trained networks it was fitted on.
        provenance: What is known of the data: shape, fingerprint, number of images.
        alignment: Where several networks were fitted, how well they match: a row per layer and network, `layer`,
            `network`, `channels`, `rows`, `similarity`, `error` on the images fitted, `held_rows`, `held_similarity`,
            `held_error` on the others. Empty for one network, and not kept in files.
    """

    def sample(
        self,
        loader: Any,
        *,
        width: Width = 1.0,
        seed: int = 0,
        layers: str | Sequence[str] | None = None,
        until: str | None = None,
        classifier: Classifier = "aligned",
        alignment: Alignment | str | None = None,
        draw: Draw | None = None,
        tie: Tie | None = None,
        flatten: Flatten | None = None,
        max_images: int | None = None,
        holdout: float = HOLDOUT,
        budget: int | str | None = None,
        device: torch.device | str | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> nn.Module:
        """Draw a new network, of any width, without training.

        Args:
            loader: Yields inputs or (inputs, targets) to align on; see `AlignmentImages`.
            width: A factor on the number of neurons, or one per module prefix.
            seed: Two samples of one seed are equal bit by bit; draws are the same on every device.
            layers: Prefixes of the modules whose neurons are drawn; the others keep the trained ones. All by default.
            until: Prefix of the last module whose neurons are drawn, in order of execution, instead of `layers`.
            classifier: `"aligned"`, or retrained on the sampled features: `"ridge"` (closed form) or `"logistic"`.
            alignment: How channels are mapped onto the reference's, an object or such as `"least-squares:ridge=0.01"`;
                this option and the next three are those of the rainbow's preset by default.
            draw: How laws are drawn: `"auto"`, `"gaussian"`, `"orthogonal"`, `"antithetic"`, `"centred"` or
                `"identity"`.
            tie: `"joint"` or `"independent"`: whether layers that write the same neurons draw them together.
            flatten: `"channels"` or `"features"`: what maps act on at a flatten.
            max_images: Images to align on; by default 4096, more where the width asks for it, fewer where the loader
                ends.
            holdout: Share of the images that is kept to measure the alignment, at most one half.
            budget: Bytes of activations held in memory, such as `"2GiB"`; what exceeds them goes to disk.
            device: Where to compute; that of the loader's images by default.
            progress: Called with the stages done and their number.

        Returns:
            A new module with the structure and the names of the trained one, in evaluation mode, which trains like any
            other (`network.train()`).

        Raises:
            RainbowError: As `draw`.
        """
        return self.draw(
            loader,
            width=width,
            seed=seed,
            layers=layers,
            until=until,
            classifier=classifier,
            alignment=alignment,
            draw=draw,
            tie=tie,
            flatten=flatten,
            max_images=max_images,
            holdout=holdout,
            budget=budget,
            device=device,
            progress=progress,
        ).network

    def draw(
        self,
        loader: Any,
        *,
        width: Width = 1.0,
        seed: int = 0,
        layers: str | Sequence[str] | None = None,
        until: str | None = None,
        classifier: Classifier = "aligned",
        alignment: Alignment | str | None = None,
        draw: Draw | None = None,
        tie: Tie | None = None,
        flatten: Flatten | None = None,
        max_images: int | None = None,
        holdout: float = HOLDOUT,
        budget: int | str | None = None,
        device: torch.device | str | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> Sample:
        """Draw a new network and report how well it could be aligned.

        The reference and the new network are walked together, one node at a time over all images: two layer
        evaluations per layer and image in all (theory, 9). The parameters are those of `sample`.

        Returns:
            The sample: the network, how well it is aligned, and what it cost.

        Raises:
            ArchitectureError: If a width leaves no neuron or a prefix matches no layer.
            AlignmentError: If activations are dead or not finite, naming the layer.
            DataError: If the loader is empty, ends before `max_images`, or does not fit the network.
            LawError: If a law cannot be drawn as asked.
            RainbowError: If an option has no meaning.
        """
        preset = self.preset.but(alignment=alignment, draw=draw, tie=tie, flatten=flatten)
        images = AlignmentImages.of(loader, max_images=max_images, holdout=holdout, budget=budget, device=device)
        return draw_sample(
            self,
            images,
            preset=preset,
            width=width,
            seed=seed,
            layers=layers,
            until=until,
            classifier=classifier,
            progress=progress,
        )

    def limit(
        self,
        loader: Any,
        *,
        landmarks: int = 1024,
        method: str = "rpcholesky",
        layers: str | Sequence[str] | None = None,
        seed: int = 0,
        alignment: Alignment | str | None = None,
        max_images: int | None = None,
        holdout: float = HOLDOUT,
        budget: int | str | None = None,
        device: torch.device | str | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> LimitNetwork:
        """Compute the deterministic network that samples tend to as their width grows (theory, 8).

        Args:
            loader: Yields inputs or (inputs, targets) to align on; see `AlignmentImages`.
            landmarks: Landmarks of each layer, at most.
            method: How they are chosen, see `rainbownet.limit.choose_landmarks`.
            layers: Prefixes of the modules whose neurons go to the limit; the others keep the trained ones.
            seed: Seed of the choice of landmarks.
            alignment: Procrustes or least squares; the rainbow's by default.
            max_images: Images to align on; by default what sampling takes, and ten rows for each landmark.
            holdout: Share of the images that is kept to measure the alignment, at most one half.
            budget: Bytes of activations held in memory, such as `"2GiB"`; what exceeds them goes to disk.
            device: Where to compute; that of the loader's images by default.
            progress: Called with the stages done and their number.

        Returns:
            A module in evaluation mode, which saves itself and knows the kernels of its layers.

        Raises:
            RainbowError: As `rainbownet.limit.build_limit`.
        """
        return build_limit(
            self,
            AlignmentImages.of(loader, max_images=max_images, holdout=holdout, budget=budget, device=device),
            landmarks=landmarks,
            method=method,
            layers=layers,
            seed=seed,
            alignment=alignment,
            progress=progress,
        )

    def canonical(
        self,
        loader: Any,
        *,
        width: Width = 1.0,
        seed: int = 0,
        rank: int | float | Mapping[str, int | float] | None = None,
        bytes: int | str | None = None,
        precision: Precision = "float32",
        alignment: Alignment | str | None = None,
        draw: Draw | None = None,
        tie: Tie | None = None,
        flatten: Flatten | None = None,
        max_images: int | None = None,
        holdout: float = HOLDOUT,
        budget: int | str | None = None,
        device: torch.device | str | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> Rainbow:
        """Return a rainbow whose reference is a sample of a seed: statistics are all that is known of it (theory, 11).

        Its laws are those of this rainbow in the channels of the sample. A file of it (`save`) holds the mean, the
        directions and the noise of each law, the seed and the classifier, and no neuron; the reference is drawn again
        when it is read, the same bits on every machine. Each layer is aligned to what the layers before it compute
        after their numbers were rounded.

        Args:
            loader: Yields inputs or (inputs, targets) to align on; see `AlignmentImages`. Where ranks are chosen it is
                read twice.
            width: Width of the sample: a factor on the number of neurons, or one per module prefix.
            seed: Seed of the sample.
            rank: Directions of each law that are kept, those that move most of what its neurons compute: a number, a
                share of the energy of that in `(0, 1]`, one of them by population, or all. What others move becomes
                noise, of which a file keeps one number.
            bytes: In place of a rank, the size of the file at most, a number or such as `"50kB"`: ranks are spread over
                layers by what they cost in output error. Without the name of a factory.
            precision: `"float32"`, `"float16"`, or `"int8"` with a scale for each row of each parameter.
            alignment: How channels are mapped onto the reference's; this option and the next three are those of the
                rainbow's preset by default.
            draw: How laws are drawn: `"auto"`, `"gaussian"`, `"orthogonal"` or `"antithetic"`.
            tie: `"joint"` or `"independent"`: whether layers that write the same neurons draw them together.
            flatten: `"channels"` or `"features"`: what maps act on at a flatten.
            max_images: Images to align on; see `sample`.
            holdout: Share of the images that is kept to measure the alignment, at most one half.
            budget: Bytes of activations held in memory, such as `"2GiB"`; what exceeds them goes to disk.
            device: Where to compute; that of the loader's images by default.
            progress: Called with the stages done and their number.

        Returns:
            A rainbow, to sample from as from this one; its `alignment` is that of the sample.

        Raises:
            ArchitectureError: If groups of channels are read apart, so that a law has no one form in the sample.
            LawError: If a law is not Gaussian, or a rank or precision has no meaning.
            RainbowError: If the file cannot be so small, or an option has no meaning.

        Example:
            >>> generator = torch.Generator().manual_seed(0)
            >>> net = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 3))
            >>> data = [torch.randn(800, 4, generator=generator)]
            >>> small = fit(net, data).canonical(data, width=2, rank=3, precision="int8")
            >>> small.laws["0"].rank, tuple(small.reference(data[0]).shape)
            (3, (800, 3))
        """
        most = None if bytes is None else number_of_bytes("bytes", bytes)
        preset = self.preset.but(alignment=alignment, draw=draw, tie=tie, flatten=flatten)
        images = AlignmentImages.of(loader, max_images=max_images, holdout=holdout, budget=budget, device=device)
        return canonical(
            self,
            images,
            preset=preset,
            width=width,
            seed=seed,
            rank=rank,
            most=most,
            precision=precision,
            progress=progress,
        )

    def product_widths(self, streams: float | int = 4.0, *, most: float | int = 32.0) -> dict[str, float]:
        """Return factors for `width=` of a residual network; see `rainbownet.rainbow.widths.product_widths`."""
        return product_widths(self.network, streams, most=most)

    def save(
        self,
        path: str | PathLike[str],
        *,
        reference: str = "auto",
        architecture: str | None = None,
        kwargs: dict[str, Any] | None = None,
    ) -> int:
        """Write the rainbow to one safetensors file, atomically; see `rainbownet.rainbow.file.save`."""
        return save(self, path, reference=reference, architecture=architecture, kwargs=kwargs)

    def push_to_hub(
        self,
        repo: str,
        loader: Any = None,
        *,
        test: Any = None,
        widths: Sequence[float | int] = (1, 2),
        seed: int = 0,
        license: str | None = None,
        architecture: str | None = None,
        kwargs: dict[str, Any] | None = None,
        folder: str | PathLike[str] | None = None,
        private: bool | None = None,
        message: str | None = None,
        token: str | None = None,
    ) -> str:
        """Share the rainbow on the Hugging Face Hub, with a card that says what it is, what it reaches and how to draw.

        Accuracies on the card are those of samples, each beside the trained network's, the identity baseline's and the
        white control's.

        Args:
            repo: `"owner/name"`, made if there is none; `rainbownet.load("hf://owner/name")` reads it.
            loader: Images to align samples on, as for `draw`; needed for accuracies.
            test: Images with labels, or a loader of `(inputs, targets)`, for accuracies.
            widths: Widths of the samples whose accuracies the card has.
            seed: Their seed.
            license: Of the rainbow, as the hub names it, such as `"bsd-3-clause"`.
            architecture: As for `save`.
            kwargs: As for `save`.
            folder: Where to write the file and the card instead, to look at them before anything is sent.
            private: Whether a repository that is made is private; as the hub has it by default.
            message: Of the commit.
            token: A token of the hub that may write; by default the one that was logged in with.

        Returns:
            The address of the commit, as the hub gives it, or the folder.

        Raises:
            RainbowError: If there are images to classify and none to align on.
            FileError: If `repo` is no such name, or the hub refuses the files or cannot be reached.
            UnsupportedOp: As `save`.
            MissingExtra: If `huggingface_hub` is not installed.
        """
        from rainbownet.sharing.push import push_to_hub

        return push_to_hub(
            self,
            repo,
            loader,
            test=test,
            widths=widths,
            seed=seed,
            license=license,
            architecture=architecture,
            kwargs=kwargs,
            folder=folder,
            private=private,
            message=message,
            token=token,
        )


def fit(
    nets: nn.Module | Sequence[nn.Module],
    loader: Any,
    *,
    preset: Preset | str = BEST,
    law: Law | str | None = None,
    alignment: Alignment | str | None = None,
    draw: Draw | None = None,
    tie: Tie | None = None,
    flatten: Flatten | None = None,
    norms: Norms | None = None,
    head: str | Sequence[str] = "auto",
    output: str | int | None = None,
    strict: bool = False,
    reference: str = "first",
    max_images: int | None = None,
    holdout: float = HOLDOUT,
    budget: int | str | None = None,
    device: torch.device | str | None = None,
) -> Rainbow:
    """Fit the law of the neurons of one trained network, or of several of one architecture.

    One network needs no data but one batch, to see shapes. The neurons of several are brought to the first one's
    channels by rotations (R16), computed in one pass over the data, or in three when they are aligned to their mean.

    Args:
        nets: A trained module, or a sequence of modules with the same operations and shapes.
        loader: Yields inputs or (inputs, targets), or dictionaries of tensors by the names of the network's arguments;
            see `AlignmentImages`.
        preset: How to fit, and the defaults of sampling; `"best"` or `"paper"` as well.
        law: The law of the neurons, an object or such as `"gaussian:rank=32"`; this option and the next five are
            those of the preset by default.
        alignment: How samples' channels are mapped onto the reference's, an object or such as `"procrustes"`.
        draw: How laws are drawn.
        tie: Whether layers that write the same neurons draw them together.
        flatten: What maps act on at a flatten.
        norms: Whether batch norms are folded into the laws of the layers before them.
        head: Which layers are aligned but not drawn; `"auto"`: those that write the output.
        output: Of a network that returns a dictionary, a tuple or a dataclass, the part that is taken, by name or
            position; `logits` or else the first tensor of a dataclass by default.
        strict: Refuse a network of which something is kept trained for want of a rule, instead of a warning.
        reference: `"first"`: align to the first network; `"mean"`: to the mean of the aligned networks, aligned twice
            more (the first network remains the one whose channels are the basis).
        max_images: Images used to align several networks; all the loader yields by default.
        holdout: Share of them that is kept to measure the alignment, at most one half.
        budget: Bytes of activations held in memory, such as `"2GiB"`; what exceeds them goes to disk.
        device: Where to compute; that of the loader's images by default.

    Returns:
        The rainbow.

    Raises:
        ArchitectureError: If a network cannot be traced, differs in architecture from the first, or has no such head.
        UnsupportedOp: If an operation has no rule and `strict` is set.
        DataError: If the loader is empty or does not fit the network.
        LawError: If a law cannot be fitted.

    Warns:
        RainbowWarning: If a law does not keep the neurons whole (a rank was cut, noise taken away): by how much outputs
            on the first batch would change with what it keeps. The reference stays as trained.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 3))
        >>> data = [torch.randn(800, 4, generator=generator)]
        >>> rainbow = fit(net, data)
        >>> {name: (len(law.neurons()), law.rank) for name, law in rainbow.laws.items()}
        {'0': (32, 5)}
        >>> rainbow.sample(data, width=2)
        Sequential(
          (0): Linear(in_features=4, out_features=64, bias=True)
          (1): ReLU()
          (2): Linear(in_features=64, out_features=3, bias=True)
        )
    """
    given = modules("nets", nets)
    if reference not in ("first", "mean"):
        raise RainbowError(f"reference: expected 'first' or 'mean', got {reference!r}")
    chosen = preset_of(preset).but(law=law, alignment=alignment, draw=draw, tie=tie, flatten=flatten, norms=norms)
    images = AlignmentImages.of(loader, max_images=max_images, holdout=holdout, budget=budget, device=device)
    mean = reference == "mean"
    return Rainbow(**vars(fit_laws(given, images, chosen, head=head, output=output, strict=strict, mean=mean)))


def load(path: str | PathLike[str], *, network: nn.Module | None = None, trust: bool = False) -> Rainbow:
    """Read a rainbow.

    A file is data: it names operations of a closed list, and the reference networks, and its sizes are bounded by the
    tensors in it. Code of anybody else's runs only if the caller brings it as `network` or trusts the file.

    Args:
        path: A file written by `Rainbow.save`, or `"hf://owner/name"` or `"hf://owner/name@revision"`: a rainbow that
            `Rainbow.push_to_hub` shared, downloaded once. (`rainbownet.resolve("hf:owner/name")` is something else: a
            network of the hub.)
        network: A module of the architecture that was fitted, its weights whatever they are: for networks of the user's
            own classes. Without it the network is built from the file.
        trust: Whether a factory that the file names, `package.module:factory`, may be imported and called, with
            whatever it does.

    Returns:
        The rainbow.

    Raises:
        FileError: If the file is missing, damaged, not a rainbow, of a newer format, or needs `network` or `trust`; if
            the hub has no such rainbow or cannot be reached.
        MissingExtra: If the rainbow is on the hub and `huggingface_hub` is not installed.
        ArchitectureError: If `network` has another architecture.
    """
    if is_address(path):
        from rainbownet.sharing.hub import download

        path = download(Address.parse(str(path)))
    return Rainbow(**vars(read(path, network=network, trust=trust)))
