"""What the auditor of record will see of a release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import rfc8785
from evote_jpki.release_texts import ReleaseTexts
from evote_platform.clock import rfc3339

from .cards import CardPair, Ended
from .cases import Decision
from .matching import Likeness
from .release import CardResponse

Document = dict[str, str | dict[str, str]]


@dataclass(frozen=True)
class MatchRecord:
    """How the card's owner was found on the roll; with an officer's decision and its case when there was one."""

    likeness: Likeness
    case_number: str | None = None
    decision: Decision | None = None


@dataclass(frozen=True)
class CardChange:
    """A pair that took another's place."""

    before: CardPair | None
    """None for a lost card that was never used in this election."""
    after: CardPair
    why: Mapping[str, Ended]
    """As in ``cards.Replace``."""
    changed_at: datetime
    case_number: str | None
    officer: str | None = field(repr=False)
    reason: str | None = field(repr=False)
    """The officer's, who approved the card or blocked the one before."""


def evidence(
    response: CardResponse,
    texts: ReleaseTexts,
    device_request: str,
    *,
    voter_ref: str,
    credential: str,
    released_at: str,
    match: MatchRecord,
    card_changes: Sequence[CardChange],
) -> bytes:
    """Evidence in canonical JSON (RFC 8785). To be sealed at once: it names persons.

    Args:
        device_request: signed with the device's key, which the texts name.
        credential: the public one: with it the auditor sees whether each credential that voted was released.
        card_changes: all of the voter's so far, so that no change is lost with a release that never reached the log.
    """
    return rfc8785.dumps(
        {
            "election_uuid": texts.election_uuid,
            "voter_ref": voter_ref,
            "credential": credential,
            "released_at": released_at,
            "challenge": texts.challenge,
            "release_statement": texts.statement,
            **response.members,
            "device_request": device_request,
            "match": match_document(match),
            "card_changes": [change_document(change) for change in card_changes],
        }
    )


def match_document(record: MatchRecord) -> Document:
    """How the match was made, as it stands in evidence."""
    document: Document = {"likeness": record.likeness.value}
    if record.decision is not None and record.case_number is not None:
        document |= {
            "case": record.case_number,
            "officer": record.decision.officer,
            "reason": record.decision.reason,
            "decided_at": rfc3339(record.decision.decided_at),
        }
    return document


def change_document(change: CardChange) -> Document:
    """A change of card, as it stands in evidence."""
    document: Document = {
        "after": _pair(change.after),
        "why": {fingerprint: ended.value for fingerprint, ended in change.why.items()},
        "changed_at": rfc3339(change.changed_at),
    }
    if change.before is not None:
        document["before"] = _pair(change.before)
    named = {"case": change.case_number, "officer": change.officer, "reason": change.reason}
    return document | {name: text for name, text in named.items() if text is not None}


def _pair(pair: CardPair) -> dict[str, str]:
    return {"signature": pair.signature} | ({} if pair.user is None else {"user": pair.user})
