"""In which precision a walk multiplies: float32, or on request TF32 or bfloat16, which err more and may be faster."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch.backends import cudnn

from rainbownet.checks import one_of
from rainbownet.errors import RainbowError
from rainbownet.graph.inputs import Batch, tensors_of

PRECISIONS = ("float32", "tf32", "bfloat16")
"""What networks in float32 may be multiplied in: 24, 11 and 8 bits of each number."""


def check_precision(precision: str, example: Batch) -> str:
    """Return a precision that networks with such inputs can be walked in.

    Raises:
        RainbowError: If there is no such precision, or inputs are not in float32.
    """
    one_of("precision", precision, PRECISIONS)
    for value in tensors_of(example):
        whole = value.dtype == torch.float32 or not (value.is_floating_point() or value.is_complex())
        if precision != "float32" and not whole:
            raise RainbowError(f"precision: {precision!r} is for inputs in float32; the loader yields {value.dtype}")
    return precision


@contextmanager
def multiplied_in(precision: str, device: torch.device) -> Iterator[None]:
    """Multiply in a precision within a block, on one device.

    PyTorch convolves in TF32 on GPUs unless told not to; here only where it is asked for. In bfloat16 weights and
    activations are rounded before each product (autocast); sums, moments and norms are not.

    Args:
        precision: One of `PRECISIONS`.
        device: Where the walk computes.
    """
    before = torch.get_float32_matmul_precision()
    with ExitStack() as settings:
        if device.type == "cuda":
            settings.callback(torch.set_float32_matmul_precision, before)
            torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
            settings.enter_context(
                cudnn.flags(
                    enabled=cudnn.enabled,
                    benchmark=cudnn.benchmark,
                    deterministic=cudnn.deterministic,
                    allow_tf32=precision == "tf32",
                )
            )
        if precision == "bfloat16":
            settings.enter_context(torch.autocast(device.type, torch.bfloat16))
        yield
