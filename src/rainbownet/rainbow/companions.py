"""What an accuracy stands beside: networks on the same images, and how often each agrees with the trained one."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch
from torch import Tensor, nn

from rainbownet.checks import shown
from rainbownet.errors import DataError

if TYPE_CHECKING:
    from rainbownet.data import Examples

TRAINED, IDENTITY, SAMPLE, WHITE = "trained", "identity baseline", "sample", "white control"
"""The four rows of a table of accuracies, in this order (theory, 13)."""


def companions(
    nets: Mapping[str, nn.Module], test: "Examples | Iterable[Any]", *, batch_size: int = 512
) -> pd.DataFrame:
    """Classify the same images by several networks.

    Args:
        nets: Networks by name, the trained one first.
        test: Images with labels, a text, or anything that yields `(inputs, targets)` as often as it is asked.
        batch_size: Images at a time, if `test` is not in batches yet.

    Returns:
        A row per network: `network`, `parameters`, `accuracy`, `loss`, and `agreement`, the share of images on which it
        gives the class that the first one gives.

    Raises:
        DataError: If there is nothing to classify, or the images are used up by the first network.

    Example:
        >>> data = [(torch.tensor([[2.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 0]))]
        >>> swap = nn.Linear(2, 2, bias=False).requires_grad_(False)
        >>> _ = swap.weight.copy_(torch.eye(2).flip(0))
        >>> companions({"one": nn.Identity(), "other": swap}, data)[["network", "accuracy", "agreement"]]
          network  accuracy  agreement
        0     one       0.5        1.0
        1   other       0.5        0.0
    """
    from rainbownet.training.score import evaluate

    rows, first = [], None
    for name, net in nets.items():
        answers = _Answers()
        hook = net.register_forward_hook(answers)
        try:
            score = evaluate(net, test, batch_size=batch_size)
        finally:
            hook.remove()
        own = torch.cat(answers.classes)
        first = own if first is None else first
        if len(own) != len(first):
            raise DataError(
                f"test: {shown(test)} gave {len(first)} images to the first network and {len(own)} to {name!r}; Images "
                "or a loader that starts anew is needed"
            )
        agreement = (own == first.to(own)).double().mean().item()
        size = sum(p.numel() for p in net.parameters())
        rows.append({"network": name, "parameters": size, **score._asdict(), "agreement": agreement})
    return pd.DataFrame(rows)


class _Answers:
    """A hook that keeps the class of every image."""

    def __init__(self) -> None:
        self.classes: list[Tensor] = []

    def __call__(self, module: nn.Module, inputs: Any, output: Tensor) -> None:
        self.classes.append(output.detach().argmax(-1).flatten().cpu())
