"""Patterns of families that people use, written out small: windows, gates, recurrences, shuffles."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Tokens(nn.Module):
    """Patches of an image, a mixing layer in a residual stream of tokens, a norm, an average and a linear map."""

    def __init__(self, mixer: nn.Module, width: int = 12) -> None:
        super().__init__()
        self.embed, self.mixer = nn.Conv2d(3, width, 2, 2), mixer
        self.norm, self.hidden, self.head = nn.LayerNorm(width), nn.Linear(width, 16), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x).permute(0, 2, 3, 1)
        x = x + self.mixer(self.norm(x))
        return self.head(F.gelu(self.hidden(x)).mean((1, 2)))


class Maps(nn.Module):
    """A convolution, a layer of feature maps, a second convolution and a linear map."""

    def __init__(self, layer: nn.Module, between: int = 12, width: int = 12) -> None:
        super().__init__()
        self.first, self.layer = nn.Conv2d(3, width, 3, padding=1), layer
        self.last, self.head = nn.Conv2d(between, 16, 1), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.relu(self.last(self.layer(F.relu(self.first(x))))).mean((2, 3)))


class Windows(nn.Module):
    """Attention in windows, shifted by a roll, with a table of relative positions and an offset put together (Swin)."""

    def __init__(self, width: int = 12, heads: int = 3, side: int = 2) -> None:
        super().__init__()
        self.heads, self.side = heads, side
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width)
        self.q_bias, self.v_bias = nn.Parameter(torch.randn(width)), nn.Parameter(torch.randn(width))
        self.register_buffer("k_bias", torch.zeros(width), persistent=False)
        self.table = nn.Parameter(torch.randn((2 * side - 1) ** 2, heads))
        self.register_buffer("index", torch.randint(len(self.table), (side**2, side**2)))

    def forward(self, x: Tensor) -> Tensor:
        images, h, w, width = x.shape
        side, heads = self.side, self.heads
        x = torch.roll(x, shifts=(-1, -1), dims=(1, 2))
        x = x.view(images, h // side, side, w // side, side, width).permute(0, 1, 3, 2, 4, 5)
        x = x.contiguous().view(-1, side * side, width)
        qkv = F.linear(x, self.qkv.weight, torch.cat((self.q_bias, self.k_bias, self.v_bias)))
        q, k, v = qkv.reshape(-1, side**2, 3, heads, width // heads).permute(2, 0, 3, 1, 4)
        bias = self.table[self.index.view(-1)].view(side**2, side**2, -1).permute(2, 0, 1).contiguous().unsqueeze(0)
        x = F.scaled_dot_product_attention(q, k, v, attn_mask=bias).transpose(1, 2).reshape(-1, side**2, width)
        x = self.out(x).view(-1, h // side, w // side, side, side, width).permute(0, 1, 3, 2, 4, 5)
        return x.contiguous().view(-1, h, w, width).roll((1, 1), (1, 2))


class Cosine(nn.Module):
    """Attention of directions, with a temperature that is learned (Swin V2)."""

    def __init__(self, width: int = 12, heads: int = 3) -> None:
        super().__init__()
        self.heads, self.qkv, self.out = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.temperature = nn.Parameter(torch.rand(heads, 1, 1) + 2)

    def forward(self, x: Tensor) -> Tensor:
        images, h, w, width = x.shape
        qkv = self.qkv(x).reshape(images, h * w, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        scores = (F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)) * self.temperature.exp()
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).reshape(images, h, w, width))


class Tempered(Cosine):
    """The same of queries and keys as they are: no number stands by their product."""

    def forward(self, x: Tensor) -> Tensor:
        images, h, w, width = x.shape
        qkv = self.qkv(x).reshape(images, h * w, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = (qkv[0] @ qkv[1].transpose(-2, -1)) * self.temperature
        return self.out((scores.softmax(-1) @ qkv[2]).transpose(1, 2).reshape(images, h, w, width))


class AcrossChannels(Cosine):
    """Attention between channels instead of tokens: a mean over channels by weights that a softmax gives (XCiT)."""

    def forward(self, x: Tensor) -> Tensor:
        images, h, w, width = x.shape
        qkv = self.qkv(x).reshape(images, h * w, 3, self.heads, -1).permute(2, 0, 3, 4, 1)
        q, k, v = qkv.unbind(0)
        scores = (F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).transpose(-2, -1)) * self.temperature
        mixed = scores.softmax(-1) @ v
        return self.out(mixed.permute(0, 3, 1, 2).reshape(images, h, w, width))


class Unfolded(nn.Module):
    """Tokens at one place of all patches are mixed, by reshapes over images and channels (MobileViT)."""

    def __init__(self, width: int = 12, side: int = 2) -> None:
        super().__init__()
        self.side, self.block = side, nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU())

    def forward(self, x: Tensor) -> Tensor:
        images, width, h, w = x.shape
        s, rows, columns = self.side, h // self.side, w // self.side
        x = x.reshape(images * width * rows, s, columns, s).transpose(1, 2)
        x = (
            x.reshape(images, width, rows * columns, s * s)
            .transpose(1, 3)
            .reshape(images * s * s, rows * columns, width)
        )
        x = self.block(x).contiguous().view(images, s * s, rows * columns, -1)
        x = x.transpose(1, 3).reshape(images * width * rows, columns, s, s)
        return x.transpose(1, 2).reshape(images, width, h, w)


class Selected(nn.Module):
    """Two paths, summed with weights that a softmax over the paths gives (SKNet)."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.paths = nn.ModuleList([nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 1)])
        self.squeeze, self.select = nn.Conv2d(width, 6, 1), nn.Conv2d(6, 2 * width, 1)

    def forward(self, x: Tensor) -> Tensor:
        paths = torch.stack([path(x) for path in self.paths], dim=1)
        weights = self.select(F.relu(self.squeeze(paths.sum(1).mean((2, 3), keepdim=True))))
        weights = weights.view(x.shape[0], 2, weights.shape[1] // 2, 1, 1).softmax(1)
        return torch.sum(paths * weights, dim=1)


class Radix(nn.Module):
    """Channels in two groups, averaged with weights of each (ResNeSt)."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.conv, self.squeeze, self.select = nn.Conv2d(width, 24, 1), nn.Conv2d(width, 6, 1), nn.Conv2d(6, 24, 1)

    def forward(self, x: Tensor) -> Tensor:
        images, _, h, w = x.shape
        x = F.relu(self.conv(x)).reshape(images, 2, 12, h, w)
        weights = self.select(F.relu(self.squeeze(x.sum(dim=1).mean((2, 3), keepdim=True))))
        return (x * weights.view(images, 2, 12, 1, 1).softmax(1)).sum(dim=1)


class Maxout(nn.Module):
    """The largest of two channels."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, 24, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).unflatten(1, (2, 12)).max(dim=1)[0]


class Gated(nn.Module):
    """A gate for every channel, made by the same layer."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.conv, self.glu = nn.Conv2d(width, 24, 1), nn.GLU(dim=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.glu(self.conv(x))


class Patches(nn.Module):
    """Patches of a feature map, read by a linear map."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.patches, self.linear = nn.Unfold(3, padding=1), nn.Linear(9 * width, 12)

    def forward(self, x: Tensor) -> Tensor:
        return (
            self.linear(self.patches(x).transpose(1, 2)).transpose(1, 2).reshape(x.shape[0], -1, x.shape[2], x.shape[3])
        )


class Recurrent(nn.Module):
    """Rows and columns, each read by a recurrent layer in both directions (Sequencer)."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.rows = nn.LSTM(width, 5, batch_first=True, bidirectional=True)
        self.columns = nn.GRU(width, 5, batch_first=True)
        self.out = nn.Linear(15, width)

    def forward(self, x: Tensor) -> Tensor:
        images, h, w, width = x.shape
        rows, _ = self.rows(x.reshape(-1, w, width))
        columns, _ = self.columns(x.permute(0, 2, 1, 3).reshape(-1, h, width))
        columns = columns.view(images, w, h, -1).permute(0, 2, 1, 3)
        return self.out(torch.cat([rows.view(images, h, w, -1), columns], dim=-1))


class Flattened(nn.Module):
    """A batch norm over images and tokens together, put back by `reshape_as` (LeViT)."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(width, width), nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.linear(x)
        return self.norm(y.flatten(0, 2)).reshape_as(y)


class Standardised(nn.Conv2d):
    """A convolution whose weights are standardised each time (NFNets, BiT)."""

    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self.gain = nn.Parameter(torch.rand(self.out_channels, 1, 1, 1) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        weight = F.batch_norm(
            self.weight.reshape(1, self.out_channels, -1), None, None, (self.gain * 0.3).view(-1), None, True, 0.0, 1e-6
        )
        return F.conv2d(x, weight.reshape_as(self.weight), self.bias, self.stride, self.padding, 1, self.groups)


class WeightNormed(nn.Module):
    """Standardised convolutions, one of them with a filter a channel, in a residual branch."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.a, self.b = (
            Standardised(width, width, 3, padding=1),
            Standardised(width, width, 3, padding=1, groups=width),
        )
        self.scale = nn.Parameter(torch.tensor(0.7))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.b(F.gelu(self.a(x))) * self.scale


class Shuffles(nn.Module):
    """Half of the channels go past, again and again, and are interleaved with those that do not (ShuffleNetV2)."""

    def __init__(self, width: int = 12, units: int = 3) -> None:
        super().__init__()
        half = width // 2
        self.units = nn.ModuleList(nn.Sequential(nn.Conv2d(half, half, 1), nn.ReLU()) for _ in range(units))

    def forward(self, x: Tensor) -> Tensor:
        for unit in self.units:
            left, right = x.chunk(2, dim=1)
            x = torch.cat((left, unit(right)), dim=1)
            n, c, h, w = x.shape
            x = x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)
        return x


class Grouped(nn.Module):
    """Two channels a group, so that there is one at half the width (DLA-X)."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1, groups=width // 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Folded(nn.Module):
    """Pieces of an axis of positions, laid side by side as a split gives them (bilinear attention)."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat(torch.split(self.conv(x), 4, dim=2), dim=3)


class Half(nn.Module):
    """Packed queries, keys and values, of which the first two are kept for want of a rule."""

    def __init__(self, width: int = 12, heads: int = 3) -> None:
        super().__init__()
        self.heads, self.qkv, self.out = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        images, h, w, width = x.shape
        qkv = self.qkv(x).reshape(images, h * w, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        with torch.autocast(device_type=x.device.type, enabled=False):
            x = F.scaled_dot_product_attention(q.cumsum(-1), k.cumsum(-1), v)
        return self.out(x.transpose(1, 2).reshape(images, h, w, width))


class TalkingHeads(Cosine):
    """Linear maps over the heads of the scores, before and after their softmax (CaiT)."""

    def __init__(self, width: int = 12, heads: int = 3) -> None:
        super().__init__(width, heads)
        self.before, self.after = nn.Linear(heads, heads), nn.Linear(heads, heads)

    def forward(self, x: Tensor) -> Tensor:
        images, h, w, width = x.shape
        q, k, v = self.qkv(x).reshape(images, h * w, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        scores = (q * (width // self.heads) ** -0.5) @ k.transpose(-2, -1)
        scores = self.before(scores.permute(0, 2, 3, 1)).softmax(-2)
        scores = self.after(scores).permute(0, 3, 1, 2)
        return self.out((scores @ v).transpose(1, 2).reshape(images, h, w, width))


class Additive(nn.Module):
    """Directions of queries, weighed by one score each, times directions of keys, beside the queries (SwiftFormer)."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)
        self.score = nn.Parameter(torch.randn(width, 1))
        self.inner, self.out = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(1, 2)
        query, key = F.normalize(self.query(tokens), dim=-1), F.normalize(self.key(tokens), dim=-1)
        weights = F.normalize(query @ self.score * 0.3, dim=1)
        mean = torch.sum(weights * query, dim=1, keepdim=True)
        return self.out(self.inner(mean * key) + query).view_as(x)


class Placed(Windows):
    """Offsets of scores that a small network computes from a table of places, whatever the images are (Swin V2)."""

    def __init__(self, width: int = 12, heads: int = 3, side: int = 2) -> None:
        super().__init__(width, heads, side)
        self.register_buffer("places", torch.randn(1, 2 * side - 1, 2 * side - 1, 2))
        self.places_mlp = nn.Sequential(nn.Linear(2, 9), nn.ReLU(), nn.Linear(9, heads, bias=False))
        del self.table

    @property
    def table(self) -> Tensor:
        return self.places_mlp(self.places).view(-1, self.heads)
