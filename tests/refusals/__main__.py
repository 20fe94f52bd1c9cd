"""A table of bad calls of the public API, run by `test_refusals_api.py` in a process of its own.

There nothing checks annotations, so that each call reaches the library as it would a user's. Each entry is the argument
that is at fault, as the message must name it (words of which one is enough, divided by `|`), and the call.
"""

import json
import sys
import warnings
from collections.abc import Callable
from typing import Any

import torch

from rainbownet.errors import RainbowError
from refusals import analyses, fitting, uses, zoo

SUBJECTS = (fitting, uses, zoo, analyses)


def outcome(call: Callable[[], Any]) -> dict[str, Any]:
    """Return what a call does: the error's class, whether it is ours, and its message."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = call()
    except RainbowError as error:
        return {"ours": True, "error": type(error).__name__, "message": str(error)}
    except Exception as error:  # Whatever else comes out is what the test looks for.
        return {"ours": False, "error": type(error).__name__, "message": str(error)}
    return {"ours": False, "error": None, "message": f"accepted: {type(result).__name__}"}


if __name__ == "__main__":
    torch.set_num_threads(1)
    found = [
        {"words": words, "call": f"{subject.__name__}, call {k}", **outcome(call)}
        for subject in SUBJECTS
        for k, (words, call) in enumerate(subject.CALLS)
    ]
    json.dump(found, sys.stdout)
