"""Voting codes by their keyed hash, issues to all voters, and the count of wrong ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..domain.voting_codes import CodeOrigin, KeptCode
from . import Connection

_COUNTED = timedelta(minutes=2)


@dataclass(frozen=True)
class Issue:
    """An issue of codes to all voters."""

    number: int
    issued_at: datetime


async def last_issue(connection: Connection, election_uuid: str) -> Issue | None:
    """The latest issue, locked against another one until the transaction ends."""
    await connection.execute("SELECT FROM vault_rolls WHERE election_uuid = $1 FOR UPDATE", election_uuid)
    row = await connection.fetchrow(
        "SELECT issue_number, issued_at FROM vault_voting_code_issues WHERE election_uuid = $1"
        " ORDER BY issue_number DESC LIMIT 1",
        election_uuid,
    )
    return None if row is None else Issue(row["issue_number"], row["issued_at"])


async def keep_issue(connection: Connection, election_uuid: str, issue: Issue, officer: str, reason: str) -> None:
    """Write a new issue."""
    await connection.execute(
        "INSERT INTO vault_voting_code_issues VALUES ($1, $2, $3, $4, $5)",
        election_uuid,
        issue.number,
        officer,
        reason,
        issue.issued_at,
    )


async def voters_of_an_issue(connection: Connection, election_uuid: str) -> list[tuple[str, str]]:
    """Reference and number of every voter who is to get a letter: all but those whose code came with their card."""
    rows = await connection.fetch(
        "SELECT voter_ref, voter_id FROM vault_voters v WHERE election_uuid = $1 AND NOT EXISTS (SELECT FROM"
        " vault_voting_codes c WHERE c.election_uuid = $1 AND c.voter_ref = v.voter_ref AND c.origin = 'card')"
        " ORDER BY voter_id",
        election_uuid,
    )
    return [(row["voter_ref"], row["voter_id"]) for row in rows]


async def keep_letters(
    connection: Connection, election_uuid: str, digests: Sequence[tuple[str, str]], issued_at: datetime
) -> None:
    """Make these codes (reference and digest) the voters', in the place of what letters and officers gave before."""
    await connection.execute(
        "DELETE FROM vault_voting_codes WHERE election_uuid = $1 AND origin <> 'card'", election_uuid
    )
    await connection.copy_records_to_table(
        "vault_voting_codes",
        records=[
            (election_uuid, voter_ref, digest, CodeOrigin.LETTER.value, issued_at, None, None)
            for voter_ref, digest in digests
        ],
    )


async def hold_issues(connection: Connection, election_uuid: str) -> None:
    """Keep issues to all voters out until the transaction ends; they replace what they saw when they began."""
    await connection.execute("SELECT FROM vault_rolls WHERE election_uuid = $1 FOR SHARE", election_uuid)


async def keep_code(connection: Connection, election_uuid: str, digest: str, code: KeptCode) -> None:
    """Make a code the voter's, in the place of any other."""
    await hold_issues(connection, election_uuid)
    await connection.execute(
        "INSERT INTO vault_voting_codes VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (election_uuid, voter_ref)"
        " DO UPDATE SET code_digest = $3, origin = $4, issued_at = $5, officer = $6, reason = $7",
        election_uuid,
        code.voter_ref,
        digest,
        code.origin.value,
        code.issued_at,
        code.officer,
        code.reason,
    )


async def code_of_digest(connection: Connection, election_uuid: str, digest: str) -> KeptCode | None:
    """The code of a keyed hash.

    How long the search takes tells something about the hash, and without the key nothing about the code.
    """
    row = await connection.fetchrow(
        "SELECT * FROM vault_voting_codes WHERE election_uuid = $1 AND code_digest = $2", election_uuid, digest
    )
    if row is None:
        return None
    return KeptCode(row["voter_ref"], CodeOrigin(row["origin"]), row["issued_at"], row["officer"], row["reason"])


async def count_wrong_code(connection: Connection, election_uuid: str, now: datetime) -> None:
    """Add one; counts that no longer matter are dropped."""
    await connection.execute("DELETE FROM vault_wrong_codes WHERE minute < $1", now - _COUNTED)
    await connection.execute(
        "INSERT INTO vault_wrong_codes AS w VALUES ($1, date_trunc('minute', $2::timestamptz), 1)"
        " ON CONFLICT (election_uuid, minute) DO UPDATE SET wrong = w.wrong + 1",
        election_uuid,
        now,
    )


async def wrong_codes(connection: Connection, election_uuid: str, now: datetime) -> int:
    """How many wrong codes this election had in the last minute or two, at all replicas."""
    count = await connection.fetchval(
        "SELECT sum(wrong) FROM vault_wrong_codes WHERE election_uuid = $1 AND minute >= $2",
        election_uuid,
        now - _COUNTED,
    )
    return int(count or 0)
