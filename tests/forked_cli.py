"""The command line for stories with many commands: imported once, and forked for each call.

    with forked(folder) as path:        # the value of PATH, with a `sekisho` in front
        subprocess.run(["sekisho", "--help"], env={..., "PATH": path})

Each call is a process of its own, with the caller's folder, environment and standard files; only
the second that importing takes is saved. The real entry point is held by the tests that start it.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CALLER = """#!{python} -SE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as calling:
    calling.connect({address!r})
    said = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode() + b"\\n"
    socket.send_fds(calling, [said[:1000]], [0, 1, 2])
    calling.sendall(said[1000:])
    answer = calling.recv(1)
sys.exit(answer[0] if answer else 1)
"""


@contextmanager
def forked(folder: Path) -> Iterator[str]:
    """Yield a PATH on which `sekisho` is answered by one process that has imported it."""
    address = str(folder / "s")
    called = folder / "bin" / "sekisho"
    called.parent.mkdir()
    called.write_text(CALLER.format(python=sys.executable, address=address), encoding="utf-8")
    called.chmod(0o755)
    command = [sys.executable, __file__, address]
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as serving:
        assert serving.stdout is not None
        assert serving.stdout.readline() == b"ready\n"
        try:
            yield f"{called.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        finally:
            serving.terminate()


def serve(address: str) -> None:
    """Answer calls until terminated, each in a process of its own."""
    from sekisho.cli import run  # noqa: PLC0415 - only the process that serves needs it

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while True:
            calling, _ = listening.accept()
            if os.fork() == 0:
                code = 1
                try:
                    _take_the_place_of_the_caller(calling)
                    code = run(sys.argv[1:])
                    sys.stdout.flush()
                except Exception:  # noqa: BLE001 - the caller is to see it
                    traceback.print_exc()
                finally:
                    sys.stderr.flush()
                    calling.sendall(bytes([code]))
                    os._exit(0)
            calling.close()


def _take_the_place_of_the_caller(calling: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    said, files, _, _ = socket.recv_fds(calling, 1000, 3)
    while not said.endswith(b"\n"):
        said += calling.recv(65_536)
    arguments, folder, environment = json.loads(said)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv[1:] = arguments


if __name__ == "__main__":
    serve(sys.argv[1])
