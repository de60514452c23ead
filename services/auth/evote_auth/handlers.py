"""A replica: what it holds, and the commands about the roll. The order of writes is the design."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import asyncpg
from evote_platform.clock import Clock

from .deriving import derive_public_list
from .domain.credentials import list_parts, list_sha256
from .domain.faces import FaceKeys
from .domain.refusals import ElectionOver
from .domain.roll import decode_roll, parse_roll
from .releasing import Releasing
from .trust import Trust
from .vault import Connection, elections, roll
from .vault.elections import KnownElection
from .vault.evidence import EvidencedRelease, evidenced_releases


@dataclass(frozen=True)
class AuthService:
    """A running replica; keeps nothing between requests."""

    pool: asyncpg.Pool
    releasing: Releasing
    trust: Trust
    face_keys: FaceKeys | None
    """None where biometric isn't offered."""
    clock: Clock
    random: Callable[[int], bytes]
    sleep: Callable[[float], Awaitable[None]]
    """Seconds."""
    officer_token_sha256: str

    async def import_roll(self, election_uuid: str, content: bytes, charset: str) -> int:
        """Replace the roll by a CSV file; returns how many voters it has. All of it or nothing."""
        today = self.clock().date()
        async with self.pool.acquire() as connection:
            await elections.load_election(connection, election_uuid)

        def read() -> list[roll.RollRow]:
            return roll.roll_rows(election_uuid, parse_roll(decode_roll(content, charset), today), self.random)

        rows = await asyncio.to_thread(read)
        async with self.pool.acquire() as connection:
            await roll.replace_roll(connection, election_uuid, rows)
        return len(rows)

    async def freeze_roll(self, election_uuid: str) -> tuple[int, str]:
        """Freeze the roll and publish the public credentials; returns their number and the list's SHA-256.

        The roll is frozen in the vault first: whatever crash follows, repeating the command derives and publishes the
        same list, and readers keep the first of equal parts.
        """
        async with self.pool.acquire() as connection:
            election = await elections.load_election(connection, election_uuid)
            voter_refs = await roll.freeze_roll(connection, election_uuid, self.releasing.master_key.key_id)
        credentials = await derive_public_list(
            self.releasing.master_key, election.group, election_uuid, voter_refs, os.cpu_count() or 1
        )
        digest = list_sha256(credentials)
        async with self.pool.acquire() as connection:
            published = await roll.is_published(connection, election_uuid, digest)
        if not published:
            for part in list_parts(election_uuid, credentials):
                await self.releasing.producer.publish(part)
        return len(credentials), digest

    async def roll_state(self, election_uuid: str) -> roll.RollState:
        """Counts only."""
        async with self.pool.acquire() as connection:
            await elections.load_election(connection, election_uuid)
            return await roll.roll_state(connection, election_uuid)

    async def evidenced_releases(self, election_uuid: str) -> AsyncIterator[EvidencedRelease]:
        """Every release in the log with its sealed evidence, as of one moment."""
        async with self.pool.acquire() as connection:
            await elections.load_election(connection, election_uuid)
        return evidenced_releases(self.pool, election_uuid)

    async def open_to_voters(self, connection: Connection, election_uuid: str) -> KnownElection:
        """The election, while voters may come: its roll is frozen and it isn't closed.

        Raises ``UnknownElection``, ``ElectionOver``, ``RollNotFrozen`` or ``MasterKeyChanged``.
        """
        election = await elections.load_election(connection, election_uuid)
        if election.closed:
            raise ElectionOver
        await roll.require_frozen(connection, election_uuid, self.releasing.master_key.key_id)
        return election
