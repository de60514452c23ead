"""Opening, closing and certifying an election."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from evote_eventlog.events import (
    ElectionAbandoned,
    ElectionClosed,
    ElectionDrafted,
    ElectionOpened,
    ResultCertified,
    SetupConfirmed,
)

from .ceremony import check_confirmation, setup_of, waiting_for_confirmation
from .election import Election, Stage
from .refusals import ArchiveDiffers, NotConfirmed, WrongStage


def open_election(election: Election) -> tuple[ElectionOpened, ...]:
    """Fix the election: from here its JSON never changes. The caller has passed the preflight.

    Raises:
        WrongStage, NotConfirmed; StatementNotSigned, StatementOfAnother: a trustee confirmed other texts.
    """
    if election.fact(ElectionOpened) is not None:
        return ()
    election.require_stage(Stage.ROLL_FROZEN)
    setup = setup_of(election)
    confirmed = election.of_trustees(SetupConfirmed)
    if missing := waiting_for_confirmation(election):
        raise NotConfirmed(missing)
    for trustee, confirmation in confirmed.items():
        # What opens is what every trustee signed, and not what a later release would make of the same messages.
        check_confirmation(election, setup, trustee, confirmation.statement)
    return (
        ElectionOpened(
            election_uuid=election.uuid,
            election_json=setup.election_json,
            trustees_json=setup.trustees_json,
            credentials_sha256=setup.credentials_sha256,
            opens_at=election.draft.opens_at,
            closes_at=election.draft.closes_at,
        ),
    )


def abandon_election(election: Election) -> tuple[ElectionAbandoned, ...]:
    """Give an election up that can't or won't be opened; nothing to do when it is given up already.

    Raises:
        WrongStage: it was opened. What voters may have cast in is closed and counted, and never given up.
    """
    if election.stage is Stage.ABANDONED:
        return ()
    election.require_stage(Stage.DRAFTED, Stage.ROLL_FROZEN)
    return (ElectionAbandoned(election_uuid=election.uuid),)


def close_election(election: Election, reason: Literal["closing-time", "officer"]) -> tuple[ElectionClosed, ...]:
    """Close an open election; nothing to do when it is closed already."""
    if election.fact(ElectionOpened) is None:
        raise WrongStage(election.stage, (Stage.OPEN,))
    if election.stage is not Stage.OPEN:
        return ()
    return (ElectionClosed(election_uuid=election.uuid, reason=reason),)


def closing_time_has_come(draft: ElectionDrafted, now: datetime) -> bool:
    """Whether the election's window has ended."""
    return datetime.fromisoformat(draft.closes_at) <= now


def certify_result(election: Election, archive_sha256: str, certified: str) -> tuple[ResultCertified, ...]:
    """Certify the result at the end of the archive with this SHA-256 (hex).

    Args:
        certified: of the archive that the officers have verified and signed. A server can't have another one certified.

    Raises:
        WrongStage, ArchiveDiffers.
    """
    election.require_stage(Stage.DECRYPTED, Stage.CERTIFIED)
    if certified != archive_sha256:
        raise ArchiveDiffers(certified, archive_sha256)
    if election.stage is Stage.CERTIFIED:
        return ()
    return (ResultCertified(election_uuid=election.uuid, archive_sha256=archive_sha256),)
