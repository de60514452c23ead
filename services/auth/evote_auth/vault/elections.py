"""Elections as auth's projection has them, and how far their rolls are."""

from __future__ import annotations

from dataclasses import dataclass

from ..domain.refusals import ElectionAbandoned, UnknownElection
from . import Connection


@dataclass(frozen=True)
class KnownElection:
    """An election as auth's projection has it."""

    uuid: str
    name: str
    group: str
    closed: bool
    abandoned: bool
    frozen_under: str | None
    """The id of the key whose credentials are on the list; None until the roll is frozen."""

    def require_not_abandoned(self) -> None:
        """Refuse with ``ElectionAbandoned`` what nobody needs any more of an election that was given up."""
        if self.abandoned:
            raise ElectionAbandoned


async def load_election(connection: Connection, election_uuid: str) -> KnownElection:
    """The election; ``UnknownElection`` until its draft has been projected."""
    row = await connection.fetchrow(
        "SELECT name, group_name, EXISTS (SELECT FROM closed_elections c WHERE c.election_uuid = e.election_uuid)"
        " AS closed, EXISTS (SELECT FROM fates f WHERE f.election_uuid = e.election_uuid AND f.abandoned) AS abandoned,"
        " (SELECT key_id FROM vault_rolls r WHERE r.election_uuid = e.election_uuid AND r.frozen) AS frozen_under"
        " FROM elections e WHERE election_uuid = $1",
        election_uuid,
    )
    if row is None:
        raise UnknownElection(election_uuid)
    return KnownElection(
        election_uuid, row["name"], row["group_name"], row["closed"], row["abandoned"], row["frozen_under"]
    )
