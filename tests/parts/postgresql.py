"""A real PostgreSQL server for tests and benchmarks: found or fetched, started, crashed, stopped.

`python tests/parts/postgresql.py fetch` says where the server's programs are, and gets them first
if the machine has none. `... serve` starts a server on the disk, prints the folder of its socket,
and stops it when its standard input ends. Standard library only, and no root: what is fetched is
Debian's own package, unpacked into build/parts.

The server listens on a Unix socket in a folder of its own and nowhere else. PostgreSQL refuses to
run as root, so root runs it as `nobody`.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp

PART = Path(__file__).parents[2] / "build" / "parts" / "postgresql"
RUN_AS = 65534 if os.geteuid() == 0 else None
"""Root runs it as `nobody`."""
START_SECONDS = 60
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
MEMORY_LEAST_BYTES = 1_000_000_000
LOG = "log"


class MissingPartError(RuntimeError):
    """PostgreSQL is not on this machine and could not be had; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Programs:
    """Where the server's programs are, and the libraries that were unpacked beside them."""

    folder: Path
    libraries: tuple[Path, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "TZ") if name in os.environ}
        paths = ":".join(str(each) for each in self.libraries)
        return {**kept, "LC_ALL": "C", **({"LD_LIBRARY_PATH": paths} if paths else {})}


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server with its data and its socket in `folder`."""

    folder: Path
    programs: Programs

    def start(self) -> None:
        """Start it, and recover from a crash; return when it answers."""
        options = f"-k {self.folder} -c listen_addresses= -c max_connections=60 -c jit=off"
        self._control("start", "-l", str(self.folder / LOG), "-o", options)

    def stop(self) -> None:
        self._control("stop", "-m", "fast")

    def crash(self) -> None:
        """End every process of the server at once, as a loss of power would; nothing is tidied."""
        self._control("stop", "-m", "immediate")

    def _control(self, verb: str, *arguments: str) -> None:
        data = str(self.folder / "data")
        wait = ("-w", "-t", str(START_SECONDS), "-s")
        self._run("pg_ctl", verb, "-D", data, *wait, *arguments)

    def initialise(self) -> None:
        """Make the data folder, with one superuser whom everybody on the socket may be."""
        self._run(
            "initdb", "-D", str(self.folder / "data"), "-U", "postgres", "-A", "trust",
            "-E", "UTF8", "--no-locale", "--no-sync",
        )  # fmt: skip

    def _run(self, program: str, *arguments: str) -> None:
        # To a file: a server that goes on would keep a pipe open for ever.
        with (self.folder / "said").open("ab") as said:
            done = subprocess.run(
                [str(self.programs.folder / program), *arguments],
                user=RUN_AS,
                group=RUN_AS,
                extra_groups=None if RUN_AS is None else [],
                cwd=self.folder,
                env=self.programs.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                check=False,
            )
        if done.returncode:
            files = [self.folder / name for name in ("said", LOG)]
            told = [each.read_text(errors="replace")[-2000:] for each in files if each.exists()]
            raise RuntimeError(f"{program} failed:\n" + "\n".join(told))


@contextmanager
def running(*, on_disk: bool = False) -> Iterator[Server]:
    """Run a server of one's own, with nothing in it, until the block ends.

    Unless it has to be on the disk, it is in memory where there is room: what processes that are
    killed leave behind is the same there, and a busy disk keeps no test waiting.
    """
    programs = find() or fetch()
    folder = Path(mkdtemp(prefix="sekisho-postgresql-", dir=None if on_disk else _in_memory()))
    try:
        if RUN_AS is not None:
            os.chown(folder, RUN_AS, RUN_AS)
        server = Server(folder=folder, programs=_reachable(programs, folder))
        server.initialise()
        server.start()
        try:
            yield server
        finally:
            server.crash()  # faster, and nobody needs what it holds
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _in_memory() -> Path | None:
    if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_LEAST_BYTES:
        return MEMORY
    return None


def find() -> Programs | None:
    """Return PostgreSQL's programs if they are on this machine: Debian's, one's own, fetched."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: path.parent.name)
    on_path = [Path(each) for each in os.environ.get("PATH", "").split(":") if each]
    for folder in (*reversed(debian), *on_path):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return Programs(folder=(folder / "initdb").resolve().parent)
    return _unpacked()


def fetch() -> Programs:
    """Unpack Debian's package, and the libraries it needs, into build/parts; return where."""
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise MissingPartError("PostgreSQL is not here; install its server programs (initdb)")
    try:
        _download()
    except subprocess.CalledProcessError as error:
        raise MissingPartError(
            "PostgreSQL is not here and could not be fetched; install the package postgresql: "
            + (error.stderr or error.stdout or b"").decode(errors="replace")[-500:]
        ) from error
    unpacked = _unpacked()
    if unpacked is None:
        raise MissingPartError(f"PostgreSQL was fetched, but {PART} does not hold it")
    return unpacked


def _unpacked() -> Programs | None:
    root = PART / "root"
    folders = sorted(root.glob("usr/lib/postgresql/*/bin"))
    if not folders:
        return None
    return Programs(folder=folders[-1], libraries=_libraries(root))


def _libraries(root: Path) -> tuple[Path, ...]:
    folders = [*root.glob("usr/lib/*-linux-*"), *root.glob("lib/*-linux-*")]
    return tuple(each for each in folders if each.is_dir())


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
    (package,) = [
        line.split()[1]
        for line in _said("apt-cache", *options, "depends", "postgresql").splitlines()
        if line.split()[:1] == ["Depends:"] and line.split()[1].startswith("postgresql-")
        and line.split()[1].removeprefix("postgresql-").isdigit()
    ]  # fmt: skip
    needed = _said(
        "apt-cache", *options, "depends", "--recurse", "--no-recommends", "--no-suggests",
        "--no-conflicts", "--no-breaks", "--no-replaces", "--no-enhances", package,
    )  # fmt: skip
    libraries = {
        line
        for line in needed.splitlines()
        # The machine has a C library of its own, and two in one process do not go well; the
        # compiler is for large queries, of which there are none, and weighs more than the rest.
        if line.startswith("lib") and not line.startswith(("libc6", "libgcc", "libllvm", "libz3"))
    }
    names = [package, *sorted(libraries)]
    _said("apt-get", *options, "-qq", "download", *names, cwd=PART / "packages")
    for archive in sorted((PART / "packages").glob("*.deb")):
        _said("dpkg", "-x", str(archive), str(PART / "root"))
    for name in ("lists", "cache", "packages"):
        shutil.rmtree(PART / name)


def _source() -> str:
    """Return the line for the machine's own mirror of its own release, as apt is configured."""
    fields = ("CREATED_BY", "COMPONENT", "RELEASE", "ORIGIN", "REPO_URI")
    asked = "|".join(f"$({field})" for field in fields)
    targets = _said("apt-get", "indextargets", "--format", asked).splitlines()
    with open("/etc/os-release", encoding="utf-8") as file:  # noqa: PTH123 - read once, as text
        release = dict(line.rstrip().split("=", 1) for line in file if "=" in line)
    codename = release.get("VERSION_CODENAME", "").strip('"')
    # The origin is known once there was an `apt-get update`; without it the first one has to do.
    for origin in ("Debian", ""):
        for line in targets:
            kind, component, suite, found, address = line.split("|", 4)
            wanted = (kind, component, suite) == ("Packages", "main", codename)
            if wanted and origin in {"", found}:
                keys = sorted(Path("/usr/share/keyrings").glob("debian-archive-keyring.*"))
                signed = f"[signed-by={keys[0]}] " if keys else ""
                return f"deb {signed}{address} {codename} main\n"
    raise MissingPartError("PostgreSQL is not here, and apt names no mirror to fetch it from")


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


def _reachable(programs: Programs, folder: Path) -> Programs:
    """Return the programs where whoever runs them may read them: a checkout may be root's own."""
    if RUN_AS is None or not programs.folder.is_relative_to(PART):
        return programs
    try:
        subprocess.run(
            [str(programs.folder / "postgres"), "--version"],
            user=RUN_AS,
            group=RUN_AS,
            extra_groups=[],
            env=programs.environment,
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        copied = folder / "programs"
        shutil.copytree(PART / "root", copied, symlinks=True)
        inside = programs.folder.relative_to(PART / "root")
        return Programs(folder=copied / inside, libraries=_libraries(copied))
    return programs


def main() -> int:
    """Do what the module says it does on the command line."""
    if sys.argv[1:] == ["fetch"]:
        sys.stdout.write(f"PostgreSQL: {(find() or fetch()).folder}\n")
        return 0
    if sys.argv[1:] == ["serve"]:
        with running(on_disk=True) as server:
            sys.stdout.write(f"{server.folder}\n")
            sys.stdout.flush()
            sys.stdin.read()
        return 0
    sys.stderr.write(f"{__doc__}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
