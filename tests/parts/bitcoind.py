"""A real Bitcoin node for tests and benchmarks: found or fetched, started on regtest, stopped.

`python tests/parts/bitcoind.py fetch` says which node there is, and gets one first if the machine
has none. `... serve` starts a node, prints its folder and the address of its RPC, and stops it
when its standard input ends. Standard library only, and no root: what is fetched is Debian's own
package `bitcoin-knots` of the suite `forky`, unpacked into build/parts and run by the loader that
was unpacked beside it, so no variable is set that what the node starts (`-signer`) would inherit.

The node makes blocks of its own (regtest), knows nobody and listens to nobody but the RPC's
callers on the loopback, who need the cookie in its folder.
"""

import base64
import http.client
import json
import os
import platform
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

PART = Path(__file__).parents[2] / "build" / "parts" / "bitcoin"
SUITE = "forky"
PACKAGE = "bitcoin-knots"
START_SECONDS = 60
STOP_SECONDS = 60
CALL_SECONDS = 120
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
MEMORY_LEAST_BYTES = 1_000_000_000
COOKIE = "regtest/.cookie"
LOG = "regtest/debug.log"
MEMPOOL = "regtest/mempool.dat"
SAID = "said"
PORTS = (10_000, 30_000)
"""Below those that Linux gives to outgoing connections."""
NOT_READY = -28
"""The RPC's code while the node warms up."""


class MissingPartError(RuntimeError):
    """No Bitcoin node is on this machine and none could be had; the message says what to do."""


class RPCError(RuntimeError):
    """The node refused a call."""

    def __init__(self, method: str, code: int, message: str) -> None:
        super().__init__(f"{method}: {message} ({code})")
        self.code = code
        self.message = message


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to start: the node itself, or the loader that was unpacked with it, and the node."""

    command: tuple[str, ...]


class Node:
    """A node on regtest with its data in `folder`."""

    def __init__(self, folder: Path, program: Program, options: Sequence[str]) -> None:
        self.folder, self.program, self.options = folder, program, tuple(options)
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What the node wrote in its debug.log."""
        return (self.folder / LOG).read_text(encoding="utf-8", errors="replace")

    @property
    def said(self) -> str:
        """What the node wrote on its standard output and standard error."""
        return (self.folder / SAID).read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Start it, again at the same port; return when it answers."""
        self.port = self.port or free_port()
        (self.folder / COOKIE).unlink(missing_ok=True)
        with (self.folder / SAID).open("ab") as said:
            self._process = subprocess.Popen(
                [
                    *self.program.command,
                    "-regtest",
                    f"-datadir={self.folder}",
                    "-server",
                    f"-rpcport={self.port}",
                    "-rpcbind=127.0.0.1",
                    "-rpcallowip=127.0.0.1",
                    "-listen=0",
                    "-connect=0",
                    "-dnsseed=0",
                    "-discover=0",
                    *self.options,
                ],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
            )
        until = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                self.kill()
                raise RuntimeError(f"the node did not start:\n{self.said[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Have the node close its files and end."""
        if self._process is None:
            return
        self.rpc("stop")
        try:
            self._process.wait(timeout=STOP_SECONDS)
        finally:
            self.kill()

    def kill(self) -> None:
        """End the node at once, as a loss of power would; nothing is tidied."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def rpc(self, method: str, *params: Any, wallet: str = "", **named: Any) -> Any:  # noqa: ANN401 - JSON
        """Return what the node answers; raises `RPCError` if it refuses.

        Parameters go by place or by the name that the node's own help gives them. Amounts come
        and go as `Decimal`, in BTC.
        """
        given = {"args": params, **named} if named else params
        said = {"jsonrpc": "2.0", "id": 1, "method": method, "params": given}
        user, _, password = (self.folder / COOKIE).read_text(encoding="ascii").partition(":")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=CALL_SECONDS)
        try:
            connection.request(
                "POST",
                f"/wallet/{wallet}" if wallet else "/",
                body=json.dumps(said, default=_number),
                headers={"Authorization": _basic(user, password)},
            )
            answer = json.loads(connection.getresponse().read(), parse_float=Decimal)
        finally:
            connection.close()
        if answer.get("error"):
            raise RPCError(method, answer["error"]["code"], answer["error"]["message"])
        return answer["result"]

    def _answers(self) -> bool:
        try:
            self.rpc("getblockchaininfo")
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            return False
        except RPCError as error:
            if error.code != NOT_READY:
                raise
            return False
        return True


@contextmanager
def running(*options: str) -> Iterator[Node]:
    """Run a node of one's own on a chain with nothing in it, until the block ends.

    It is in memory where there is room. `options` are the node's own, such as `-signer=COMMAND`.
    """
    program = find() or fetch()
    folder = Path(mkdtemp(prefix="sekisho-bitcoind-", dir=_in_memory()))
    try:
        node = Node(folder, program, options)
        node.start()
        try:
            yield node
        finally:
            node.kill()  # faster, and nobody needs what it holds
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find() -> Program | None:
    """Return the node that is on this machine: on PATH, or fetched before."""
    found = shutil.which("bitcoind")
    if found is not None:
        return Program(command=(found,))
    return _unpacked()


def fetch() -> Program:
    """Unpack Debian's package, and the libraries it needs, into build/parts; return it."""
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise MissingPartError("no Bitcoin node is here; install one, with bitcoind on PATH")
    try:
        _download()
    except subprocess.CalledProcessError as error:
        raise MissingPartError(
            "no Bitcoin node is here and none could be fetched; put bitcoind on PATH: "
            + (error.stderr or error.stdout or b"").decode(errors="replace")[-500:]
        ) from error
    unpacked = _unpacked()
    if unpacked is None:
        raise MissingPartError(f"a Bitcoin node was fetched, but {PART} does not hold it")
    return unpacked


def _unpacked() -> Program | None:
    root = PART / "root"
    programs = list(root.glob("usr/bin/bitcoind"))
    loaders = [*root.glob("usr/lib/*-linux-*/ld-linux-*.so.*"), *root.glob("usr/lib*/ld-linux*")]
    folders = [each for each in root.glob("usr/lib/*-linux-*") if each.is_dir()]
    if not programs or not loaders:
        return None
    paths = ":".join(str(each) for each in folders)
    command = (str(loaders[0]), "--library-path", paths, str(programs[0]))
    return Program(command=command)


def version(program: Program) -> str:
    """Return the first line of what the node says of itself."""
    told = subprocess.run([*program.command, "-version"], capture_output=True, check=True)
    return told.stdout.decode().splitlines()[0]


def _download() -> None:
    """Ask the machine's own mirror, by folders of our own: the system's are left as they are."""
    shutil.rmtree(PART, ignore_errors=True)
    for name in ("lists/partial", "cache/archives/partial", "packages", "root"):
        (PART / name).mkdir(parents=True)
    (PART / "sources.list").write_text(_source())
    settings = {
        "Dir::Etc::sourcelist": PART / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": PART / "lists",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": PART / "cache",
        "APT::Sandbox::User": "",
    }
    options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
    _said("apt-get", *options, "-qq", "update")
    without = [
        f"--no-{each}"
        for each in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    ]
    direct = [
        line.split()[1]
        for line in _said("apt-cache", *options, "depends", *without, PACKAGE).splitlines()
        if line.split()[:1] == ["Depends:"] and line.split()[1].startswith("lib")
    ]
    # Of what the package needs besides (a user, questions at installation) nothing runs here.
    needed = _said("apt-cache", *options, "depends", "--recurse", *without, *direct)
    libraries = {line for line in needed.splitlines() if line.startswith(("lib", "zlib"))}
    names = [PACKAGE, *sorted(libraries)]
    _said("apt-get", *options, "-qq", "download", *names, cwd=PART / "packages")
    for archive in sorted((PART / "packages").glob("*.deb")):
        _said("dpkg", "-x", str(archive), str(PART / "root"))
    for name in ("lists", "cache", "packages"):
        shutil.rmtree(PART / name)


def _source() -> str:
    """Return the line for the machine's own mirror, as apt is configured, of the node's suite."""
    fields = ("CREATED_BY", "COMPONENT", "RELEASE", "ORIGIN", "REPO_URI")
    asked = "|".join(f"$({field})" for field in fields)
    targets = _said("apt-get", "indextargets", "--format", asked).splitlines()
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    # The origin is known once there was an `apt-get update`; without it the first one has to do.
    for origin in ("Debian", ""):
        for line in targets:
            kind, component, suite, found, address = line.split("|", 4)
            wanted = (kind, component, suite) == ("Packages", "main", codename)
            if wanted and origin in {"", found}:
                keys = sorted(Path("/usr/share/keyrings").glob("debian-archive-keyring.*"))
                signed = f"[signed-by={keys[0]}] " if keys else ""
                return f"deb {signed}{address} {SUITE} main\n"
    raise MissingPartError("no Bitcoin node is here, and apt names no mirror to fetch one from")


def _said(*command: str, cwd: Path | None = None) -> str:
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=True,
    )
    return done.stdout.decode(errors="replace")


def _in_memory() -> Path | None:
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_LEAST_BYTES:
        return MEMORY
    return None


def free_port() -> int:
    """Return a port that nobody listens at, and that no call to elsewhere is given meanwhile.

    Who begins again needs the same one again.
    """
    while True:
        port = random.randrange(*PORTS)  # noqa: S311 - no secret
        with socket.socket() as listening, suppress(OSError):
            listening.bind(("127.0.0.1", port))
            return port


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _number(value: object) -> str:
    """Return how the node reads an amount; a JSON number would pass through a float."""
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{value!r} is no JSON")


def main() -> int:
    """Do what the module says it does on the command line."""
    if sys.argv[1:] == ["fetch"]:
        program = find() or fetch()
        sys.stdout.write(f"Bitcoin node: {version(program)} ({program.command[-1]})\n")
        return 0
    if sys.argv[1:] == ["serve"]:
        with running() as node:
            sys.stdout.write(f"{node.folder} 127.0.0.1:{node.port}\n")
            sys.stdout.flush()
            sys.stdin.read()
        return 0
    sys.stderr.write(f"{__doc__}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
