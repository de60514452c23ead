"""One process of the network, on fixed ports over one folder: it can be stopped or killed, and started again."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..nodes.ports import is_listening
from ..nodes.processes import ChildProcess


@dataclass(frozen=True)
class Program:
    """What a node runs."""

    command: Sequence[str]
    environment: Mapping[str, str]


class FabricNode:
    """An orderer, a peer or a chaincode."""

    def __init__(self, name: str, program: Program, *, port: int, log_path: Path) -> None:
        """``port`` is where it listens when it is ready."""
        self.name = name
        self.port = port
        self.log_path = log_path
        self._program = program
        self._process: ChildProcess | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self._process.pid if self._process is not None and self._process.running else None

    def start(self, *, timeout_s: float = 60) -> None:
        """Start it and wait until it takes connections; does nothing while it runs."""
        if self.pid is not None:
            return
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **self._program.environment}
        self._process = ChildProcess(self.name, self._program.command, log_path=self.log_path, environment=environment)
        self._process.wait_until(lambda: is_listening(self.port), timeout_s=timeout_s)

    def stop(self) -> None:
        """Ask it to end; its data stays."""
        if self._process is not None:
            self._process.stop(timeout_s=10)

    def kill(self) -> None:
        """``kill -9``."""
        if self._process is not None:
            self._process.kill()
