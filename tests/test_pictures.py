"""What is returned draws itself and shows small tables: pictures hold the numbers, text is escaped, nothing runs."""

import warnings

import pandas as pd
import pytest
import torch
from matplotlib import pyplot
from torch import nn

import rainbownet as rn
from rainbownet.plotting.html import ROWS, small_table
from rainbownet.rainbow.data import law_spectra
from rainbownet.spectra.measures import effective_rank


def network(seed, hidden=12):
    generator = torch.Generator().manual_seed(seed)
    net = nn.Sequential(nn.Linear(6, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 3))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / parameter.shape[-1] ** 0.5)
    return net


INPUTS = torch.randn(400, 6, generator=torch.Generator().manual_seed(0))
LOADER = [INPUTS]
LABELLED = [(INPUTS, network(0)(INPUTS).argmax(1))]


@pytest.fixture(scope="module")
def rainbow():
    return rn.fit(network(0), LOADER)


@pytest.fixture(scope="module")
def comparison():
    return rn.compare(network(0), network(1), LOADER)


@pytest.fixture(autouse=True)
def _closed():
    yield
    pyplot.close("all")


def drawn(axes):
    """Return the heights of each line with a name."""
    return {
        str(line.get_label()): list(line.get_ydata()) for line in axes.lines if not line.get_label().startswith("_")
    }


def test_a_rainbow_draws_the_spectrum_of_each_law(rainbow):
    axes = rainbow.plot()
    for name, law in rainbow.laws.items():
        spectrum = law.spectrum()
        assert drawn(axes)[name] == pytest.approx((spectrum / (spectrum.sum() / len(law.mean))).tolist())
    assert set(drawn(axes)) == set(rainbow.laws)


def test_a_white_rainbow_draws_flat_weights(rainbow):
    spectra = law_spectra(rn.fit(network(0), LOADER, law=rn.White(), norms="explicit").laws)
    assert (spectra.groupby("population")["eigenvalue"].nunique() <= 2).all()  # weights, and offsets beside them


def test_a_sample_draws_its_alignment(rainbow):
    sample = rainbow.draw(LOADER)
    values = drawn(sample.plot())
    assert list(values.values()) == [sample.alignment["cosine"].tolist(), sample.alignment["error"].tolist()]


def test_a_sample_with_images_draws_accuracies_beside_its_companions(rainbow):
    sample = rainbow.draw(LOADER)
    axes, table = sample.plot(LABELLED), sample.baselines(LABELLED)
    assert [label.get_text() for label in axes.get_yticklabels()] == table["network"].tolist()
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([100 * a for a in table["accuracy"]])


def test_a_comparison_draws_itself_beside_its_controls(comparison):
    values = drawn(comparison.plot())
    assert values["activations"] == pytest.approx(comparison["held_similarity"].tolist())
    assert values["weights, aligned"] == pytest.approx(comparison["weights_aligned"].tolist())
    assert values["  rotated at random"] == pytest.approx(comparison["weights_random"].tolist())


def test_a_comparison_without_a_random_network_draws_none(comparison):
    bare = rn.compare(network(0), network(1), LOADER, baseline=False)
    assert "  with a random network" in drawn(comparison.plot())
    assert "  with a random network" not in drawn(bare.plot())


def test_a_comparison_is_a_data_frame_and_so_is_what_is_made_of_it(comparison):
    assert isinstance(comparison, pd.DataFrame)
    for made in (comparison[["layer"]], comparison.round(2), comparison.query("rows > 0"), comparison.copy()):
        assert type(made) is pd.DataFrame
    pd.testing.assert_frame_equal(comparison, pd.DataFrame(comparison), check_frame_type=False)


@pytest.mark.parametrize("what", ["rainbow", "sample", "comparison", "similarity"])
def test_pictures_are_drawn_on_axes_that_are_given(what, rainbow, comparison):
    _, axes = pyplot.subplots()
    things = {
        "rainbow": lambda: rainbow,
        "sample": lambda: rainbow.draw(LOADER),
        "comparison": lambda: comparison,
        "similarity": lambda: rn.similarity(network(0), network(1), LOADER, measures="cka"),
    }
    assert things[what]().plot(ax=axes) is axes
    assert pyplot.get_fignums() == [axes.figure.number]


def test_a_new_picture_is_one_that_notebooks_show_and_has_words_that_stand_for_it(comparison):
    figure = comparison.plot().figure
    assert pyplot.get_fignums() == [figure.number]
    assert len(figure.get_label().split()) > 3


def test_a_deep_network_is_drawn_with_names_that_can_be_read():
    layers = [layer for _ in range(40) for layer in (nn.Linear(6, 6, bias=False), nn.Tanh())]
    net = nn.Sequential(*layers, nn.Linear(6, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rainbow = rn.fit(net, LOADER)
        axes = rainbow.draw(LOADER).plot()
        assert len(axes.get_xticklabels()) == 30
        assert axes.get_xticklabels()[-1].get_text() == "80"
        assert len(rainbow.plot().get_legend().get_texts()) == 30


@pytest.mark.parametrize("what", ["rainbow", "sample", "comparison", "similarity"])
def test_names_are_escaped_in_notebooks(what, comparison):
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.add_module("<script>x", nn.Linear(6, 8))
            self.last = nn.Linear(8, 3)

        def forward(self, x):
            return self.last(getattr(self, "<script>x")(x))

    net = Odd()
    things = {
        "rainbow": lambda: rn.fit(net, LOADER),
        "sample": lambda: rn.fit(net, LOADER).draw(LOADER),
        "comparison": lambda: type(comparison)(comparison.assign(layer="<script>x")),
        "similarity": lambda: rn.similarity(net, net, LOADER, measures="cka"),
    }
    html = things[what]()._repr_html_()
    assert "<script" not in html
    assert html.count("<table") == 1
    assert what == "sample" or "&lt;script" in html


def test_a_long_table_shows_its_ends():
    html = small_table("many", pd.DataFrame({"layer": [f"layer {k}" for k in range(500)]}))
    assert html.count("<tr") <= ROWS + 3
    assert "layer 499" in html
    assert "layer 250" not in html


def test_a_sample_is_described_in_one_line(rainbow):
    line = repr(rainbow.draw(LOADER, seed=3))
    assert line.startswith("Sample(Sequential: 2 layers aligned, cosine ")
    assert line.endswith("held out, 400 images, seed 3)")


@pytest.mark.parametrize(
    "law",
    [
        rn.Gaussian(),
        rn.Gaussian(rank=2),
        rn.Gaussian(shrinkage="spiked", bulk=True),
        rn.White(),
        rn.Kronecker(),
        rn.Smoothed(0.5),
        rn.Mixture(2),
    ],
    ids=str,
)
def test_the_spectrum_of_a_law_is_that_of_its_covariance(law):
    from rainbownet.errors import LawError
    from rainbownet.laws import Block

    rows = torch.randn(60, 9, generator=torch.Generator().manual_seed(0)) * torch.linspace(0.5, 2, 9)
    fitted = law.fit(rows, [Block("weight", (4, 2)), Block("bias", ())])
    try:
        factor = fitted.mean_and_factor()[1]
    except LawError:
        factor = (rows - rows.mean(0)).double() / len(rows) ** 0.5
    expected = torch.linalg.eigvalsh(factor.mT @ factor).flip(0)
    spectrum = fitted.spectrum()
    assert torch.allclose(spectrum[:9], expected[: len(spectrum)], rtol=1e-4, atol=1e-6)
    assert spectrum[9:].abs().sum() < 1e-6
    assert effective_rank(spectrum) == pytest.approx(effective_rank(expected.clamp(min=0)), rel=1e-3)
