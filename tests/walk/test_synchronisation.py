"""What would make a host wait for an accelerator: none of it inside a walk, counted on a CPU."""

from contextlib import contextmanager

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import rainbownet as rn
from cases import CASES
from rainbownet.aligned.pairs import ActivationPairs
from rainbownet.errors import RainbowError
from rainbownet.moments import CrossMoment
from rainbownet.rainbow.aligner import SampleAligner
from rainbownet.walk import AlignmentImages, lockstep

WAITING = ("_local_scalar_dense", "nonzero", "equal", "is_nonzero", "masked_select", "unique_dim", "_unique2")


class Waits(TorchDispatchMode):
    """Notes the operations whose result the host must have before it goes on."""

    def __init__(self):
        super().__init__()
        self.found = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name in WAITING:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


@contextmanager
def watched(monkeypatch):
    """Note what waits while nodes are evaluated and their values observed."""
    found, seen = [], []

    def within(cls, name):
        plain = getattr(cls, name)

        def method(*args, **kwargs):
            with Waits() as mode:
                result = plain(*args, **kwargs)
            found.extend(mode.found)
            seen.append(name)
            return result

        monkeypatch.setattr(cls, name, method)

    for cls, names in ((lockstep._Step, ("run", "overwrite", "settle", "finish")), (SampleAligner, ("observe",))):
        for name in names:
            within(cls, name)
    within(ActivationPairs, "observe")
    yield found, seen


@pytest.mark.parametrize("name", ["mlp", "norm_last", "resnet_option_a", "unet", "mixer"])
def test_nothing_waits_inside_a_walk(monkeypatch, name):
    case = CASES[name]
    images = [case.images(64), case.images(64)]
    with watched(monkeypatch) as (found, seen):
        rainbow = rn.fit([case.network(0), case.network(1)], images)
        rainbow.draw(images, seed=0)
    assert found == []
    assert set(seen) >= {"run", "settle", "finish", "observe"}


def test_what_waits_is_noted():
    with Waits() as mode:
        torch.ones(1).item()
        bool(torch.ones(1).any())
        torch.ones(2).nonzero()
    assert mode.found == ["_local_scalar_dense", "_local_scalar_dense", "nonzero"]


def test_moments_wait_for_nothing():
    with Waits() as mode:
        CrossMoment(3, 3, left_self=True, means=True).update(torch.ones(5, 3), torch.ones(5, 3))
    assert mode.found == []


def errors(net, images, precision):
    """Return the relative change of a sample's outputs by a precision, from the same draw."""
    rainbow = rn.fit(net, images)
    plain, other = (
        rainbow.draw(AlignmentImages(images, precision=own), seed=0).network(images[0])
        for own in ("float32", precision)
    )
    return (torch.linalg.norm(other - plain) / torch.linalg.norm(plain)).item()


def test_bfloat16_moves_a_sample_by_its_rounding():
    case = CASES["resnet_option_a"]
    assert 0 < errors(case.network(0), [case.images(256)], "bfloat16") < 0.1


def test_tf32_changes_nothing_on_a_cpu():
    case = CASES["resnet_option_a"]
    assert errors(case.network(0), [case.images(64)], "tf32") == 0


@pytest.mark.parametrize(
    ("images", "precision", "message"),
    [
        (torch.zeros(4, 3), "float16", "precision: expected one of 'float32', 'tf32', 'bfloat16'; got 'float16'"),
        (torch.zeros(4, 3).double(), "bfloat16", "precision: 'bfloat16' is for inputs in float32; the loader yields"),
    ],
)
def test_a_precision_that_cannot_be_is_refused(images, precision, message):
    with pytest.raises(RainbowError, match=message):
        AlignmentImages(images, precision=precision)
