"""What a result records beside its numbers: values that JSON knows, versions, the machine."""

import math
import platform
from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """Return JSON values: frames as lists of rows, numbers that are not finite as null."""
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return plain(value.to_dict("records"))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if hasattr(value, "item"):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)


def versions() -> dict[str, str]:
    """Return the versions of the library and of what it computes with."""
    import numpy
    import torch

    from rainbownet import __version__

    return {
        "rainbownet": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
    }


def machine() -> dict[str, Any]:
    """Return what is known of the machine: system, processor, threads, GPU."""
    import torch

    return {
        "system": platform.system(),
        "processor": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }
