"""Files written by an earlier version are read, and compute what they computed then."""

from pathlib import Path

import torch

import rainbownet as rn
from case_files import Net, images
from rainbownet.files.checkpoint import read_checkpoint, read_state
from rainbownet.limit import load_limit
from rainbownet.naming import load_weights

OLD = Path(__file__).parent / "old"


def test_files_of_format_1_compute_what_they_did():
    outputs = read_checkpoint(OLD / "outputs.pt")
    with torch.no_grad():
        rainbow = rn.load(OLD / "format1.rainbow").reference(images(3))
        limit = load_limit(OLD / "format1.limit")(images(3))
    torch.testing.assert_close(rainbow, outputs["rainbow"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(limit, outputs["limit"], rtol=1e-4, atol=1e-5)


def test_a_rainbow_of_format_1_loads_into_a_network_of_the_user():
    again = rn.load(OLD / "format1.rainbow", network=Net())
    assert set(again.laws) == {"first", "second"}


def test_a_checkpoint_is_read_into_a_network():
    state = read_state(OLD / "format1.pt")
    assert torch.equal(load_weights(Net(), OLD / "format1.pt").state_dict()["first.weight"], state["first.weight"])
