"""A replica: what it holds, and what every way in asks of it first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg
from evote_platform.clock import Clock

from .domain.faces import FaceKeys
from .domain.refusals import ElectionOver, FaceNotOffered
from .releasing import Releasing
from .revocation.trust import Trust
from .vault import Connection, elections, roll
from .vault.elections import KnownElection


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

    def require_face_keys(self) -> FaceKeys:
        """The keys of the face way; ``FaceNotOffered`` where there is none."""
        if self.face_keys is None:
            raise FaceNotOffered
        return self.face_keys

    async def open_to_voters(self, connection: Connection, election_uuid: str) -> KnownElection:
        """The election, while voters may come: its roll is frozen and it isn't closed.

        Raises ``UnknownElection``, ``ElectionOver``, ``RollNotFrozen`` or ``MasterKeyChanged``.
        """
        election = await elections.load_election(connection, election_uuid)
        if election.closed:
            raise ElectionOver
        await roll.require_frozen(connection, election_uuid, self.releasing.master_key.key_id)
        return election
