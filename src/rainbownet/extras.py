"""Optional dependencies: imported when first needed, and named with their extra when they are missing."""

import importlib
from types import ModuleType

from rainbownet.errors import MissingExtra


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional module.

    Args:
        module: Dotted name of the module.
        extra: The extra of `rainbownet` that brings it.

    Returns:
        The module.

    Raises:
        MissingExtra: If the package is not installed. A failure inside an installed package is passed on as it is.

    Example:
        >>> require("math", extra="train").sqrt(9.0)
        3.0
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        root = module.partition(".")[0]
        if error.name is None or error.name.partition(".")[0] != root:
            raise
        raise MissingExtra(f"{root!r} is not installed; it comes with: pip install 'rainbownet[{extra}]'") from error
