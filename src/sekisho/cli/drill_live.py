"""Act two, live: a real node, a real watcher beside it, a thief who broadcasts, and the clock.

Everything that is started here ends here, however the drill ends. What cannot be had, or does not
work, is said in a line; the drill goes on without it.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

from sekisho.app import live_installation
from sekisho.drills.dmm_2024.live import (
    MATURE_BLOCKS,
    REWARDS,
    LiveAct,
    live_funding,
    live_theft,
    miners_address,
)
from sekisho.edges.node_rpc import NodeAddress, NodeRPC
from sekisho.edges.regtest_node import find_node, regtest_node
from sekisho.kernel.errors import WorldError

_READY_SECONDS = 60
_ALARM_SECONDS = 30
_RPC_SECONDS = 30


def play_live() -> LiveAct | str:
    """Play it; return what came of it, or why it was not played: "" if there is no node."""
    command = find_node()
    if not command:
        return ""
    try:
        with (
            _ended_in_order(),
            regtest_node(command) as address,
            closing(NodeRPC(address, timeout_seconds=_RPC_SECONDS)) as rpc,
        ):
            return _played(rpc)
    except (WorldError, OSError, KeyError, ValueError) as error:
        return str(error) or type(error).__name__


def _played(rpc: NodeRPC) -> LiveAct:
    mined: Any = rpc.call("generatetoaddress", REWARDS + MATURE_BLOCKS, miners_address())
    blocks: Any = rpc.batch([("getblock", (each,)) for each in mined[:REWARDS]])
    funding = live_funding([each["tx"][0] for each in blocks])
    rpc.call("sendrawtransaction", funding.serialize().hex())
    rpc.call("generatetoaddress", 1, miners_address())
    theft = live_theft(funding)
    raw = theft.serialize().hex()
    network: Any = rpc.call("getnetworkinfo")
    with TemporaryDirectory(prefix="sekisho-live-") as folder:
        root = live_installation(Path(folder) / "workspace", funding)
        with _watching(root, rpc.address) as said:
            _wait(said, "seeing", _READY_SECONDS)
            called_us = time.monotonic_ns() // 1_000
            rpc.call("sendrawtransaction", raw, 0)
            alarm = _wait(said, "alarm", _ALARM_SECONDS)
    return LiveAct(
        node=str(network["subversion"]).strip("/"),
        inputs=len(theft.inputs),
        amount_sat=theft.outputs[0].amount_sat,
        txid=alarm["txid"],
        verdict=alarm["verdict"],
        incident_id=alarm["incident"],
        in_node_us=alarm["heard_us"] - called_us,
        total_us=alarm["heard_us"] + alarm["took_us"] - called_us,
    )


@contextmanager
def _watching(root: Path, address: NodeAddress) -> Iterator["SimpleQueue[str]"]:
    """Run `sekisho watch` until the block ends; yield the lines that it says."""
    watch = ("watch", "--json", "--workspace", str(root), "--rpc", address.url)
    with subprocess.Popen(  # noqa: S603 - this very program
        [
            sys.executable, "-c", "from sekisho.cli import main; main()",
            *watch, "--cookie", str(address.cookie),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ,
    ) as watcher:  # fmt: skip
        said: SimpleQueue[str] = SimpleQueue()

        def read() -> None:
            for line in watcher.stdout or ():
                said.put(line)

        reading = threading.Thread(target=read, daemon=True)
        reading.start()
        try:
            yield said
        finally:
            watcher.kill()
            reading.join()


def _wait(said: "SimpleQueue[str]", event: str, seconds: int) -> dict[str, Any]:
    until = time.monotonic() + seconds
    try:
        while True:
            document: dict[str, Any] = json.loads(
                said.get(timeout=max(until - time.monotonic(), 0.001))
            )
            if document["event"] == event:
                return document
    except Empty:
        raise WorldError(f"the watcher said no {event!r} within {seconds} seconds") from None


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Have a terminal that closes, or a SIGTERM, end what was started here, as Ctrl+C does."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    wanted = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(each, interrupt) for each in wanted]
    try:
        yield
    finally:
        for each, handler in zip(wanted, before, strict=True):
            signal.signal(each, handler)
