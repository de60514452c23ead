"""What officers signed for each act, sealed; and the acts in the log that it belongs to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import asyncpg

from ..domain.acts import SignedCommand
from ..domain.refusals import NonceUsed
from . import Connection


@dataclass(frozen=True)
class KeptAct:
    """An act that is in the vault; ``again`` when its command had been carried out before."""

    evidence_sha256: str
    again: bool


async def keep_act(
    connection: Connection, election_uuid: str, command: SignedCommand, evidence_sha256: str, sealed: bytes
) -> KeptAct:
    """Write an act, once: the same command sent again finds the first one. Raises ``NonceUsed`` for another one."""
    status = await connection.execute(
        "INSERT INTO vault_officers_acts VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
        command.nonce,
        election_uuid,
        command.sha256,
        evidence_sha256,
        sealed,
    )
    if status == "INSERT 0 1":
        return KeptAct(evidence_sha256, again=False)
    row = await connection.fetchrow(
        "SELECT evidence_sha256 FROM vault_officers_acts WHERE nonce = $1 AND command_sha256 = $2",
        command.nonce,
        command.sha256,
    )
    if row is None:
        raise NonceUsed
    return KeptAct(row["evidence_sha256"], again=True)


@dataclass(frozen=True)
class EvidencedAct:
    """An OfficersActed event and the evidence that it names; None when the vault has no such evidence."""

    partition: int
    offset: int
    evidence_sha256: str
    sealed: bytes | None = field(repr=False)


async def evidenced_acts(pool: asyncpg.Pool, election_uuid: str) -> AsyncIterator[EvidencedAct]:
    """The election's acts in the order of the log, as of one moment."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        rows = connection.cursor(
            "SELECT partition, log_offset, evidence_sha256, sealed FROM officers_acts"
            " LEFT JOIN vault_officers_acts USING (election_uuid, evidence_sha256)"
            " WHERE election_uuid = $1 ORDER BY partition, log_offset",
            election_uuid,
        )
        async for row in rows:
            yield EvidencedAct(row["partition"], row["log_offset"], row["evidence_sha256"], row["sealed"])
