"""Training all members of an ensemble: in turn, or as tasks of a Ray cluster; finished ones are not repeated."""

import inspect
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rainbownet.checks import device_of_name, path_of, real, sequence_of, shown, whole
from rainbownet.data import Examples, load, load_text
from rainbownet.data.text import is_text
from rainbownet.ensemble.member import Member
from rainbownet.ensemble.read import Ensemble, read
from rainbownet.errors import DataError, FileError, RainbowError
from rainbownet.extras import require
from rainbownet.files.write import write_text
from rainbownet.training import train


def train_ensemble(
    directory: str | Path,
    members: Sequence[Member],
    *,
    cluster: str | None = None,
    address: str | None = None,
    retries: int = 2,
    gpus: float | int = 0,
    device: str | None = None,
    progress: bool = True,
    report: Callable[[str], None] | None = None,
) -> Ensemble:
    """Train every member that is not finished yet, each in its own directory.

    A member that fails does not stop the others; when all are through, an error names those that failed. Called again,
    it goes on with what is missing, each member from its last epoch.

    Args:
        directory: Where the members' directories are; on a cluster of several machines, one that all of them share.
        members: The members, for instance from `grid`.
        cluster: None trains in this process, `"ray"` as tasks of a Ray cluster.
        address: Address of a running cluster; None starts Ray on this machine for as long as it takes.
        retries: How often a member whose process died is started again (Ray).
        gpus: GPUs, or a part of one, that each member takes (Ray).
        device: Where a member computes; None leaves it to `train`.
        progress: Whether to show each member's bar (in this process).
        report: Called with a sentence for each member that ends.

    Returns:
        The ensemble in `directory`.

    Raises:
        DataError: If there is no member, two are the same or `cluster` is unknown.
        FileError: If something else than a directory is there.
        MissingExtra: Without Ray, if it is asked for.
        RainbowError: If members failed; it names them and says why, once where all fail alike.
    """
    directory = Path(path_of("directory", directory))
    if directory.exists() and not directory.is_dir():
        raise FileError(f"{directory}: a file is there; a directory for the networks is needed")
    members = sequence_of("members", members, "Member objects", error=DataError)
    if not members or not all(isinstance(member, Member) for member in members):
        raise DataError(f"members is {shown(members)}; one Member at least, and nothing else, is needed")
    whole("retries", retries, error=DataError)
    real("gpus", gpus, least=0.0, error=DataError)
    if device is not None and cluster is None:
        device_of_name(device)
    names = [member.name for member in members]
    double = next((name for k, name in enumerate(names) if name in names[:k]), None)
    if double is not None:
        raise DataError(f"members: {double!r} is there twice; each must differ in seed, width or arguments")
    if cluster not in (None, "ray"):
        raise DataError(f"cluster is {cluster!r}; it can be None or 'ray'")
    waiting = [member for member in members if not (directory / member.name / "model.safetensors").exists()]
    if cluster == "ray" and waiting:
        ended = _by_ray(directory, waiting, address=address, retries=retries, gpus=gpus, device=device)
    else:
        ended = _in_turn(directory, waiting, device=device, progress=progress)
    failures = []
    for member, error in ended:
        if report is not None:
            report(f"{member.name}: {'done' if error is None else error}")
        if error is not None:
            failures.append((member.name, error))
    if failures:
        raise RainbowError(f"{len(failures)} of {len(members)} members failed: {_listed(failures)}")
    # Their factories were named by the caller, not by a file.
    return read(directory, trust={member.network for member in members})


def _listed(failures: Sequence[tuple[str, str]]) -> str:
    """Name the members behind each reason; a reason that all share is said once."""
    reasons: dict[str, list[str]] = {}
    for name, error in failures:
        reasons.setdefault(error, []).append(name)
    if len(reasons) == 1 and len(failures) > 1:
        return f"{failures[0][0]}, … ({failures[0][1]})"
    return "; ".join(f"{', '.join(names)} ({error})" for error, names in reasons.items())


def train_member(directory: str, member: Member, device: str | None, progress: bool) -> None:
    """Train one member in `directory/name`, or read nothing more than that it is finished.

    Nothing is left there if it cannot begin: no such network or data, or images that it cannot take.
    """
    place = Path(directory) / member.name
    net = member.build()
    images = _load("data", member.data)
    test = None if member.test is None else _load("test", member.test)
    with _unless_begun(place):
        write_text(place / "member.json", member.to_json() + "\n", parents=True)
        options: dict[str, Any] = {"recipe": member.recipe, "seed": member.seed, "device": device, "progress": progress}
        train(net, images, out=place, test=test, **options)


def _load(name: str, arguments: Mapping[str, Any]) -> Examples:
    function = load_text if is_text(arguments.get("source", "")) else load
    try:
        inspect.signature(function).bind(**arguments)
    except TypeError as error:
        raise DataError(f"{name}: {error}; it holds arguments of rainbownet.data.{function.__name__}") from error
    return function(**arguments)


@contextmanager
def _unless_begun(place: Path) -> Iterator[None]:
    """Remove a directory, and its parent if it is empty then, when training is refused before it wrote anything."""
    there = place.exists()
    try:
        yield
    except RainbowError:
        if not there and not (place / "run.json").exists():
            (place / "member.json").unlink(missing_ok=True)
            for folder in (place, place.parent):
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
        raise


def _in_turn(
    directory: Path, members: Iterable[Member], *, device: str | None, progress: bool
) -> Iterator[tuple[Member, str | None]]:
    for member in members:
        yield member, _attempt(directory, member, device, progress)


def _attempt(directory: Path, member: Member, device: str | None, progress: bool) -> str | None:
    try:
        train_member(str(directory), member, device, progress)
    except Exception as error:  # One member's fault, of whatever kind, must not cost the others.
        return _describe(error)
    return None


def _by_ray(
    directory: Path,
    members: Iterable[Member],
    *,
    address: str | None,
    retries: int,
    gpus: float | int,
    device: str | None,
) -> Iterator[tuple[Member, str | None]]:
    ray: Any = require("ray", extra="cluster")
    started = not ray.is_initialized()
    if started:
        # Workers on this machine import what this process can; a cluster brings its own installation.
        paths = os.pathsep.join(path for path in sys.path if path)
        local = {"include_dashboard": False, "runtime_env": {"env_vars": {"PYTHONPATH": paths}}}
        ray.init(address=address, log_to_driver=False, **(local if address is None else {}))
    try:
        task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=retries)(train_member)
        place = str(directory.resolve())
        pending = {
            task.options(num_cpus=member.recipe.threads or 1).remote(place, member, device, False): member
            for member in members
        }
        while pending:
            (ready,), _ = ray.wait(list(pending), num_returns=1)
            yield pending.pop(ready), _outcome(ray, ready, retries)
    finally:
        if started:
            ray.shutdown()


def _outcome(ray: Any, ready: Any, retries: int) -> str | None:
    try:
        ray.get(ready)
    except ray.exceptions.RayTaskError as error:
        return _describe(error.cause)
    except ray.exceptions.RayError as error:
        return f"its process died {retries + 1} times; {_describe(error)}"
    return None


def _describe(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".strip()
