"""Running the app: uvicorn on uvloop, with a shutdown that finishes what was begun."""

from __future__ import annotations

import signal
import socket

import uvicorn
from fastapi import FastAPI

from .health import Failure, Readiness
from .settings import ServiceSettings


class _DrainingServer(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, readiness: Readiness) -> None:
        super().__init__(config)
        self._readiness = readiness

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._readiness.draining.set()  # long answers end by themselves before the patience does
        await super().shutdown(sockets)


def serve(app: FastAPI, readiness: Readiness, settings: ServiceSettings) -> int:
    """Serve until SIGTERM or SIGINT, or until the service fails; the exit status of the process.

    On a signal no new connection is taken, requests in flight get ``shutdown_timeout_s`` to end, then
    the lifespan closes what it opened.

    Returns:
        0 after a signal, 1 after a failure (a background task died), 3 when the start failed.
    """
    server = _DrainingServer(
        uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            forwarded_allow_ips=settings.proxies(),
            timeout_graceful_shutdown=settings.shutdown_timeout_s,
        ),
        readiness,
    )

    def end(_: Failure) -> None:
        server.should_exit = True

    readiness.on_failure(end)
    # uvicorn raises the signal again after it has drained; by then there is nothing left to do.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    server.run()
    if not server.started:
        return 3
    return 0 if readiness.failure is None else 1
