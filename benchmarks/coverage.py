"""How far the promise of any network goes: every family of timm, every builder of torchvision, transformers.

Needs packages that break beside a CPU-only torch or pin it, so that they stand in an environment of their own:

    python -m venv coverage-env
    coverage-env/bin/pip install -r benchmarks/coverage-requirements.txt
    coverage-env/bin/pip install --no-deps "torchvision==0.28.*" -e .
    coverage-env/bin/python benchmarks/coverage.py [timm torchvision detection hf] [--only PATTERN] [--failed]

Of each network, its weights drawn at random and nothing in it constant: whether it is traced, which share of its
parameters is drawn, what is kept and for want of which rule; how far the trained neurons themselves, as they are,
shuffled, and doubled, are from the network in float64, relative to the largest output; whether samples at other widths
are finite; how long a fit takes. Each runs in a process of its own, whose time and memory are bounded. A line of JSON
a network is kept: a run goes on where another stopped. The last lines make `benchmarks/results/coverage.json`.
"""

import json
import multiprocessing
import re
import resource
import signal
import time
from collections.abc import Sequence
from importlib import import_module, metadata
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from cyclopts import App, Parameter

from common import RESULTS, show, write_json
from coverage_counts import EXACT, failed, rules
from coverage_entry import Entry

Group = Literal["timm", "torchvision", "detection", "hf"]
PACKAGES = ("timm", "torchvision", "transformers")
GROUPS: tuple[Group, ...] = ("timm", "torchvision", "detection", "hf")
WAIT = 10
"""How much longer than its processor time a network may take, on a machine that is busy."""

_SHIM: list[torch.library.Library] = []

app = App(help=__doc__.splitlines()[0])


def declare_operators() -> None:
    """Declare two operators of torchvision, whose wheel does not bring them for every build of torch."""
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float threshold) -> Tensor")
    _SHIM.append(library)


def entries(groups: Sequence[Group]) -> list[Entry]:
    """Return the networks of some groups."""
    found: list[Entry] = []
    for group in groups:
        module = import_module("coverage_hf" if group == "hf" else "coverage_models")
        found += [entry for entry in module.entries(group) if entry.group == group]
    return found


def run(entry: Entry, seconds: float, gigabytes: float) -> dict[str, Any]:
    """Measure a network in a process of its own and return what it told before it ended."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(entry, theirs, int(seconds), int(gigabytes * 2**30)), daemon=True)
    start = time.monotonic()
    process.start()
    theirs.close()
    found: dict[str, Any] = {"group": entry.group, "name": entry.name, "variant": entry.variant}
    cut = False
    while True:
        left = start + WAIT * seconds - time.monotonic()
        if left <= 0 or not ours.poll(left):
            cut = True
            process.kill()
            break
        try:
            found = ours.recv()
        except EOFError:
            break
    process.join()
    stage = found.pop("stage", "build")
    if stage != "done" and (cut or process.exitcode):
        cut = cut or process.exitcode == -signal.SIGXCPU
        why = f"took more than {seconds:g} s" if cut else f"ended with exit code {process.exitcode}"
        found.setdefault("errors", {})[stage] = why
    return found


def _measure(entry: Entry, connection: Connection, seconds: int, memory: int) -> None:
    from coverage_measure import measure

    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    last: dict[str, Any] = {}

    def tell(found: dict[str, Any]) -> None:
        last.update(found)
        connection.send(found)

    try:
        measure(entry, tell)
    except Exception as error:
        message = f"{type(error).__name__}: {error}".splitlines()[0][:600]
        connection.send({**last, "errors": {**last.get("errors", {}), last["stage"]: message}})


def read_lines(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the last line of each network."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {(found["group"], found["name"]): found for found in map(json.loads, lines)}


@app.default
def main(
    *groups: Group,
    only: str = "",
    failed_only: Annotated[bool, Parameter("--failed")] = False,
    again: bool = False,
    seconds: float = 120.0,
    gigabytes: float = 8.0,
    lines: Path = RESULTS / "coverage.jsonl",
    out: Path = RESULTS / "coverage.json",
) -> None:
    """Measure the networks of some groups, all by default.

    Args:
        groups: Where the networks come from.
        only: Only those whose name or variant has this regular expression.
        failed_only: Only those that failed before.
        again: Those that are known too.
        seconds: Most seconds of the processor for each.
        gigabytes: Most memory for each.
        lines: A line of JSON for each network measured.
        out: The last line of each.
    """
    torch.set_num_threads(1)
    declare_operators()
    known = read_lines(lines)
    chosen = [e for e in entries(groups or GROUPS) if re.search(only, e.name) or re.search(only, e.variant)]
    if failed_only:
        chosen = [e for e in chosen if failed(known.get((e.group, e.name), {"errors": {"run": "unknown"}}))]
    elif not again:
        chosen = [e for e in chosen if (e.group, e.name) not in known]
    for name in (
        ("coverage_measure", "rainbownet.facade", *PACKAGES) if chosen else ()
    ):  # once, before processes are forked
        import_module(name)
    lines.parent.mkdir(parents=True, exist_ok=True)
    for i, entry in enumerate(chosen):
        found = run(entry, seconds, gigabytes)
        known[entry.group, entry.name] = found
        with lines.open("a") as file:
            file.write(json.dumps(found) + "\n")
        print(f"{i + 1}/{len(chosen)} {summary(found)}", flush=True)
    listed = {group: len(entries([group])) for group in GROUPS}
    found = {"exact": EXACT, "versions": versions(), "listed": listed, "networks": list(known.values())}
    write_json(out, found)
    for group in GROUPS:
        if own := [found for found in known.values() if found["group"] == group]:
            show(f"{group}: {len(own)} networks", ["", "networks"], counts(own))


def summary(found: dict[str, Any]) -> str:
    """Return a line on one network."""
    values = [f"{name} {found[name]:.0e}" for name in ("identity", "shuffled", "doubled") if name in found]
    share = f"{100 * found['share']:.0f} % drawn" if "share" in found else ""
    fit = f"fit {found['fit_seconds']:.1f} s" if "fit_seconds" in found else ""
    errors = "; ".join(f"{key}: {value}" for key, value in found.get("errors", {}).items())
    parts = [found["group"], found["name"], f"({found['variant']})", share, fit, *values, errors]
    return " ".join(part for part in parts if part)


def counts(own: Sequence[dict[str, Any]]) -> list[list[Any]]:
    """Return how many networks are traced, exact, drawn."""
    return [[name, sum(map(rule, own))] for name, rule in rules().items()]


def versions() -> dict[str, str]:
    """Return the versions of the packages whose networks are measured."""
    return {name: metadata.version(name) for name in PACKAGES}


if __name__ == "__main__":
    app()
