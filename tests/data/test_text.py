"""Texts: windows whose targets are the next characters, parts that do not mix, and what is refused."""

import math

import pytest
import torch

from rainbownet.data import load_text, loader
from rainbownet.data.text import ALPHABET, Text
from rainbownet.errors import DataError
from rainbownet.nets import build
from rainbownet.training import Recipe, evaluate, train


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("".join(f"line {k}\n" for k in range(1000)), encoding="utf-8")
    return path


def test_targets_are_the_next_characters(file):
    text = load_text(file, size=8)
    assert torch.equal(text.inputs[0, 1:], text.targets[0, :-1])
    assert text.read(0) + ALPHABET[text.targets[0, -1]] == "line 0\nli"


def test_the_two_parts_are_the_whole_text_once(file):
    train_part, test = (load_text(file, size=8, split=split) for split in ("train", "test"))
    whole = file.read_text(encoding="utf-8")
    runs = [whole[k : k + 128] for k in range(0, len(whole), 128)]
    wanted = ["".join(run for k, run in enumerate(runs) if (k % 10 == 9) == part) for part in (False, True)]
    for text, characters in zip((train_part, test), wanted, strict=True):
        found = "".join(map(text.read, range(len(text))))
        assert characters.startswith(found)
        assert len(characters) - len(found) <= 8


def test_other_characters_are_one(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("naïve text\n" * 200, encoding="utf-8")
    assert load_text(path, size=11).read(0) == "na�ve text\n"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.txt", None, "no text that can be read"),
        ("short.txt", b"abc", "3 characters are too few"),
        ("greek.txt", "αβγδ".encode() * 99, "100% of its characters are not ASCII"),
        ("bytes.txt", b"\xff\xfe\xff" * 99, "no text that can be read"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_text(tmp_path / name)


def test_options_that_cannot_be_meant_are_refused(file):
    for options, message in (
        ({"split": "validation"}, "no split 'validation'"),
        ({"size": 0}, "size is 0"),
        ({"size": 8, "limit": 10**6}, "limit is 1000000"),
    ):
        with pytest.raises(DataError, match=message):
            load_text(file, **options)
    with pytest.raises(DataError, match="inputs are not numbers of its 97"):
        Text(torch.full((2, 3), 97), torch.zeros(2, 3, dtype=torch.int64), ALPHABET, "x")
    with pytest.raises(DataError, match="has no images to flip"):
        loader(load_text(file), augment="flip")


def test_a_network_of_texts_learns_to_count_lines(file):
    text, recipe = load_text(file, size=16), Recipe(epochs=4, lr=0.01, batch_size=32, optimizer="adamw")
    net = build("gpt", width=0.25, context=16, depth=1)
    before = evaluate(net, load_text(file, size=16, split="test"))
    train(net, text, recipe=recipe, progress=False)
    after = evaluate(net, load_text(file, size=16, split="test"))
    assert before.bits == pytest.approx(before.loss / math.log(2))
    assert before.bits > 6
    assert after.bits < 2.5
    assert after.accuracy > 0.5


def test_a_score_of_texts_is_that_of_all_its_characters(file):
    text = load_text(file, size=16).some(20)
    net = build("gpt", width=0.25, context=16, depth=1).eval()
    logits = net(text.inputs).flatten(0, 1)
    wanted = torch.nn.functional.cross_entropy(logits, text.targets.flatten())
    found = evaluate(net, text, batch_size=7)
    assert found.loss == pytest.approx(wanted.item(), rel=1e-5)
    assert found.accuracy == pytest.approx((logits.argmax(1) == text.targets.flatten()).double().mean().item())
