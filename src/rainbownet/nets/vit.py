"""Vision transformers: pre-norm blocks, learned positions, an average over tokens (theory, 10)."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from rainbownet.nets.scattering import scale_widths
from rainbownet.nets.seeding import seeded


class Attention(nn.Module):
    """Self-attention with a layer each for queries, keys, values and the result.

    Args:
        dim: Channels of a token.
        heads: Number of heads, which divides `dim`.
        causal: Whether a token sees only those before it and itself.
    """

    def __init__(self, dim: int, heads: int, *, causal: bool = False) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.query, self.key, self.value, self.result = (nn.Linear(dim, dim) for _ in range(4))

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        """Mix tokens."""
        q, k, v = (
            layer(x).view(x.shape[0], x.shape[1], self.heads, -1).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.result(mixed.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """Attention and a perceptron, each after a norm and beside a shortcut.

    Args:
        dim: Channels of a token.
        heads: Number of heads.
        hidden: Neurons of the perceptron.
        causal: Whether a token sees only those before it and itself.
    """

    def __init__(self, dim: int, heads: int, hidden: int, *, causal: bool = False) -> None:
        super().__init__()
        self.norm1, self.attention = nn.LayerNorm(dim), Attention(dim, heads, causal=causal)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Linear(hidden, dim))

    def forward(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b t d"]:
        """Add to the stream."""
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class VisionTransformer(nn.Module):
    """A vision transformer; see `vit`.

    Args:
        channels: Channels of the images.
        patch: Side of a patch.
        tokens: Number of patches.
        dim: Channels of a token.
        heads: Number of heads.
        hidden: Neurons of each perceptron.
        depth: Number of blocks.
        classes: Outputs.
    """

    def __init__(
        self, channels: int, patch: int, tokens: int, dim: int, heads: int, hidden: int, depth: int, classes: int
    ) -> None:
        super().__init__()
        self.patches = nn.Conv2d(channels, dim, patch, patch)
        self.positions = nn.Parameter(0.02 * torch.randn(1, tokens, dim))
        self.blocks = nn.Sequential(*(Block(dim, heads, hidden) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(dim), nn.Linear(dim, classes)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k"]:
        """Return the logits."""
        x = self.patches(x).flatten(2).transpose(1, 2) + self.positions
        return self.head(self.norm(self.blocks(x)).mean(1))


def vit(*, width: float = 1.0, classes: int = 10, depth: int = 4, seed: int = 0) -> VisionTransformer:
    """Return a transformer for 32×32 colour images: 64 patches of side 4, 96 channels, 4 heads, 192 hidden neurons.

    Args:
        width: Factor on the channels of the stream, of each head and of the perceptrons.
        classes: Outputs.
        depth: Number of blocks.
        seed: Draws the initial weights.

    Raises:
        ArchitectureError: If `width` leaves a head empty.
    """
    size, hidden = scale_widths([24, 192], width)
    with seeded(seed):
        return VisionTransformer(3, 4, 64, 4 * size, 4, hidden, depth, classes)


def digits_vit(*, width: float = 1.0, classes: int = 10, depth: int = 3, seed: int = 0) -> VisionTransformer:
    """Return a transformer for the 8×8 digits: 16 patches of side 2, 64 channels, 4 heads, 128 hidden neurons.

    Args:
        width: Factor on the channels of the stream, of each head and of the perceptrons.
        classes: Outputs.
        depth: Number of blocks.
        seed: Draws the initial weights.

    Raises:
        ArchitectureError: If `width` leaves a head empty.

    Example:
        >>> sum(p.numel() for p in digits_vit().parameters())
        102538
    """
    size, hidden = scale_widths([16, 128], width)
    with seeded(seed):
        return VisionTransformer(1, 2, 16, 4 * size, 4, hidden, depth, classes)
