"""Networks as JSON: every case goes there and back."""

import json

import pytest
import torch
from torch import nn

from rainbownet.errors import UnsupportedOp
from rainbownet.graph.program import to_program
from rainbownet.graph.rebuild import from_program
from rainbownet.graph.trace import symbolic_trace


def test_a_program_is_json_and_computes_the_same(case):
    net, images = case.network(), case.images(5)
    traced = symbolic_trace(net)
    program = json.loads(json.dumps(to_program(traced)))
    rebuilt = from_program(program)
    state = {name: value for name, value in traced.state_dict().items() if name in rebuilt.state_dict()}
    rebuilt.load_state_dict(state)
    with torch.no_grad():
        torch.testing.assert_close(rebuilt(images), traced(images), rtol=0, atol=0)
    assert json.dumps(to_program(rebuilt), sort_keys=True) == json.dumps(program, sort_keys=True)


@pytest.mark.parametrize(
    "module",
    [
        nn.Conv2d(4, 8, (3, 1), stride=2, dilation=2, groups=2, bias=False),
        nn.Conv1d(4, 4, 3, padding=1, padding_mode="circular"),
        nn.ConvTranspose2d(4, 6, 2, stride=2, output_padding=1),
        nn.BatchNorm2d(4, eps=1e-3, momentum=None, affine=False),
        nn.GroupNorm(2, 4, affine=False),
        nn.LeakyReLU(0.3),
        nn.Hardtanh(-2.0, 3.0),
        nn.GELU("tanh"),
        nn.Softplus(2.0, 10.0),
        nn.MaxPool2d(3, 2, 1, ceil_mode=True),
        nn.AvgPool2d(2, count_include_pad=False),
        nn.Upsample(scale_factor=2.0, mode="bilinear", align_corners=True),
        nn.Dropout(0.7),
        nn.PReLU(4),
        nn.Flatten(1, -2),
    ],
    ids=lambda module: type(module).__name__,
)
def test_modules_are_rebuilt_with_their_options(module):
    traced = symbolic_trace(nn.Sequential(module))
    rebuilt = from_program(to_program(traced))
    assert repr(rebuilt.get_submodule("0")) == repr(traced.get_submodule("0"))


def test_constants_that_are_no_json_are_refused():
    class Indexed(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.to(torch.device("cpu"))

    with pytest.raises(UnsupportedOp, match="constant of type device"):
        to_program(symbolic_trace(Indexed()))
