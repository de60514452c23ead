"""What officers do about the roll: import it, freeze it, see how far it is; what the auditor downloads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from evote_belenios.groups import group_by_name
from evote_eventlog.events import OfficersCommand
from evote_jpki.roll import decode_roll, parse_roll
from evote_platform.processors import usable_processors

from ..domain.acts import Act, SignedCommand
from ..domain.credentials import list_parts, list_sha256
from ..service import AuthService
from ..vault import elections, roll
from ..vault.evidence import EvidencedRelease, evidenced_releases
from ..vault.officers_acts import EvidencedAct, evidenced_acts
from . import acting
from .deriving import public_list


@dataclass(frozen=True)
class RollDesk:
    """The officers' side of the roll at one replica."""

    service: AuthService

    async def import_roll(self, election_uuid: str, content: bytes, charset: str, act: Act) -> int:
        """Replace the roll by a CSV file; returns how many voters it has. All of it or nothing."""
        today = self.service.clock().date()
        async with self.service.pool.acquire() as connection:
            (await elections.load_election(connection, election_uuid)).require_not_abandoned()

        def read() -> list[roll.RollRow]:
            return roll.roll_rows(election_uuid, parse_roll(decode_roll(content, charset), today), self.service.random)

        rows = await asyncio.to_thread(read)
        async with self.service.pool.acquire() as connection, connection.transaction():
            kept = await acting.begin(self.service, connection, election_uuid, act)
            if not kept.again:
                # Sent again, it must not undo a later import.
                await roll.replace_roll(connection, election_uuid, rows)
        await acting.publish(self.service, election_uuid, kept)
        return len(rows)

    async def freeze_roll(
        self, election_uuid: str, command: SignedCommand, expected_size: int | None
    ) -> tuple[int, str]:
        """Freeze the roll and publish the public credentials; returns their number and the list's SHA-256.

        ``expected_size`` is how many voters the officers signed for; None where a program of before didn't say.

        The roll is frozen in the vault first: whatever crash follows, repeating the command derives and publishes the
        same list, and readers keep the first of equal parts.
        """
        keys = self.service.releasing.keys
        async with self.service.pool.acquire() as connection:
            election = await elections.load_election(connection, election_uuid)
            election.require_not_abandoned()
            voter_refs = await roll.freeze_roll(
                connection, election_uuid, lambda: keys.key_id(election_uuid), expected_size
            )
        # A crash from here on leaves a frozen roll and some parts of its list; the command, repeated, makes the same.
        private = await keys.private_credentials(group_by_name(election.group), election_uuid, voter_refs)
        credentials = await public_list(election.group, election_uuid, private, usable_processors())
        digest = list_sha256(credentials)
        async with self.service.pool.acquire() as connection:
            published = await roll.is_published(connection, election_uuid, digest)
        if not published:
            first, *others = list_parts(election_uuid, credentials)
            signed = OfficersCommand(body=command.body or "", statements=command.statements)
            for part in (first.model_copy(update={"command": signed}), *others):
                await self.service.releasing.producer.publish(part)
        return len(credentials), digest

    async def roll_state(self, election_uuid: str) -> roll.RollState:
        """Counts only."""
        async with self.service.pool.acquire() as connection:
            await elections.load_election(connection, election_uuid)
            return await roll.roll_state(connection, election_uuid)

    async def evidenced_releases(self, election_uuid: str) -> AsyncIterator[EvidencedRelease]:
        """Every release in the log with its sealed evidence, as of one moment."""
        async with self.service.pool.acquire() as connection:
            await elections.load_election(connection, election_uuid)
        return evidenced_releases(self.service.pool, election_uuid)

    async def evidenced_acts(self, election_uuid: str) -> AsyncIterator[EvidencedAct]:
        """Every act of officers in the log with its sealed evidence, as of one moment."""
        async with self.service.pool.acquire() as connection:
            await elections.load_election(connection, election_uuid)
        return evidenced_acts(self.service.pool, election_uuid)
