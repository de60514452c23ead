"""Breaks each write that a use case makes, twice over: lost, and landed but reported as failed.

Kafka and PostgreSQL are real, and so are the producer and the connection: only their word to the service is false,
once, at one write. What is left is then what a broken network or a failover leaves. The client repeats, and the test
looks at what there is.

Only writes of the context that entered :func:`breaking` are seen. A request that a test sends to an app in its own
process runs in the test's context; the app's own tasks in that in which the app was started.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from types import TracebackType
from typing import Any, Final, TypeVar

import asyncpg
from evote_eventlog.errors import LogUnavailable
from evote_eventlog.events import EventData
from evote_eventlog.producer import EventProducer
from evote_eventlog.transactional import TransactionalProducer

T = TypeVar("T")

WRITES: Final[Mapping[str, tuple[str, ...]]] = {
    "a projection applies a batch": ("DeadLetter", "consumer_offsets applied"),
    "ballot casts": ("reservations", "BallotAccepted"),
    "ballot closes the box": ("BallotBoxClosed",) * 3,
    "auth imports a roll": ("vault_officers_acts vault_rolls vault_voters", "OfficersActed"),
    "auth freezes a roll": ("vault_rolls", "CredentialsPublished"),
    "auth releases by card": (
        "vault_challenges",
        "vault_cards vault_challenges vault_evidence vault_failures",
        "VoterAuthenticated CredentialReleased",
    ),
    "auth issues voting codes": (
        "vault_officers_acts vault_voting_codes vault_face_orders vault_voting_code_issues",
        "OfficersActed",
    ),
    "auth enrols by card": (
        "vault_challenges",
        "vault_cards vault_voting_codes vault_face_orders vault_failures",
    ),
    "auth orders a verification": ("vault_face_orders",),
    "auth releases by face": ("vault_face_orders vault_evidence", "VoterAuthenticated CredentialReleased"),
    "biometric enrols": (
        "vault_orders",
        "vault_orders",
        "vault_orders vault_election_keys vault_templates",
        "FaceEnrolled",
    ),
    "biometric begins": ("vault_orders vault_attempts vault_verifications",),
    "biometric judges": (
        "vault_verifications",
        "vault_election_keys vault_frames",
        "vault_frames",
        "vault_orders vault_attempts",
        "FaceVerified",
    ),
    "biometric reissues": ("vault_commands vault_election_keys vault_templates", "TemplateReissued"),
    "biometric erases": (
        "vault_erasures vault_election_keys vault_templates vault_orders vault_verifications"
        " vault_attempts vault_frames",
        "TemplateErased",
        "vault_erasures",
    ),
    "tally drafts an election": ("ElectionDrafted",),
    "tally freezes the roll": ("RollFrozen",),
    "tally takes a certificate": ("CertificateReceived",),
    "tally takes a commitment": ("PolynomialCommitted",),
    "tally takes a polynomial": ("PolynomialReceived",),
    "tally takes checked shares": ("VoutputReceived",),
    "tally takes a confirmation": ("SetupConfirmed",),
    "tally opens the election": ("ElectionOpened",),
    "tally closes the election": ("ElectionClosed",),
    "tally takes a partial decryption": ("PartialDecryptionReceived",),
    "tally counts by itself": ("EncryptedTallyComputed", "ResultComputed"),
    "tally certifies the result": ("ResultCertified",),
    "ledger-anchor sequences": ("CheckpointSigned",),
}
"""Every write of every use case, in its order: events by their types, a committed transaction by the tables it changes.

A test of each use case breaks each of them and shows that there are no others.
"""

_CHANGED = re.compile(r"\b(?:INSERT INTO|DELETE FROM|(?<!FOR )(?<!DO )(?<!KEY )UPDATE)\s+([a-z_]+)")
_AWAY: Final = "connection was closed in the middle of operation"  # asyncpg's own words


class Fault(StrEnum):
    """How a write breaks. To the service both look the same."""

    LOST = "lost"
    LANDED = "landed but reported as failed"


@dataclass(frozen=True)
class BrokenWrite:
    """One line of the table: which write breaks, and how."""

    name: str
    before: int
    """How many writes of this name are let through first."""
    fault: Fault

    def __str__(self) -> str:
        return f"{self.name} {self.fault}" + (f" after {self.before}" if self.before else "")


@dataclass
class Seen:
    """The writes of one context so far."""

    broken: tuple[BrokenWrite, ...]
    names: list[str] = field(default_factory=list)
    reached: list[BrokenWrite] = field(default_factory=list)
    """Those that broke."""
    transactions: dict[asyncpg.Connection, list[str]] = field(default_factory=dict)
    """The tables that each transaction under way has changed."""

    async def write(self, name: str, write: Callable[[], Awaitable[T]], failure: Exception) -> T:
        """Do a write, or break it when its turn has come."""
        place = (name, self.names.count(name))
        self.names.append(name)
        due = [broken for broken in self.broken if (broken.name, broken.before) == place]
        self.reached += due
        return await break_write(due[0].fault if due else None, write, failure)


_seen: ContextVar[Seen | None] = ContextVar("seen", default=None)


def every_fault(use_case: str) -> list[BrokenWrite]:
    """The table's lines for a use case: a pair for each write."""
    writes = WRITES[use_case]
    return [
        BrokenWrite(name, writes[:number].count(name), fault) for number, name in enumerate(writes) for fault in Fault
    ]


async def break_write(fault: Fault | None, write: Callable[[], Awaitable[T]], failure: Exception) -> T:
    """Do a write, and raise ``failure`` instead of it or after it; None: it works."""
    if fault is None:
        return await write()
    if fault is Fault.LANDED:
        await write()
    raise failure


@contextmanager
def breaking(*broken: BrokenWrite) -> Iterator[Seen]:
    """See the writes of this context, and break these of them.

    Tasks that are started within it belong to it: also an app whose lifespan is entered here, with its projections.
    """
    _install()
    seen = Seen(broken)
    token = _seen.set(seen)
    try:
        yield seen
    finally:
        _seen.reset(token)


@cache
def _install() -> None:
    """For the rest of the process: outside of any :func:`breaking` it lets everything pass."""
    for method in ("execute", "executemany", "fetch", "fetchrow", "fetchval"):
        setattr(asyncpg.Connection, method, _statement(method))
    for owner, method, replacement in (
        (asyncpg.Connection, "copy_records_to_table", _copy()),
        (asyncpg.Connection, "transaction", _transaction()),
        (EventProducer, "publish", _publish()),
        (EventProducer, "publish_together", _publish_at_once(EventProducer, "publish_together")),
        (TransactionalProducer, "publish_all", _publish_at_once(TransactionalProducer, "publish_all")),
    ):
        setattr(owner, method, replacement)


def _publish() -> Callable[..., Awaitable[Any]]:
    real = EventProducer.publish

    async def publish(self: EventProducer, data: EventData, *, partition: int | None = None) -> Any:
        seen = _seen.get()
        if seen is None:
            return await real(self, data, partition=partition)
        failure = LogUnavailable("broken by a test")
        return await seen.write(type(data).__name__, lambda: real(self, data, partition=partition), failure)

    return publish


def _publish_at_once(
    owner: type[EventProducer] | type[TransactionalProducer], method: str
) -> Callable[..., Awaitable[Any]]:
    real = getattr(owner, method)

    async def publish_at_once(self: EventProducer | TransactionalProducer, events: Sequence[EventData]) -> Any:
        seen = _seen.get()
        if seen is None:
            return await real(self, events)
        name = " ".join(dict.fromkeys(type(data).__name__ for data in events))
        return await seen.write(name, lambda: real(self, events), LogUnavailable("broken by a test"))

    return publish_at_once


def _statement(method: str) -> Callable[..., Awaitable[Any]]:
    real = getattr(asyncpg.Connection, method)

    async def statement(self: asyncpg.Connection, query: str, *arguments: Any, **options: Any) -> Any:
        return await _change(self, _CHANGED.findall(query), lambda: real(self, query, *arguments, **options))

    return statement


def _copy() -> Callable[..., Awaitable[Any]]:
    real = asyncpg.Connection.copy_records_to_table

    async def copy(self: asyncpg.Connection, table_name: str, **options: Any) -> Any:
        return await _change(self, [table_name], lambda: real(self, table_name, **options))

    return copy


async def _change(connection: asyncpg.Connection, tables: list[str], do: Callable[[], Awaitable[T]]) -> T:
    """A statement: by itself it is a write, inside a transaction a part of one."""
    seen = _seen.get()
    if seen is None or not tables:
        return await do()
    under_way = seen.transactions.get(connection)
    if under_way is not None:
        under_way += tables
        return await do()
    return await _database_write(seen, connection, tables, do)


async def _database_write(
    seen: Seen, connection: asyncpg.Connection, tables: list[str], do: Callable[[], Awaitable[T]]
) -> T:
    name = " ".join(dict.fromkeys(tables))
    try:
        return await seen.write(name, do, asyncpg.ConnectionDoesNotExistError(_AWAY))
    except asyncpg.ConnectionDoesNotExistError:
        # As when the server is gone: what was not committed is rolled back by the server, and the pool connects anew.
        connection.terminate()
        raise


def _transaction() -> Callable[..., Any]:
    real = asyncpg.Connection.transaction

    def transaction(self: asyncpg.Connection, **options: Any) -> Any:
        seen = _seen.get()
        if seen is None or self in seen.transactions:
            return real(self, **options)
        return _SeenTransaction(seen, self, real(self, **options))

    return transaction


class _SeenTransaction:
    """An outermost transaction: its commit is the write."""

    def __init__(self, seen: Seen, connection: asyncpg.Connection, transaction: Any) -> None:
        self._seen = seen
        self._connection = connection
        self._transaction = transaction

    async def __aenter__(self) -> None:
        await self._transaction.__aenter__()
        self._seen.transactions[self._connection] = []

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        tables = self._seen.transactions.pop(self._connection)

        async def end() -> None:
            await self._transaction.__aexit__(kind, error, traceback)

        if tables and kind is None:
            await _database_write(self._seen, self._connection, tables, end)
        else:
            await end()
