"""One replica at a time does a piece of work: an advisory lock of PostgreSQL, held by a connection of its own."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, suppress
from typing import NoReturn

import asyncpg
import structlog
from evote_eventlog.projection import TRANSIENT
from evote_platform.database import open_session
from pydantic import SecretStr

_ASK_AGAIN_S = 0.5
_PROVE_EVERY_S = 3.0
_ANSWERS_WITHIN_S = 5.0
"""Together the longest time that a leader goes on without a database."""
_RETRY_S = 1.0

_log = structlog.get_logger(__name__)


class LeadershipLost(Exception):
    """The connection that holds the lock is gone: another replica may lead by now."""


class Leadership:
    """The lock, while its connection lives."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._gone = asyncio.Event()
        connection.add_termination_listener(lambda _: self._gone.set())

    async def lost(self) -> None:
        """Wait until the lock is lost, then raise :class:`LeadershipLost`.

        A server that hangs, or a proxy before it, keeps the connection and answers nothing: so it is asked.
        """
        while not self._gone.is_set():
            try:
                await self._connection.fetchval("SELECT 1", timeout=_ANSWERS_WITHIN_S)
            except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                raise LeadershipLost from error
            with suppress(TimeoutError):
                async with asyncio.timeout(_PROVE_EVERY_S):
                    await self._gone.wait()
        raise LeadershipLost


@asynccontextmanager
async def leadership(database_url: SecretStr, work: str) -> AsyncIterator[Leadership]:
    """Wait until no other replica leads in this ``work``, and lead while the block runs.

    The lock alone makes nothing safe: a leader may be cut off from the database without noticing. It
    keeps replicas from doing the same at once. That only one can write the log is Kafka's transactional
    id (:class:`evote_eventlog.producer.TransactionalProducer`); that a size is anchored once, the contract.

    Raises:
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: the database is away.
    """
    key = int.from_bytes(hashlib.sha256(f"tsukuba-evote ledger {work}".encode()).digest()[:8], "big", signed=True)
    connection = await open_session(database_url, f"evote-ledger-{work}")
    try:
        ask = "SELECT pg_try_advisory_lock($1)"
        while not await connection.fetchval(ask, key, timeout=_ANSWERS_WITHIN_S):  # noqa: ASYNC110
            await asyncio.sleep(_ASK_AGAIN_S)
        yield Leadership(connection)
    finally:
        connection.terminate()


async def keep_leading(
    database_url: SecretStr,
    work: str,
    tenure: Callable[[], Coroutine[None, None, None]],
    passing: tuple[type[Exception], ...] = (),
    report: Callable[[list[str]], None] = lambda _: None,
) -> NoReturn:
    """Do ``tenure`` whenever this replica leads in ``work``, until cancelled.

    Outages of Kafka and of the database, a lost lock and the errors of ``passing`` end a tenure, never the
    replica: ``report`` hears their names, and no name when it stands by again, a second later. Any other error is
    raised.
    """
    survived: tuple[type[Exception], ...] = (LeadershipLost, *TRANSIENT, *passing)
    try:
        while True:
            report([])
            try:
                await _in_a_task(_lead_once(database_url, work, tenure))
            except* survived as error:
                causes = sorted(set(_type_names(error)))
                report(causes)
                _log.warning("tenure-interrupted", work=work, causes=causes)
            await asyncio.sleep(_RETRY_S)
    except BaseExceptionGroup as errors:
        raise _only_one(errors) from errors


async def _lead_once(database_url: SecretStr, work: str, tenure: Callable[[], Coroutine[None, None, None]]) -> None:
    async with leadership(database_url, work) as lock, asyncio.TaskGroup() as tasks:
        tasks.create_task(lock.lost())
        tasks.create_task(tenure())


async def _in_a_task(once: Coroutine[None, None, None]) -> None:
    """A task of its own for each tenure.

    A TaskGroup that fails may swallow a cancellation of the same moment, or leave a stale one behind
    (Python 3.11): both then end with the tenure.
    """
    task = asyncio.create_task(once)
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait([task])
        raise
    if not task.cancelled():
        task.result()


def _only_one(error: BaseException) -> BaseException:
    """The error itself, where the tasks around it have failed with nothing else."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _type_names(error: BaseException) -> Iterator[str]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _type_names(inner)
    else:
        yield type(error).__name__
