"""What a result records beside its numbers: values that JSON knows, versions, the machine."""

import math
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rainbownet.version import __version__


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

    return {
        "rainbownet": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
    }


def machine(device: Any = None) -> dict[str, Any]:
    """Return what is known of the machine: system, processor, cores, threads used, GPU.

    Args:
        device: What was computed on; its GPU is named. Without, that of the machine is, if it has one.
    """
    import torch

    known = {
        "system": platform.system(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }
    used = torch.cuda.is_available() if device is None else torch.device(device).type == "cuda"
    return known | {"gpu": torch.cuda.get_device_name(device) if used else None}


def _processor() -> str:
    """Return the model of the processor, its architecture where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = (line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
