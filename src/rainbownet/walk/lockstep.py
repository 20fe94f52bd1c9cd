"""The walk: every node evaluated once per network and image, after the statistics it needs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx

from rainbownet.graph import Network
from rainbownet.graph.inputs import Batch, given
from rainbownet.graph.nodes import evaluate
from rainbownet.walk.layout import Layouts, in_place, overwritten
from rainbownet.walk.store import Store


@dataclass(frozen=True)
class Chunk:
    """Some of the images: the first `fitted` of them are for fitting, the others held out.

    Attributes:
        index: Of the chunk.
        inputs: The images.
        fitted: How many of them are for fitting.
        numbers: Which images of the loader they are.
    """

    index: int
    inputs: Batch
    fitted: int
    numbers: Tensor

    def fitted_of(self, value: Tensor) -> int:
        """Return how many entries of the first axis of a value are for fitting: images, or windows of them."""
        return self.fitted * len(value) // len(self.numbers)


class Visitor:
    """What is done on the way: nothing, unless a subclass says so.

    Nodes are those of the first network's graph; networks share their names.

    Attributes:
        keeps: Whether values are held after `observe`; one that says no lets a ReLU overwrite what nothing else reads.
    """

    keeps: bool = True

    def needs(self, node: fx.Node) -> Sequence[fx.Node]:
        """Return the nodes whose values must be known for every image before a node is evaluated."""
        return ()

    def ready(self, node: fx.Node) -> None:
        """Prepare the first evaluation of a node that needs others."""

    def observe(self, node: fx.Node, values: Sequence[Any], chunk: Chunk) -> None:
        """Look at a node evaluated on a chunk, with its value in each network."""


@dataclass(frozen=True)
class WalkReport:
    """What a walk cost.

    Attributes:
        images: Number of images.
        evaluations: Evaluations of nodes that compute (modules, functions, methods), times images, over all networks.
        peak_bytes: The most bytes of activations held between stages.
        spilled_bytes: Bytes of activations written to disk.
        stages: Number of passes over the stored chunks.
    """

    images: int
    evaluations: int
    peak_bytes: int
    spilled_bytes: int
    stages: int


@torch.no_grad()
def walk(
    networks: Sequence[Network],
    chunks: Iterable[Chunk],
    visitor: Visitor,
    *,
    budget: int,
    progress: Callable[[int, int], object] | None = None,
) -> WalkReport:
    """Walk networks of one structure together.

    Nodes are put in stages: one that needs others complete comes in a later stage. Within a stage a chunk of images
    goes through all nodes before the next chunk; what later stages need is stored in between. Where no node needs
    anything, this is plain streaming.

    Args:
        networks: Networks with the same graph, node for node.
        chunks: The images, read once.
        visitor: What is done on the way.
        budget: Bytes of activations held in memory between stages; the rest goes to disk.
        progress: Called with the stages done and their number.

    Returns:
        Counts of what was done.
    """
    schedule = _Schedule(networks[0].traced.graph, visitor)
    layouts = Layouts(networks[0].traced.graph, networks[0].modules)
    over = set() if visitor.keeps else overwritten(networks[0].traced.graph, networks[0].modules)
    graphs = [{node.name: node for node in network.traced.graph.nodes} for network in networks]
    peers = {node: [graph[node.name] for graph in graphs] for node in schedule.stage}
    images = evaluations = 0
    with Store(budget) as store:
        indices: list[tuple[int, int, Tensor]] = []
        for stage, nodes in enumerate(schedule.nodes):
            for node in nodes:
                if visitor.needs(node):
                    visitor.ready(node)
            source: Iterable[Chunk] = (
                chunks
                if stage == 0
                else (Chunk(index, torch.empty(0), fitted, numbers) for index, fitted, numbers in indices)
            )
            for chunk in source:
                if stage == 0:
                    indices.append((chunk.index, chunk.fitted, chunk.numbers))
                    images += len(chunk.inputs)
                step = _Step(networks, peers, schedule, layouts, store, stage, chunk)
                for node in nodes:
                    values = step.overwrite(node) if node in over else step.run(node)
                    if isinstance(values[0], Tensor):
                        visitor.observe(node, values, chunk)
                    step.settle(node)
                step.finish()
            evaluations += len(networks) * sum(node.op.startswith("call_") for node in nodes)
            if progress is not None:
                progress(stage + 1, len(schedule.nodes))
        return WalkReport(images, evaluations * images, store.peak, store.spilled, len(schedule.nodes))


class _Schedule:
    """Which node is evaluated in which stage, and until which stage its value is needed."""

    def __init__(self, graph: fx.Graph, visitor: Visitor) -> None:
        self.stage: dict[fx.Node, int] = {}
        for node in graph.nodes:
            before = [self.stage[n] for n in node.all_input_nodes if n.op != "get_attr"]
            complete = [self.stage[n] + 1 for n in visitor.needs(node)]
            self.stage[node] = max([*before, *complete], default=0)
        self.last = {
            node: max((self.stage[user] for user in node.users), default=self.stage[node]) for node in graph.nodes
        }
        count = max(self.stage.values()) + 1
        self.nodes: list[list[fx.Node]] = [[] for _ in range(count)]
        for node, stage in self.stage.items():
            if node.op != "get_attr":
                self.nodes[stage].append(node)


class _Step:
    """One chunk of images in one stage."""

    def __init__(
        self,
        networks: Sequence[Network],
        peers: dict[fx.Node, list[fx.Node]],
        schedule: _Schedule,
        layouts: Layouts,
        store: Store,
        stage: int,
        chunk: Chunk,
    ) -> None:
        self.networks, self.peers, self.schedule, self.layouts = networks, peers, schedule, layouts
        self.store, self.stage, self.chunk = store, stage, chunk
        self.live: list[dict[fx.Node, Any]] = [{} for _ in networks]
        self.loaded: set[fx.Node] = set()
        self.remaining = {node: sum(schedule.stage[user] == stage for user in node.users) for node in schedule.stage}

    def run(self, node: fx.Node) -> list[Any]:
        """Evaluate a node in every network."""
        if node.op == "placeholder":
            value = given(self.chunk.inputs, node)
            for env in self.live:
                env[node] = value
            return [value] * len(self.live)
        for source in node.all_input_nodes:
            self._fetch(source)
        values = []
        for k, network in enumerate(self.networks):
            peer = self.peers[node][k]
            env = {self.peers[n][k]: self.layouts.arranged(node, self.live[k][n]) for n in node.all_input_nodes}
            values.append(evaluate(network.traced, peer, env, network.modules))
            self.live[k][node] = values[-1]
        return values

    def overwrite(self, node: fx.Node) -> list[Any]:
        """Evaluate a ReLU in every network, in place."""
        source = node.all_input_nodes[0]
        self._fetch(source)
        for env, network in zip(self.live, self.networks, strict=True):
            module = network.modules[str(node.target)] if node.op == "call_module" else None
            env[node] = torch.relu_(env[source]) if module is None else in_place(module, env[source])
        return [env[node] for env in self.live]

    def settle(self, node: fx.Node) -> None:
        """Store what later stages need of a new value and free what this stage needs no more."""
        if self.schedule.last[node] > self.stage:
            for k, env in enumerate(self.live):
                if k == 0 or node.op != "placeholder":
                    self.store.put((node, self.chunk.index, k), env[node])
        for source in {*node.all_input_nodes, node}:
            if source is not node:
                self.remaining[source] -= 1
            if self.remaining[source] <= 0:
                for env in self.live:
                    env.pop(source, None)
                if source in self.loaded:
                    self._drop(source)

    def finish(self) -> None:
        """Forget stored values that no later stage needs."""
        for node in list(self.loaded):
            self._drop(node)

    def _drop(self, node: fx.Node) -> None:
        """Forget a stored value unless a later stage needs it."""
        self.loaded.discard(node)
        if self.schedule.last[node] <= self.stage:
            for k in range(len(self.live) if node.op != "placeholder" else 1):
                self.store.drop((node, self.chunk.index, k))

    def _fetch(self, node: fx.Node) -> None:
        for k, env in enumerate(self.live):
            if node in env:
                continue
            if node.op == "get_attr":
                env[node] = evaluate(self.networks[k].traced, self.peers[node][k], {}, {})
            else:
                env[node] = self.store.get((node, self.chunk.index, 0 if node.op == "placeholder" else k))
                self.loaded.add(node)
