"""One process or many: where to compute and how gradients and sums are shared, by Hugging Face accelerate."""

import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rainbownet.extras import require
from rainbownet.training.score import place_of


@dataclass(frozen=True)
class Processes:
    """This process among its equals.

    Args:
        device: Where this process computes.
        rank: Its number.
        world: How many there are.
        accelerator: The accelerate object, if there are several.
    """

    device: torch.device
    rank: int = 0
    world: int = 1
    accelerator: Any = None

    @staticmethod
    def current(net: nn.Module, device: torch.device | str | None) -> "Processes":
        """Find out how this process was started.

        Under `torchrun` or `accelerate launch` with several processes, accelerate says which device is whose; alone, a
        process needs no set-up.

        Args:
            net: The network to be trained.
            device: Where to compute; None is the first GPU, or else where the network is. With several processes only
                its type matters.

        Returns:
            The place of this process.
        """
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            # Left to itself without a GPU, accelerate takes every process for the only one.
            on_cpu = not torch.cuda.is_available() if device is None else torch.device(device).type == "cpu"
            accelerator = require("accelerate", extra="train").Accelerator(cpu=on_cpu)
            return Processes(accelerator.device, accelerator.process_index, accelerator.num_processes, accelerator)
        own = place_of(net, device, "train")
        return Processes(torch.device("cuda") if device is None and torch.cuda.is_available() else own)

    def wrap(self, net: nn.Module) -> nn.Module:
        """Return the network with its gradients averaged over the processes."""
        return net if self.accelerator is None else self.accelerator.prepare_model(net)

    def sum(self, values: Tensor) -> Tensor:
        """Return the sum over the processes."""
        return values if self.accelerator is None else self.accelerator.reduce(values, reduction="sum")

    def wait(self) -> None:
        """Wait until every process is here."""
        if self.accelerator is not None:
            self.accelerator.wait_for_everyone()
