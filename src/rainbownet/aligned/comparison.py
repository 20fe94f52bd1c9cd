"""What a comparison of two networks found: a data frame, a row per layer, that draws itself."""

from __future__ import annotations

from typing import Any

import pandas as pd


class Comparison(pd.DataFrame):
    """A comparison of two networks, a row per layer; made by `rainbownet.compare`, which says what the columns are.

    What is made of it, a choice of columns or rows, is a plain data frame.
    """

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def plot(self, *, ax: Any = None) -> Any:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Draw how alike the two are, layer by layer, beside what a random network and a random rotation give.

        Plots of pandas are those of the plain data frame, `pandas.DataFrame(comparison).plot`.

        Args:
            ax: Matplotlib axes to draw on; new ones by default.

        Returns:
            The axes.

        Raises:
            MissingExtra: If matplotlib is not installed.
        """
        from rainbownet.plotting.results import plot_comparison

        return plot_comparison(self, ax=ax)

    def _repr_html_(self) -> str:
        from rainbownet.plotting.html import small_table

        columns = {
            "layer": "layer",
            "channels_a": "channels",
            "held_similarity": "similarity, held out",
            "random": "with a random network",
            "held_error": "error, held out",
            "weights": "weights as they are",
            "weights_aligned": "weights, aligned",
            "weights_random": "weights, at random",
        }
        table = pd.DataFrame({words: self[name] for name, words in columns.items() if name in self})
        note = f"{self.shape[1]} columns in all; plot() draws them"
        return small_table("Two networks after a rotation, layer by layer", table, note=note)
