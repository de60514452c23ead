"""The roll: voters with their four basic attributes, and whether it is frozen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from asyncpg import Record
from evote_jpki.certificates import BasicAttributes
from evote_jpki.roll import RollEntry

from ..domain.matching import RollPerson
from ..domain.refusals import (
    MasterKeyChanged,
    RollEmpty,
    RollFrozenAlready,
    RollSizeDiffers,
    UnknownVoter,
)
from . import Connection

RollRow = tuple[str, str, str, str, str, str, str, str]
_REF_BYTES = 16
_PERSON = "SELECT voter_ref, voter_id, name, address, birth_date, sex FROM vault_voters"


@dataclass(frozen=True)
class RollState:
    """How far the roll of an election is."""

    voters: int
    frozen: bool
    releases: int


def roll_rows(election_uuid: str, entries: Sequence[RollEntry], random: Callable[[int], bytes]) -> list[RollRow]:
    """The rows of a roll, each with a new voter reference: a pseudonym of 128 random bits."""
    return [
        (election_uuid, random(_REF_BYTES).hex(), e.voter_id, e.match_key, e.name, e.address, e.birth_date, e.sex)
        for e in entries
    ]


async def replace_roll(connection: Connection, election_uuid: str, rows: Sequence[RollRow]) -> None:
    """Replace the whole roll in one transaction; ``RollFrozenAlready`` once it is frozen."""
    async with connection.transaction():
        if await lock_roll(connection, election_uuid):
            raise RollFrozenAlready
        await connection.execute("DELETE FROM vault_voters WHERE election_uuid = $1", election_uuid)
        await connection.copy_records_to_table("vault_voters", records=rows)


async def freeze_roll(
    connection: Connection,
    election_uuid: str,
    current_key_id: Callable[[], Awaitable[str]],
    expected_size: int | None,
) -> list[str]:
    """Freeze the roll for good under the election's key and return the voter references, sorted.

    Raises ``RollEmpty`` when there is no roll, ``RollSizeDiffers`` when it has another number of voters than
    ``expected_size``, ``MasterKeyChanged`` when it was frozen under another key.
    """
    async with connection.transaction():
        await lock_roll(connection, election_uuid)
        # Asked behind the lock: a rotation of the key that was under way is over then.
        key_id = await current_key_id()
        rows = await connection.fetch(
            "SELECT voter_ref FROM vault_voters WHERE election_uuid = $1 ORDER BY voter_ref", election_uuid
        )
        if not rows:
            raise RollEmpty
        # Behind the lock: an import that came after the officers had looked changes what they would freeze.
        if expected_size is not None and len(rows) != expected_size:
            raise RollSizeDiffers(len(rows), expected_size)
        frozen_under = await connection.fetchval(
            "UPDATE vault_rolls SET frozen = true, key_id = COALESCE(key_id, $2) WHERE election_uuid = $1"
            " RETURNING key_id",
            election_uuid,
            key_id,
        )
        if frozen_under != key_id:
            raise MasterKeyChanged
    return [row["voter_ref"] for row in rows]


async def roll_state(connection: Connection, election_uuid: str) -> RollState:
    """Counts only."""
    row = await connection.fetchrow(
        "SELECT (SELECT count(*) FROM vault_voters WHERE election_uuid = $1) AS voters,"
        " COALESCE((SELECT frozen FROM vault_rolls WHERE election_uuid = $1), false) AS frozen,"
        " (SELECT count(*) FROM releases WHERE election_uuid = $1) AS releases",
        election_uuid,
    )
    assert row is not None  # noqa: S101 - a SELECT without FROM gives one row
    return RollState(row["voters"], row["frozen"], row["releases"])


async def is_published(connection: Connection, election_uuid: str, credentials_sha256: str) -> bool:
    """Whether every part of the list stands in the log."""
    row = await connection.fetchrow(
        "SELECT count(*) AS found, max(parts) AS parts FROM published_parts"
        " WHERE election_uuid = $1 AND credentials_sha256 = $2",
        election_uuid,
        credentials_sha256,
    )
    return row is not None and row["parts"] is not None and row["found"] == row["parts"]


async def people_born(connection: Connection, election_uuid: str, birth_date: str, sex: str) -> list[RollPerson]:
    """The voters of this birth date (``YYYY-MM-DD``) and sex."""
    rows = await connection.fetch(
        f"{_PERSON} WHERE election_uuid = $1 AND birth_date = $2 AND sex = $3", election_uuid, birth_date, sex
    )
    return [_person(row) for row in rows]


async def people_of(connection: Connection, election_uuid: str, voter_refs: Sequence[str]) -> dict[str, RollPerson]:
    """The voters of these references."""
    rows = await connection.fetch(
        f"{_PERSON} WHERE election_uuid = $1 AND voter_ref = ANY($2)", election_uuid, list(voter_refs)
    )
    return {row["voter_ref"]: _person(row) for row in rows}


async def voter_ref_of(connection: Connection, election_uuid: str, voter_id: str) -> str:
    """The reference of a voter's number; ``UnknownVoter`` when nobody has it."""
    ref = await connection.fetchval(
        "SELECT voter_ref FROM vault_voters WHERE election_uuid = $1 AND voter_id = $2", election_uuid, voter_id
    )
    if ref is None:
        raise UnknownVoter
    return str(ref)


async def lock_voter(connection: Connection, election_uuid: str, voter_ref: str) -> None:
    """Let what follows in this transaction happen to this voter alone, in one order over all replicas."""
    await connection.execute(
        "SELECT FROM vault_voters WHERE election_uuid = $1 AND voter_ref = $2 FOR UPDATE", election_uuid, voter_ref
    )


def _person(row: Record) -> RollPerson:
    attributes = BasicAttributes(row["name"], row["address"], row["birth_date"], row["sex"])
    return RollPerson(row["voter_ref"], row["voter_id"], attributes)


async def lock_roll(connection: Connection, election_uuid: str) -> bool:
    """Lock the roll for the transaction, also one that was not imported yet; whether it is frozen."""
    await connection.execute("INSERT INTO vault_rolls VALUES ($1, false, NULL) ON CONFLICT DO NOTHING", election_uuid)
    frozen = await connection.fetchval(
        "SELECT frozen FROM vault_rolls WHERE election_uuid = $1 FOR UPDATE", election_uuid
    )
    return bool(frozen)
