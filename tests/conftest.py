"""Settings all tests share: threads, networks, and that no test is skipped unless it is marked as an extra."""

import os
from collections.abc import Generator

import pytest
import torch
from hypothesis import settings

from cases import CASES, Case

settings.register_profile("suite", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("suite")


@pytest.fixture(autouse=True, scope="session")
def _threads():
    threads = torch.get_num_threads()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def device() -> torch.device:
    """Where the numerical tests compute: `RAINBOWNET_TEST_DEVICE`, the CPU without; TensorFloat32 is off."""
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    return torch.device(os.environ.get("RAINBOWNET_TEST_DEVICE", "cpu"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a test that skips without the mark `extra`: what the documentation cites has then run."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.get_closest_marker("extra") is None:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped without the mark `extra`: {call.excinfo and call.excinfo.value}"
    return report


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request: pytest.FixtureRequest) -> Case:
    """Each network of the cases in turn."""
    return request.param
