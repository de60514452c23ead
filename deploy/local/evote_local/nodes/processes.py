"""Child processes that are stopped by their id and never outlive the program that started them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

_PR_SET_PDEATHSIG = 1  # prctl(2)
# Loaded before any fork: dlopen in a forked child of a threaded program can deadlock.
_libc = ctypes.CDLL(None, use_errno=True)
# prctl(2) ties a child to the life of the thread that forked it: one thread starts all, and lives as long as we do.
_starter = ThreadPoolExecutor(1, thread_name_prefix="starts-children")
_names: dict[int, str] = {}
"""What children are, by their ids."""


class ProcessFailed(Exception):
    """A child ended or was not ready in time.

    Fields: ``name``, ``reason`` and ``log_tail`` (the last lines that it wrote).
    """

    def __init__(self, name: str, reason: str, log_tail: str) -> None:
        super().__init__(f"{name}: {reason}\n--- end of its log ---\n{log_tail}")
        self.name = name
        self.reason = reason
        self.log_tail = log_tail


class Running(ABC):
    """Started where a ``with`` begins and stopped where it ends, or where the start failed half-way."""

    @abstractmethod
    def start(self) -> None: ...

    @abstractmethod
    def stop(self) -> object:
        """Stop what was started, also where that is a part only."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class ChildProcess:
    """A running child in a session of its own, with its output appended to a log file.

    The kernel kills it when this program ends, however that ends (``PR_SET_PDEATHSIG``, prctl(2)).
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log_path: Path,
        environment: Mapping[str, str] | None = None,
        user: str | None = None,
        working_directory: Path | None = None,
    ) -> None:
        """Start ``command``; ``environment`` replaces the inherited one, ``user`` drops privileges."""
        self.name = name
        self.log_path = log_path
        log_path.parent.mkdir(parents=True, exist_ok=True)
        with log_path.open("ab") as log:
            self._process = _starter.submit(
                subprocess.Popen,
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(environment) if environment is not None else None,
                cwd=working_directory,
                user=user,
                group=_primary_group(user) if user else None,
                extra_groups=[] if user else None,
                start_new_session=True,
                preexec_fn=die_with_parent(os.getpid()),
            ).result()
        name_child(self.pid, name)

    @property
    def pid(self) -> int:
        """The process id, which is also its session's and its group's."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """The exit status (negative: the signal that ended it), or None while it runs."""
        return self._process.poll()

    @property
    def running(self) -> bool:
        """Whether the child has not ended."""
        return self.exit_code is None

    def wait_until(self, ready: Callable[[], bool], *, timeout_s: float) -> None:
        """Return once ``ready()``; raise :class:`ProcessFailed` when the child ends or time is up."""
        deadline = time.monotonic() + timeout_s
        while not ready():
            if not self.running:
                raise self.failure(f"ended with status {self.exit_code} before it was ready")
            if time.monotonic() > deadline:
                self.kill()
                raise self.failure(f"was not ready after {timeout_s:g} s and has been killed")
            time.sleep(0.05)

    def stop(self, *, timeout_s: float = 20, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """Ask the child to end, then kill what is left of its group; return its exit status."""
        if self.running:
            self._process.send_signal(with_signal)
            try:
                self._process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._process.wait()

    def kill(self) -> None:
        """``kill -9`` for the child's whole group, as a machine that loses power would."""
        if self.running:
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def failure(self, reason: str) -> ProcessFailed:
        """An error that carries the end of the log."""
        return ProcessFailed(self.name, reason, log_tail(self.log_path))


def log_tail(path: Path, lines: int = 30) -> str:
    """The last lines of a log file; empty when there is none."""
    if not path.exists():
        return ""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


@dataclass(frozen=True)
class Use:
    """What a child and all that it has started have used."""

    name: str
    pid: int
    cpu_s: float
    """In seconds of a processor, with what has ended and was waited for by its own parent."""
    memory_mb: float
    """What they have written themselves and share with nobody (proc(5), ``Pss_Anon``): no pages of files, which the
    kernel drops when it needs them."""
    shared_mb: float
    """What they have written that others may see who have it too: a database's buffers (``Pss_Shmem``)."""
    processes: int
    """How many there are."""


def uses_of_children() -> list[Use]:
    """Each child of this process that still runs, as :class:`ChildProcess` or :func:`name_child` calls it."""
    found = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            family = [child, *child.children(recursive=True)]
            name = _names.get(child.pid, child.name())
            own_mb, shared_mb = (sum(each) for each in zip(*(_memory_mb(one.pid) for one in family), strict=True))
            found.append(Use(name, child.pid, sum(map(_cpu_s, family)), own_mb, shared_mb, len(family)))
    return found


def cpu_of_others_s(children: Sequence[Use]) -> float:
    """What the machine's processors have done since it started for neither this process nor its ``children``.

    In seconds of a processor; with what a hypervisor gave to other machines, and without interrupts, most of which are
    the children's own (proc_stat(5)).
    """
    machine = psutil.cpu_times()
    # Of this process also what children used that have ended.
    own = sum(psutil.Process().cpu_times()[:4]) + sum(child.cpu_s for child in children)
    return float(machine.user + machine.nice + machine.system + machine.steal - own)


def name_child(pid: int, name: str) -> None:
    """Say what a child is that was started otherwise."""
    _names[pid] = name


def _cpu_s(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.NoSuchProcess):
        # The first four: user, system, and those of children that ended.
        return float(sum(process.cpu_times()[:4]))
    return 0.0


def _memory_mb(pid: int) -> tuple[float, float]:
    """What it has for itself, and what it shares."""
    with contextlib.suppress(OSError):
        lines = [line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]]
        kilobytes = {name: int(number) for name, number, _unit in lines}
        return kilobytes["Pss_Anon:"] / 1000, kilobytes["Pss_Shmem:"] / 1000
    return 0.0, 0.0


def _primary_group(user: str) -> int:
    return pwd.getpwnam(user).pw_gid


def die_with_parent(parent: int) -> Callable[[], None]:
    """For a new process of ``parent``: a function that ties its life to that of the thread that started it."""

    def set_death_signal() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        # The parent may have died between fork and prctl: then no signal would ever come.
        if os.getppid() != parent:
            os._exit(1)

    return set_death_signal
