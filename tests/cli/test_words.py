"""The words that options take are those of the library."""

import re
from typing import Any, get_args, get_type_hints

import pytest
import torch

from rainbownet.aligned import basis
from rainbownet.analysis.bases import AXES, BASES
from rainbownet.cli import choices
from rainbownet.cli.analyze_networks import Clipping
from rainbownet.cli.limit import Limit
from rainbownet.cli.reproduce import Reproduce
from rainbownet.cli.similarity import Measure
from rainbownet.cli.similarity import Similarity as OfLayers
from rainbownet.errors import RainbowError
from rainbownet.experiments.scales import SCALES
from rainbownet.laws import DRAWS
from rainbownet.limit import choose_landmarks, dual_kernel
from rainbownet.rainbow import classifier, presets
from rainbownet.similarities import between, rows


def words(kind: Any) -> tuple[str, ...]:
    """Return the words of a literal, alone or beside any text."""
    found = get_args(kind)
    return words(found[0]) if not isinstance(found[0], str) else found


@pytest.mark.parametrize(
    ("ours", "library"),
    [
        (choices.PresetName, presets.PRESETS),
        (choices.Draw, words(presets.Draw)),
        (choices.Draw, ("auto", "identity", *DRAWS)),
        (choices.Tie, words(presets.Tie)),
        (choices.Norms, words(presets.Norms)),
        (choices.Flatten, words(basis.Flatten)),
        (choices.Classifier, words(classifier.Classifier)),
        (Measure, between.MEASURES),
        (get_type_hints(OfLayers)["positions"], words(rows.Positions)),
        (get_type_hints(Reproduce)["scale"], SCALES),
        (get_type_hints(Clipping)["axis"], AXES),
        (get_args(get_type_hints(Clipping)["basis"])[0], BASES),
    ],
    ids=[
        "presets",
        "draws",
        "laws' draws",
        "ties",
        "norms",
        "flatten",
        "classifiers",
        "measures",
        "rows",
        "scales",
        "axes",
        "bases",
    ],
)
def test_words_are_the_librarys(ours, library):
    assert set(words(ours)) == set(library)


def test_methods_of_choosing_landmarks_are_those_the_library_names():
    with pytest.raises(RainbowError) as caught:
        choose_landmarks(
            dual_kernel(torch.relu), torch.ones(3, 2).double(), 2, method="best", generator=torch.Generator()
        )
    assert set(words(get_type_hints(Limit)["method"])) == set(re.findall(r"'([^']+)'", str(caught.value))) - {"best"}
