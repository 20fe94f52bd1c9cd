"""The verb `info`: what a network or a rainbow is made of."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from cyclopts import Parameter

from rainbownet.cli import parse
from rainbownet.cli.images import Source
from rainbownet.cli.networks import Pretrained
from rainbownet.cli.rainbows import Trust
from rainbownet.cli.verb import Verb
from rainbownet.errors import RainbowError

if TYPE_CHECKING:
    from torch import Tensor

    from rainbownet.graph import Network


@dataclass(frozen=True, kw_only=True)
class Info(Verb):
    """Show the populations of neurons of a network, or what a rainbow file holds.

    Attributes:
        what: Name of a reference network, torchvision:NAME, timm:NAME, hf:OWNER/NAME, package.module:factory, or
            FILE.rainbow.
        weights: State dict of the network: safetensors, or torch.save of tensors only.
        kwargs: JSON arguments of the network.
        pretrained: Take the trained weights that torchvision, timm or Hugging Face have for it.
        input_shape: Shape of one input, such as 3,32,32; that of the data by default.
        head: Layers that are aligned, not drawn. May be repeated.
        trust: Call the factory that a rainbow file names, if it names one.
    """

    verb: ClassVar[str] = "info"

    what: Annotated[str, Parameter(name="NETWORK|FILE.rainbow")] = field(kw_only=False)
    weights: Path | None = None
    kwargs: str | None = None
    pretrained: Pretrained = False
    input_shape: str | None = None
    head: tuple[str, ...] = ()
    trust: Trust = False
    source: Source = field(default_factory=Source)

    def run(self) -> None:
        """Look, print and write."""
        from rainbownet.cli.output import print_table, say

        results = self._rainbow(Path(self.what)) if Path(self.what).suffix == ".rainbow" else self._network()
        print_table(
            results["populations"],
            "Populations of neurons",
            names={"numbers": "numbers each"},
            caption="a frozen one is aligned or fixed, never drawn",
        )
        if len(results["kept"]):
            print_table(results["kept"], "Kept as trained, for want of a rule")
        say(f"{100 * results['share_drawn']:.1f} % of the parameters are drawn")
        self.write(results)

    def _network(self) -> dict[str, Any]:
        from rainbownet.cli.networks import build
        from rainbownet.cli.output import print_table, say, size_text
        from rainbownet.public import preprocessing
        from rainbownet.rainbow.describe import describe, heads, kept_operations, norms, weight_bytes

        net = build(self.what, self.kwargs, self.weights, pretrained=self.pretrained)
        example = self._example(net)
        network = self._traced(net, example)
        table, size, found = norms(network, fold=True), weight_bytes(network), heads(network)
        shape = tuple(example.shape[1:])
        say(f"{self.what}: inputs {shape}, weights {size_text(size)}, head {', '.join(found)}")
        if known := preprocessing(net):
            say("preprocessing: " + ", ".join(f"{key} {value}" for key, value in known.items()))
        if len(table):
            print_table(table, "Batch norms", caption="a folded one becomes part of the law of the layer before it")
        return {
            "network": self.what,
            "input_shape": list(shape),
            "weight_bytes": size,
            "head": found,
            "preprocessing": known,
            "norms": table,
            "populations": describe(network),
            "share_drawn": network.share_drawn,
            "kept": kept_operations(network),
        }

    def _traced(self, net: Any, example: "Tensor") -> "Network":
        from rainbownet.graph import Network

        try:
            return Network(net, example, head=self.head or "auto")
        except RainbowError as error:
            if self.input_shape is not None:
                raise
            shape = ",".join(map(str, example.shape[1:]))
            raise type(error)(
                f"{error} (tried on inputs of shape {shape}, that of {self.source.data}; "
                "--input-shape names another, such as 3,32,32)"
            ) from error

    def _example(self, net: Any) -> "Tensor":
        import torch

        from rainbownet.public import example_of

        if self.input_shape is not None:
            return torch.zeros(2, *parse.shape("--input-shape", self.input_shape))
        if (example := example_of(net)) is not None:
            return example
        images = self.source.settled().load()
        return images.normalise(images.inputs[:2])

    def _rainbow(self, path: Path) -> dict[str, Any]:
        from rainbownet.cli.output import print_table, say, size_text
        from rainbownet.facade import load
        from rainbownet.rainbow.describe import describe, describe_rainbow, heads, kept_operations, norms, weight_bytes

        if self.weights is not None:
            raise RainbowError("--weights belongs to a network; a rainbow file holds its own")
        rainbow = load(path, trust=self.trust)
        size, weights = path.stat().st_size, weight_bytes(rainbow.network)
        preset, provenance = rainbow.preset.to_dict(), rainbow.provenance
        laws, found = describe_rainbow(rainbow), heads(rainbow.network)
        shown = ", ".join(f"{key} {v['name'] if isinstance(v, dict) else v}" for key, v in preset.items())
        say(
            f"{path}: {size_text(size)} for {size_text(weights)} of weights, "
            f"fitted on {rainbow.networks} network{'s' if rainbow.networks > 1 else ''}"
        )
        say(shown)
        say(f"inputs {provenance.get('input', {}).get('shape')}, data {provenance.get('fingerprint')}")
        say(f"head {', '.join(found)}; {_normalisation(provenance)}")
        print_table(laws, "Laws", names={"numbers": "numbers each"})
        return {
            "file": str(path),
            "bytes": size,
            "weight_bytes": weights,
            "networks": rainbow.networks,
            "preset": preset,
            "provenance": provenance,
            "head": found,
            "laws": laws,
            "norms": norms(rainbow.network, fold=rainbow.preset.norms == "folded"),
            "populations": describe(rainbow.network),
            "share_drawn": rainbow.network.share_drawn,
            "kept": kept_operations(rainbow.network),
        }


def _normalisation(provenance: dict[str, Any]) -> str:
    from rainbownet.data.images import normalisation_words

    if "normalisation" not in provenance:
        return "normalisation: not known"
    return normalisation_words(provenance["normalisation"])
