"""Several networks: copies in any basis have the law of one; the mean of unlike ones is between them."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import rainbownet as rn
from case_laws import Copies
from cases import CASES, TOLERANCE, distance
from rainbownet.errors import DataError, RainbowWarning

OF_ONE_KIND = ["mlp", "norm_first", "norm_last", "channels_last", "resnet", "resnet_option_a", "separable", "shuffle"]


def moments(law) -> tuple[torch.Tensor, torch.Tensor]:
    return law.mean, law.factor.T @ law.factor


def assert_same_laws(one: rn.Rainbow, other: rn.Rainbow, tolerance: float = TOLERANCE) -> None:
    assert one.laws.keys() == other.laws.keys()
    for name, law in one.laws.items():
        for a, b in zip(moments(law), moments(other.laws[name]), strict=True):
            assert (a - b).abs().max() <= tolerance * max(a.abs().max().item(), 1.0), name


@pytest.mark.parametrize("reference", ["first", "mean"])
@pytest.mark.parametrize("name", OF_ONE_KIND)
def test_copies_have_the_law_of_one(name, reference):
    net, images = CASES[name].network(), CASES[name].images(256)
    one, three = rn.fit(net, [images]), rn.fit([net] * 3, [images], reference=reference)
    assert three.networks == 3
    assert_same_laws(one, three)
    drawn = three.sample([images], draw="identity", holdout=0.0, alignment=rn.Procrustes())
    assert distance(net, drawn, images) < TOLERANCE


@pytest.mark.parametrize("norms", ["folded", "explicit"])
@pytest.mark.parametrize("name", OF_ONE_KIND)
def test_a_network_with_its_neurons_shuffled_has_the_law_of_the_first(name, norms):
    net, images = CASES[name].network(), CASES[name].images()
    shuffled = rn.fit(net, [images], law=Copies(), norms="explicit").sample(
        [images], draw="gaussian", alignment=rn.Permutation(), holdout=0.0
    )
    assert not torch.equal(next(net.parameters()), next(shuffled.parameters()))
    one, two = rn.fit(net, [images], norms=norms), rn.fit([net, shuffled], [images], norms=norms)
    assert_same_laws(one, two)


def test_a_linear_network_in_a_rotated_basis_has_the_second_moment_of_the_first():
    net, images = linear_network(), torch.randn(128, 16, generator=torch.Generator().manual_seed(3))
    rotated = linear_network()
    for a, b, seed in ((0, 1, 7), (1, 2, 8)):
        q = torch.linalg.qr(torch.randn(16, 16, generator=torch.Generator().manual_seed(seed)))[0]
        with torch.no_grad():
            rotated[a].weight.copy_(q @ rotated[a].weight)
            rotated[b].weight.copy_(rotated[b].weight @ q.T)
    law = rn.Gaussian(mean=False)
    one, two = rn.fit(net, [images], law=law), rn.fit([net, rotated], [images], law=law)
    assert_same_laws(one, two)
    assert distance(one.reference, two.reference, images) < TOLERANCE


def linear_network() -> nn.Sequential:
    generator = torch.Generator().manual_seed(0)
    net = nn.Sequential(nn.Linear(16, 16, bias=False), nn.Linear(16, 16, bias=False), nn.Linear(16, 5, bias=False))
    for layer in net:
        nn.init.normal_(layer.weight, std=0.3, generator=generator)
    return net


def test_the_loader_may_come_in_any_batches():
    case = CASES["resnet"]
    nets, images = [case.network(seed) for seed in (0, 1)], case.images(200)
    whole, parts = rn.fit(nets, [images]), rn.fit(nets, images.split(23))
    assert_same_laws(whole, parts, 1e-6)


def test_two_networks_give_twice_the_neurons_and_the_classifiers_mean():
    case = CASES["mlp"]
    nets, images = [case.network(seed) for seed in (0, 1)], case.images(256)
    rainbow = rn.fit(nets, [images])
    one = rn.fit(nets[0], [images])
    assert rainbow.laws["0"].rank > one.laws["0"].rank - 1
    assert len(rainbow.laws["0"].neurons()) == 16
    middle = (nets[0][0].bias.mean() + nets[1][0].bias.mean()) / 2
    torch.testing.assert_close(rainbow.laws["0"].mean[-1].float(), middle)


CHILD = """
import sys
sys.path[:0] = sys.argv[1:3]
import torch
torch.distributed.init_process_group("gloo")
from test_several import fitted_and_drawn
rank = torch.distributed.get_rank()
fitted_and_drawn(sys.argv[3], rank, 2)
fitted_and_drawn(sys.argv[3] + "-own", rank, 2, shard=False)
torch.distributed.destroy_process_group()
"""


def fitted_and_drawn(path: str | Path, rank: int, size: int, *, shard: bool = True) -> None:
    torch.set_num_threads(1)
    case = CASES["norm_last"]
    nets, images = [case.network(seed) for seed in (0, 1)], case.images(160)
    own = images.split(23) if shard else [images[rank::size]]
    rainbow = rn.fit(nets, rn.AlignmentImages(own, holdout=0.0, shard=shard))
    sample = rainbow.draw(rn.AlignmentImages(own, holdout=0.1 if shard else 0.0, shard=shard), width=2)
    drawn = sample.network
    assert sample.images == 160
    laws = {f"law/{name}/{i}": m for name, law in rainbow.laws.items() for i, m in enumerate(moments(law))}
    tensors = laws | {f"net/{name}": value for name, value in drawn.state_dict().items()}
    save_file({k: v.contiguous() for k, v in tensors.items()}, f"{path}-{rank}-{size}.safetensors")


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert rn.__file__ is not None
    arguments = [str(Path(__file__).parent), str(Path(__file__).parents[1]), str(folder / "run")]
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    children = [
        subprocess.Popen([sys.executable, "-c", CHILD, *arguments], env={**os.environ, **common, "RANK": str(rank)})
        for rank in range(2)
    ]
    assert [child.wait(timeout=120) for child in children] == [0, 0]
    return folder


@pytest.mark.parametrize("shard", [True, False], ids=["one loader", "a loader each"])
def test_two_processes_with_half_the_images_each_do_what_one_does(processes, tmp_path, shard):
    name = "run" if shard else "run-own"
    fitted_and_drawn(tmp_path / name, 0, 1, shard=shard)
    first, second = (load_file(processes / f"{name}-{rank}-2.safetensors") for rank in range(2))
    one = load_file(tmp_path / f"{name}-0-1.safetensors")
    assert all(torch.equal(first[name], second[name]) for name in first)
    for name, value in one.items():
        scale = max(value.abs().max().item(), 1e-6)
        assert (first[name] - value).abs().max().item() <= TOLERANCE * scale, name


def test_several_networks_say_how_well_they_match():
    case = CASES["resnet"]
    net, images = case.network(), case.images(256)
    rainbow = rn.fit([net, net, case.network(1)], [images])
    table = rainbow.alignment
    assert sorted(set(table["network"])) == [1, 2]
    copies, others = table[table["network"] == 1], table[table["network"] == 2]
    assert (copies["held_similarity"] > 1 - 1e-5).all()
    assert (copies["held_error"] < 1e-5).all()
    assert (others["held_similarity"] < 0.99).all()
    assert ((table["held_rows"] > 0) & (table["rows"] > 8 * table["held_rows"])).all()
    assert rainbow.white().alignment is table
    assert not len(rn.fit(net, [images]).alignment)


def test_too_few_rows_for_several_networks_are_warned_of():
    with torch.random.fork_rng(devices=[]):
        nets = [nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 5)) for _ in range(2)]
    with pytest.warns(RainbowWarning, match=r"layer '2': 1 rows to align 16 channels on; give at least 160"):
        rn.fit(nets, [torch.ones(1, 12)])


def test_the_mean_needs_images_that_can_be_read_again():
    case = CASES["mlp"]
    nets = [case.network(0), case.network(1)]
    rn.fit(nets, iter([case.images(64)]))
    with pytest.raises(DataError, match="an iterator gives its images once, and aligning to the mean reads them more"):
        rn.fit(nets, iter([case.images(64)]), reference="mean")
