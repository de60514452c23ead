"""What the auditor of record will see of a release by マイナアプリ."""

from __future__ import annotations

from collections.abc import Sequence

import rfc8785
from evote_jpki.release_texts import ReleaseTexts

from .evidence import CardChange, MatchRecord, change_document, match_document
from .phone import PhoneAnswer


def phone_evidence(
    answer: PhoneAnswer,
    code: str,
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
        code: what the device's request covers; it is spent.
        device_request, credential, card_changes: as in ``domain.evidence``.
    """
    return rfc8785.dumps(
        {
            "method": "phone",
            "election_uuid": texts.election_uuid,
            "voter_ref": voter_ref,
            "credential": credential,
            "released_at": released_at,
            "challenge": texts.challenge,
            "release_statement": texts.statement,
            **answer.members,
            "code": code,
            "device_request": device_request,
            "match": match_document(match),
            "card_changes": [change_document(change) for change in card_changes],
        }
    )
