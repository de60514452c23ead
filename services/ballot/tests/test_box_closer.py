"""Who closes boxes outlives whatever ends its sessions with the database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, NoReturn, cast

import asyncpg
import pytest
from evote_ballot import closing
from evote_ballot.closing import BoxCloser
from evote_eventlog.errors import LogUnavailable
from evote_eventlog.producer import EventProducer


class _Ends(asyncpg.Pool):  # type: ignore[misc]  # asyncpg ships no types
    """Each session ends as the next of these says; behind the last one somebody asked once more."""

    def __init__(self, errors: list[Exception]) -> None:
        self._errors: Iterator[Exception] = iter(errors)
        self.outlived = asyncio.Event()

    def acquire(self, **_: Any) -> NoReturn:
        error = next(self._errors, None)
        if error is None:
            self.outlived.set()
            raise TimeoutError
        raise error


async def test_a_session_that_the_server_ends_in_the_midst_ends_no_replica(monkeypatch: pytest.MonkeyPatch) -> None:
    """asyncpg calls one that was ended between two messages an error of its own."""
    monkeypatch.setattr(closing, "_EVERY_S", 0)
    ended = [
        asyncpg.InternalClientError("got result for unknown protocol state 3"),
        asyncpg.AdminShutdownError(),
        asyncpg.InterfaceError("connection is closed"),
        ConnectionResetError(),
        LogUnavailable("the broker is away"),
    ]
    pool = _Ends(ended)
    running = asyncio.create_task(BoxCloser(pool, cast(EventProducer, None)).run())
    done, _ = await asyncio.wait({running, asyncio.create_task(pool.outlived.wait())}, return_when="FIRST_COMPLETED")
    assert running not in done, running.exception()
    running.cancel()
