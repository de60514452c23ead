"""Templates, sealed."""

from __future__ import annotations

from ..domain.refusals import NotEnrolled
from ..keys import SealedTemplate
from . import Connection


async def next_version(connection: Connection, election_uuid: str, voter_ref: str) -> int:
    """The version after the stored one, which stays locked until the transaction ends; 1 when there is none."""
    version = await connection.fetchval(
        "SELECT version FROM vault_templates WHERE election_uuid = $1 AND voter_ref = $2 FOR UPDATE",
        election_uuid,
        voter_ref,
    )
    return 1 if version is None else int(version) + 1


async def keep_template(connection: Connection, election_uuid: str, voter_ref: str, sealed: SealedTemplate) -> None:
    """Store a template in the place of the one before."""
    await connection.execute(
        "INSERT INTO vault_templates VALUES ($1, $2, $3, $4, $5) ON CONFLICT (election_uuid, voter_ref)"
        " DO UPDATE SET version = $3, nonce = $4, ciphertext = $5",
        election_uuid,
        voter_ref,
        sealed.version,
        sealed.nonce,
        sealed.ciphertext,
    )


async def load_template(connection: Connection, election_uuid: str, voter_ref: str) -> SealedTemplate:
    """The voter's template; ``NotEnrolled`` when there is none."""
    row = await connection.fetchrow(
        "SELECT version, nonce, ciphertext FROM vault_templates WHERE election_uuid = $1 AND voter_ref = $2",
        election_uuid,
        voter_ref,
    )
    if row is None:
        raise NotEnrolled
    return SealedTemplate(row["version"], row["nonce"], row["ciphertext"])
