"""Ensembles: named by content, trained once, read back, and clear about the members that fail."""

import importlib.util
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

import rainbownet.ensemble.run as run
from rainbownet.data import load
from rainbownet.ensemble import Member, grid, read, train_ensemble
from rainbownet.errors import DataError, FileError, MissingExtra, RainbowError
from rainbownet.training import Recipe, evaluate, train

HERE = str(Path(__file__).parent)
RECIPE = Recipe(epochs=2, lr=0.1, batch_size=50, checkpoints=(0, 1))
DATA = {"source": "digits", "limit": 200}


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    monkeypatch.syspath_prepend(HERE)


def members(factory: str = "tiny", **options) -> list[Member]:
    options = {"seeds": (0, 1), "recipe": RECIPE, "data": DATA} | options
    return grid(f"members:{factory}", **options)


def states_equal(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_a_member_is_the_network_that_its_seed_and_recipe_train(tmp_path):
    ensemble = train_ensemble(tmp_path, members(widths=(0.5, 2)), progress=False)
    assert len(ensemble) == 4
    assert list(ensemble.table[["width", "seed"]].itertuples(index=False, name=None)) == [
        (0.5, 0),
        (0.5, 1),
        (2, 0),
        (2, 1),
    ]
    initial = members(widths=[2], seeds=[1])[0].build
    expected = train(initial(), load(**DATA), recipe=RECIPE, seed=1, progress=False)
    assert states_equal(ensemble.network(3), expected.network)
    assert ensemble.table["loss"][3] == expected.rows[-1]["loss"]
    assert states_equal(ensemble.network(3, epoch=0), initial())
    assert not ensemble.network(3).training


def test_test_images_are_scored(tmp_path):
    test = {"source": "digits", "split": "test", "limit": 50}
    ensemble = train_ensemble(tmp_path, members(seeds=[3], test=test), progress=False)
    assert ensemble.table["test_accuracy"][0] == evaluate(ensemble.network(0), load(**test)).accuracy


def test_finished_members_are_not_trained_again(tmp_path, monkeypatch):
    first = train_ensemble(tmp_path, members(), progress=False)
    trained = []
    original = run.train_member
    monkeypatch.setattr(run, "train_member", lambda *a: (trained.append(a[1].seed), original(*a)))
    second = train_ensemble(tmp_path, members(seeds=(0, 1, 2)), progress=False)
    assert trained == [2]
    assert len(second) == 3
    assert first.table.equals(second.table.iloc[:2])


def test_initial_weights_come_from_the_seed_even_if_the_factory_takes_none():
    a, b, c = (Member("members:unseeded", RECIPE, seed=seed).build() for seed in (1, 1, 2))
    assert states_equal(a, b)
    assert not states_equal(a, c)


def test_names_differ_when_anything_differs_and_only_then():
    base = Member("members:tiny", RECIPE)
    others = [
        Member("members:tiny", RECIPE, seed=1),
        Member("members:tiny", RECIPE, width=2),
        Member("members:tiny", RECIPE, kwargs={"norm": True}),
        Member("members:tiny", Recipe(epochs=3, lr=0.1)),
        Member("members:tiny", RECIPE, data=DATA),
    ]
    assert len({member.name for member in (base, *others)}) == 6
    assert Member("members:tiny", RECIPE).name == base.name


def test_one_failure_does_not_stop_the_others_and_is_named(tmp_path):
    said = []
    with pytest.raises(RainbowError, match=r"1 of 3 members failed: failing-s1-\w+ \(.*seed 1 is unlucky"):
        train_ensemble(tmp_path, members("failing", seeds=(0, 1, 2)), progress=False, report=said.append)
    assert len(said) == 3
    ensemble = read(tmp_path)
    assert ensemble.table["finished"].tolist() == [True, False, True]
    with pytest.raises(FileError, match=r"'members:failing', code that a file may not run; .*trust=True"):
        ensemble.network(0)
    assert read(tmp_path, trust=True).network(0) is not None
    assert read(tmp_path, trust={"members:failing"}).network(2) is not None
    with pytest.raises(FileError, match=r"failing-s1-.*not finished; the kept epochs are 0"):
        ensemble.network(1)
    with pytest.raises(FileError, match=r"epoch 7 was not kept; the kept epochs are 0, 1"):
        ensemble.network(0, epoch=7)


def test_members_that_cannot_be_built_leave_no_folder(tmp_path):
    wanted = grid("nope", recipe=members()[0].recipe, seeds=(0, 1))
    with pytest.raises(RainbowError, match="2 of 2 members failed: nope-s0"):
        train_ensemble(tmp_path / "new" / "folder", wanted, progress=False)
    assert not (tmp_path / "new").exists()


def test_a_reason_that_all_members_share_is_said_once(tmp_path):
    with pytest.raises(RainbowError, match=r"^10 of 10 members failed: tiny-s0-\w+, … \(.*no split 'dev'") as refused:
        train_ensemble(tmp_path, members(seeds=range(10), data={"source": "digits", "split": "dev"}), progress=False)
    assert str(refused.value).count("no split") == 1


@pytest.mark.parametrize(
    ("factory", "options", "message"),
    [
        ("nothing", {}, "a function or class is needed"),
        ("tiny", {"data": {"source": "digits", "limits": 3}}, "data: got an unexpected keyword argument 'limits'"),
        ("tiny", {"data": {"source": "digits", "limit": 1}}, "at least 2 are needed"),
        ("tiny", {"data": {"source": "digits", "mean": [1.0, 2.0]}}, "mean has 2 entries"),
    ],
)
def test_what_cannot_begin_leaves_no_folder(tmp_path, factory, options, message):
    with pytest.raises(RainbowError, match=message):
        train_ensemble(tmp_path / "runs", members(factory, seeds=[0], **options), progress=False)
    assert list(tmp_path.iterdir()) == []


def test_a_member_that_began_and_failed_stays_to_be_looked_at(tmp_path):
    with pytest.raises(RainbowError, match="the loss is"):
        train_ensemble(tmp_path, members(seeds=[1], recipe=Recipe(epochs=2, lr=1e30)), progress=False)
    ensemble = read(tmp_path)
    assert ensemble.table["finished"].tolist() == [False]
    with pytest.raises(FileError, match=r"tiny-s1-.*not finished; the kept epochs are none"):
        ensemble.network(0)


def test_a_file_where_the_folder_should_be_is_refused(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(FileError, match="runs: a file is there"):
        train_ensemble(tmp_path / "runs", members(), progress=False)


def test_a_member_records_normalisation_and_threads(tmp_path):
    data = DATA | {"mean": [0.3], "std": [0.5]}
    around = torch.get_num_threads()
    ensemble = train_ensemble(
        tmp_path,
        members(seeds=[0], data=data, recipe=Recipe(epochs=1, lr=0.1, threads=around + 1, checkpoints=(1,))),
        progress=False,
    )
    place = tmp_path / ensemble.names[0]
    for file in (place / "model.safetensors", place / "epochs" / "0001.safetensors"):
        with safe_open(file, framework="pt") as content:
            metadata = content.metadata()
        assert json.loads(metadata["normalisation"]) == {"mean": [0.3], "std": [0.5]}
        assert metadata["threads"] == str(around + 1)
    assert torch.get_num_threads() == around


def test_the_recipes_threads_decide_the_weights_not_those_around_it(tmp_path):
    made = []
    for around in (1, 2):
        torch.set_num_threads(around)
        net = Member("members:tiny", RECIPE, width=64).build()
        train(net, load(**DATA), recipe=replace(RECIPE, threads=2), progress=False)
        made.append(net)
        assert torch.get_num_threads() == around
    torch.set_num_threads(1)
    assert states_equal(*made)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": []}, "seeds is empty"),
        ({"seeds": [-1]}, "seed is -1; it must be from 0"),
        ({"widths": [0]}, "width is 0; it must be above 0"),
        ({"widths": [float("nan")]}, "width is nan"),
        ({"widths": [1e9]}, "at most 10000"),
        ({"kwargs": [{"a": {1}}]}, "kwargs, data and test must be kept as JSON"),
    ],
)
def test_a_grid_that_cannot_be_meant_is_refused_by_the_argument(options, message):
    given = {"recipe": RECIPE, "seeds": [0]} | options
    with pytest.raises(RainbowError, match=message):
        grid("members:tiny", **given)


def test_what_cannot_be_meant_is_refused(tmp_path):
    with pytest.raises(DataError, match="is there twice"):
        train_ensemble(tmp_path, members(seeds=(0, 0)), progress=False)
    with pytest.raises(DataError, match="'slurm'; it can be None or 'ray'"):
        train_ensemble(tmp_path, members(), cluster="slurm", progress=False)
    with pytest.raises(FileError, match="no member"):
        read(tmp_path)


def test_a_foreign_member_file_is_refused(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "member.json").write_text('{"seed": 1}')
    with pytest.raises(FileError, match=r"x/member\.json: not a complete member"):
        read(tmp_path)


def test_ray_is_named_when_it_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"rainbownet\[cluster\]"):
        train_ensemble(tmp_path, members(), cluster="ray", progress=False)


@pytest.fixture
def cluster(monkeypatch):
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed; it comes with the extra 'cluster'")
    from ray.cluster_utils import Cluster

    paths = [str(Path(run.__file__).parents[2]), HERE]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([*paths, os.environ.get("PYTHONPATH", "")]))
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    nodes.add_node(num_cpus=1)
    yield nodes.address
    nodes.shutdown()


@pytest.mark.slow
@pytest.mark.extra
@pytest.mark.filterwarnings("ignore::FutureWarning:ray.*", "ignore::ResourceWarning")
def test_a_cluster_trains_the_same_members_and_starts_dead_ones_again(tmp_path, cluster):
    alone = train_ensemble(tmp_path / "alone", members(), progress=False)
    once = [{"mark": str(tmp_path / "once"), "deaths": 1}]
    ensemble = train_ensemble(
        tmp_path / "ray", members("dying", kwargs=once), cluster="ray", address=cluster, retries=1, progress=False
    )
    assert (tmp_path / "once").read_text() == "x"
    for k in range(2):
        for a, b in zip(alone.network(k).parameters(), ensemble.network(k).parameters(), strict=True):
            torch.testing.assert_close(a, b)
    always = [{"mark": str(tmp_path / "always"), "deaths": 9}]
    with pytest.raises(RainbowError, match=r"1 of 2 members failed: dying-s1-\w+ \(its process died 2 times"):
        train_ensemble(
            tmp_path / "dead",
            members("dying", kwargs=always),
            cluster="ray",
            address=cluster,
            retries=1,
            progress=False,
        )
    assert read(tmp_path / "dead").table["finished"].tolist() == [True, False]
