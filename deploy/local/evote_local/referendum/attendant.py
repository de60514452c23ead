"""Who looks after the services of a standing stack: notices one that died, and starts again what is asked for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from ..nodes.processes import ProcessFailed
from ..stack.service import Service

_OBEYED_WITHIN_S = 240


@dataclass(frozen=True)
class Orders:
    """One order at a time from another process: a file with the service's name, which goes once it was obeyed."""

    folder: Path

    def give(self, name: str) -> str:
        """Have a service started again; why that failed, or nothing."""
        self._outcome.unlink(missing_ok=True)
        draft = self._order.with_suffix(".new")
        draft.write_text(name)
        draft.replace(self._order)
        deadline = time.monotonic() + _OBEYED_WITHIN_S
        while self._order.exists():
            if time.monotonic() > deadline:
                return f"nobody obeyed within {_OBEYED_WITHIN_S} s"
            time.sleep(0.1)
        return self._outcome.read_text()

    def taken(self) -> str | None:
        """The service that is to be started again."""
        return self._order.read_text() if self._order.exists() else None

    def obeyed(self, failure: str) -> None:
        """Tell whoever gave the order how it went."""
        self._outcome.write_text(failure)
        self._order.unlink()

    @property
    def _order(self) -> Path:
        return self.folder / "restart"

    @property
    def _outcome(self) -> Path:
        return self.folder / "restarted"


class Attendant:
    """Looks after some services, whenever :meth:`look` is called."""

    def __init__(self, services: Sequence[Service], orders: Orders, console: Console) -> None:
        self._services = {service.name: service for service in services}
        self._orders = orders
        self._console = console
        self._said: set[str] = set()

    def look(self) -> None:
        """Say which services ended by themselves, once each, and obey an order."""
        for service in self._services.values():
            try:
                service.require_alive()
            except ProcessFailed as failed:
                self._say(service.name, failed)
        name = self._orders.taken()
        if name is not None:
            self._orders.obeyed(self._start_again(name))

    def _start_again(self, name: str) -> str:
        if name not in self._services:
            return f"there is no service {name!r}"
        service = self._services[name]
        service.stop()
        service.start()
        self._said.discard(name)
        try:
            service.wait_ready()
        except ProcessFailed as failed:
            return str(failed)
        return ""

    def _say(self, name: str, failed: ProcessFailed) -> None:
        if name not in self._said:
            self._said.add(name)
            self._console.print(
                f"{failed}\nmake restart SERVICE={name} で再起動 / starts it again", markup=False, highlight=False
            )
