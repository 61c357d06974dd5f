"""A process that is killed at a step of its own: before each change that it makes to a file.

    whole = trace(work)           # what it does, step by step, and what it says
    ended = killed_at(3, work)    # the same, killed before its third change

`work` runs in a process of its own, in which the kernel stops at every system call (ptrace). So
the steps are those of whatever code it runs: of SQLite inside a commit as well as of ours. What
was written before a process is killed, stands; what a machine that loses its power forgets is what
was not synced, and of that `trace` tells the order.
"""

import ctypes
import os
import platform
import signal
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

_TRACEME, _SETOPTIONS, _SYSCALL, _GET_SYSCALL_INFO = 0, 0x4200, 24, 0x420E
_SYSGOOD, _EXITKILL = 0x1, 0x100000
_SYSCALL_STOP = signal.SIGTRAP | 0x80
_ENTRY = 1
_PATH_MAX_BYTES = 4096


@dataclass(frozen=True, slots=True)
class _Call:
    """A system call that changes what a file holds, or which there are."""

    name: str
    fd: int | None = None
    """Which of its arguments is an open file; else `path` is one that names a file."""
    path: int = 0
    flags: int | None = None
    """Which of them says whether a file is made."""


_WRITE, _PWRITE, _TRUNCATE = _Call("write", 0), _Call("pwrite", 0), _Call("truncate", 0)
_SYNC, _ALLOCATE, _CHMOD = _Call("sync", 0), _Call("allocate", 0), _Call("chmod", 0)
_OPEN, _MKDIR, _UNLINK = (
    _Call("create", path=1, flags=2),
    _Call("mkdir", path=1),
    _Call("unlink", path=1),
)
_RENAME, _LINK = _Call("rename", path=3), _Call("link", path=3)
_CALLS = {
    "x86_64": {
        1: _WRITE, 20: _WRITE, 18: _PWRITE, 296: _PWRITE, 77: _TRUNCATE, 74: _SYNC, 75: _SYNC,
        285: _ALLOCATE, 91: _CHMOD, 257: _OPEN, 258: _MKDIR, 263: _UNLINK, 264: _RENAME,
        316: _RENAME, 265: _LINK, 2: _Call("create", flags=1), 82: _Call("rename", path=1),
        83: _Call("mkdir"), 84: _Call("unlink"), 86: _Call("link", path=1), 87: _Call("unlink"),
        90: _Call("chmod"), 268: _Call("chmod", path=1),
    },
    "aarch64": {
        64: _WRITE, 66: _WRITE, 68: _PWRITE, 70: _PWRITE, 46: _TRUNCATE, 82: _SYNC, 83: _SYNC,
        47: _ALLOCATE, 52: _CHMOD, 56: _OPEN, 34: _MKDIR, 35: _UNLINK, 38: _RENAME, 276: _RENAME,
        37: _LINK, 53: _Call("chmod", path=1),
    },
}  # fmt: skip


class _Info(ctypes.Structure):
    """What the kernel tells of a system call (ptrace(2), PTRACE_GET_SYSCALL_INFO)."""

    _fields_ = (
        ("op", ctypes.c_uint8),
        ("pad", ctypes.c_uint8 * 3),
        ("arch", ctypes.c_uint32),
        ("ip", ctypes.c_uint64),
        ("sp", ctypes.c_uint64),
        ("number", ctypes.c_uint64),
        ("arguments", ctypes.c_uint64 * 6),
        ("more", ctypes.c_uint64),
    )


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a process was about to do."""

    call: str
    name: str
    """Of the file, or of what it is renamed or linked to, without its folder."""

    @property
    def changes(self) -> bool:
        """Whether it leaves anything behind: no sync does, no lock, nor what SQLite makes anew."""
        return self.call != "sync" and not self.name.endswith(("-shm", "-lock"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What a process did before its end."""

    steps: tuple[Step, ...]
    said: bytes
    """What it had written to its standard output."""
    killed: bool


def killed_at(change: int, work: Callable[[], object]) -> Ended:
    """Run `work` in a process that is killed before its change of that number, from 1 on."""
    return _run(work, change)


def trace(work: Callable[[], object]) -> Ended:
    """Run `work` to its end in a process of its own."""
    return _run(work, 0)


def _run(work: Callable[[], object], last: int) -> Ended:
    calls = _CALLS.get(platform.machine()) if sys.platform == "linux" else None
    if calls is None:
        pytest.skip("the numbers of system calls are known of Linux on x86_64 and aarch64")
    reader, writer = os.pipe()
    child = _forked(work, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        steps, killed = _followed(child, calls, last)
        return Ended(steps=tuple(steps), said=pipe.read(), killed=killed)


def _followed(child: int, calls: dict[int, _Call], last: int) -> tuple[list[Step], bool]:
    """Let the process go from step to step, to its end or to its change of that number."""
    steps: list[Step] = []
    changes = 0
    _stopped(child)
    _ptrace(_SETOPTIONS, child, _SYSGOOD | _EXITKILL)
    deliver = 0
    while True:
        _ptrace(_SYSCALL, child, deliver)
        why = _stopped(child)
        if why is None:
            return steps, False
        deliver = 0 if why == _SYSCALL_STOP else why
        step = _step(child, calls) if why == _SYSCALL_STOP else None
        if step is None:
            continue
        steps.append(step)
        changes += step.changes
        if step.changes and changes == last:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return steps, True


def _forked(work: Callable[[], object], writer: int) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads: the child has none
        child = os.fork()
    if child:
        return child
    try:  # another process from here on
        sys.stdout = os.fdopen(writer, "w", encoding="utf-8")
        _ptrace(_TRACEME, 0, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        work()
        sys.stdout.flush()
    finally:
        os._exit(0)


def _stopped(child: int) -> int | None:
    """Wait until the process stops, and return why; None if it has ended."""
    _, status = os.waitpid(child, 0)
    return os.WSTOPSIG(status) if os.WIFSTOPPED(status) else None


def _step(child: int, calls: dict[int, _Call]) -> Step | None:
    info = _Info()
    _ptrace(_GET_SYSCALL_INFO, child, ctypes.addressof(info), ctypes.sizeof(info))
    call = calls.get(info.number) if info.op == _ENTRY else None
    if call is None or (call.flags and not info.arguments[call.flags] & os.O_CREAT):
        return None
    if call.fd is not None:
        return Step(call.name, Path(f"/proc/{child}/fd/{info.arguments[call.fd]}").readlink().name)
    with Path(f"/proc/{child}/mem").open("rb", buffering=0) as memory:
        memory.seek(info.arguments[call.path])
        path = Path(os.fsdecode(memory.read(_PATH_MAX_BYTES).partition(b"\0")[0]))
    if call.flags and path.exists():
        return None  # it is opened, and not made
    return Step(call.name, path.name)


def _ptrace(request: int, child: int, data: int, address: int = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.restype = ctypes.c_long
    libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)
    if libc.ptrace(request, child, address, data) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
