"""The exact public texts of an election, and its archive, streamed from the projection in log order.

An archive only grows: what is exported later begins with what was exported before. Each page is a
read of its own, so a slow reader holds neither a connection nor a snapshot.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime

import asyncpg
from evote_belenios.archive import ArchiveWriter
from evote_eventlog.events import ElectionOpened, EncryptedTallyComputed, ResultComputed, RollFrozen
from evote_platform.caching import tag_of
from evote_platform.reads import Reads

from . import store
from .domain.counting import deciding_decryptions
from .domain.election import Election
from .domain.roll import credentials_text, number_of_parts, part_of

_PAGE = 200
_LISTS_KEPT = 4


class NotPublished(Exception):
    """The text or the archive doesn't exist before the election opens (or before its tally or result)."""


@dataclass(frozen=True)
class ArchivePlan:
    """What an export holds besides its ballots, fixed when it starts."""

    election: Election
    credentials: str
    """The exact ``public_creds.json``."""
    ballots_before: int
    """Acceptable ballots with a smaller log index are in it."""
    timestamp: int
    """When the election opened, in Unix seconds: exports differ in nothing else."""


async def public_credentials(connection: store.Connection, election_uuid: str) -> str:
    """The exact ``public_creds.json`` of a frozen roll.

    Raises:
        UnknownElection: when the election wasn't drafted.
        NotPublished: before the roll is frozen.
    """
    roll = await store.find_event(connection, election_uuid, RollFrozen)
    if roll is None:
        raise NotPublished
    credentials = await store.frozen_credentials(connection, election_uuid, roll.credentials_sha256)
    if credentials is None:
        raise NotPublished
    return credentials_text(credentials)


class ListParts:
    """The frozen lists in the parts that devices ask for, kept: each voter asks for one, and reading a list is slow."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], tuple[str, ...]] = OrderedDict()
        self._reading = asyncio.Lock()

    async def part(self, reads: Reads, election_uuid: str, number: int) -> str:
        """The lines of one part, as ``public_creds.json`` writes them.

        Raises:
            UnknownElection: when the election wasn't drafted.
            NotPublished: before the roll is frozen, or when there are fewer parts.
        """
        async with reads.acquire() as connection:
            roll = await store.find_event(connection, election_uuid, RollFrozen)
        if roll is None or number >= number_of_parts(roll.roll_size):
            raise NotPublished
        key = (election_uuid, roll.credentials_sha256)
        if key not in self._kept:
            # Whoever waits here holds no connection: the crowd that comes first would else take them all.
            async with self._reading:
                if key not in self._kept:
                    await self._read(reads, key, number_of_parts(roll.roll_size))
        return self._kept[key][number]

    async def _read(self, reads: Reads, key: tuple[str, str], parts: int) -> None:
        async with reads.acquire() as connection:
            credentials = await store.frozen_credentials(connection, *key)
        if credentials is None:
            raise NotPublished
        self._kept[key] = await asyncio.to_thread(_in_parts, credentials, parts)
        if len(self._kept) > _LISTS_KEPT:
            self._kept.popitem(last=False)


def _in_parts(credentials: Iterable[str], parts: int) -> tuple[str, ...]:
    lines: list[list[str]] = [[] for _ in range(parts)]
    for credential in credentials:
        lines[part_of(credential, parts)].append(credential)
    return tuple(credentials_text(part) for part in lines)


async def plan_archive(connection: store.Connection, election_uuid: str) -> ArchivePlan:
    """Fix what an export that starts now holds.

    Raises:
        UnknownElection: when the election wasn't drafted.
        NotPublished: before the election is open.
        LogDisagrees: the tables don't show what the log says.
    """
    election = await store.load_election(connection, election_uuid)
    opened_at = election.time_of(ElectionOpened)
    if opened_at is None:
        raise NotPublished
    tally = election.fact(EncryptedTallyComputed)
    end = await store.log_end(connection)
    end = min(end, tally.log_size) if tally else end
    await store.demand_agreement(connection, 0, end)
    waiting = await store.unexamined(connection, election_uuid, end)
    return ArchivePlan(
        election,
        await public_credentials(connection, election_uuid),
        end if waiting is None else waiting,
        int(datetime.fromisoformat(opened_at).timestamp()),
    )


async def archive_bytes(pool: asyncpg.Pool | Reads, plan: ArchivePlan) -> AsyncIterator[bytes]:
    """The archive in pieces of bounded size; raises ``LogDisagrees`` when a ballot vanishes while it is read."""
    outbox = _Outbox()
    opened = plan.election.opened
    writer = ArchiveWriter(outbox, timestamp=plan.timestamp)
    await asyncio.to_thread(writer.setup, opened.election_json, opened.trustees_json, plan.credentials)
    yield outbox.take()
    after = -1
    while True:
        async with pool.acquire() as connection:
            page = await store.acceptable_ballots(
                connection, plan.election.uuid, after=after, before=plan.ballots_before, limit=_PAGE
            )
        if not page:
            break
        await asyncio.to_thread(_write_ballots, writer, (text for _, text in page))
        yield outbox.take()
        after = page[-1][0]
    await asyncio.to_thread(_write_count, writer, plan.election)
    writer.close()
    yield outbox.take()


def archive_tag(plan: ArchivePlan) -> str:
    """The entity tag of the archive, from all that its bytes are made of; a place in the log stands for the ballots."""
    election = plan.election
    tally, result = election.fact(EncryptedTallyComputed), election.fact(ResultComputed)
    parts = (
        election.opened.election_json,
        election.opened.trustees_json,
        plan.credentials,
        f"{plan.ballots_before} {plan.timestamp}",
        "" if tally is None else f"{tally.encrypted_tally} {tally.sized_encrypted_tally}",
        "" if result is None else result.result,
    )
    return tag_of(*(part.encode() for part in parts))


async def archive_sha256(pool: asyncpg.Pool, plan: ArchivePlan) -> str:
    """SHA-256 (hex) of the archive."""
    digest = hashlib.sha256()
    async for piece in archive_bytes(pool, plan):
        digest.update(piece)
    return digest.hexdigest()


def _write_ballots(writer: ArchiveWriter, ballots: Iterable[str]) -> None:
    for ballot in ballots:
        writer.ballot(ballot)


def _write_count(writer: ArchiveWriter, election: Election) -> None:
    tally = election.fact(EncryptedTallyComputed)
    if tally is None:
        return
    writer.end_ballots()
    writer.encrypted_tally(tally.encrypted_tally, tally.sized_encrypted_tally)
    decided = deciding_decryptions(election) if election.fact(ResultComputed) is not None else None
    if decided is None:
        # Which partial decryptions count is known with the result: an archive never loses what it once had.
        return
    for trustee, partial_decryption in decided.partial_decryptions.items():
        writer.partial_decryption(trustee, partial_decryption)
    writer.result(decided.result)


class _Outbox:
    """Collects what the writer wrote since the last look."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes, /) -> None:
        self._pieces.append(data)

    def take(self) -> bytes:
        taken = b"".join(self._pieces)
        self._pieces.clear()
        return taken
