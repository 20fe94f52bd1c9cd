"""The comparison of all layers with all: modules by hooks, functions, recordings; options, passes and refusals."""

import copy
import math

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import rainbownet as rn
from rainbownet.errors import AlignmentError, ArchitectureError, DataError, FileError, RainbowError, RainbowWarning
from rainbownet.similarities import similarity
from rainbownet.similarities.sides import ModuleSide
from similarities import naive


def images(count=200, seed=0):
    return torch.randn(count, 3, 8, 8, generator=torch.Generator().manual_seed(seed))


def convolutional(seed=0, width=6):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 5, 3, padding=1, stride=2), nn.Flatten(),
        nn.Linear(80, 4),
    )  # fmt: skip


class Attentive(nn.Module):
    """Tokens of patches, attention, a recurrent layer: nothing that a tracer could follow."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Linear(12, 16)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.memory = nn.LSTM(16, 7, batch_first=True)
        self.head = nn.Linear(7, 3)

    def forward(self, x):
        if x.sum() > 1e9:
            raise AssertionError
        tokens = self.patches(x.unfold(2, 2, 2).unfold(3, 2, 2).permute(0, 2, 3, 1, 4, 5).reshape(len(x), 16, 12))
        tokens, _ = self.attention(tokens, tokens, tokens)
        return {"logits": self.head(self.memory(tokens)[0][:, -1])}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def value(found, a, b, measure, column="value"):
    t = found.table
    row = t[(t["layer_a"] == a) & (t["layer_b"] == b) & (t["measure"] == measure)]
    return row[column].item()


def test_a_network_is_most_similar_to_itself_layer_by_layer():
    net = convolutional()
    found = similarity(net, copy.deepcopy(net), images().split(64))
    assert found.layers_a == ["0", "2", "4"]
    for measure in ("rotation", "cka", "linear", "rsa"):
        np.testing.assert_allclose(np.diag(found.matrix(measure)), 1.0, atol=1e-4)
        assert found.best(measure)["layer_b"].tolist() == ["0", "2", "4"]
    assert found.stimuli == 200


def test_values_are_those_of_whole_matrices_of_rows():
    a, b, x = convolutional(0), convolutional(1, width=9), images(30)
    found = similarity(a, b, x, holdout=0.0, measures=["rotation", "cka", "cka_biased", "pwcca"])
    with torch.no_grad():
        left = a[0](x).movedim(1, -1).reshape(-1, 6).double().numpy()
        right = b[0](x).movedim(1, -1).reshape(-1, 9).double().numpy()
    left, right = naive.centred(left), naive.centred(right)
    assert value(found, "0", "0", "rotation") == pytest.approx(naive.procrustes_cosine(left, right), abs=1e-5)
    assert value(found, "0", "0", "cka_biased") == pytest.approx(naive.cka(left, right), abs=1e-5)
    assert value(found, "0", "0", found.measures[0], "rows") == 30 * 64
    assert value(found, "0", "0", found.measures[0], "positions") == "positions"


def test_debiased_cka_of_pooled_maps_is_that_of_all_stimuli_at_once():
    a, b, x = convolutional(0), convolutional(1), images(60).double()
    a, b = a.double(), b.double()
    found = similarity(a, b, x.split(7), holdout=0.0, measures="cka")
    with torch.no_grad():
        pooled = a[0](x).flatten(2).mean(2).numpy()
        logits = b(x).numpy()
    assert value(found, "0", "4", "cka") == pytest.approx(naive.debiased_cka(pooled, logits), abs=1e-10)
    assert value(found, "0", "4", found.measures[0], "positions") == "pooled"


def test_held_out_values_are_those_of_maps_fitted_to_the_others():
    a, b, x = convolutional(0).double(), convolutional(1).double(), images(100).double()
    found = similarity(a, b, x.split(32), holdout=0.2, measures=["rotation", "linear"], layers_a=["4"], layers_b=["4"])
    with torch.no_grad():
        left, right = a(x).numpy(), b(x).numpy()
    held = np.arange(100) % 5 == 4
    one, two = naive.centred(left[~held]), naive.centred(right[~held])
    u, _, vt = np.linalg.svd(one.T @ two, full_matrices=False)
    x_held, y_held = naive.centred(left[held]), naive.centred(right[held])
    expected = ((x_held.T @ y_held) * (u @ vt)).sum() / np.linalg.norm(x_held) / np.linalg.norm(y_held)
    assert value(found, "4", "4", "rotation", "held_value") == pytest.approx(expected, abs=1e-9)
    assert value(found, "4", "4", found.measures[0], "held_rows") == 20
    assert value(found, "4", "4", "linear", "held_value") < 1


def test_anything_that_runs_can_be_compared():
    found = similarity(Attentive(), convolutional(), images(), measures=["rotation", "cka", "linear"])
    assert found.layers_a == ["patches", "attention", "memory", "head"]
    assert found.table["value"].between(-0.2, 1.0 + 1e-6).all()
    assert set(found.table["positions"]) == {"pooled", "stimuli"}


def test_wrappers_are_taken_off_and_the_module_is_left_as_it_was():
    net = convolutional().train()
    net[1].register_forward_hook(lambda *_: None)
    found = similarity(nn.DataParallel(net), torch.compile(net), images(64), measures="cka")
    np.testing.assert_allclose(np.diag(found.matrix("cka")), 1.0, atol=1e-4)
    assert all(module.training for module in net.modules())
    assert [len(module._forward_hooks) for module in net] == [0, 1, 0, 0, 0]


def test_complex_activations_count_as_real_and_imaginary_parts():
    class Spectral(nn.Module):
        def forward(self, x):
            return torch.fft.fft2(x).movedim(1, -1)

    net = nn.Sequential(Spectral())
    found = similarity(net, net, images(64), layers_a=["0"], layers_b=["0"], measures="rotation")
    assert value(found, "0", "0", "rotation") == pytest.approx(1.0, abs=1e-5)


def test_centring_tells_a_random_network_from_a_twin():
    twin, random, x = convolutional(0), convolutional(1), images() + 4
    net = convolutional(0)
    raw = [similarity(net, other, x, center=False, measures="rotation") for other in (twin, random)]
    centred = [similarity(net, other, x, measures="rotation") for other in (twin, random)]
    gaps = [one.matrix("rotation").loc["4", "4"] - two.matrix("rotation").loc["4", "4"] for one, two in (raw, centred)]
    assert gaps[1] > gaps[0]


def test_functions_and_dictionaries_of_layers_are_sides():
    def features(x):
        return {"mean": x.mean((2, 3)), "flat": x.flatten(1)}

    found = similarity(features, lambda x: x.mean((2, 3)), images(1500), measures="linear")
    assert value(found, "mean", "output", "linear") == pytest.approx(1.0, abs=1e-6)
    assert value(found, "flat", "output", "linear") > 0.99


def test_each_side_has_its_own_preprocessing():
    net = convolutional()
    found = similarity(
        net, net, images(), inputs_a=lambda x: x, inputs_b=lambda x: 2 * x, layers_a=["0"], layers_b=["0"],
        measures=["rotation"],
    )  # fmt: skip
    assert value(found, "0", "0", "rotation") == pytest.approx(1.0, abs=1e-5)  # the same up to a scale


def test_an_iterator_is_read_whole():
    net = convolutional()
    found = similarity(net, net, iter(images().split(50)), measures="cka", holdout=0.0)
    assert found.stimuli == 200
    assert value(found, "4", "4", found.measures[0], "rows") == 200


def test_a_small_budget_takes_several_passes_to_the_same_table():
    a, b = convolutional(0, 20), convolutional(1, 20)
    loader = images().split(64)
    whole = similarity(a, b, loader, measures=["rotation", "linear", "cka"])
    passes = []
    some = {"measures": ["rotation", "linear", "cka"], "budget": 2 * 8 * 1300}
    parts = similarity(a, b, loader, **some, progress=lambda seen, _: passes.append(seen))
    assert passes.count(passes[0]) > 1
    columns = ["value", "held_value", "rows", "held_rows"]
    merged = whole.table.merge(parts.table, on=["layer_a", "layer_b", "measure"])
    for column in columns:
        np.testing.assert_allclose(merged[f"{column}_x"], merged[f"{column}_y"], atol=1e-6)


def test_wide_layers_are_projected_and_the_table_says_so():
    net = nn.Sequential(nn.Flatten(), nn.Linear(192, 300), nn.ReLU(), nn.Linear(300, 4))
    with_all = similarity(net, net, images(400), measures="cka", layers_a=["1"], layers_b=["3"])
    projected = similarity(net, net, images(400), measures="cka", layers_a=["1"], layers_b=["3"], most_channels=128)
    assert projected.table["positions"].item() == "stimuli, projected to 128"
    assert with_all.table["positions"].item() == "stimuli"
    assert projected.table["value"].item() == pytest.approx(with_all.table["value"].item(), abs=0.15)


def test_different_grids_are_projected_when_asked():
    found = similarity(
        convolutional(), convolutional(1), images(), positions="project", measures="rotation", most_channels=64
    )
    assert value(found, "0", "2", found.measures[0], "positions") == "projected"
    assert value(found, "0", "0", found.measures[0], "positions") == "positions"


class TestRecordings:
    def recorded(self, trials=6, noise=1.0, count=300, *, mixed=True):
        """A cortex: two areas that mix one layer each of a network, measured with noise in several trials."""
        net = convolutional().double()
        x = images(count).double()
        generator = np.random.default_rng(0)
        with torch.no_grad():
            layers = {"V1": net[0](x).flatten(2).mean(2).numpy(), "IT": net(x).numpy()}
        areas = {}
        for name, z in layers.items():
            z = (z - z.mean(0)) / z.std()
            mixing = (
                np.linalg.qr(generator.standard_normal((z.shape[1], z.shape[1])))[0] if mixed else np.eye(z.shape[1])
            )
            areas[name] = (z @ mixing)[:, None] + noise * generator.standard_normal((count, trials, z.shape[1]))
        return net, x, areas

    def test_the_layers_behind_recordings_are_recovered(self):
        net, x, areas = self.recorded()
        found = similarity(net, areas, x.split(64))
        for measure in ("rotation", "cka", "linear", "rsa"):
            best = found.matrix(measure).idxmax()
            assert best["V1"] == "0", measure
            assert best["IT"] == "4", measure

    def test_a_perfect_model_reaches_the_ceiling_and_no_more(self):
        net, x, areas = self.recorded(count=2000, trials=4, mixed=False)
        found = similarity(net, areas, x.split(256), measures=["rotation", "linear", "cka", "rsa"], holdout=0.0)
        for measure, tolerance in (("rotation", 0.02), ("linear", 0.02), ("cka", 0.03)):
            reached, ceiling = (value(found, "4", "IT", measure, column) for column in ("value", "ceiling"))
            assert ceiling < 0.98
            assert reached == pytest.approx(ceiling, abs=tolerance), measure
        # Noise changes distances between stimuli beyond their scale, so that no noise-free model reaches this bound.
        assert 0.2 < value(found, "4", "IT", "rsa") <= value(found, "4", "IT", "rsa", "ceiling") + 0.02 < 0.95

    def test_without_repeated_trials_there_is_no_ceiling(self):
        net, x, areas = self.recorded(trials=1)
        assert similarity(net, areas, x, measures=["linear", "cka"]).table["ceiling"].isna().all()

    @pytest.mark.parametrize("ending", ["npy", "npz", "safetensors", "csv", "frame"])
    def test_responses_come_from_files_and_frames(self, tmp_path, ending):
        from safetensors.numpy import save_file

        net, x, areas = self.recorded()
        area = areas["IT"].mean(1)
        path = tmp_path / f"responses.{ending}"
        if ending == "npy":
            np.save(path, area)
        elif ending == "npz":
            np.savez(path, responses=area)
        elif ending == "safetensors":
            save_file({"responses": area}, path)
        elif ending == "csv":
            pd.DataFrame(area).to_csv(path, index=False)
        given = pd.DataFrame(area) if ending == "frame" else path
        found = similarity(net, given, x, layers_a=["4"], measures="cka")
        direct = similarity(net, area, x, layers_a=["4"], measures="cka")
        assert found.table["value"].item() == pytest.approx(direct.table["value"].item(), abs=1e-9)

    def test_two_recordings_need_no_loader(self):
        _, _, areas = self.recorded()
        found = similarity(areas["IT"], areas, measures="cka")
        assert found.best("cka")["layer_b"].tolist() == ["IT"]

    def test_responses_and_stimuli_must_match(self):
        net, x, areas = self.recorded(count=100)
        with pytest.raises(DataError, match="responses to 100 stimuli"):
            similarity(net, areas, images(120).double())
        with pytest.raises(DataError, match="shuffles"):
            similarity(net, areas, torch.utils.data.DataLoader(list(x), batch_size=10, shuffle=True))


def test_maps_are_kept_when_asked_and_map():
    a, b, x = convolutional(0).double(), convolutional(0).double(), images(300).double()
    order = torch.randperm(4)
    with torch.no_grad():
        b[4].weight.copy_(a[4].weight[order])
        b[4].bias.copy_(a[4].bias[order])
    found = similarity(a, b, x, layers_a=["4"], layers_b=["4"], measures="rotation", maps=True)
    torch.testing.assert_close(found.rotation("4", "4"), torch.eye(4).double()[order].T.contiguous(), atol=1e-6, rtol=0)
    mapped = (a(x) - a(x).mean(0)) @ found.linear_map("4", "4")
    torch.testing.assert_close(mapped, b(x) - b(x).mean(0), atol=1e-3, rtol=1e-3)
    with pytest.raises(RainbowError, match="maps=True"):
        similarity(a, b, x, measures="cka").rotation("4", "4")


def test_heat_maps_and_pages_show_the_matrix():
    found = similarity(convolutional(), convolutional(1), images(), measures="cka")
    axes = found.plot("cka", held=True)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "2", "4"]
    assert "<table" in found._repr_html_()
    assert repr(found) == "Similarity(3 × 3 layers, cka, 200 stimuli)"


def dead():
    net = convolutional()
    with torch.no_grad():
        net[0].weight.fill_(math.nan)
    return net


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda n, x: similarity(n, n, x, layers_a=["nope"]), ArchitectureError, "layers_a: 'nope' matches none"),
        (lambda n, x: similarity(n, n, x, measures=["rdm"]), RainbowError, "measures"),
        (lambda n, x: similarity(n, n, x, measures=[]), RainbowError, "measures"),
        (lambda n, x: similarity(n, n, x, positions="z"), RainbowError, "positions"),
        (lambda n, x: similarity(n, n, x, most_channels=1), RainbowError, "most_channels"),
        (lambda n, x: similarity(n, n, x, rdm_stimuli=True), RainbowError, "rdm_stimuli"),
        (lambda n, x: similarity(n, n, x, holdout=0.9), RainbowError, "holdout"),
        (lambda n, x: similarity(n, n, x, max_images=0), RainbowError, "max_images"),
        (lambda n, x: similarity(n, n, x, budget=10), RainbowError, "budget"),
        (lambda n, x: similarity(n, n, x, budget=300, measures="rotation"), RainbowError, "budget"),
        (lambda n, x: similarity(n, n, iter(x.split(50)), budget=4000, measures="rotation"), DataError, "iterator"),
        (lambda n, x: similarity(n, n, []), DataError, "loader"),
        (lambda n, x: similarity(n, n), DataError, "loader"),
        (lambda n, x: similarity(n, n, x[:, :2]), DataError, "a: Sequential cannot be run"),
        (lambda n, x: similarity(n, "nope.npy", x), FileError, "nope.npy"),
        (lambda n, x: similarity(n, "nope.mat", x), FileError, "nope.mat"),
        (lambda n, x: similarity(n, np.zeros(5), x), DataError, "stimuli, features"),
        (lambda n, x: similarity(n, np.full((200, 2), np.nan), x), DataError, "NaN"),
        (lambda n, x: similarity(n, {"a": np.zeros((3, 2)), "b": np.zeros((4, 2))}, x), DataError, "same stimuli"),
        (lambda n, x: similarity(n, {}, x), DataError, "no responses"),
        (lambda n, x: similarity(n, lambda x: x.sum(), x), DataError, "function must return"),
        (lambda n, x: similarity(dead(), n, x), AlignmentError, "a: activations of layer '0' are not finite"),
    ],
)
def test_refusals_name_the_culprit_in_one_line(call, error, says):
    with pytest.raises(error, match=says) as caught:
        call(convolutional(), images())
    assert "\n" not in str(caught.value)


def test_a_layer_that_is_never_called_is_refused():
    net = convolutional()
    net.spare = nn.Linear(2, 2)

    class Partial(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = nn.Linear(192, 4), nn.Linear(4, 4)

        def forward(self, x):
            return self.used(x.flatten(1))

    with pytest.raises(ArchitectureError, match=r"\['unused'\] are never called"):
        ModuleSide(Partial(), ["used", "unused"], None, "a").activations(images(4), torch.arange(4))


def test_patterns_beyond_the_budget_are_fewer_with_a_warning():
    with pytest.warns(RainbowWarning, match="stimuli instead of 100"):
        found = similarity(convolutional(), convolutional(1), images(), measures="rsa", rdm_stimuli=100, budget=100_000)
    assert found.table["rows"].max() < 100


def test_it_is_a_public_name():
    assert rn.similarity is similarity
