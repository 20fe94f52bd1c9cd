"""Rate and accuracy: files of statistics against what one would use instead, none of them trained further.

    python benchmarks/compression.py [--parts curves spiked] [--subjects resnet20 "tutorial_cnn ×4"] [--runs FOLDER]

Parts:
    curves: for each network and a few sizes, the best of each kind within that many bytes: options are chosen on
        validation images, with one draw, and reported on test images, with three draws where something is drawn. Ours:
        `rainbow.canonical` in int8 at several widths, the whole file counted; fresh samples from it; and
        white controls of the same widths and precision. Peers: `compression_peers.py`, headers not counted.
    spiked: spiked laws with their noise beside full rank: how far the reference moves, what samples do, populations of
        which a neuron is drawn as zero.

Torch-Pruning is measured where it can be imported. What is in the file is not measured again.
"""

import argparse
import importlib.util
import json
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

import compression_peers as peers
import rainbownet as rn
from common import RESULTS, ROOT, percent, show, write_json
from compression_figure import draw
from compression_networks import SUBJECTS, Subject
from rainbownet.errors import RainbowError, RainbowWarning
from rainbownet.rainbow.describe import weight_bytes

SHARES = {"resnet20": (0.25, 0.5), "": (0.01, 0.025, 0.1)}
WIDTHS = {"resnet20": (1.0,), "×1": (0.5, 1.0), "": (0.25, 0.5, 1.0)}
SPIKED = ("digits_cnn", "digits_mlp", "tutorial_mlp ×1", "tutorial_cnn ×1", "resnet20")
RATIOS = (0.25, 0.5, 0.75, 0.9)
SEEDS = (1, 2, 3)
SAMPLED = 0.1
"""The share of the bytes at which other members are drawn from the file, of the width of the trained network."""


def of(table: dict[str, Any], name: str) -> Any:
    """Return the entry whose key ends a name; that of the empty key where none does."""
    return next((value for key, value in table.items() if key and name.endswith(key)), table[""])


def written(rainbow: rn.Rainbow) -> int:
    """Return the bytes of the file of a rainbow."""
    with tempfile.TemporaryDirectory() as folder:
        return rainbow.save(Path(folder) / "file")


def ours(name: str, subject: Subject, options: argparse.Namespace, known: set[str]) -> Iterator[dict[str, Any]]:
    """Yield rows of files of statistics: at full rank, in so many bytes, and white controls."""
    law = rn.fit(subject.net, subject.loader)
    whole = weight_bytes(law.network)
    widths = of(WIDTHS, name)

    def row(kind: str, rainbow: rn.Rainbow, share: float | None, **more: Any) -> dict[str, Any]:
        draws = [rainbow.canonical(subject.loader, seed=seed, **more) for seed in SEEDS]
        sizes = [written(one) for one in draws]
        return {
            "kind": kind,
            "share": share,
            "bytes": max(sizes),
            "test": [percent(one.reference, subject.test) for one in draws],
            "ranks": [fitted.rank for fitted in draws[0].laws.values()],
            **{key: value for key, value in more.items() if key != "bytes"},
        }

    if "identity baseline" not in known:
        identity = law.white().sample(subject.loader, draw="identity")
        yield {"kind": "identity baseline", "share": None, "bytes": whole, "test": [percent(identity, subject.test)]}
    if "full rank" not in known:
        yield row("full rank", law, None)
        samples = [percent(law.sample(subject.loader, seed=seed), subject.test) for seed in SEEDS]
        yield {"kind": "rainbow with its reference", "share": None, "bytes": written(law), "test": samples}
    for width in widths:
        if f"white ×{width:g}" not in known:
            yield row(f"white ×{width:g}", law.white(), None, width=width, precision="int8")
    for share in of(SHARES, name):
        if f"ours {share:g}" in known:
            continue
        most, found = int(share * whole), []
        for width in widths:
            try:
                one = law.canonical(subject.loader, width=width, precision="int8", bytes=most)
            except RainbowError as error:
                if "too few" not in str(error):
                    raise
                continue
            found.append((percent(one.reference, subject.validation), width))
        if found:
            accuracy, width = max(found)
            best = row(f"ours {share:g}", law, share, width=width, precision="int8", bytes=most)
            best["validation"] = accuracy
            if share == SAMPLED:
                small = law.canonical(subject.loader, width=width, precision="int8", bytes=most, seed=SEEDS[0])
                samples = [small.sample(subject.loader, seed=seed, width=1 / width) for seed in SEEDS]
                best["samples"] = [percent(one, subject.test) for one in samples]
            yield best


def theirs(name: str, subject: Subject, known: set[str]) -> Iterator[dict[str, Any]]:
    """Yield rows of the peers."""
    whole = peers.quantised(subject.net, "float32")[1]

    def row(kind: str, share: float | None, found: tuple[Any, int], **more: Any) -> dict[str, Any]:
        return {"kind": kind, "share": share, "bytes": found[1], "test": [percent(found[0], subject.test)], **more}

    for precision in ("float32", "float16", "int8"):
        if precision not in known:
            yield row(precision, None, peers.quantised(subject.net, precision))
    for kind, make in (("SVD", peers.truncated), ("pruned weights", peers.pruned)):
        for share in of(SHARES, name):
            if f"{kind} {share:g}" in known:
                continue
            made = [(p, make(subject.net, int(share * whole), p)) for p in ("float16", "int8")]
            scored = [(percent(found[0], subject.validation), p, found) for p, found in made if found is not None]
            if scored:
                accuracy, precision, found = max(scored, key=lambda s: s[0])
                yield row(f"{kind} {share:g}", share, found, precision=precision, validation=accuracy)
    if importlib.util.find_spec("torch_pruning") is not None and f"pruned channels {RATIOS[0]:g}" not in known:
        for ratio, found in peers.structured(subject.net, subject.loader[0][0][:2], "int8", RATIOS):
            yield row(f"pruned channels {ratio:g}", ratio, found, precision="int8")


def spiked(name: str, runs: Path, images: int) -> dict[str, Any]:
    """Return what a spiked law with its noise does beside the full one."""
    small = name in ("digits_cnn", "digits_mlp")
    subject = SUBJECTS[name](runs, images)
    inputs = torch.cat([part for part, _ in subject.loader])[:256]
    trained = subject.net(inputs)
    found: dict[str, Any] = {"trained": percent(subject.net, subject.test)}
    laws = {
        "full rank": rn.Gaussian(),
        "spiked, with noise": rn.Gaussian(shrinkage="spiked", bulk=True),
        "spiked": rn.Gaussian(shrinkage="spiked"),
        "white": rn.White(),
    }
    for words, law in laws.items():
        rainbow = rn.fit(subject.net, subject.loader, law=law)
        moved = (rainbow.reference(inputs) - trained).abs().max() / trained.abs().max()
        draws = [rainbow.draw(subject.loader, seed=seed, width=4 if small else 1) for seed in SEEDS]
        found[words] = {
            "ranks": [fitted.rank for fitted in rainbow.laws.values()],
            "reference": percent(rainbow.reference, subject.test),
            "logits_moved": moved.item(),
            "law_change": rainbow.provenance.get("law_change"),
            "samples": [percent(draw.network, subject.test) for draw in draws],
            "emptied": sum(not bool(rows.any(1).all()) for draw in draws[:1] for rows, _ in draw.rows.values()),
        }
    return found | {"width": 4 if small else 1, "images": sum(len(part) for part, _ in subject.loader)}


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=["curves", "spiked"], default=["curves", "spiked"])
    parser.add_argument("--subjects", nargs="+", default=None, help="names of networks; all by default")
    parser.add_argument("--images", type=int, default=3000, help="training images to align on")
    parser.add_argument("--runs", type=Path, default=Path("runs/compression"), help="where trained networks are kept")
    parser.add_argument("--figure", type=Path, default=ROOT / "docs" / "images" / "compression.png")
    parser.add_argument("--out", type=Path, default=RESULTS / "compression.json")
    options = parser.parse_args()
    options.runs.mkdir(parents=True, exist_ok=True)
    # Few rows and cut laws are what is measured.
    warnings.simplefilter("ignore", RainbowWarning)
    empty: dict[str, Any] = {"curves": {}, "spiked": {}}
    result = json.loads(options.out.read_text()) if options.out.is_file() else empty
    result = {key: result[key] for key in empty}

    def keep() -> None:
        write_json(options.out, result)

    curves = [name for name in SUBJECTS if name not in ("digits_cnn", "digits_mlp")]
    for name in options.subjects or curves if "curves" in options.parts else ():
        with torch.enable_grad():
            subject = SUBJECTS[name](options.runs, options.images)
        own = result["curves"].setdefault(name, {"rows": []})
        own |= {
            "images": sum(len(part) for part, _ in subject.loader),
            "trained": percent(subject.net, subject.test),
            "test_images": len(subject.test.targets),
        }
        known = {row["kind"] for row in own["rows"]}
        for rows in (theirs(name, subject, known), ours(name, subject, options, known)):
            for row in rows:
                own["rows"].append(row)
                print(name, row, flush=True)
                keep()
    for name in options.subjects or SPIKED if "spiked" in options.parts else ():
        if name in SPIKED and name not in result["spiked"]:
            with torch.enable_grad():
                result["spiked"][name] = spiked(name, options.runs, options.images)
            print(name, result["spiked"][name], flush=True)
            keep()
    if result["curves"]:
        draw(result["curves"], options.figure)
    lines = [
        [name, row["kind"], row["bytes"], f"{max(row['test']):.1f}"]
        for name, own in result["curves"].items()
        for row in own["rows"]
    ]
    show("Compression", ["network", "what", "bytes", "accuracy"], lines)


if __name__ == "__main__":
    main()
