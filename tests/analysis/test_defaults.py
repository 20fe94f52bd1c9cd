"""A call without options is the call with the documented ones, seeds included."""

import pandas as pd
import pytest
import torch

from analysis.networks import batches, chain
from rainbownet.analysis import align_networks, explained_variance, gaussianity, group_similarity, qq_table
from rainbownet.analysis.dependence import neuron_dependence

ROWS = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("function", "defaults"),
    [
        (qq_table, {"centred": False, "points": 99}),
        (gaussianity, {"centred": False, "simulations": 1999, "seed": 0}),
        (neuron_dependence, {"seed": 0}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_analyses_of_rows(function, defaults):
    pd.testing.assert_frame_equal(function(ROWS), function(ROWS, **defaults))


def test_analyses_of_aligned_networks():
    aligned = align_networks([chain(), chain(seed=1)], batches())
    plain = group_similarity(aligned, ["a", "b"])
    pd.testing.assert_frame_equal(plain, group_similarity(aligned, ["a", "b"], draws=5, seed=0))
    pd.testing.assert_frame_equal(explained_variance(aligned), explained_variance(aligned, axis="channels", seed=0))
