"""Confine: what a child of the arm may not do, whatever its plug-in tries. Linux only; elsewhere it is not confined.

A child has no children, no sockets, no debugger and nothing that outlives it in the kernel: what is forbidden gives
EPERM. The numbers are those of the system calls of each processor.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import resource
import struct
import sys
from pathlib import Path

MOST_FILE = 64 * 2**20
"""Bytes of the largest file that a child may write, in its own /tmp."""

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 4, 38, 22, 2

_FORBIDDEN = {
    "x86_64": {
        "vfork": 58,
        "fork": 57,
        "execve": 59,
        "execveat": 322,
        "socket": 41,
        "ptrace": 101,
        "process_vm_readv": 310,
        "process_vm_writev": 311,
        "pidfd_getfd": 438,
        "shmget": 29,
        "semget": 64,
        "msgget": 68,
        "mq_open": 240,
        "add_key": 248,
        "request_key": 249,
        "keyctl": 250,
        "unshare": 272,
        "setns": 308,
        "mount": 165,
        "bpf": 321,
        "perf_event_open": 298,
        "io_uring_setup": 425,
        "sched_setaffinity": 203,  # what is set of the arm's own process, its next children have
        "sched_setscheduler": 144,
        "sched_setparam": 142,
        "sched_setattr": 314,
        "setpriority": 141,
        "ioprio_set": 251,
    },
    "aarch64": {
        "execve": 221,
        "execveat": 281,
        "socket": 198,
        "ptrace": 117,
        "process_vm_readv": 270,
        "process_vm_writev": 271,
        "pidfd_getfd": 438,
        "shmget": 194,
        "semget": 190,
        "msgget": 186,
        "mq_open": 180,
        "add_key": 217,
        "request_key": 218,
        "keyctl": 219,
        "unshare": 97,
        "setns": 268,
        "mount": 40,
        "bpf": 280,
        "perf_event_open": 241,
        "io_uring_setup": 425,
        "sched_setaffinity": 122,
        "sched_setscheduler": 119,
        "sched_setparam": 118,
        "sched_setattr": 274,
        "setpriority": 140,
        "ioprio_set": 30,
    },
}

_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_CLONE = {"x86_64": 56, "aarch64": 220}
_LIMITS = {"x86_64": 302, "aarch64": 261}
_CLONE3 = 435
_CLONE_THREAD = 0x10000

_LOAD, _EQUAL, _ANY_BIT, _AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_X32 = 0x40000000


def forbid() -> None:
    """Take from this process, for good, all but what it needs to compute.

    Raises:
        OSError: the kernel refuses; a plug-in must then not run.
    """
    if sys.platform == "linux" and (machine := platform.machine()) in _FORBIDDEN:
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        _install(_program(machine))


def limit(memory: int) -> None:
    """Let this process take so many bytes of memory beyond those that it has, and write no large file."""
    if sys.platform == "linux":
        taken = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + memory, taken + memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_FILE, MOST_FILE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def keep_out() -> None:
    """Let no child of this process read or write its memory."""
    if sys.platform == "linux":
        _prctl(_PR_SET_DUMPABLE, 0)


def _program(machine: str) -> bytes:
    """A filter of system calls: those of another architecture kill, forbidden ones are refused, clone makes threads."""
    refused = [*_FORBIDDEN[machine].values()]
    steps = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _REFUSE | errno.ENOSYS),
        (_EQUAL, 0, 1, _CLONE3),  # its flags lie in memory; the C library then calls clone
        (_RETURN, 0, 0, _REFUSE | errno.ENOSYS),
        *[step for call in refused for step in ((_EQUAL, 0, 1, call), (_RETURN, 0, 0, _REFUSE | errno.EPERM))],
        (_EQUAL, 0, 4, _LIMITS[machine]),  # of itself alone
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_EQUAL, 1, 0, 0),
        (_RETURN, 0, 0, _REFUSE | errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
        (_EQUAL, 0, 3, _CLONE[machine]),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_ANY_BIT, 1, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, _REFUSE | errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def _install(program: bytes) -> None:
    code = ctypes.create_string_buffer(program, len(program))
    count = len(program) // 8
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", count, ctypes.addressof(code)))
    _prctl(_PR_SET_SECCOMP, _FILTER, ctypes.addressof(header))


def _prctl(option: int, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    values = [ctypes.c_ulong(value) for value in (*arguments, 0, 0, 0, 0)[:4]]
    if libc.prctl(option, *values):
        raise OSError(ctypes.get_errno(), f"prctl({option}) failed")
