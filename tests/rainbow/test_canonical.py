"""Canonical rainbows: the reference is the draw of a seed, and a file keeps statistics alone."""

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

import rainbownet as rn
from cases import CASES
from rainbownet import data, nets, training
from rainbownet.errors import ArchitectureError, FileError, LawError, RainbowError, RainbowWarning
from rainbownet.files.tensors import read_tensors
from rainbownet.laws.precision import PRECISIONS


def bits(rainbow: rn.Rainbow) -> dict[str, torch.Tensor]:
    return dict(rainbow.reference.state_dict())


def same(one: rn.Rainbow, other: rn.Rainbow) -> bool:
    a, b = bits(one), bits(other)
    return a.keys() == b.keys() and all(torch.equal(value, b[name]) for name, value in a.items())


def test_a_convolution_whose_groups_are_read_apart_is_refused() -> None:
    case = CASES["shuffle"]
    rainbow = rn.fit(case.network(), [case.images()])
    with pytest.raises(ArchitectureError, match=r"'grouped\.0' reads 2 groups of channels, each by a map of its own"):
        rainbow.canonical([case.images()], seed=3)


@pytest.mark.parametrize("name", sorted(set(CASES) - {"shuffle"}))
def test_a_file_gives_the_reference_bit_by_bit_without_data(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    images = case.images()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RainbowWarning)
        rainbow = rn.fit(case.network(), [images])
        small = rainbow.canonical([images], seed=3, precision="int8")
        small.save(tmp_path / "one")
        again = rn.load(tmp_path / "one")
        again.save(tmp_path / "two")
    assert same(small, again)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.fixture(scope="module")
def digits() -> tuple[data.Images, data.Images]:
    return data.load("digits", split="train"), data.load("digits", split="test")


@pytest.fixture(scope="module")
def trained(digits: tuple[data.Images, data.Images]) -> nn.Module:
    return training.train(nets.build("digits_mlp"), digits[0], recipe="digits", seed=0, progress=False).network


@pytest.fixture(scope="module")
def rainbow(trained: nn.Module, digits: tuple[data.Images, data.Images]) -> rn.Rainbow:
    return rn.fit(trained, digits[0])


@pytest.fixture(scope="module")
def small(rainbow: rn.Rainbow, digits: tuple[data.Images, data.Images]) -> rn.Rainbow:
    return rainbow.canonical(digits[0], rank=8, precision="int8", seed=1)


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("tie", ["joint", "independent"])
def test_other_precisions_and_ties_come_back_bit_by_bit(precision: str, tie: str, tmp_path: Path) -> None:
    images = CASES["resnet"].images()
    one = rn.fit(CASES["resnet"].network(), [images]).canonical([images], precision=precision, tie=tie, width=0.5)
    one.save(tmp_path / "file")
    assert same(one, rn.load(tmp_path / "file"))


def test_a_file_of_statistics_is_far_smaller_than_the_network_and_does_as_well(
    small: rn.Rainbow, trained: nn.Module, digits: tuple[data.Images, data.Images], tmp_path: Path
) -> None:
    size = small.save(tmp_path / "file", reference="seed")
    weights = sum(4 * p.numel() for p in trained.parameters())
    again = rn.load(tmp_path / "file")
    sampled = again.sample(digits[0], seed=5)
    expected, *found = (training.evaluate(net, digits[1]).accuracy for net in (trained, again.reference, sampled))
    assert size < weights / 30
    assert min(found) > expected - 0.02


SCRIPT = """
import sys, zlib, torch
torch.set_num_threads(int(sys.argv[2]))
import rainbownet as rn
state = rn.load(sys.argv[1]).reference.state_dict()
print({name: zlib.crc32(value.numpy().tobytes()) for name, value in state.items()})
"""


def test_threads_and_older_instructions_give_the_same_bits(small: rn.Rainbow, tmp_path: Path) -> None:
    small.save(tmp_path / "file")
    older = {"ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2", "DNNL_MAX_CPU_ISA": "SSE41"}
    older |= {"OPENBLAS_CORETYPE": "Nehalem", "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F"}
    runs = []
    for threads, extra in ((1, {}), (2, older)):
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)} | extra
        command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(tmp_path / "file"), str(threads)]
        runs.append(subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True))
    one, other = (run.communicate()[0] for run in runs)
    assert one == other
    assert "1.weight" in one


def test_seeds_give_other_references_and_one_seed_the_same(
    rainbow: rn.Rainbow, small: rn.Rainbow, digits: tuple[data.Images, data.Images]
) -> None:
    assert not same(small, rainbow.canonical(digits[0], rank=8, precision="int8", seed=2))
    assert same(small, rainbow.canonical(digits[0], rank=8, precision="int8", seed=1))


def test_the_law_of_the_reference_is_that_of_its_neurons(
    rainbow: rn.Rainbow, digits: tuple[data.Images, data.Images]
) -> None:
    law = rainbow.canonical(digits[0], width=2, draw="gaussian").laws["1"]
    rows = law.neurons()
    mean, factor = law.mean_and_factor()
    covariance = torch.cov(rows.T, correction=0)
    assert (covariance - factor.T @ factor).norm() < 0.35 * covariance.norm()
    assert (rows.mean(0) - mean).norm() < 2 * (covariance.trace() / len(rows)).sqrt()


@pytest.mark.parametrize("precision", list(PRECISIONS))
def test_a_file_is_within_the_bytes_asked_for_and_uses_them(
    rainbow: rn.Rainbow, digits: tuple[data.Images, data.Images], precision: str, tmp_path: Path
) -> None:
    found = rainbow.canonical(digits[0], bytes="20kB", precision=precision).save(tmp_path / "file")
    assert 17_000 < found <= 20_000


def test_directions_of_the_outputs_lose_less_of_them_than_those_of_the_weights(trained: nn.Module, digits) -> None:
    inputs = digits[0].normalise(digits[0].inputs[:256]).flatten(1).double()
    moment = inputs.T @ inputs / len(inputs)
    weight = trained.get_parameter("1.weight").detach().double()
    centred = weight - weight.mean(0)
    rainbow = rn.fit(trained, digits[0])
    law = rainbow.canonical([digits[0].normalise(digits[0].inputs[:256])], rank=3, holdout=0.0).laws["1"]
    assert law.rank == 3
    plain = torch.linalg.svd(centred, full_matrices=False).Vh[:3]
    kept = centred @ plain.T @ plain
    factor = law.factor_and_noise()[1][:, :64]
    ours, theirs = (factor @ moment * factor).sum() * len(weight), (kept @ moment * kept).sum()
    assert ours > theirs


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"precision": "int4"}, LawError, "precision: expected one of 'float32', 'float16', 'int8'; got 'int4'"),
        ({"draw": "identity"}, RainbowError, "draw: 'identity' draws nothing"),
        ({"rank": 3, "bytes": "1MB"}, RainbowError, "rank and bytes exclude each other"),
        ({"bytes": 1000}, RainbowError, "bytes: 1000 are too few; the file has"),
        ({"rank": {"nope": 3}}, RainbowError, r"rank: \['nope'\] are no drawn populations"),
        ({"rank": 0}, LawError, "rank"),
        ({"rank": True}, LawError, "rank"),
    ],
)
def test_bad_options_are_refused(rainbow: rn.Rainbow, digits, options, error, says) -> None:
    with pytest.raises(error, match=says):
        rainbow.canonical(digits[0], **options)


def test_laws_that_are_not_gaussian_have_no_canonical_form(trained: nn.Module, digits) -> None:
    with pytest.raises(LawError, match="not Gaussian"):
        rn.fit(trained, digits[0], law=rn.Smoothed()).canonical(digits[0])


def test_only_a_canonical_rainbow_is_kept_as_a_seed(rainbow: rn.Rainbow, small: rn.Rainbow, tmp_path: Path) -> None:
    with pytest.raises(RainbowError, match="take canonical"):
        rainbow.save(tmp_path / "file", reference="seed")
    with pytest.raises(RainbowError, match="reference='seed'"):
        small.save(tmp_path / "file", reference="neurons")
    with pytest.raises(RainbowError, match="expected one of 'auto', 'neurons', 'seed'; got 'none'"):
        small.save(tmp_path / "file", reference="none")
    assert not list(tmp_path.iterdir())


def test_a_file_whose_neurons_come_out_otherwise_is_refused(
    small: rn.Rainbow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.save(tmp_path / "file")
    monkeypatch.setattr("rainbownet.laws.seeded.GRID", 11)
    with pytest.raises(FileError, match=r"law of population '1' is damaged \(its neurons have the sum"):
        rn.load(tmp_path / "file")


def test_a_canonical_rainbow_has_its_white_control_its_limit_and_a_table(
    small: rn.Rainbow, digits: tuple[data.Images, data.Images]
) -> None:
    from rainbownet.rainbow.describe import describe_rainbow

    sample = small.draw(digits[0], width=2)
    table = sample.baselines(digits[1]).set_index("network")["accuracy"]
    assert table["trained"] > 0.9
    assert training.evaluate(small.limit(digits[0], landmarks=64), digits[1]).accuracy > 0.9
    assert describe_rainbow(small)["bytes"].sum() < 10_000


def test_a_law_without_directions_has_no_rank_to_choose(rainbow: rn.Rainbow, digits) -> None:
    small = rainbow.white().canonical(digits[0], bytes="20kB", precision="int8")
    assert [law.rank for law in small.laws.values()] == [0, 0]


def test_where_no_direction_fits_into_the_bytes_laws_are_noise_about_their_means(
    rainbow: rn.Rainbow, digits: tuple[data.Images, data.Images], tmp_path: Path
) -> None:
    with pytest.raises(RainbowError, match="bytes: 1000 are too few; the file has ") as error:
        rainbow.canonical(digits[0], bytes=1000, precision="int8")
    least = int(str(error.value).split("the file has ")[1].split()[0])
    small = rainbow.canonical(digits[0], bytes=least, precision="int8")
    assert [law.rank for law in small.laws.values()] == [0, 0]
    assert small.save(tmp_path / "file") <= least
    inputs = digits[1].normalise(digits[1].inputs[:8])
    assert torch.equal(rn.load(tmp_path / "file").reference(inputs), small.reference(inputs))


def test_noise_takes_the_place_of_the_directions_that_are_cut(
    rainbow: rn.Rainbow, digits: tuple[data.Images, data.Images], tmp_path: Path
) -> None:
    cut, whole = (rainbow.canonical(digits[0], rank=rank).laws["3"] for rank in (2, None))
    rows = [law.neurons()[:, :-1] - law.neurons()[:, :-1].mean(0) for law in (cut, whole)]
    assert rows[0].square().sum() > 0.5 * rows[1].square().sum()
    cut_file, strings = tmp_path / "file", "rainbownet"
    rainbow.canonical(digits[0], rank=2).save(cut_file)
    tensors, metadata = read_tensors(cut_file, "rainbow file")
    assert tuple(tensors["law/3/values"].shape) == (3, len(cut.mean))
    assert json.loads(metadata[strings])["format"] == 3
