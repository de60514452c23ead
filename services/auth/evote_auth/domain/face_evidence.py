"""What the auditor of record will see of a release by face."""

from __future__ import annotations

from collections.abc import Sequence

import rfc8785
from evote_platform.clock import rfc3339

from .faces import ByOfficer, Enrolment, SecondFactor

Document = dict[str, str]


def face_evidence(
    verdict: str,
    device_request: str,
    *,
    election_uuid: str,
    voter_ref: str,
    credential: str,
    released_at: str,
    second_factor: SecondFactor,
    enrolments: Sequence[Enrolment],
) -> bytes:
    """Evidence in canonical JSON (RFC 8785). To be sealed at once: it may name officers.

    Args:
        verdict: biometric's signed statement, as it came.
        device_request: signed with the device's key, which the verdict names.
        credential: the public one.
        second_factor: never the code, nor anything that a code could be guessed from.
        enrolments: all of the voter's so far: whose word it rests on that the enrolled face is the voter's.
    """
    return rfc8785.dumps(
        {
            "method": "face",
            "election_uuid": election_uuid,
            "voter_ref": voter_ref,
            "credential": credential,
            "released_at": released_at,
            "verdict": verdict,
            "device_request": device_request,
            "second_factor": _second_factor(second_factor),
            "enrolments": [_enrolment(enrolment) for enrolment in enrolments],
        }
    )


def _second_factor(factor: SecondFactor) -> Document:
    document = {
        "kind": "voting-code",
        "origin": factor.code.origin.value,
        "issued_at": rfc3339(factor.code.issued_at),
        "proven_at": rfc3339(factor.proven_at),
    }
    named = {"officer": factor.code.officer, "reason": factor.code.reason}
    return document | {name: text for name, text in named.items() if text is not None}


def _enrolment(enrolment: Enrolment) -> Document:
    document = {"order_id": enrolment.order_id, "ordered_at": rfc3339(enrolment.ordered_at)}
    if isinstance(enrolment.proof, ByOfficer):
        return document | {"by": "officer", "officer": enrolment.proof.officer, "reason": enrolment.proof.reason}
    return document | {"by": "card"}
