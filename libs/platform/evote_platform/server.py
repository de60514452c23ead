"""Running the app: uvicorn on uvloop, with a shutdown that finishes what was begun."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from collections.abc import Sequence
from typing import cast

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .connections import bounded_connections
from .entrance import Entrance
from .health import Failure, Readiness
from .management import PortsApart
from .settings import CannotStart, ServiceSettings

_KEEP_ALIVE_S = 75
"""Longer than proxies keep idle connections (nginx and the clouds' balancers: 60 s): the proxy has to close first, or a
request that is under way meets a closed connection."""
_TICK_S = 0.1
_COLLECT_EVERY = 10_000
"""So many containers more than were freed make the collector look (Python's own: 700). What it is for, cycles, comes
with errors and closed connections, a few to a request, and thousands of them are a few megabytes."""


def collect_seldom() -> None:
    """Leave to the garbage collector what comes from here on.

    What a replica is made of stays: code, models and routes, some hundred thousand objects, which the collector would
    walk through again and again while it serves.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_EVERY)


class _DrainingServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, readiness: Readiness, drain_delay_s: float) -> None:
        super().__init__(config)
        self._readiness = readiness
        self._drain_delay_s = drain_delay_s

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([])
        entrances = [Entrance(listening, self.config.backlog, self._new_protocol) for listening in sockets or ()]
        self.servers = cast(list[asyncio.base_events.Server], entrances)  # of a server it wants to close it alone
        collect_seldom()

    def _new_protocol(self) -> asyncio.Protocol:
        protocol = cast(type[HttpToolsProtocol], self.config.http_protocol_class)
        return protocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._readiness.leave()
        if self._readiness.failure is None:
            await self._serve_on()
        self._readiness.draining.set()  # long answers end by themselves before the patience does
        for entrance in self.servers:
            entrance.close()
            await entrance.wait_closed()  # only who is inside is told to end
        await super().shutdown(sockets)

    async def _serve_on(self) -> None:
        """Until whoever sends the traffic has noticed; a second SIGINT ends it."""
        for tick in range(round(self._drain_delay_s / _TICK_S)):
            if self.force_exit:
                return
            await self.on_tick(tick)
            await asyncio.sleep(_TICK_S)


def listen(settings: ServiceSettings) -> list[socket.socket]:
    """What a replica will listen on: the public's port and, where there is one apart, the management port.

    The ports are taken and not listened on: until the replica has started, clients are refused and don't wait.

    Raises :class:`CannotStart` when a port is taken.
    """
    ports = [settings.port] if settings.management_port is None else [settings.port, settings.management_port]
    return [_bound(settings.host, port) for port in ports]


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise CannotStart(f"can't listen on {host}, port {port}: {error.strerror}") from error
    return bound


def server_of(
    app: FastAPI, readiness: Readiness, settings: ServiceSettings, sockets: Sequence[socket.socket]
) -> uvicorn.Server:
    """The server of a replica for what :func:`listen` gave; it does not run yet."""
    management_port = None if len(sockets) == 1 else int(sockets[1].getsockname()[1])
    return _DrainingServer(
        uvicorn.Config(
            app if management_port is None else PortsApart(app, management_port),
            loop="uvloop",
            http=bounded_connections(settings.max_connections, management_port),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            forwarded_allow_ips=settings.proxies(),
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=settings.shutdown_timeout_s,
        ),
        readiness,
        settings.drain_delay_s,
    )


def serve(app: FastAPI, readiness: Readiness, settings: ServiceSettings) -> int:
    """Serve until SIGTERM or SIGINT, or until the service fails; the exit status of the process.

    On a signal ``/readyz`` says no and the replica serves on for ``drain_delay_s``; then no new connection is taken,
    requests in flight get ``shutdown_timeout_s`` to end, and the lifespan closes what it opened.

    Returns:
        0 after a signal, 1 after a failure (a background task died, or the start failed behind a wait), 3 when it
        failed at once.
    """
    sockets = listen(settings)
    server = server_of(app, readiness, settings, sockets)

    def end(_: Failure) -> None:
        server.should_exit = True

    readiness.on_failure(end)
    # uvicorn raises the signal again after it has drained; by then there is nothing left to do.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server.run(sockets)
    if not server.started:
        return 3
    return 0 if readiness.failure is None else 1
