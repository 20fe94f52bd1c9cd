"""Ways of writing linear maps, sizes and scores that code of language models has: all drawn, copies exact."""

import pytest
import torch
from torch import Tensor, nn

import rainbownet as rn
from case_laws import Copies
from rainbownet.graph import Network

EXACT = {"alignment": rn.LeastSquares(ridge=0.0), "holdout": 0.0}


class Addmm(nn.Module):
    """A linear map with a transposed weight, of rows of all tokens together, as in GPT-2."""

    def __init__(self, n: int, out: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(n, out) / n**0.5), nn.Parameter(torch.randn(out))
        self.out = out

    def forward(self, x: Tensor) -> Tensor:
        sizes = x.size()[:-1] + (self.out,)  # noqa: RUF005
        return torch.addmm(self.bias, x.view(-1, x.size(-1)), self.weight).view(sizes)


class Transposed(nn.Module):
    """A linear map written as a product with a transposed weight, as in Falcon."""

    def __init__(self, n: int, out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out, n) / n**0.5)

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.T


class Alibi(nn.Module):
    """Scores by `baddbmm` with positions added, as in BLOOM."""

    def __init__(self, linear: type[nn.Module]) -> None:
        super().__init__()
        self.q, self.k, self.v, self.out = (linear(12, 12) for _ in range(4))
        self.register_buffer("slopes", torch.linspace(0, 1, 5).expand(3, 1, 5).clone())

    def forward(self, x: Tensor) -> Tensor:
        count, tokens, _ = x.shape
        q, k, v = (f(x).view(count, tokens, 3, 4).transpose(1, 2).reshape(count * 3, tokens, 4) for f in self.parts)
        bias = self.slopes.repeat(count, 1, 1)
        weights = bias.baddbmm(q, k.transpose(-1, -2), beta=0.5, alpha=0.5).softmax(-1)
        return x + self.out((weights @ v).view(count, 3, tokens, 4).transpose(1, 2).reshape(count, tokens, 12))

    @property
    def parts(self) -> tuple[nn.Module, ...]:
        """The maps to queries, keys and values."""
        return self.q, self.k, self.v


class SinglePrecision(nn.Module):
    """A norm that casts its scale to single precision and gives its ε by position, and bounds by tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.scale = nn.Linear(12, 20), nn.Linear(20, 12), nn.Parameter(torch.rand(20) + 0.5)
        self.register_buffer("most", torch.tensor(2.0))

    def forward(self, x: Tensor) -> Tensor:
        scale = self.scale.to(x.dtype)
        y = torch.nn.functional.rms_norm(self.first(x), (self.scale.shape[0],), scale, 1e-6)
        return self.second(torch.clamp(y, -self.most, self.most))


class Model(nn.Module):
    """Tokens, one block, the last token of each text taken by a tensor of indices."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(9, 12))
        self.block, self.norm, self.head = block, nn.LayerNorm(12), nn.Linear(12, 4)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.block(nn.functional.embedding(tokens, self.table))
        last = torch.full((tokens.shape[0],), 4, dtype=torch.int64)
        return self.head(self.norm(x)[torch.arange(tokens.shape[0]), last])


BLOCKS = {
    "addmm": lambda: nn.Sequential(Addmm(12, 20), nn.GELU(), Addmm(20, 12)),
    "transposed": lambda: nn.Sequential(Transposed(12, 20), nn.GELU(), Transposed(20, 12)),
    "baddbmm": lambda: Alibi(nn.Linear),
    "single precision": SinglePrecision,
}


@pytest.mark.parametrize("name", BLOCKS)
def test_everything_but_the_head_is_drawn_and_copies_are_exact(name):
    torch.manual_seed(0)
    net = Model(BLOCKS[name]()).double().eval()
    tokens = torch.randint(0, 9, (200, 5), generator=torch.Generator().manual_seed(1))
    network = Network(net, tokens)
    assert network.kept_by == ()
    assert {p.name for p in network.populations if p.frozen} <= {"head", "table", "block"}
    rainbow = rn.fit(net, [tokens], law=Copies())
    for width, draw in ((1, "identity"), (1, "gaussian"), (2, "gaussian")):
        drawn = rainbow.sample([tokens], width=width, draw=draw, **EXACT)
        assert ((net(tokens) - drawn(tokens)).norm() / net(tokens).norm()).item() < 1e-9


def test_parts_that_code_takes_to_be_of_one_size_are_drawn_or_kept_together():
    class Packed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qv, self.head = nn.Linear(6, 16), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            q, v = self.qv(x).view(len(x), 2, 8).unbind(1)
            return self.head(v * q.cumsum(-1)[:, -1:])

    network = Network(Packed(), torch.randn(4, 6))
    assert all(p.frozen for p in network.populations)
    assert any("of one size" in kept.why for kept in network.kept_by)
