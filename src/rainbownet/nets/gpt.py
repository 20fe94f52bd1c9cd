"""A small GPT (Radford et al. 2019): pre-norm blocks that look back, learned positions, a head of its own."""

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from rainbownet.errors import ArchitectureError
from rainbownet.nets.scattering import scale_widths
from rainbownet.nets.seeding import seeded
from rainbownet.nets.vit import Block


class Generator(nn.Module):
    """A language model; see `gpt`.

    Args:
        classes: Tokens that are told apart.
        context: Tokens of a window.
        dim: Channels of a token.
        heads: Number of heads.
        hidden: Neurons of each perceptron.
        depth: Number of blocks.
    """

    def __init__(self, classes: int, context: int, dim: int, heads: int, hidden: int, depth: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(classes, dim)
        nn.init.normal_(self.tokens.weight, std=0.02)
        self.positions = nn.Parameter(0.02 * torch.randn(1, context, dim))
        self.blocks = nn.Sequential(*(Block(dim, heads, hidden, causal=True) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, classes)

    def forward(self, x: Int64[Tensor, "b t"]) -> Float[Tensor, "b t k"]:
        """Return the logits of the token that follows each."""
        return self.head(self.norm(self.blocks(self.tokens(x) + self.positions)))


def gpt(*, width: float = 1.0, classes: int = 97, context: int = 64, depth: int = 4, seed: int = 0) -> Generator:
    """Return a causal transformer: 96 channels, 4 heads, 192 hidden neurons, learned positions.

    The head has a matrix of its own. That of GPT-2 is the table of tokens again; then it would be drawn with the
    channels of the stream, and no alignment could be taken into it.

    Args:
        width: Factor on the channels of the stream, of each head and of the perceptrons.
        classes: Tokens that are told apart; the characters of `rainbownet.data.load_text` by default.
        context: Tokens of a window; every input has so many.
        depth: Number of blocks.
        seed: Draws the initial weights.

    Raises:
        ArchitectureError: If `width` leaves a head empty, or there are no tokens.

    Example:
        >>> gpt(context=8)(torch.zeros(2, 8, dtype=torch.int64)).shape
        torch.Size([2, 8, 97])
    """
    if classes < 1 or context < 1:
        raise ArchitectureError(f"gpt: {classes} classes and a context of {context}; at least one each is needed")
    size, hidden = scale_widths([24, 192], width)
    with seeded(seed):
        return Generator(classes, context, 4 * size, 4, hidden, depth)
