"""The command `rainbownet` without the seconds that it takes to start: a fork of a process that has imported it.

`python warm.py SOCKET` waits for commands, one a connection: words, folder and environment as JSON, with the three
streams of the caller. It runs each in a process of its own and answers with its exit status.
"""

import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

COMMAND = """#!{python} -IS
import json, os, socket, sys
link = socket.socket(socket.AF_UNIX)
link.connect({address!r})
socket.send_fds(link, [b"!"], [0, 1, 2])
link.sendall(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode())
link.shutdown(socket.SHUT_WR)
status = b"".join(iter(lambda: link.recv(64), b""))
sys.exit(int(status or 70))
"""


def install(folder: Path, address: Path) -> None:
    """Write a command `rainbownet` that asks the process behind an address."""
    command = folder / "rainbownet"
    command.write_text(COMMAND.format(python=sys.executable, address=str(address)), encoding="utf-8")
    command.chmod(0o755)


def run(link: socket.socket) -> int:
    """Run the command of a connection in this process; return its exit status."""
    from rainbownet.cli import main

    _, streams, _, _ = socket.recv_fds(link, 1, 3)
    words, folder, environment = json.loads(b"".join(iter(lambda: link.recv(1 << 16), b"")))
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["rainbownet", *words]
    try:
        main()
    except SystemExit as end:
        code: Any = end.code
        return code if isinstance(code, int) else int(code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def serve(address: str) -> None:
    """Import what commands need, then answer until this process is ended."""
    import matplotlib.pyplot  # noqa: F401
    import pandas  # noqa: F401
    import scipy.optimize  # noqa: F401
    import sklearn.datasets  # noqa: F401

    import rainbownet.analysis
    import rainbownet.cli
    import rainbownet.facade
    import rainbownet.limit
    import rainbownet.report  # noqa: F401

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen()
        print("ready", flush=True)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while True:
            link, _ = server.accept()
            if not os.fork():
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                status = 1
                try:
                    status = run(link)
                except BaseException:
                    sys.excepthook(*sys.exc_info())
                finally:
                    link.sendall(str(status).encode())
                    os._exit(status)
            link.close()


if __name__ == "__main__":
    serve(sys.argv[1])
