"""Labels follow reshapes, permutations and slices as the values do, whatever the shapes."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from rainbownet.graph.propagate import apply_rules
from rainbownet.graph.rules.shape import _reshaped
from rainbownet.graph.trace import symbolic_trace


@given(st.lists(st.integers(1, 4), min_size=2, max_size=4), st.data())
def test_a_reshaped_label_is_what_numpy_makes_of_the_channels(shape, data):
    axis = data.draw(st.integers(0, len(shape) - 1))
    size = int(np.prod(shape))
    first = data.draw(st.sampled_from([d for d in range(1, size + 1) if size % d == 0]))
    second = data.draw(st.sampled_from([d for d in range(1, size // first + 1) if (size // first) % d == 0]))
    new = (first, second, size // first // second)
    label = np.arange(shape[axis]).reshape([-1 if i == axis else 1 for i in range(len(shape))])
    expected = np.broadcast_to(label, shape).reshape(new)
    found = _reshaped(label, tuple(shape), new)
    assert found.ndim == len(new)
    assert (np.broadcast_to(found, new) == expected).all()


class Moved(nn.Module):
    """Channels 0 to 5 on axis 1 of (n, 6, 2, 2), taken somewhere."""

    def __init__(self, move) -> None:
        super().__init__()
        self.conv, self.move = nn.Conv2d(3, 6, 1, bias=False), move

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.move(self.conv(x))


MOVES = {
    "permute": lambda x: x.permute(0, 2, 3, 1),
    "permute tuple": lambda x: torch.permute(x, (2, 0, 3, 1)),
    "transpose": lambda x: x.transpose(1, -1),
    "movedim": lambda x: torch.movedim(x, 1, 3),
    "movedim back": lambda x: x.movedim(-1, 1),
    "swapaxes": lambda x: x.swapaxes(1, 2),
    "flatten": lambda x: torch.flatten(x, 2),
    "flatten start": lambda x: x.flatten(start_dim=1),
    "view": lambda x: x.view(-1, 3, 2, 2, 2),
    "unflatten": lambda x: x.unflatten(1, (2, 3)),
    "squeeze": lambda x: x[:, :, 0, :1].squeeze(-1),
    "unsqueeze": lambda x: x.unsqueeze(1),
    "slice": lambda x: x[:, 2:5],
    "negative slice": lambda x: x[:, -2:],
    "integer": lambda x: x[:, :, 1],
    "ellipsis": lambda x: x[..., 0],
    "none": lambda x: x[:, None, :, 0],
    "chunk": lambda x: x.chunk(3, 1)[1],
    "split": lambda x: torch.split(x, [1, 3, 2], dim=1)[1],
    "split size": lambda x: x.split(4, dim=1)[1],
    "cat": lambda x: torch.cat([x[:, 3:], x[:, :2]], dim=1),
    "pool": lambda x: nn.functional.adaptive_avg_pool2d(x, 1),
    "mean": lambda x: x.mean((2, 3)),
    "mean keep": lambda x: x.mean([-1], keepdim=True),
    "amax": lambda x: torch.amax(x, dim=(2, 3)),
    "add": lambda x: x + x.mean((2, 3), keepdim=True),
    "cast": lambda x: x.to(torch.float64),
}


@pytest.mark.parametrize("first", ["cast", "add"])
@pytest.mark.parametrize("second", MOVES)
def test_labels_are_moved_as_values_are(first, second):
    def move(x: torch.Tensor) -> torch.Tensor:
        return MOVES[second](MOVES[first](x))

    p = apply_rules(symbolic_trace(Moved(move)), torch.randn(5, 3, 2, 2, generator=torch.Generator().manual_seed(0)))
    last = next(n for n in p.module.graph.nodes if n.op == "output").all_input_nodes[0]
    solved, ids = p.ties.solve(), p.parameters["conv.weight"].index[0]
    channel = {int(solved.channel[index]): i for i, index in enumerate(ids)}
    # The numbers of the channels are sent through the same operations; an addition doubles them.
    expected = move(torch.arange(6.0).view(1, 6, 1, 1).expand(5, 6, 2, 2)).numpy() / 2 ** [first, second].count("add")
    (label,) = p.labels_of(last)
    numbers = np.vectorize(channel.__getitem__)(solved.channel[label])
    assert (np.broadcast_to(numbers, expected.shape) == expected).all()
