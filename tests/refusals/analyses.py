"""Bad calls: analyses and graphs."""

import torch

from rainbownet import analysis, graph
from refusals.things import ALIGNED, INF, NAN, NET, PAIRS, Call, X, align

CALLS: list[Call] = [
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
