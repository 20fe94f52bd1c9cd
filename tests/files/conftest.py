"""Valid files, and the check that files made to do harm are refused: nothing runs, and sizes are seen early."""

import resource
import time

import pytest

from case_files import valid_files
from rainbownet.errors import FileError

SECONDS, BYTES = 20, 1 << 30


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    return valid_files(tmp_path_factory.mktemp("valid"))


@pytest.fixture
def refused(tmp_path):
    """Return a check: loading is a `FileError` in bounded time and memory, and the payload did not run."""

    def check(load, path):
        began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(FileError, match=r"\w") as caught:
            load(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert not (tmp_path / "ran").exists()
        assert time.perf_counter() - began < SECONDS
        assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < BYTES

    return check
