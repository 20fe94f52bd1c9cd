"""A table of bad calls of the public API, run by `test_refusals_api.py` in a process of its own.

There nothing checks annotations, so that each call reaches the library as it would a user's. Each entry is the argument
that is at fault, as the message must name it (words of which one is enough, divided by `|`), and the call.
"""

import json
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

import rainbownet as rn
from rainbownet import analysis, data, graph, training
from rainbownet.ensemble import Member, grid, read, train_ensemble, train_jointly
from rainbownet.errors import RainbowError
from rainbownet.nets import build

NAN, INF = float("nan"), float("inf")
FOLDER = Path(tempfile.mkdtemp())


def mlp(seed: int = 0, inputs: int = 12, hidden: int = 16) -> nn.Sequential:
    """Return a small trained-looking network."""
    torch.manual_seed(seed)
    layers = nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 5)
    return nn.Sequential(*layers)


torch.manual_seed(0)
X = torch.randn(320, 12)
Y = torch.randint(0, 5, (320,))
NET, OTHER = mlp(0), mlp(1)
PAIRS = [(X, Y)]
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    RAINBOW = rn.fit(NET, [X])
    ALIGNED = analysis.align_networks([NET, OTHER], [X], holdout=0.0)
IMAGES = data.load("digits", limit=40)
DIGITS = build("digits_mlp", width=0.25)
RECIPE = training.Recipe(epochs=1, lr=0.1)
USED_UP = iter([X])
next(USED_UP)
(FOLDER / "text.rainbow").write_text("no rainbow")
(FOLDER / "empty.rainbow").write_bytes(b"")
(FOLDER / "file").write_text("")


class Branching(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if x.sum() > 0 else -x


def meta() -> nn.Module:
    with torch.device("meta"):
        return nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 5))


def nan_net() -> nn.Module:
    net = mlp(2)
    with torch.no_grad():
        net[0].weight[0, 0] = NAN
    return net


def recipe(**changes: Any) -> training.Recipe:
    return training.Recipe(**{"epochs": 1, "lr": 0.1} | changes)


def fit(nets: Any = NET, loader: Any = None, **options: Any) -> Any:
    return rn.fit(nets, [X] if loader is None else loader, **options)


def draw(loader: Any = None, **options: Any) -> Any:
    return RAINBOW.draw([X] if loader is None else loader, **options)


def limit(loader: Any = None, **options: Any) -> Any:
    return RAINBOW.limit([X] if loader is None else loader, **{"landmarks": 16} | options)


def compare(a: Any = NET, b: Any = OTHER, loader: Any = None, **options: Any) -> Any:
    return rn.compare(a, b, [X] if loader is None else loader, **options)


def path(a: Any = NET, b: Any = OTHER, loader: Any = None, **options: Any) -> Any:
    return rn.path(a, b, PAIRS if loader is None else loader, **{"points": 2, "kinds": ["unaligned"]} | options)


def align(networks: Any = (NET, OTHER), loader: Any = None, **options: Any) -> Any:
    return analysis.align_networks(networks, [X] if loader is None else loader, **options)


def train(net: Any = DIGITS, images: Any = IMAGES, **options: Any) -> Any:
    return training.train(net, images, **{"recipe": RECIPE, "progress": False} | options)


def evaluate(net: Any = NET, batches: Any = None, **options: Any) -> Any:
    return training.evaluate(net, PAIRS if batches is None else batches, **options)


def members(**options: Any) -> Any:
    return grid("digits_mlp", **{"recipe": RECIPE, "seeds": [0]} | options)


CALLS: list[tuple[str, Callable[[], Any]]] = [
    # fit: networks
    ("nets", lambda: fit([])),
    ("nets", lambda: fit(None)),
    ("nets", lambda: fit("resnet20")),
    ("nets", lambda: fit([NET, None])),
    ("nets", lambda: fit(3)),
    ("nets", lambda: fit({"a": NET})),
    ("network 0", lambda: fit(nan_net())),
    ("network 1", lambda: fit([NET, mlp(1, hidden=20)])),
    ("control flow|branch|traced", lambda: fit(Branching())),
    ("float16", lambda: fit(mlp().half())),
    ("meta", lambda: fit(meta())),
    ("lazy", lambda: fit(nn.Sequential(nn.LazyLinear(4), nn.ReLU(), nn.Linear(4, 5)))),
    ("TorchScript", lambda: fit(torch.jit.trace(mlp(), X))),
    ("dtype", lambda: fit(mlp().double())),
    # fit: images
    ("loader", lambda: fit(loader=[])),
    ("loader", lambda: fit(loader=3)),
    ("loader", lambda: fit(loader="digits")),
    ("loader", lambda: rn.fit(NET, None)),
    ("loader", lambda: fit(loader=USED_UP)),
    ("loader", lambda: fit(loader=[{"x": X}])),
    ("loader", lambda: fit(loader=[[1.0, 2.0]])),
    ("loader", lambda: fit(loader=["a"])),
    ("loader", lambda: fit(loader=[None])),
    ("loader", lambda: fit(loader=[torch.empty(0, 12)])),
    ("loader", lambda: fit([NET, OTHER], [X, X[:, :5]])),
    ("shape", lambda: fit(loader=[torch.randn(8, 7)])),
    ("loader", lambda: fit(loader=[torch.full((64, 12), NAN)])),
    ("loader", lambda: fit(loader=[torch.randn(64, 12, device="meta")])),
    ("dtype|integer", lambda: fit(loader=[torch.ones(64, 12, dtype=torch.int64)])),
    ("loader|shape", lambda: fit(loader=torch.tensor(3.0))),
    # fit: options
    ("law", lambda: fit(law=3)),
    ("law", lambda: fit(law="triangle")),
    ("law", lambda: fit(law=rn.Gaussian)),
    ("preset", lambda: fit(preset="fast")),
    ("preset", lambda: fit(preset=None)),
    ("preset", lambda: fit(preset={})),
    ("head", lambda: fit(head="nope")),
    ("head", lambda: fit(head=3)),
    ("head", lambda: fit(head=[None])),
    ("reference", lambda: fit(reference="last")),
    ("reference", lambda: fit(reference=None)),
    ("max_images", lambda: fit([NET, OTHER], max_images=-1)),
    ("max_images", lambda: fit([NET, OTHER], max_images=0)),
    ("max_images", lambda: fit([NET, OTHER], max_images=1.5)),
    ("max_images", lambda: fit([NET, OTHER], max_images="10")),
    ("max_images", lambda: fit([NET, OTHER], max_images=10**6)),
    ("draw", lambda: fit(draw="uniform")),
    ("flatten", lambda: fit(flatten="z")),
    ("norms", lambda: fit(norms="lost")),
    ("alignment", lambda: fit(alignment="rotate")),
    ("alignment", lambda: fit(alignment=3)),
    # draw, sample
    ("width", lambda: draw(width="x")),
    ("width", lambda: draw(width=None)),
    ("width", lambda: draw(width=NAN)),
    ("width", lambda: draw(width=INF)),
    ("width", lambda: draw(width=0)),
    ("width", lambda: draw(width=-1)),
    ("width", lambda: draw(width=1e9)),
    ("width", lambda: draw(width=[2])),
    ("width", lambda: draw(width={"nope": 2})),
    ("width", lambda: draw(width={"0": NAN})),
    ("width", lambda: draw(width=True)),
    ("seed", lambda: draw(seed=-1)),
    ("seed", lambda: draw(seed=1.5)),
    ("seed", lambda: draw(seed=10**23)),
    ("seed", lambda: draw(seed=None)),
    ("seed", lambda: draw(seed="0")),
    ("layers", lambda: draw(layers="nope")),
    ("layers", lambda: draw(layers=["nope"])),
    ("layers", lambda: draw(layers=3)),
    ("classifier", lambda: draw(PAIRS, classifier="svm")),
    ("classifier", lambda: draw(PAIRS, classifier=None)),
    ("classifier|targets", lambda: draw(classifier="ridge")),
    ("targets", lambda: draw([(X, Y.float() / 2)], classifier="ridge")),
    ("targets", lambda: draw([(X, Y - 9)], classifier="ridge")),
    ("targets", lambda: draw([(X, Y + 9)], classifier="ridge")),
    ("targets", lambda: draw([(X, Y[:7])], classifier="ridge")),
    ("max_images", lambda: draw(max_images=-1)),
    ("max_images", lambda: draw(max_images=10**7)),
    ("holdout", lambda: draw(holdout=0.9)),
    ("holdout", lambda: draw(holdout=NAN)),
    ("holdout", lambda: draw(holdout="a")),
    ("holdout", lambda: draw(holdout=None)),
    ("budget", lambda: draw(budget=0)),
    ("budget", lambda: draw(budget="much")),
    ("budget", lambda: draw(budget=NAN)),
    ("budget", lambda: draw(budget=[1])),
    ("device", lambda: draw(device="cuda:99")),
    ("device", lambda: draw(device="gpu")),
    ("device", lambda: draw(device=3.5)),
    ("device", lambda: draw(device="meta")),
    ("loader", lambda: draw([])),
    ("loader", lambda: draw(3)),
    ("shape", lambda: draw([torch.randn(64, 5)])),
    ("loader", lambda: draw([X, torch.full((8, 12), INF)])),
    ("width", lambda: RAINBOW.sample([X], width="2")),
    # limit
    ("landmarks", lambda: limit(landmarks=0)),
    ("landmarks", lambda: limit(landmarks="many")),
    ("landmarks", lambda: limit(landmarks=1.5)),
    ("method", lambda: limit(method="magic")),
    ("method", lambda: limit(method=None)),
    ("seed", lambda: limit(seed=-1)),
    ("layers", lambda: limit(layers=["nope"])),
    ("layers", lambda: limit(layers="nope")),
    ("alignment", lambda: limit(alignment=5)),
    ("holdout", lambda: limit(holdout=2)),
    ("max_images", lambda: limit(max_images="all")),
    ("loader", lambda: limit([])),
    ("device", lambda: limit(device="nope")),
    # save, load
    ("path", lambda: RAINBOW.save(None)),
    ("path", lambda: RAINBOW.save(3)),
    ("absent|folder|directory", lambda: RAINBOW.save(FOLDER / "absent" / "a.rainbow")),
    ("folder|directory", lambda: RAINBOW.save(FOLDER)),
    ("name|long", lambda: RAINBOW.save(FOLDER / ("a" * 300))),
    ("nope:nope", lambda: RAINBOW.save(FOLDER / "a.rainbow", architecture="nope:nope")),
    ("architecture", lambda: RAINBOW.save(FOLDER / "a.rainbow", architecture=3)),
    ("kwargs", lambda: RAINBOW.save(FOLDER / "a.rainbow", architecture="digits_mlp", kwargs=3)),
    ("path", lambda: rn.load(None)),
    ("path", lambda: rn.load(3)),
    ("nope.rainbow", lambda: rn.load(FOLDER / "nope.rainbow")),
    ("text.rainbow", lambda: rn.load(FOLDER / "text.rainbow")),
    ("empty.rainbow", lambda: rn.load(FOLDER / "empty.rainbow")),
    ("folder|directory", lambda: rn.load(FOLDER)),
    ("name|long", lambda: rn.load("a" * 300)),
    ("character|name|null", lambda: rn.load("a\0b")),
    # compare
    ("a|network", lambda: compare(a=None)),
    ("b|network", lambda: compare(b="net")),
    ("b", lambda: compare(b=mlp(1, hidden=20, inputs=13))),
    ("loader", lambda: compare(loader=[])),
    ("loader", lambda: compare(loader=USED_UP)),
    ("flatten", lambda: compare(flatten="z")),
    ("flatten", lambda: compare(flatten=None)),
    ("seed", lambda: compare(seed=-1)),
    ("seed", lambda: compare(seed="x")),
    ("holdout", lambda: compare(holdout=-0.1)),
    ("max_images", lambda: compare(max_images=-1)),
    ("max_images", lambda: compare(max_images=NAN)),
    ("budget", lambda: compare(budget=-5)),
    ("device", lambda: compare(device="nope")),
    # path, barriers
    ("points", lambda: path(points=0)),
    ("points", lambda: path(points=1.5)),
    ("points", lambda: path(points="3")),
    ("kinds", lambda: path(kinds="unaligned")),
    ("kinds", lambda: path(kinds=["nope"])),
    ("kinds", lambda: path(kinds=[])),
    ("kinds", lambda: path(kinds=None)),
    ("test", lambda: path(test=[])),
    ("test", lambda: path(test=[X])),
    ("test", lambda: path(test=3)),
    ("test|targets", lambda: path(test=[(X, Y + 40)])),
    ("preset", lambda: path(preset="nope")),
    ("a", lambda: path(a=3)),
    ("b", lambda: path(b=None)),
    ("max_images", lambda: path(max_images=-3)),
    ("table", lambda: rn.barriers(None)),
    ("table", lambda: rn.barriers(pd.DataFrame())),
    ("table", lambda: rn.barriers([1, 2])),
    # retrain_classifier
    ("module", lambda: rn.retrain_classifier(None, PAIRS)),
    ("targets", lambda: rn.retrain_classifier(mlp(), [X])),
    ("loader", lambda: rn.retrain_classifier(mlp(), [])),
    ("kind|classifier", lambda: rn.retrain_classifier(mlp(), PAIRS, kind="svm")),
    ("targets", lambda: rn.retrain_classifier(mlp(), [(X, Y + 70)])),
    # report
    ("subject", lambda: rn.write_report(None, FOLDER / "a.html")),
    ("subject", lambda: rn.write_report([], FOLDER / "a.html")),
    ("subject", lambda: rn.write_report(3, FOLDER / "a.html")),
    ("path", lambda: rn.write_report(RAINBOW, None)),
    ("folder|directory", lambda: rn.write_report(RAINBOW, FOLDER)),
    # laws, alignments, presets
    ("rank", lambda: rn.Gaussian(rank=0)),
    ("rank", lambda: rn.Gaussian(rank="a")),
    ("rank", lambda: rn.Gaussian(rank=1.5)),
    ("shrinkage", lambda: rn.Gaussian(shrinkage="lots")),
    ("shrinkage", lambda: rn.Gaussian(shrinkage=None)),
    ("mean", lambda: rn.Gaussian(mean="yes")),
    ("k", lambda: rn.Mixture(k=1.5)),
    ("k", lambda: rn.Mixture(k=0)),
    ("k", lambda: rn.Mixture(k=None)),
    ("h", lambda: rn.Smoothed(h=-1.0)),
    ("h", lambda: rn.Smoothed(h=NAN)),
    ("h", lambda: rn.Smoothed(h="wide")),
    ("ridge", lambda: rn.LeastSquares(ridge=-1.0)),
    ("ridge", lambda: rn.LeastSquares(ridge=NAN)),
    ("ridge", lambda: rn.LeastSquares(ridge="a")),
    ("toward", lambda: rn.LeastSquares(toward="moon")),
    ("draw", lambda: rn.BEST.but(draw="nope")),
    ("law", lambda: rn.Preset(law=3)),
    ("tie", lambda: rn.BEST.but(tie=0.5)),
    # data
    ("source", lambda: data.load(3)),
    ("source", lambda: data.load("")),
    ("source", lambda: data.load("a\0b")),
    ("source", lambda: data.load("a" * 300)),
    ("source", lambda: data.load(FOLDER / "file")),
    ("split", lambda: data.load("digits", split="dev")),
    ("split", lambda: data.load("digits", split=None)),
    ("limit", lambda: data.load("digits", limit=0)),
    ("limit", lambda: data.load("digits", limit=-1)),
    ("limit", lambda: data.load("digits", limit=1.5)),
    ("limit", lambda: data.load("digits", limit=10**9)),
    ("classes", lambda: data.load("digits", classes="12")),
    ("classes", lambda: data.load("digits", classes=[])),
    ("class", lambda: data.load("digits", classes=[99])),
    ("class", lambda: data.load("digits", classes=[[1]])),
    ("mean", lambda: data.load("digits", mean=0.5)),
    ("mean", lambda: data.load("digits", mean=[0.1, 0.2])),
    ("mean", lambda: data.load("digits", mean=[NAN])),
    ("mean", lambda: data.load("digits", mean="0.5")),
    ("std", lambda: data.load("digits", std=[0.0])),
    ("std", lambda: data.load("digits", std=[-1.0])),
    ("std", lambda: data.load("digits", std=["a"])),
    ("size", lambda: data.load("digits", size=0)),
    ("seed", lambda: data.load("digits", seed=-1, limit=3)),
    ("random_labels", lambda: data.load("digits", random_labels=-1)),
    ("batch_size", lambda: data.loader(IMAGES, batch_size=0)),
    ("batch_size", lambda: data.loader(IMAGES, batch_size="8")),
    ("augment", lambda: data.loader(IMAGES, augment="blur")),
    ("augment", lambda: data.loader(IMAGES, augment=["flip"])),
    ("images", lambda: data.loader(X)),
    ("device", lambda: data.loader(IMAGES, device="cuda:77")),
    ("count", lambda: IMAGES.some(0)),
    ("count", lambda: IMAGES.some(-4)),
    ("targets", lambda: data.Images(torch.zeros(2, 1, 2, 2), torch.tensor([0, 5]), ("a",), "x", (0.0,), (1.0,))),
    ("targets", lambda: data.Images(torch.zeros(2, 1, 2, 2), torch.zeros(2), ("a",), "x", (0.0,), (1.0,))),
    ("inputs", lambda: data.Images(np.zeros((2, 1, 2, 2)), torch.tensor([0, 0]), ("a",), "x", (0.0,), (1.0,))),
    ("inputs", lambda: data.Images(torch.zeros(2, 2), torch.tensor([0, 0]), ("a",), "x", (0.0,), (1.0,))),
    # training
    ("epochs", lambda: recipe(epochs=-1)),
    ("epochs", lambda: recipe(epochs=1.5)),
    ("epochs", lambda: recipe(epochs=None)),
    ("lr", lambda: recipe(lr=0)),
    ("lr", lambda: recipe(lr=NAN)),
    ("lr", lambda: recipe(lr="0.1")),
    ("decay", lambda: recipe(decay=-0.1)),
    ("decay_every", lambda: recipe(decay_every=0)),
    ("momentum", lambda: recipe(momentum=1)),
    ("weight_decay", lambda: recipe(weight_decay=-1e-4)),
    ("weight_decay", lambda: recipe(weight_decay=INF)),
    ("batch_size", lambda: recipe(batch_size=0)),
    ("label_smoothing", lambda: recipe(label_smoothing=NAN)),
    ("schedule", lambda: recipe(schedule="linear")),
    ("schedule", lambda: recipe(schedule=["step"])),
    ("precision", lambda: recipe(precision="fp8")),
    ("augment", lambda: recipe(augment=3)),
    ("checkpoints", lambda: recipe(checkpoints="12")),
    ("checkpoints", lambda: recipe(checkpoints=(-1,))),
    ("checkpoints", lambda: recipe(checkpoints=3)),
    ("threads", lambda: recipe(threads=0)),
    ("channels_last", lambda: recipe(channels_last="no")),
    ("recipe", lambda: train(recipe="slow")),
    ("recipe", lambda: train(recipe=["quick"])),
    ("recipe", lambda: train(recipe=None)),
    ("net", lambda: train(net=None)),
    ("net", lambda: train(net=meta())),
    ("net", lambda: train(net=NET)),
    ("net", lambda: train(net=nn.Sequential(nn.Flatten(), nn.Linear(64, 3)))),
    ("images", lambda: train(images=PAIRS)),
    ("images", lambda: train(images=None)),
    ("test", lambda: train(test=PAIRS)),
    ("test", lambda: train(test=data.Images(torch.zeros(2, 1, 2, 2), Y[:2] * 0, ("a",), "x", (0.0,), (1.0,)))),
    ("seed", lambda: train(seed=-1)),
    ("seed", lambda: train(seed=0.5)),
    ("device", lambda: train(device="cuda:99")),
    ("out|file", lambda: train(out=FOLDER / "file")),
    ("out", lambda: train(out=3)),
    ("net", lambda: evaluate(net="net")),
    ("net", lambda: evaluate(net=meta())),
    ("net", lambda: evaluate(net=mlp().half())),
    ("net", lambda: evaluate(batches=[(X[:, :4], Y)])),
    ("net", lambda: evaluate(net=nn.Flatten(0), batches=PAIRS)),
    ("loader", lambda: evaluate(batches=[])),
    ("data", lambda: evaluate(batches=3)),
    ("data", lambda: evaluate(batches="digits")),
    ("data", lambda: evaluate(batches=X)),
    ("data", lambda: evaluate(batches={"x": X})),
    ("loader", lambda: evaluate(batches=[X])),
    ("loader", lambda: evaluate(batches=[{"x": X, "y": Y}])),
    ("inputs", lambda: evaluate(batches=[(X.numpy(), Y.numpy())])),
    ("targets", lambda: evaluate(batches=[(X, Y.tolist())])),
    ("targets", lambda: evaluate(batches=[(X, Y + 5)])),
    ("targets", lambda: evaluate(batches=[(X, Y - 1)])),
    ("targets", lambda: evaluate(batches=[(X, Y.float())])),
    ("targets", lambda: evaluate(batches=[(X, Y[:3])])),
    ("targets", lambda: evaluate(batches=[(X, Y[:, None])])),
    ("loader", lambda: evaluate(batches=iter([]))),
    ("batch_size", lambda: evaluate(net=DIGITS, batches=IMAGES, batch_size=0)),
    ("device", lambda: evaluate(device="cuda:99")),
    # ensembles
    ("seeds", lambda: members(seeds=[])),
    ("seeds", lambda: members(seeds="012")),
    ("seeds", lambda: members(seeds=3)),
    ("seed", lambda: members(seeds=[-1])),
    ("seed", lambda: members(seeds=[1.5])),
    ("widths", lambda: members(widths=2)),
    ("width", lambda: members(widths=["2"])),
    ("width", lambda: members(widths=[0])),
    ("width", lambda: members(widths=[NAN])),
    ("width", lambda: members(widths=[1e12])),
    ("kwargs", lambda: members(kwargs=[3])),
    ("kwargs", lambda: members(kwargs=[{"a": {1}}])),
    ("data", lambda: members(data="digits")),
    ("test", lambda: members(test="digits")),
    ("recipe", lambda: members(recipe="digits")),
    ("network", lambda: Member("", RECIPE)),
    ("network", lambda: Member(None, RECIPE)),
    ("members", lambda: train_ensemble(FOLDER / "e", [])),
    ("members", lambda: train_ensemble(FOLDER / "e", 3)),
    ("members", lambda: train_ensemble(FOLDER / "e", ["digits_mlp"])),
    ("nope", lambda: train_ensemble(FOLDER / "e", grid("nope", recipe=RECIPE, seeds=[0]))),
    ("data", lambda: train_ensemble(FOLDER / "e", members(data={"sauce": "digits"}))),
    ("cluster", lambda: train_ensemble(FOLDER / "e", members(), cluster="slurm")),
    ("device", lambda: train_ensemble(FOLDER / "e", members(), device="cuda:99")),
    ("retries", lambda: train_ensemble(FOLDER / "e", members(), retries=-1)),
    ("gpus", lambda: train_ensemble(FOLDER / "e", members(), gpus=-1)),
    ("file", lambda: train_ensemble(FOLDER / "file", members())),
    ("member", lambda: read(FOLDER / "nowhere")),
    ("directory", lambda: read(None)),
    ("nets", lambda: train_jointly(NET, IMAGES, recipe=RECIPE, seeds=[0])),
    ("seeds", lambda: train_jointly([DIGITS], IMAGES, recipe=RECIPE, seeds=3)),
    ("seeds", lambda: train_jointly([DIGITS], IMAGES, recipe=RECIPE, seeds=[0, 1])),
    ("recipe", lambda: train_jointly([DIGITS], IMAGES, recipe="digits", seeds=[0])),
    # names
    ("spec", lambda: rn.resolve(None)),
    ("spec", lambda: rn.resolve("")),
    ("nope", lambda: rn.resolve("nope")),
    ("nope", lambda: rn.resolve("nope:make")),
    ("arguments", lambda: rn.resolve("resnet20(open('x'))")),
    ("depth|argument", lambda: rn.resolve("resnet20", hue=3)),
    # analyses
    ("networks", lambda: align([])),
    ("networks", lambda: align(None)),
    ("reference", lambda: align(reference=7)),
    ("reference", lambda: align(reference="nope")),
    ("layers", lambda: align(layers="0")),
    ("layers", lambda: align(layers=["nope"])),
    ("holdout", lambda: align(holdout=0.7)),
    ("flatten", lambda: align(flatten="z")),
    ("max_images", lambda: align(max_images=0)),
    ("loader", lambda: align(loader=[])),
    ("test", lambda: align(test=[])),
    ("rank", lambda: analysis.clip(NET, ALIGNED["0"], -1)),
    ("rank", lambda: analysis.clip(NET, ALIGNED["0"], "a")),
    ("basis", lambda: analysis.clip(NET, ALIGNED["0"], 2, basis="nope")),
    ("axis", lambda: analysis.clip(NET, ALIGNED["0"], 2, axis="nope")),
    ("layers", lambda: analysis.clip(NET, [], 2)),
    ("ranks", lambda: analysis.clipping_curve(NET, [X], PAIRS, ranks=0)),
    ("ranks", lambda: analysis.clipping_curve(NET, [X], PAIRS, ranks="all")),
    ("bases", lambda: analysis.clipping_curve(NET, [X], PAIRS, bases="weights")),
    ("bases", lambda: analysis.clipping_curve(NET, [X], PAIRS, bases=["nope"])),
    ("test|loader", lambda: analysis.clipping_curve(NET, [X], [])),
    ("rows", lambda: analysis.marchenko_pastur(torch.zeros(3))),
    ("rows", lambda: analysis.marchenko_pastur(torch.full((8, 4), NAN))),
    ("rows", lambda: analysis.marchenko_pastur(None)),
    ("rows", lambda: analysis.gaussianity(torch.zeros(1, 4))),
    ("rows", lambda: analysis.gaussianity("rows")),
    ("rows", lambda: analysis.neuron_dependence(torch.full((8, 4), INF))),
    ("rows", lambda: analysis.learned_covariance(torch.zeros(3))),
    ("widths", lambda: analysis.activation_convergence(ALIGNED, [1.0])),
    ("widths", lambda: analysis.covariance_convergence(ALIGNED, 3)),
    ("groups", lambda: analysis.group_similarity(ALIGNED, ["a"])),
    ("groups", lambda: analysis.group_similarity(ALIGNED, 3)),
    ("aligned", lambda: analysis.activation_spectra(None)),
    ("network", lambda: analysis.spatial_eigenvectors(None)),
    ("weight", lambda: analysis.spatial_covariance(torch.zeros(3))),
    # graph
    ("target", lambda: graph.register(3)),
    ("example", lambda: graph.Network(NET, None)),
    ("example", lambda: graph.Network(NET, [1.0])),
    ("network", lambda: graph.Network(None, X)),
    ("head", lambda: graph.Network(NET, X, head="nope")),
    ("head", lambda: graph.Network(NET, X, head=[])),
]


def outcome(call: Callable[[], Any]) -> dict[str, Any]:
    """Return what a call does: the error's class, whether it is ours, and its message."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = call()
    except RainbowError as error:
        return {"ours": True, "error": type(error).__name__, "message": str(error)}
    except Exception as error:  # Whatever else comes out is what the test looks for.
        return {"ours": False, "error": type(error).__name__, "message": str(error)}
    return {"ours": False, "error": None, "message": f"accepted: {type(result).__name__}"}


if __name__ == "__main__":
    torch.set_num_threads(1)
    found = [{"words": words, "call": f"call {k}", **outcome(call)} for k, (words, call) in enumerate(CALLS)]
    json.dump(found, sys.stdout)
