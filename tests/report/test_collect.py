"""Collecting: the numbers of a report are those of the library's own functions, and its warnings say what they mean."""

import math

import pandas as pd
import pytest
import torch

import rainbownet as rn
from rainbownet.analysis import align_networks, gaussianity, marchenko_pastur
from rainbownet.errors import RainbowError
from rainbownet.report import Report, collect
from rainbownet.report.findings import findings
from rainbownet.report.layers import count_rejections
from rainbownet.training import evaluate
from report.subjects import batches, network


@pytest.fixture(scope="module")
def nets():
    return [network(seed) for seed in range(2)]


@pytest.fixture(scope="module")
def report(nets):
    return collect(nets, batches(), test=batches(100, seed=2), widths=[1, 2], names=["a", "b"], seed=3)


def test_accuracies_are_those_of_the_networks(nets, report):
    for net, accuracy in zip(nets, report.networks["accuracy"], strict=True):
        assert accuracy == evaluate(net, batches(100, seed=2)).accuracy
    assert list(report.networks["network"]) == ["a", "b"]


def test_samples_and_controls_are_those_the_library_draws(nets, report):
    rainbow = rn.fit(nets, batches())
    for law, own in (("rainbow", rainbow), ("white control", rainbow.white())):
        drawn = own.draw(batches(), width=2, seed=3)
        row = report.samples[(report.samples["width"] == 2) & (report.samples["law"] == law)].iloc[0]
        assert row["accuracy"] == evaluate(drawn.network, batches(100, seed=2)).accuracy
        assert row["cosine"] == pytest.approx(drawn.alignment["cosine"].mean(), rel=1e-6)
        assert row["held_out"]


def test_the_identity_baseline_is_the_trained_neurons_through_the_alignment(nets, report):
    drawn = rn.fit(nets, batches()).sample(batches(), draw="identity")
    (row,) = report.samples[report.samples["law"] == "identity baseline"].to_dict("records")
    assert row["width"] == 1
    assert row["accuracy"] == evaluate(drawn, batches(100, seed=2)).accuracy


def test_the_comparison_is_that_of_compare(nets, report):
    expected = rn.compare(*nets, batches(), seed=3)
    pd.testing.assert_frame_equal(report.comparison.drop(columns="network"), pd.DataFrame(expected))
    assert set(report.comparison["network"]) == {"b"}


def test_all_layers_are_compared_with_all_as_similarity_does(nets, report):
    images = rn.analysis.align_networks(nets, batches()).images
    expected = rn.similarity(*nets, batches(), measures="cka", max_images=min(images, 1024)).table
    pd.testing.assert_frame_equal(report.similarity.drop(columns="network"), expected)


def test_layers_are_analysed_as_the_analyses_do(nets, report):
    aligned = align_networks(nets, batches())
    layer = aligned["3"]
    row = report.layers.set_index("layer").loc["3"]
    bulk = marchenko_pastur(layer.rows[0])
    assert (row["outside"], row["spikes"], row["upper_edge"]) == (bulk.outside, bulk.spikes, bulk.edges[1])
    assert (row["rows"], row["dimensions"], row["channels"]) == (24, 108, 12)
    own = report.gaussianity[report.gaussianity["layer"] == "3"].drop(columns=["layer", "normal"])
    expected = gaussianity(layer.stacked(), directions=list(own["direction"]), seed=3)
    pd.testing.assert_frame_equal(own.reset_index(drop=True), expected, rtol=1e-9)
    spectrum = report.weight_spectra[report.weight_spectra["layer"] == "3"].set_index("rank")["over_mean"]
    energy = layer.stacked().square().sum() / 108
    largest = torch.linalg.matrix_norm(layer.stacked(), 2) ** 2
    assert spectrum[1] == pytest.approx((largest / energy).item())
    bins = report.bulk[(report.bulk["layer"] == "3") & (report.bulk["kind"] == "bin")]
    width = bins["value"].diff().iloc[1]
    assert bins["density"].sum() * width == pytest.approx(1 - bulk.spikes / len(bulk.eigenvalues))


def test_populations_have_the_rank_of_their_law(nets, report):
    laws = rn.fit(nets, batches()).laws
    table = report.populations.set_index("population")
    for name, law in laws.items():
        assert table.loc[name, "rank"] == law.rank
        assert 1 <= table.loc[name, "effective_rank"] <= law.rank
    assert math.isnan(table["rank"][table["frozen"].astype(bool)].iloc[0])


def test_facts_say_what_was_done(report):
    assert report.facts["Seed"] == "3"
    assert report.facts["Images"].startswith("400, one in 10")
    assert report.facts["Law"] == "gaussian (mean)"
    assert report.facts["Inputs"] == "3 × 6 × 6"


def test_a_rainbow_needs_no_images(tmp_path, nets):
    path = tmp_path / "net.rainbow"
    rn.fit(nets[0], batches()).save(path)
    report = collect(rn.load(path))
    assert set(report.layers["layer"]) == {"0", "3", "8"}
    assert len(report.weight_spectra)
    assert len(report.gaussianity)
    assert not len(report.samples)
    assert not len(report.comparison)
    assert not len(report.activation_spectra)
    assert "No labelled images" in report.warnings[0]


def test_rainbows_are_compared_by_their_references(nets):
    rainbows = [rn.fit(net, batches()) for net in nets]
    report = collect(rainbows, batches(), widths=[])
    same = collect([rainbows[0], rainbows[0]], batches(), widths=[])
    assert (same.comparison["similarity"] > 1 - 1e-5).all()
    assert (report.comparison["similarity"] < 0.999).any()
    assert not len(report.samples)


def test_warnings_of_the_library_are_the_reports(nets):
    few = collect(nets, batches(8), widths=[], holdout=0.0)
    assert any("8 rows to align 12 channels" in text for text in few.warnings), few.warnings


def sampled(drawn: float, white: float, *, held_out: bool = True, cosine: float = 0.9) -> Report:
    laws = ["rainbow", "white control"]
    return Report(
        "planted",
        networks=pd.DataFrame({"network": ["a"], "accuracy": [0.9]}),
        samples=pd.DataFrame({"width": 1, "law": laws, "accuracy": [drawn, white], "held_out": held_out}),
        alignment=pd.DataFrame({"width": 1, "law": laws, "layer": "conv", "cosine": cosine}),
    )


def test_findings_speak_when_they_should_and_only_then():
    assert findings(sampled(0.88, 0.5)) == []
    assert "white control reaches 87.0 %" in findings(sampled(0.88, 0.87))[0]
    assert "loses 30 points" in findings(sampled(0.6, 0.5))[0]
    assert "held out" in findings(sampled(0.88, 0.5, held_out=False))[0]
    assert "cosine < 0.5) at conv" in findings(sampled(0.88, 0.5, cosine=0.2))[0]


def compared(**columns: float) -> Report:
    alike = {"held_similarity": 0.9, "similarity": 0.9, "held_centred": 0.8, "centred": 0.8, "random_centred": 0.5}
    weights = {"weights_aligned": 0.9, "weights_random": 0.5}
    row = {"network": "b", "layer": "conv"} | alike | weights | columns
    networks = pd.DataFrame({"network": ["a"], "accuracy": [0.9]})
    return Report("planted", networks=networks, comparison=pd.DataFrame([row]))


def test_activations_no_more_alike_than_a_random_networks_are_pointed_out():
    assert findings(compared()) == []
    assert findings(compared(random_centred=0.9))[0].startswith("Activations are no more alike than with a network of")


def test_rejections_allow_for_the_number_of_tests():
    p = [0.0005] * 6 + [0.04] + [0.5] * 53
    planted = Report(
        "planted",
        layers=pd.DataFrame({"layer": ["x", "y"]}),
        gaussianity=pd.DataFrame({"layer": ["x"] * 6 + ["y"] * 54, "p_corrected": p, "p_kurtosis": 0.5}),
    )
    count_rejections(planted)
    assert list(planted.layers["directions"]) == [6, 54]
    assert list(planted.layers["rejected"]) == [6, 0]


def test_heavy_tails_are_not_called_normal_whatever_the_distance():
    planted = Report(
        "planted",
        layers=pd.DataFrame({"layer": ["x"]}),
        gaussianity=pd.DataFrame({"layer": "x", "p_corrected": [0.4, 0.4], "p_kurtosis": [0.0005, 0.6]}),
    )
    count_rejections(planted)
    assert list(planted.gaussianity["normal"]) == [False, True]
    assert list(planted.layers["rejected"]) == [1]


def test_weights_that_are_not_normal_are_pointed_out():
    net = network(0, width=64)
    with torch.no_grad():
        for k in (0, 3):
            net[k].weight.copy_(net[k].weight.sign() * (1 + 0.01 * net[k].weight))
        net[3].weight[:, 1:] *= 0.05
        net[3].weight[..., 1:, :] *= 0.1
    report = collect(rn.fit(net, batches(100)))
    assert any("not normal" in text and "3" in text for text in report.warnings), report.warnings
    plain = collect(rn.fit(network(0, width=64), batches(100)))
    assert not any("not normal" in text for text in plain.warnings)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"subjects": []}, "subjects: an empty sequence"),
        ({"loader": None}, "loader: networks need images"),
        ({"widths": [0]}, "widths: expected positive"),
        ({"names": ["a", "a"]}, "names: 2 different ones"),
    ],
)
def test_inputs_without_meaning_are_refused(nets, given, message):
    with pytest.raises(RainbowError, match=message):
        collect(**{"subjects": nets, "loader": batches(), **given})
