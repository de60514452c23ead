"""Whether the machine leaves a replica the descriptors, processes and threads that it may come to need.

A replica that runs out of them in the middle of the vote fails at whatever comes next: a client's connection, a file, a
worker that is to be replaced. So it is looked at before the first client comes.
"""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Final

from .cgroups import limits_of
from .settings import CannotStart, ServiceSettings

_OWN_DESCRIPTORS: Final = 400
"""Kafka's connections, files, and the pipes of workers."""
_TASKS: Final = 256
"""Threads and worker processes, with the threads of the latter."""


def descriptors_needed(settings: ServiceSettings) -> int:
    """The file descriptors that a replica has open at most."""
    return _OWN_DESCRIPTORS + settings.database_pool_size + settings.max_connections


def require_room(settings: ServiceSettings, root: Path = Path("/")) -> None:
    """Raise the soft limit of descriptors as far as needed.

    Args:
        root: where ``/proc`` and ``/sys`` are.

    Raises:
        CannotStart: a hard limit is too low.
    """
    needed = descriptors_needed(settings)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise CannotStart(
            f"this replica may have {needed} files and connections open and is allowed {hard}: raise the limit"
            " (LimitNOFILE of systemd, nofile of a container)"
        )
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    for limit, name in ((_most_processes(), "TasksMax or nproc"), (_most_tasks(root), "pids.max of the container")):
        if limit is not None and limit < _TASKS:
            raise CannotStart(
                f"this replica may have {_TASKS} processes and threads and is allowed {limit}: raise the limit ({name})"
            )


def _most_processes() -> int | None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    return None if soft == resource.RLIM_INFINITY else soft


def _most_tasks(root: Path) -> int | None:
    return min((int(most) for (most,) in limits_of("pids", "pids.max", root) if most != "max"), default=None)
