"""A Bitcoin node of one's own on regtest, for as long as a drill needs one.

It is looked for, and never fetched: BITCOIND, then PATH, then what `make test` unpacks into
build/parts. It knows nobody, is heard on this machine alone, and keeps its chain in a folder of
its own, which ends with it.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from sekisho.edges.node_rpc import NodeAddress, NodeRPC, node_address
from sekisho.kernel.errors import WorldError
from sekisho.watch.frames import TOPICS

START_SECONDS = 30
_UNPACKED = Path("build/parts/bitcoin/root")
_LOADERS = ("usr/lib/*-linux-*/ld-linux-*.so.*", "usr/lib*/ld-linux*")


def find_node() -> tuple[str, ...]:
    """Return the command of the node that is on this machine; nothing where there is none."""
    found = shutil.which(os.environ.get("BITCOIND") or "bitcoind")
    if found:
        return (str(Path(found).absolute()),)
    root = _UNPACKED.absolute()
    programs = [*root.glob("usr/bin/bitcoind")]
    loaders = [each for pattern in _LOADERS for each in root.glob(pattern)]
    if not programs or not loaders:
        return ()
    libraries = ":".join(str(each) for each in root.glob("usr/lib/*-linux-*") if each.is_dir())
    return (str(loaders[0]), "--library-path", libraries, str(programs[0]))


@contextmanager
def regtest_node(command: tuple[str, ...]) -> Iterator[NodeAddress]:
    """Run a node with an empty chain that publishes all topics, until the block ends.

    Raises `WorldError` if it cannot be started.
    """
    with TemporaryDirectory(prefix="sekisho-node-") as name:
        folder = Path(name)
        port, *ports = _free_ports(1 + len(TOPICS))
        publishing = [
            option
            for topic, each in zip(TOPICS, ports, strict=True)
            for option in (f"-zmqpub{topic}=tcp://127.0.0.1:{each}", f"-zmqpub{topic}hwm=0")
        ]
        options = [
            "-regtest", f"-datadir={folder}", "-server", f"-rpcport={port}",
            "-rpcbind=127.0.0.1", "-rpcallowip=127.0.0.1", "-listen=0", "-connect=0",
            "-dnsseed=0", "-discover=0", "-disablewallet", "-checkmempool=0", *publishing,
        ]  # fmt: skip
        address = node_address("drill", f"http://127.0.0.1:{port}", folder / "regtest/.cookie")
        try:
            process = subprocess.Popen(  # noqa: S603 - the user's own node, with options of ours
                [*command, *options],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            raise WorldError(f"{command[0]}: cannot be started: {error.strerror}") from error
        try:
            _wait(process, address)
            yield address
        finally:
            process.kill()  # nobody needs what it holds
            process.wait()


def _wait(process: "subprocess.Popen[bytes]", address: NodeAddress) -> None:
    rpc = NodeRPC(address, timeout_seconds=START_SECONDS)
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with suppress(WorldError), closing(rpc):
            rpc.call("getblockchaininfo")
            return
        if process.poll() is not None:
            raise WorldError(f"the node ended at once with exit code {process.returncode}")
        time.sleep(0.05)
    raise WorldError(f"the node did not answer within {START_SECONDS} seconds")


def _free_ports(count: int) -> list[int]:
    """Return ports of this machine at which nobody listens."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
