"""Opening, closing and certifying an election."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from evote_belenios.election import Question, election_json
from evote_belenios.groups import group_by_name
from evote_belenios.trustees import parse_trustees
from evote_eventlog.events import ElectionClosed, ElectionDrafted, ElectionOpened, ResultCertified, RollFrozen

from .ceremony import trustees_json_of
from .election import Election, Stage
from .refusals import WrongStage

CREDENTIAL_AUTHORITY = "evote-auth"
"""Who issued the credentials, as ``election.json`` names it."""


def open_election(election: Election) -> tuple[ElectionOpened, ...]:
    """Fix the election: from here its JSON never changes. The caller has passed the preflight."""
    if election.stage not in (Stage.DRAFTED, Stage.ROLL_FROZEN):
        return ()
    election.require_stage(Stage.ROLL_FROZEN)
    roll = election.fact(RollFrozen)
    assert roll is not None, "the stage says that the roll is frozen"  # noqa: S101
    draft = election.draft
    trustees_json = trustees_json_of(election)
    group = group_by_name(draft.group)
    return (
        ElectionOpened(
            election_uuid=election.uuid,
            election_json=election_json(
                group=group,
                uuid=election.uuid,
                name=draft.name,
                description=draft.description,
                questions=[Question(q.question, q.answers, q.blank, q.min, q.max) for q in draft.questions],
                public_key=group.encode(parse_trustees(trustees_json, group).public_key),
                administrator=draft.administrator,
                credential_authority=CREDENTIAL_AUTHORITY,
            ),
            trustees_json=trustees_json,
            credentials_sha256=roll.credentials_sha256,
            opens_at=draft.opens_at,
            closes_at=draft.closes_at,
        ),
    )


def close_election(election: Election, reason: Literal["closing-time", "officer"]) -> tuple[ElectionClosed, ...]:
    """Close an open election; nothing to do when it is closed already."""
    if election.stage in (Stage.DRAFTED, Stage.ROLL_FROZEN):
        raise WrongStage(election.stage, (Stage.OPEN,))
    if election.stage is not Stage.OPEN:
        return ()
    return (ElectionClosed(election_uuid=election.uuid, reason=reason),)


def closing_time_has_come(draft: ElectionDrafted, now: datetime) -> bool:
    """Whether the election's window has ended."""
    return datetime.fromisoformat(draft.closes_at) <= now


def certify_result(election: Election, archive_sha256: str) -> tuple[ResultCertified, ...]:
    """Certify the result at the end of the archive with this SHA-256 (hex)."""
    if election.stage is Stage.CERTIFIED:
        return ()
    election.require_stage(Stage.DECRYPTED)
    return (ResultCertified(election_uuid=election.uuid, archive_sha256=archive_sha256),)
