"""Settings all tests share: one thread, and warnings of libraries that are not ours."""

import pytest
import torch
from hypothesis import settings

from cases import CASES, Case

settings.register_profile("suite", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("suite")


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request: pytest.FixtureRequest) -> Case:
    """Each network of the cases in turn."""
    return request.param
