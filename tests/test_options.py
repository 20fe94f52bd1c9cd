"""Options by name: what the command line and Python call a law or an alignment."""

import pytest

from rainbownet.aligned import ALIGNMENTS, Alignment, LeastSquares, Procrustes
from rainbownet.errors import AlignmentError, LawError
from rainbownet.laws import LAWS, Gaussian, Kronecker, Law, Smoothed, White
from rainbownet.options import as_option, parse_option

MANY = (
    Gaussian(rank=32, mean=False),
    Gaussian(rank=0.9, shrinkage="spiked", noise=0.1, bulk=True),
    Smoothed(h=0.25, base=Gaussian(rank=16)),
    Smoothed(h=0.25, base=White()),
    Smoothed(base=Kronecker(iterations=3)),
)


def law(text: str) -> Law:
    return parse_option(text, LAWS, LawError, "law")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gaussian", Gaussian()),
        (" gaussian : rank = 32 , mean = false", Gaussian(rank=32, mean=False)),
        ("gaussian:rank=0.9,shrinkage=spiked,bulk=true", Gaussian(rank=0.9, shrinkage="spiked", bulk=True)),
        ("gaussian:rank=none", Gaussian()),
        ("smoothed:h=0.25", Smoothed(h=0.25)),
        ("smoothed:h=0.25,base.rank=16", Smoothed(h=0.25, base=Gaussian(rank=16))),
        ("smoothed:h=0.25,base=white", Smoothed(h=0.25, base=White())),
    ],
)
def test_a_law_is_read_from_a_line(text: str, expected: Law) -> None:
    assert law(text) == expected


@pytest.mark.parametrize("option", [Gaussian(), Smoothed(), *MANY], ids=str)
def test_an_option_is_written_as_the_line_it_is_read_from(option: Law) -> None:
    assert law(option.to_text()) == option


def test_only_what_is_not_the_default_is_written() -> None:
    assert Gaussian(rank=32, mean=False).to_text() == "gaussian:mean=false,rank=32"
    assert LeastSquares().to_text() == "least-squares"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nope", "no law is called 'nope'"),
        ("", "no law is called ''"),
        ("gaussian:rank", "'rank' is no field"),
        ("gaussian:rank=", "'rank=' is no field"),
        ("gaussian:rank=1,,mean=true", "'' is no field"),
        ("gaussian:rank=1,rank=2", "'rank' is given twice"),
        ("gaussian:ridge=1", "has no field ridge"),
        ("gaussian:base.rank=1", "has no field base"),
        ("smoothed:base.nope=1", "has no field nope"),
        ("gaussian:name=white", "'name' is given twice"),
    ],
)
def test_a_line_that_is_no_law_is_refused(text: str, words: str) -> None:
    with pytest.raises(LawError, match=words) as caught:
        law(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "given", [LeastSquares(ridge=0.5), "least-squares:ridge=0.5", {"name": "least-squares", "ridge": 0.5}]
)
def test_an_option_is_an_object_a_line_or_a_dictionary(given: object) -> None:
    assert as_option(given, ALIGNMENTS, Alignment, AlignmentError, "alignment") == LeastSquares(ridge=0.5)


@pytest.mark.parametrize(
    ("given", "words"), [(3, "got 3"), (Procrustes, r"make one of it, Procrustes\(\)"), (None, "got None")]
)
def test_anything_else_is_refused(given: object, words: str) -> None:
    with pytest.raises(AlignmentError, match=words):
        as_option(given, ALIGNMENTS, Alignment, AlignmentError, "alignment")
