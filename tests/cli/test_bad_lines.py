"""A table of bad command lines over all verbs: each ends in one line and exit status 2, and leaves no file behind."""

import shlex

import pytest
from safetensors.torch import save_file

from cli.commands import refused, run
from rainbownet.nets import build

NET = """digits_mlp --kwargs '{"width": 0.1}' --weights net.safetensors"""
TWO = f"{NET} --weights net.safetensors"

LINES = {
    # The root, and what all verbs share.
    "smaple": 'Did you mean "sample"',
    "--versoin": "--versoin",
    "analyze spectre": "spectre",
    "analyze --bogus": "--bogus",
    "demo extra": "extra",
    "info": "NETWORK|FILE.RAINBOW is missing",
    "fit digits_mlp": "--out",
    "train digits_mlp": "--out",
    "sample": "RAINBOW is missing",
    "sample --width": "--width",
    "report": "WHAT",
    "analyze dynamics": "NETWORK",
    # demo
    "demo --epochs 0": "--epochs",
    "demo --epochs -3": "--epochs",
    "demo --epochs x": "--epochs",
    "demo --widths nan": "--widths",
    "demo --widths -1": "--widths",
    "demo --widths 1,,2": "--widths",
    "demo --energies 0": "--energies",
    "demo --energies 2": "energ",
    "demo --seed -1": "--seed",
    "demo --seed 1.5": "--seed",
    "demo --seed 100000000000000000000000": "--seed",
    "demo --plot picture.gif": ".png or .pdf",
    "demo --plot .": "folder",
    "demo --json no/such/folder.json": "no folder",
    # info
    "info digits_mpl": "digits_mlp",
    "info no.such:net": "no.such",
    "info digits_mlp --input-shape 0,8,8": "--input-shape",
    "info digits_mlp --input-shape 1,8,8,": "--input-shape",
    "info digits_mlp --input-shape -1,8,8": "--input-shape",
    "info digits_cnn --input-shape 99999,99999,99999": "--input-shape",
    "info digits_mlp --weights absent.safetensors": "absent.safetensors",
    "info digits_mlp --kwargs nonsense": "--kwargs",
    "info resnet20": "--input-shape",
    "info net.rainbow --weights net.safetensors": "--weights",
    "info net.safetensors": "net.safetensors",
    "info digits_mlp --limit 0": "--limit",
    # fit
    f"fit {NET} -o new.rainbow --limit 0": "--limit",
    f"fit {NET} -o new.rainbow --limit -5": "--limit",
    f"fit {NET} -o new.rainbow --images 0": "--images",
    f"fit {NET} -o new.rainbow --images -1": "--images",
    f"fit {NET} -o new.rainbow --images 1.5": "--images",
    f"fit {NET} -o new.rainbow --preset fine": "--preset",
    f"fit {NET} -o new.rainbow --law gaussian:rnk=3": "rnk",
    f"fit {NET} -o new.rainbow --law gaussian:rank": "rank",
    f"fit {NET} -o new.rainbow --law gaussian:rank=-3": "rank",
    f"fit {NET} -o new.rainbow --law smoothed:h=7.5": "at least 0 and at most 1",
    f"fit {NET} -o new.rainbow --law :": "law",
    f"fit {NET} -o new.rainbow --rank nan": "--rank",
    f"fit {NET} -o new.rainbow --rank 0": "rank",
    f"fit {NET} -o new.rainbow --shrinkage lots": "lots",
    f"fit {NET} -o new.rainbow --law mixture -k 0": "k",
    f"fit {NET} -o new.rainbow --flatten sideways": "--flatten",
    f"fit {NET} -o new.rainbow --head nothing": "nothing",
    f"fit {NET} -o .": "folder",
    f"fit {NET} -o no/such/new.rainbow": "no folder",
    f"fit {NET} -o {'n' * 300}.rainbow": "long",
    f"fit {NET} -o new.rainbow --normalise soup": "--normalise",
    f"fit {NET} -o new.rainbow --normalise 0.5": "--normalise",
    f"fit {NET} -o new.rainbow --normalise 0.5/0": "--normalise",
    f"fit {NET} -o new.rainbow --normalise imagenet": "3 entries",
    f"fit {NET} -o new.rainbow --normalise none --mean 0.5": "exclude",
    f"fit {NET} -o new.rainbow --mean nan": "--mean",
    f"fit {NET} -o new.rainbow --std -1": "--std",
    f"fit {NET} -o new.rainbow --size 0": "--size",
    f"fit {NET} -o new.rainbow --device cuda:99": "device",
    f"fit {NET} -o new.rainbow --data absent.npz": "absent.npz",
    "fit digits_mlp -o new.rainbow --weights net.safetensors": "shapes differ",
    "fit digits_mlp -o new.rainbow": "--weights is missing",
    "fit digits_mlp -o new.rainbow --weights junk.pt": "junk.pt",
    "fit digits_mlp -o new.rainbow --weights .": "state dict",
    # sample
    "sample net.rainbow -o new.safetensors --width nan": "--width",
    "sample net.rainbow -o new.safetensors --width inf": "--width",
    "sample net.rainbow -o new.safetensors --width 0": "--width",
    "sample net.rainbow -o new.safetensors --width -2": "--width",
    "sample net.rainbow -o new.safetensors --width 1=2,1=3": "--width",
    "sample net.rainbow -o new.safetensors --width 1=2,3": "--width",
    "sample net.rainbow -o new.safetensors --width 1e9": "width",
    "sample net.rainbow -o new.safetensors --seed -1": "--seed",
    "sample net.rainbow -o new.safetensors --holdout nan": "--holdout",
    "sample net.rainbow -o new.safetensors --holdout -0.1": "--holdout",
    "sample net.rainbow -o new.safetensors --images 1e3": "--images",
    "sample net.rainbow -o new.safetensors --budget -1": "budget",
    "sample net.rainbow -o new.safetensors --budget 2XB": "budget",
    "sample net.rainbow -o new.safetensors --alignment least-squares:rdge=1": "rdge",
    "sample net.rainbow -o new.safetensors --alignment procrustes --ridge 1": "ridge",
    "sample net.rainbow -o new.safetensors --classifier oracle": "--classifier",
    "sample net.rainbow -o new.safetensors --until 1 --layers 3": "exclude",
    "sample junk.rainbow -o new.safetensors": "junk.rainbow",
    "sample net.safetensors -o new.safetensors": "net.safetensors",
    "sample . -o new.safetensors": ".",
    # limit
    "limit net.rainbow -o new.limit --landmarks 0": "--landmarks",
    "limit net.rainbow -o new.limit --method magic": "--method",
    "limit net.rainbow -o new.limit --widths 0": "--widths",
    "limit net.rainbow -o new.limit --widths 1 --draws 0": "--draws",
    "limit net.rainbow -o new.limit --widths 1 --pairs 1": "--pairs",
    "limit net.rainbow -o new.limit --widths 1 --test-split none": "--test-split",
    "limit net.rainbow --plot new.png": "--widths",
    "limit absent.rainbow -o new.limit": "absent.rainbow",
    # compare and path
    f"compare {NET}": "twice",
    f"compare {TWO} --holdout 0.9": "--holdout",
    f"compare {TWO} --flatten z": "--flatten",
    f"compare {TWO} --images 0": "--images",
    f"path {NET}": "twice",
    f"path {TWO} --points 1": "--points",
    f"path {TWO} --test-split none": "--test-split",
    # report and reproduce
    f"report {NET} -o new.html --widths nan": "--widths",
    f"report {NET} -o new.html --widths 0": "--widths",
    f"report {NET} -o new.html --seed -2": "--seed",
    "report --weights net.safetensors net.rainbow -o new.html": "--weights",
    "reproduce soup": "soup",
    "reproduce --scale huge": "--scale",
    "reproduce --page no/such/page.md": "no folder",
    # train
    "train nope -o runs": "nope",
    "train no.such:net -o runs": "no.such",
    "train digits_mlp -o runs --recipe soup": "--recipe",
    "train digits_mlp -o runs --epochs 0": "--epochs",
    "train digits_mlp -o runs --epochs -1": "--epochs",
    "train digits_mlp -o runs --limit 0": "--limit",
    "train digits_mlp -o runs --seeds -1": "--seeds",
    "train digits_mlp -o runs --seeds 3:1": "--seeds",
    "train digits_mlp -o runs --seeds 0,0": "twice",
    "train digits_mlp -o runs --widths 0": "--widths",
    "train digits_mlp -o runs --widths nan": "--widths",
    "train digits_mlp -o runs --cluster slurm": "--cluster",
    "train digits_mlp -o runs --data nowhere/at/all": "nowhere/at/all",
    "train digits_mlp -o runs --split exam": "exam",
    "train digits_mlp -o runs --test-split exam": "exam",
    "train digits_mlp -o net.safetensors": "net.safetensors",
    """train digits_mlp -o runs --kwargs '{"depth": "x"}'""": "depth",
    # analyze
    f"analyze spectra {NET} --ranks 5:2": "--ranks",
    f"analyze spectra {NET} --ranks 0:5": "--ranks",
    f"analyze spectra {NET} --initial net.safetensors --initial net.safetensors": "initial",
    f"analyze clipping {NET} --steps 0": "--steps",
    f"analyze clipping {NET} --points -1": "--points",
    f"analyze clipping {NET} --axis diagonal": "--axis",
    f"analyze clipping {NET} --basis wavelets": "--basis",
    f"analyze convergence {TWO} --widths 1": "--widths",
    f"analyze convergence {TWO} --widths 1,1": "--widths",
    f"analyze convergence {NET}": "--weights",
    f"analyze similarity {TWO} --draws 0": "--draws",
    f"analyze similarity {TWO} --groups a": "groups",
    f"analyze gaussianity {NET} --directions -1": "--directions",
    f"analyze gaussianity {NET} --directions x": "--directions",
    f"analyze bulk {NET} --index -1": "--index",
    f"analyze bulk {NET} --variance 0": "--variance",
    f"analyze bulk {NET} --plot new.jpg": ".png or .pdf",
    f"analyze dynamics {TWO} --epochs 1,x": "--epochs",
    f"analyze dynamics {TWO} --layer nothing": "nothing",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Return a folder with weights, a rainbow file, and junk."""
    folder = tmp_path_factory.mktemp("lines")
    save_file(dict(build("digits_mlp", width=0.1).state_dict()), folder / "net.safetensors")
    arguments = ["--kwargs", '{"width": 0.1}', "--weights", folder / "net.safetensors", "--limit", 50]
    run("fit", "digits_mlp", *arguments, "-o", folder / "net.rainbow")
    for name in ("junk.pt", "junk.rainbow"):
        (folder / name).write_bytes(b"\x80junk that is no file of ours")
    return folder


def test_there_are_enough_lines():
    verbs = {line.split()[0] for line in LINES}
    assert len(LINES) >= 150
    assert verbs >= {"demo", "info", "fit", "sample", "limit", "compare", "path", "report", "reproduce", "train"}


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.replace(NET, "NET").replace(" ", "_")[:70])
def test_a_bad_line_is_refused_and_leaves_nothing(line, place, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    said = refused(*shlex.split(line))
    assert LINES[line] in said
    assert len(said) < 600
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before
