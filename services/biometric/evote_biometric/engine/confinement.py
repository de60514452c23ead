"""What a process gives up, for good, before it looks at anything that strangers sent; and what others keep from it."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys
from typing import Final

NOBODY: Final = 65534
"""Owns nothing, on every Linux (the kernel's own overflow id, ``user_namespaces(7)``)."""
_CLONE_NEWIPC, _CLONE_NEWUSER, _CLONE_NEWNET = 0x08000000, 0x10000000, 0x40000000
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38


def keep_memory() -> None:
    """No other process of the same user may read this one's memory, or trace it, from here on (``prctl(2)``).

    In a container that may make no namespaces the decoder is the same user as the service, with its keys, and as the
    workers, with their faces.

    Raises:
        OSError: the kernel would not.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "PR_SET_DUMPABLE")


def confine() -> bool:
    """Give up root's power, files, sockets and children; and where the kernel allows the network and others' memory.

    What is open stays open; all modules that will be needed have to be loaded before. Call it with one thread only.

    Returns:
        Whether the process is in namespaces of its own. Without (containers often forbid them) it still opens nothing,
        and the memory of service and workers, where all are the same user's, is kept from it (:func:`keep_memory`);
        what is left is another worker's decoder.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    apart: bool = libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET | _CLONE_NEWIPC) == 0
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        # No descriptor below none: not a file, not a socket. A core file would hold a face.
        resource.setrlimit(limit, (0, 0))
    return apart


def namespaces_are_allowed() -> bool:
    """Whether :func:`confine` comes to namespaces of its own here: tried by a process that does nothing else."""
    trial = f"import sys; from {__name__} import confine; sys.exit(not confine())"
    return subprocess.run([sys.executable, "-I", "-c", trial], env={}, check=False).returncode == 0  # noqa: S603 - ours
