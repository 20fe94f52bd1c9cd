"""Mutation testing: put one small bug after another into the mathematics and see whether a test notices.

    python tools/mutants.py                                   # a seeded sample of 150 over all rooms
    python tools/mutants.py --sample 40 --seed 3 laws spectra  # of these rooms

The tests of each room run once under a line tracer. Then, for each bug, the tests that reach its line run in a forked
process on a copy of the tree, the quickest first, until one fails. What survives is printed and written as JSON; what
cannot be noticed, because the program means the same, is listed with a reason in `equivalent_mutants.json`.
"""

import argparse
import importlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from mutations import Mutant, mutants_of

ROOT = Path(__file__).resolve().parent.parent
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.json")
PRELOADED = ("torch", "numpy", "pandas", "scipy.stats", "scipy.optimize", "sklearn.mixture", "safetensors")
ROOMS = {  # a file or folder of sources → the tests that are about it; the longest match counts
    "laws": ["laws", "limit/test_coordinates.py"],
    "moments": ["test_moments.py", "alignment"],
    "spectra": ["test_spectrum.py", "test_decay.py"],
    "aligned": ["alignment", "test_compare.py", "test_path.py", "test_readers.py", "rainbow/test_naive.py"],
    "rainbow": ["rainbow", "test_neurons.py", "test_describe.py"],
    "analysis": ["analysis"],
    "limit/hermite.py": ["limit/test_hermite.py", "limit/test_kernel.py"],
    "limit/closed.py": ["limit/test_closed.py", "limit/test_kernel.py"],
    "limit/piecewise.py": ["limit/test_piecewise.py"],
    "limit/ridge.py": ["limit/test_ridge.py"],
    "limit/coordinates.py": ["limit/test_coordinates.py"],
    "limit/dual.py": ["limit/test_hermite.py", "limit/test_kernel.py", "limit/test_piecewise.py"],
}


class Tracer:
    """A pytest plugin: which lines of the sources each test runs, and for how long."""

    def __init__(self, sources: Path) -> None:
        self.prefix, self.found, self.lines = str(sources), {}, set()
        self.failed = set()

    def pytest_runtest_logstart(self, nodeid: str, location: object) -> None:
        """Begin a test."""
        self.lines, self.start = set(), time.perf_counter()
        sys.settrace(self._enter)

    def pytest_runtest_logreport(self, report) -> None:
        """Note what fails: it can tell nothing."""
        if report.failed:
            self.failed.add(report.nodeid)

    def pytest_runtest_logfinish(self, nodeid: str, location: object) -> None:
        """End it."""
        sys.settrace(None)
        if nodeid not in self.failed:
            self.found[nodeid] = {"seconds": time.perf_counter() - self.start, "lines": sorted(self.lines)}

    def _enter(self, frame, event, argument):
        name = frame.f_code.co_filename
        if not name.startswith(self.prefix):
            return None

        def line(frame, event, argument):
            self.lines.add(f"{name[len(self.prefix) + 1 :]}:{frame.f_lineno}")
            return line

        return line(frame, event, argument)


def run_forked(tree: Path, arguments: list[str], log: Path, timeout: float, plugins: list | None = None) -> int:
    """Run pytest on a tree in a fork of this process; return its status, or -1 where the time is over."""
    child = os.fork()
    if child == 0:
        os.setsid()
        os.chdir(tree)
        # Processes that a test spawns would run this file again.
        vars(sys.modules["__main__"]).pop("__file__", None)
        sys.dont_write_bytecode = plugins is None
        with log.open("w") as out:
            os.dup2(out.fileno(), 1)
            os.dup2(out.fileno(), 2)
        sys.path[:] = [str(tree / "src")] + [p for p in sys.path if p not in ("", str(ROOT), str(ROOT / "src"))]
        os.environ["PYTHONPATH"] = str(tree / "src")
        try:
            import pytest

            status = int(pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:xdist", *arguments], plugins))
            for plugin in plugins or ():
                (tree / "coverage.json").write_text(json.dumps(plugin.found))
        except BaseException as error:
            print(error, flush=True)
            status = 99
        os._exit(status)
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -1


def trial(tree: Path, mutant: Mutant, tests: list[str], timeout: float) -> str:
    """Put a bug in, run the tests, take it out; return "killed", "timeout" or "survived"."""
    file = tree / "src" / "rainbownet" / mutant.file
    original, stamp = file.read_text(), file.stat()
    try:
        file.write_text(mutant.put_into(original))
        # Compiled files are told apart by whole seconds.
        os.utime(file, (stamp.st_atime, stamp.st_mtime + 100))
        arguments = tree / "arguments.txt"
        arguments.write_text("\n".join(tests))
        status = run_forked(tree, ["-x", f"@{arguments}"], tree / "log.txt", timeout)
    finally:
        file.write_text(original)
        os.utime(file, (stamp.st_atime, stamp.st_mtime))
    return {0: "survived", -1: "timeout"}.get(status, "killed")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rooms", nargs="*", default=[], help=f"of {', '.join(ROOMS)} (default: all)")
    parser.add_argument("--sample", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, default=Path("mutants.json"))
    parser.add_argument("--only", default="", help="mutants whose description holds this text, all of them")
    options = parser.parse_args()
    rooms = {room: ROOMS[room] for room in options.rooms or ROOMS}
    for module in PRELOADED:
        importlib.import_module(module)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        skip = shutil.ignore_patterns("__pycache__")
        for part in ("src", "tests"):
            shutil.copytree(ROOT / part, tree / part, ignore=skip)
        shutil.copy(ROOT / "pyproject.toml", tree)
        results = list(_run(tree, rooms, options))
    options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    _report(results, rooms)


def _run(tree: Path, rooms: dict[str, list[str]], options: argparse.Namespace):
    sources = tree / "src" / "rainbownet"
    tests = sorted({f"tests/{test}" for own in rooms.values() for test in own})
    if missing := [test for test in tests if not (tree / test).exists()]:
        raise SystemExit(f"no tests {', '.join(missing)}; say in ROOMS where they are now")
    doctests = [f"src/rainbownet/{room}" for room in rooms]
    started = time.monotonic()
    log = tree / "log.txt"
    status = run_forked(tree, [*tests, *doctests], log, 3000, [Tracer(sources)])
    if status not in (0, 1):
        raise SystemExit(f"the tests did not run (status {status}):\n{log.read_text()[-3000:]}")
    for line in log.read_text().splitlines():
        if status and line.startswith("FAILED"):
            print(f"without a bug already, so left out: {line}", flush=True)
    covered = json.loads((tree / "coverage.json").read_text())
    print(f"{len(covered)} tests traced in {time.monotonic() - started:.0f} s", flush=True)
    known = {tuple(e["mutant"]): e["reason"] for e in json.loads(EQUIVALENT.read_text())} if EQUIVALENT.exists() else {}
    found = []
    for room in rooms:
        path = sources / room
        for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
            found += mutants_of(file.read_text(), str(file.relative_to(sources)))
    found = [m for m in found if options.only in m.describe()]
    chosen = random.Random(options.seed).sample(found, min(options.sample, len(found)))
    print(f"{len(chosen)} of {len(found)} mutants", flush=True)
    for k, mutant in enumerate(chosen):
        begun = time.monotonic()
        reach = {n: t for n, t in covered.items() if f"{mutant.file}:{mutant.line}" in t["lines"]}
        if mutant.module_level:
            reach = {n: t for n, t in covered.items() if any(x.startswith(f"{mutant.file}:") for x in t["lines"])}
        if not reach:  # what runs in processes of their own is not traced
            reach = {n: t for n, t in covered.items() if "spawn(" in (tree / n.partition("::")[0]).read_text()}
        quickest = sorted(reach, key=lambda name: reach[name]["seconds"])
        timeout = 30 + 10 * sum(t["seconds"] for t in reach.values())
        outcome = trial(tree, mutant, quickest, timeout) if quickest else "not reached"
        reason = known.get((mutant.file, mutant.function, mutant.before, mutant.after))
        if reason is not None and outcome in ("survived", "not reached"):
            outcome = "equivalent"
        print(f"{k + 1:4} {outcome:11} {time.monotonic() - begun:5.1f} s  {mutant.describe()}", flush=True)
        yield {
            "file": mutant.file,
            "line": mutant.line,
            "function": mutant.function,
            "kind": mutant.kind,
            "before": mutant.before,
            "after": mutant.after,
            "tests": len(quickest),
            "outcome": outcome,
            "reason": reason,
        }


def _report(results: list[dict], rooms: dict[str, list[str]]) -> None:
    print("\nroom          tried  killed  equivalent  survived")
    for room in [*rooms, ""]:
        own = [r for r in results if r["file"].startswith(room)]
        killed = sum(r["outcome"] in ("killed", "timeout") for r in own)
        equivalent = sum(r["outcome"] == "equivalent" for r in own)
        left = len(own) - killed - equivalent
        share = f" ({left / (len(own) - equivalent):.1%})" if len(own) > equivalent else ""
        print(f"{room or 'all':<13} {len(own):5}  {killed:6}  {equivalent:10}  {left:8}{share}")


if __name__ == "__main__":
    main()
