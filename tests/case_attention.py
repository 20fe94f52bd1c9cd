"""Transformers as people write them: the ways to make heads, to sum queries times keys, and torch's own modules."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """A pre-norm block; `how` says how attention is written."""

    def __init__(self, how: str, width: int = 16, heads: int = 4) -> None:
        super().__init__()
        self.how, self.heads, self.size, self.scale = how, heads, width // heads, (width // heads) ** -0.5
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        if how in ("unbind", "chunk", "interleaved"):
            self.qkv = nn.Linear(width, 3 * width)
        else:
            shared = width // 2 if how in ("grouped", "gqa") else width
            self.q, self.k, self.v = nn.Linear(width, width), nn.Linear(width, shared), nn.Linear(width, shared)
        if how == "causal":
            self.register_buffer("mask", torch.tril(torch.ones(32, 32))[None, None])
        self.out, self.mlp = (
            nn.Linear(width, width),
            nn.Sequential(nn.Linear(width, 24), nn.GELU(), nn.Linear(24, width)),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.out(self.attention(self.norm1(x)))
        return x + self.mlp(self.norm2(x))

    def attention(self, h: Tensor) -> Tensor:
        images, tokens, width = h.shape
        q, k, v = self.projections(h, images, tokens, width)
        if self.how == "einsum":
            scores = torch.einsum("bhid,bhjd->bhij", q, k) / math.sqrt(self.size)
            mixed = torch.einsum("bhij,bhjd->bhid", scores.softmax(-1), v)
        elif self.how == "bmm":
            q, k, v = (z.reshape(images * self.heads, tokens, self.size) for z in (q, k, v))
            mixed = torch.bmm((torch.bmm(q, k.transpose(1, 2)) * self.scale).softmax(-1), v)
            mixed = mixed.view(images, self.heads, tokens, self.size)
        elif self.how == "unbind":
            mixed = ((q * self.scale) @ k.transpose(-2, -1)).softmax(-1) @ v
        elif self.how == "causal":
            scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
            scores = scores.masked_fill(self.mask[:, :, :tokens, :tokens] == 0, float("-inf"))
            mixed = F.softmax(scores, dim=-1) @ v
        else:
            mixed = F.scaled_dot_product_attention(q, k, v, enable_gqa=self.how == "gqa")
        return mixed.transpose(1, 2).reshape(images, tokens, width)

    def projections(self, h: Tensor, images: int, tokens: int, width: int) -> tuple[Tensor, ...]:
        if self.how == "unbind":
            packed = self.qkv(h).reshape(images, tokens, 3, self.heads, self.size)
            return packed.permute(2, 0, 3, 1, 4).unbind(0)
        if self.how == "interleaved":
            packed = self.qkv(h).view(images, tokens, self.heads, 3 * self.size).transpose(1, 2)
            return packed.chunk(3, dim=-1)
        if self.how == "chunk":
            parts = self.qkv(h).split(self.heads * self.size, dim=2)
            return tuple(z.view(images, tokens, self.heads, width // self.heads).transpose(1, 2) for z in parts)
        q, k, v = (f(h).view(images, tokens, -1, self.size).transpose(1, 2) for f in (self.q, self.k, self.v))
        if self.how == "grouped":
            k, v = (
                z[:, :, None].expand(-1, -1, 2, -1, -1).reshape(images, self.heads, tokens, self.size) for z in (k, v)
            )
        return q, k, v


class ViT(nn.Module):
    """Patches, a class token, learned positions, two blocks."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, 4)
        self.token, self.positions = nn.Parameter(torch.randn(1, 1, 16)), nn.Parameter(0.5 * torch.randn(1, 5, 16))
        self.blocks, self.norm, self.head = nn.Sequential(Block(how), Block(how)), nn.LayerNorm(16), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.positions
        return self.head(self.norm(self.blocks(x))[:, 0])


class Sines(nn.Module):
    """Fixed positions in a buffer, of which as many are taken as there are tokens."""

    def __init__(self) -> None:
        super().__init__()
        angles = torch.arange(12.0)[:, None] * 3.0 ** -torch.arange(8.0)
        self.register_buffer("positions", torch.cat([angles.sin(), angles.cos()], 1)[None])
        self.embed, self.block, self.head = nn.Embedding(11, 16), Block("sdpa"), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        return self.head(self.block(x + self.positions[:, : x.size(1)]).mean(1))


class Encoder(nn.Module):
    """The encoder of torch, with a mask made in the forward pass or without."""

    def __init__(self, first: bool, images_first: bool, masked: bool = False) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 4, 24, norm_first=first, batch_first=images_first)
        self.embed, self.head, self.masked = nn.Linear(6, 16), nn.Linear(16, 5), masked
        self.encoder, self.images_first = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), images_first

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        x = x if self.images_first else x.transpose(0, 1)
        mask = nn.Transformer.generate_square_subsequent_mask(5).to(x.dtype) if self.masked else None
        return self.head(self.encoder(x, mask=mask).mean(1 if self.images_first else 0))


class Multihead(nn.Module):
    """`nn.MultiheadAttention` of one tensor, of learned queries, or of keys of another width."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what, self.embed, self.other = what, nn.Linear(6, 16), nn.Linear(6, 12)
        size = 12 if what == "other" else None
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True, kdim=size, vdim=size)
        self.queries, self.norm, self.head = nn.Parameter(torch.randn(1, 3, 16)), nn.LayerNorm(16), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x)
        if self.what == "own":
            h = h + self.attention(h, h, h)[0]
        elif self.what == "learned":
            queries = self.queries.expand(x.shape[0], -1, -1)
            h = queries + self.attention(queries, h, h)[0]
        elif self.what == "other":
            keys = self.other(x).relu()
            h = h + self.attention(h, keys, keys, need_weights=False)[0]
        elif self.what == "padding":
            padding = (x[..., 0] > 1) & (torch.arange(5) > 0)
            h = h + self.attention(h, h, h, key_padding_mask=padding, attn_mask=torch.ones(5, 5).triu(1) > 0)[0]
        return self.head(self.norm(h).mean(1))


WAYS = ("sdpa", "unbind", "chunk", "interleaved", "einsum", "bmm", "causal", "grouped", "gqa")
MULTIHEAD = ("own", "learned", "other", "padding")
NETS = {
    **{how: (lambda how=how: ViT(how), (3, 8, 8)) for how in WAYS},
    "sines": (Sines, (7,)),
    "encoder": (lambda: Encoder(True, True), (5, 6)),
    "encoder_post": (lambda: Encoder(False, False), (5, 6)),
    "encoder_masked": (lambda: Encoder(True, True, True), (5, 6)),
    **{
        f"multihead_{what}": (lambda what=what: Multihead(what), (5, 6))
        for what in ("own", "learned", "other", "padding")
    },
}


def made(name: str, n: int = 160) -> tuple[nn.Module, Tensor]:
    """Return a network in double precision, its biases and norms as if trained, and inputs."""
    build, shape = NETS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = build().double().eval()
        for parameter in net.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
        images = torch.randint(11, (n, *shape)) if name == "sines" else torch.randn(n, *shape).double()
    return net, images
