"""Recorded responses: read from arrays, files and data frames, their trials averaged, and how good any model can be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from rainbownet.errors import DataError, FileError


@dataclass(frozen=True)
class Responses:
    """Responses to the same stimuli, by area or layer.

    Attributes:
        trials: By name, `(stimuli, trials, features)`; one trial where none were repeated.
    """

    trials: dict[str, Float[Tensor, "n t d"]]

    @property
    def means(self) -> dict[str, Tensor]:
        """Mean over trials, `(stimuli, features)`."""
        return {name: value.mean(1) for name, value in self.trials.items()}

    def explainable(self, name: str, rows: Tensor | None = None) -> float:
        r"""Return the share of the variance of the mean response that stimuli can explain.

        With `T` trials the mean over them has variance :math:`σ_s^2 + σ_ε^2/T`; the analysis of variance gives
        :math:`σ_ε^2` from the spread over trials (Sahani & Linden, NeurIPS 2002). No model of the stimuli explains
        more.

        Args:
            name: The area.
            rows: Numbers of the stimuli to use; all by default.

        Returns:
            A share, summed over features before dividing; NaN with one trial.
        """
        value = self.trials[name] if rows is None else self.trials[name][rows]
        count = value.shape[1]
        if count < 2:
            return math.nan
        noise = value.var(1, unbiased=True).mean(0).sum().item()
        total = value.mean(1).var(0, unbiased=True).sum().item()
        return max(1 - noise / count / total, 0.0) if total > 0 else math.nan

    def between_halves(
        self, name: str, measure: Callable[[Tensor, Tensor], float], *, splits: int = 10, seed: int = 0
    ) -> float:
        """Return a measure between the means of two halves of the trials, the mean over random splits.

        Args:
            name: The area.
            measure: From two `(stimuli, features)` to a number.
            splits: Random splits into halves.
            seed: Of the splits.

        Returns:
            The mean, not below zero; NaN with one trial.
        """
        value = self.trials[name]
        count = value.shape[1]
        if count < 2:
            return math.nan
        generator = torch.Generator().manual_seed(seed)
        found = []
        for _ in range(splits):
            order = torch.randperm(count, generator=generator)
            first, second = order[: count // 2], order[count // 2 : 2 * (count // 2)]
            found.append(measure(value[:, first].mean(1), value[:, second].mean(1)))
        return max(sum(found) / len(found), 0.0)


def responses(value: Any, name: str = "responses") -> Responses:
    """Read recorded responses.

    Args:
        value: An array or tensor `(stimuli, features)` or `(stimuli, trials, features)`; a mapping of such by area; a
            pandas data frame, a row a stimulus and a column a feature; or the path of a `.npy`, `.npz`, `.safetensors`,
            `.csv` or `.parquet` file that holds one.
        name: What to call it in messages.

    Returns:
        The responses, their trials kept apart; float32 stays so, all else is made float64.

    Raises:
        DataError: If the values are not numbers, not finite, or of other dimensions.
        FileError: If a file is not there or of another format.

    Example:
        >>> found = responses(np.arange(12.0).reshape(3, 2, 2))
        >>> found.trials["responses"].shape, found.means["responses"].shape
        (torch.Size([3, 2, 2]), torch.Size([3, 2]))
    """
    if isinstance(value, (str, Path)):
        value = _read(Path(value), name)
    if not isinstance(value, Mapping) or hasattr(value, "columns"):
        value = {"responses": value}
    trials = {str(key): _trials(item, f"{name}: {key!r}") for key, item in value.items()}
    if not trials:
        raise DataError(f"{name}: no responses in it")
    counts = {key: len(item) for key, item in trials.items()}
    if len(set(counts.values())) > 1:
        raise DataError(f"{name}: every area needs a row for the same stimuli; got {counts}")
    return Responses(trials)


def _trials(value: Any, name: str) -> Tensor:
    if hasattr(value, "to_numpy"):
        value = value.to_numpy()
    array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
    if array.dtype.kind not in "fiub" or array.ndim not in (2, 3) or not array.size:
        raise DataError(
            f"{name}: expected numbers (stimuli, features) or (stimuli, trials, features), got shape {array.shape} of "
            f"{array.dtype}"
        )
    result = torch.from_numpy(array.astype(np.float32 if array.dtype == np.float32 else np.float64))
    if not torch.isfinite(result).all():
        raise DataError(f"{name}: holds NaN or infinite values; leave out stimuli or trials that were not recorded")
    return result if result.ndim == 3 else result[:, None]


def _read(path: Path, name: str) -> Any:
    readers: dict[str, Callable[[Path], Any]] = {
        ".npy": lambda p: np.load(p, allow_pickle=False),
        ".npz": _read_npz,
        ".safetensors": _read_safetensors,
        ".csv": _read_csv,
        ".parquet": _read_parquet,
    }
    if path.suffix not in readers:
        raise FileError(f"{name}: {path} is none of {', '.join(readers)}")
    if not path.is_file():
        raise FileError(f"{name}: there is no file {path}")
    try:
        return readers[path.suffix](path)
    except (OSError, ValueError, EOFError) as error:
        raise FileError(f"{name}: {path} cannot be read as {path.suffix}: {error}") from error


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _read_csv(path: Path) -> Any:
    import pandas as pd

    return pd.read_csv(path)


def _read_parquet(path: Path) -> Any:
    import pandas as pd

    return pd.read_parquet(path)
