"""One replica of a service, as a process of its own."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from evote_eventlog.releases import NEWEST_RELEASE

from ..nodes.kafka import KafkaNode
from ..nodes.ports import LOOPBACK, free_port
from ..nodes.processes import ChildProcess, ProcessFailed


@dataclass
class Service:
    """One replica of a service: its address, its environment, and its process while it runs."""

    name: str
    module: str
    port: int
    environment: Mapping[str, str] = field(repr=False)
    log_path: Path
    process: ChildProcess | None = None
    """None: never started, or ended by :meth:`stop` or :meth:`kill`."""
    _last_missing: str | None = None

    @property
    def url(self) -> str:
        """Where it answers, without a trailing slash."""
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Start the process; :meth:`wait_ready` tells when it can work."""
        self.process = ChildProcess(
            self.name,
            [sys.executable, "-m", self.module, "serve"],
            log_path=self.log_path,
            environment=self.environment,
        )

    def wait_ready(self, timeout_s: float = 180) -> None:
        """Return when ``/readyz`` says so; :class:`ProcessFailed` when it ends or time is up."""
        self._wait("/readyz", timeout_s)

    def wait_well(self, timeout_s: float = 180) -> None:
        """Return when ``/statusz`` says that all it works with is there, too."""
        self._wait("/statusz", timeout_s)

    def wait_alive(self, timeout_s: float = 180) -> None:
        """Return when ``/livez`` answers, whatever the service still waits for."""
        self._wait("/livez", timeout_s)

    def _wait(self, path: str, timeout_s: float) -> None:
        if self.process is None:
            raise ProcessFailed(self.name, "was not started", "")
        try:
            self.process.wait_until(lambda: self._missing(path) is None, timeout_s=timeout_s)
        except ProcessFailed as error:
            raise ProcessFailed(error.name, f"{error.reason}: {self._last_missing}", error.log_tail) from None

    def _missing(self, path: str) -> str | None:
        """What the answer at ``path`` says is missing; None: nothing is."""
        self._last_missing = self._ask(path)
        return self._last_missing

    def _ask(self, path: str) -> str | None:
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=2):  # noqa: S310
                return None
        except urllib.error.HTTPError as refusal:
            return refusal.read().decode()
        except OSError as error:
            return repr(error)

    def kill(self) -> None:
        """``kill -9``."""
        if self.process is not None:
            self.process.kill()
            self.process = None

    def stop(self) -> None:
        """Graceful stop: the service drains what is in flight."""
        if self.process is not None:
            self.process.stop()
            self.process = None

    def require_alive(self) -> None:
        """Raise :class:`ProcessFailed` when it was started, and ended without being asked to."""
        if self.process is not None and not self.process.running:
            raise self.process.failure(f"ended by itself with status {self.process.exit_code}")


def define_service(
    name: str, module: str, logs: Path, kafka: KafkaNode, database_url: str, settings: Mapping[str, str]
) -> Service:
    """A replica on a free port, not started yet; it writes its log into the folder ``logs``."""
    port = free_port()
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "EVOTE_ENVIRONMENT": "test",
        "EVOTE_KAFKA_BOOTSTRAP": kafka.bootstrap_servers,
        "EVOTE_DATABASE_URL": database_url,
        "EVOTE_HOST": LOOPBACK,
        "EVOTE_PORT": str(port),
        # All services of a stack are of this release.
        "EVOTE_EVENTS_RELEASE": str(NEWEST_RELEASE),
        **settings,
    }
    return Service(name, module, port, environment, logs / f"{name}.log")
