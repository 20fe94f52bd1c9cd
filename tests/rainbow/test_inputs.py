"""What people pass and get back: several inputs by name, dictionaries, dataclasses, programs of torch.export."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, nn

import rainbownet as rn
from case_laws import Copies
from rainbownet.analysis.groups import Flip
from rainbownet.errors import ArchitectureError, DataError
from rainbownet.graph import Network
from rainbownet.graph.inputs import run

PROGRAMS = pytest.mark.filterwarnings("ignore::FutureWarning")  # torch.export warns of its own code
EXACT = {"alignment": rn.LeastSquares(ridge=0.0), "holdout": 0.0}


@dataclass
class Result:
    """What a network returns."""

    states: Tensor
    logits: Tensor
    cache: object = None


class Pairs(nn.Module):
    """Tokens with a mask, and an optional scale; the head shares the table of embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.hidden = nn.Embedding(11, 24), nn.Linear(24, 24)
        self.head = nn.Linear(24, 11, bias=False)
        self.head.weight = self.table.weight

    def forward(self, tokens: Tensor, mask: Tensor | None = None, scale: float = 1.0, **_: object) -> Result:
        x = self.table(tokens)
        if mask is not None:
            x = x * mask.unsqueeze(-1)
        states = x.mean(1) + self.hidden(x).relu().mean(1) * scale
        return Result(states, self.head(states), cache={"x": x})


class Refuses(Pairs):
    """The same by code that torch.fx cannot trace: it takes no proxies."""

    def forward(self, tokens: Tensor, mask: Tensor | None = None, scale: float = 1.0, **_: object) -> Result:
        if isinstance(tokens, torch.fx.Proxy):
            raise TypeError("no tensor")
        half = torch.arange(tokens.shape[1]).ge(2).to(self.table.weight.dtype)
        states = super().forward(tokens, mask, scale).states + (self.table(tokens) * half[:, None]).sum(1)
        return Result(states, self.head(states))


def batch(count: int = 400) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(0, 11, (count, 6), generator=generator)
    return {"tokens": tokens, "mask": (torch.rand(count, 6, generator=generator) > 0.3).double()}


def made(cls: type[nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return cls().double().eval()


def apart(a: Tensor, b: Tensor) -> float:
    return ((a - b).norm() / a.norm()).item()


@pytest.mark.parametrize("cls", [Pairs, Refuses])
def test_copies_of_a_network_of_several_inputs_give_its_logits(cls):
    net, given = made(cls), batch()
    rainbow = rn.fit(net, [given], law=Copies(), strict=True)
    for width, draw in ((1, "identity"), (1, "gaussian"), (2, "gaussian")):
        drawn = rainbow.sample([given], width=width, draw=draw, **EXACT)
        assert apart(net(**given).logits, drawn(**given)) < 1e-9


@pytest.mark.parametrize("cls", [Pairs, Refuses])
def test_all_parameters_but_the_head_and_its_own_table_are_drawn(cls):
    network = Network(made(cls), batch())
    assert network.kept_by == ()
    (drawn,) = [p for p in network.populations if not p.frozen]
    assert {"table.weight", "hidden.weight", "hidden.bias"} == set(drawn.slots)


def test_a_table_and_a_head_that_share_a_matrix_have_one_each_in_the_copy():
    net = made(Pairs)
    network = Network(net, batch())
    assert net.head.weight is net.table.weight
    assert network.parameters["head.weight"] is not network.parameters["table.weight"]
    assert torch.equal(network.parameters["head.weight"], network.parameters["table.weight"])


def test_a_batch_may_be_a_pair_of_a_dictionary_and_targets_or_hold_its_targets():
    net, given = made(Pairs), batch(64)
    labels = torch.zeros(64, dtype=torch.int64)
    for one in ((given, labels), {**given, "labels": labels}):
        images = rn.AlignmentImages([one])
        rn.fit(net, images)
        inputs, targets = next(iter(rn.AlignmentImages([one]).batches()))
        assert list(inputs.tensors) == ["tokens", "mask"]
        assert torch.equal(targets, labels)


def test_keys_say_which_tensors_are_inputs():
    given = batch(64) | {"lengths": torch.ones(64)}
    images = rn.AlignmentImages([given], inputs=["tokens", "mask"])
    assert list(images.example.tensors) == ["tokens", "mask"]
    assert rn.fit(made(Pairs), images).networks == 1


def test_one_tensor_is_the_first_argument_and_the_others_have_their_defaults():
    net, tokens = made(Pairs), batch()["tokens"]
    drawn = rn.fit(net, [tokens]).sample([tokens], draw="identity", **EXACT)
    assert apart(net(tokens).logits, drawn(tokens)) < 1e-9


@pytest.mark.parametrize(
    ("output", "name"), [(None, "logits"), ("states", "states"), (0, "states"), ("logits", "logits")]
)
def test_an_output_is_taken_by_name_or_position(output, name):
    net, given = made(Pairs), batch(32)
    network = Network(net, given, output=output)
    assert torch.equal(run(network.root, network.example), getattr(net(**{k: v[:2] for k, v in given.items()}), name))


def test_an_output_that_is_not_there_is_named_with_those_that_are():
    with pytest.raises(ArchitectureError, match=r"output: 'loss' is no part of .*; there are \['states', 'logits'"):
        Network(made(Pairs), batch(), output="loss")


@pytest.mark.parametrize("cls", [Pairs, Refuses])
def test_a_network_of_several_inputs_is_saved_and_loaded(tmp_path, cls):
    net, given = made(cls).float(), {k: v.float() if v.is_floating_point() else v for k, v in batch(200).items()}
    rainbow = rn.fit(net, [given], output="logits")
    rainbow.save(tmp_path / "a.rainbow")
    again = rn.load(tmp_path / "a.rainbow")
    one, other = (own.sample([given], width=2, seed=3)(**given) for own in (rainbow, again))
    assert apart(one, other) < 1e-4


@PROGRAMS
def test_a_program_of_torch_export_is_drawn_like_its_module():
    torch.manual_seed(0)
    net = nn.Sequential(
        *(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 12, 3)),
        *(nn.BatchNorm2d(12), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(12), nn.Linear(12, 5)),
    )
    net = net.double().eval()
    images = torch.randn(200, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    any_number = ({0: torch.export.Dim.AUTO},)
    program = torch.export.export(net, (images[:2],), dynamic_shapes=any_number)
    one, other = Network(net, images), Network(program.module(), images)
    assert [(p.key, len(p)) for p in one.populations] == [(p.key, len(p)) for p in other.populations]
    drawn = rn.fit(program.module(), [images], law=Copies()).sample([images], width=2, **EXACT)
    assert apart(net(images), drawn(images)) < 1e-9


@PROGRAMS
def test_a_program_for_one_number_of_inputs_says_how_to_export_it():
    program = torch.export.export(nn.Linear(3, 4), (torch.randn(2, 3),))
    with pytest.raises(ArchitectureError, match="it was exported for 2 inputs; export it for any number"):
        Network(program.module(), torch.randn(2, 3))


def test_similarity_sends_inputs_by_name_to_modules_and_dictionaries_to_functions():
    net, both = Pairs().double().eval(), batch()

    def hidden(given: dict[str, Tensor]) -> Tensor:
        return net.hidden(net.table(given["tokens"]) * given["mask"].unsqueeze(-1))

    found = rn.similarity(net, hidden, [both], measures="cka", layers_a=["hidden"], positions="pool")
    assert float(found.matrix("cka").loc["hidden", "output"]) == pytest.approx(1.0, abs=1e-9)


def test_a_symmetry_of_inputs_by_name_is_refused():
    with pytest.raises(DataError, match=r"loader yields inputs by name \(tokens, mask\); a symmetry moves one tensor"):
        rn.analysis.symmetry(Pairs().double().eval(), Flip(), [batch()])
