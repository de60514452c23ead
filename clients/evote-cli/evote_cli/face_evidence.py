"""The evidence of a release by face, already opened, checked by itself. No network here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from evote_face.statements import CLOCK_SKEW, FaceVerdict, StatementExpired, verify_face_statement
from evote_statements.signed import StatementMalformed, StatementSignatureWrong
from pydantic import AwareDatetime, Field

from .device_evidence import check_device
from .faults import EvidencePart, Fault, Faulty

LONGEST_FROM_CODE_TO_VERDICT = timedelta(minutes=15)
"""How long auth's orders are good for, which stand between the two factors."""


class SecondFactor(EvidencePart):
    """The voting code that was proven before the face, by auth's account."""

    kind: Literal["voting-code"]
    origin: Literal["letter", "officer", "card"]
    issued_at: Annotated[AwareDatetime, Field(strict=False)]
    proven_at: Annotated[AwareDatetime, Field(strict=False)]


class Enrolment(EvidencePart):
    """On whose word a face was ordered to be enrolled."""

    by: Literal["card", "officer"]


class FaceContent(EvidencePart):
    """Opened evidence of a release by face."""

    method: Literal["face"]
    election_uuid: str
    voter_ref: str
    credential: str
    released_at: Annotated[AwareDatetime, Field(strict=False)]
    verdict: str
    device_request: str | None = None
    second_factor: SecondFactor | None = None
    enrolments: Annotated[tuple[Enrolment, ...], Field(strict=False)] = ()


@dataclass(frozen=True)
class FaceEvidence:
    """Evidence that holds: biometric knew the voter's face, and a voting code had been proven."""

    credential: str
    voter_ref: str
    device_key: str
    """Of the device that the credential was sealed to."""
    verdict_id: str
    second_factor: SecondFactor
    enrolments: tuple[Enrolment, ...]


def check_face(content: FaceContent, election_uuid: str, keys: Sequence[Ed25519PublicKey]) -> FaceEvidence:
    """Check what face evidence says of itself.

    Steps: it is of this election, biometric signed the verdict, which was valid at the time of the release and is about
    this election and this voter, a voting code had been proven before the face, not long before, and the device that
    the verdict names asked for the release with it.

    Args:
        keys: biometric's public keys: several where one was replaced while people voted, none when the auditor gave
            none.

    Raises:
        Faulty: the first step that fails.
    """
    if content.election_uuid != election_uuid:
        raise Faulty(Fault.OTHER_ELECTION)
    if not keys:
        raise Faulty(Fault.NO_BIOMETRIC_KEY)
    verdict = _verdict(content.verdict, keys, content.released_at)
    if verdict.election_uuid != election_uuid:
        raise Faulty(Fault.OTHER_ELECTION)
    if verdict.voter_ref != content.voter_ref:
        raise Faulty(Fault.VERDICT_OF_ANOTHER)
    factor = content.second_factor
    if factor is None or not _proven_in_time(factor, verdict):
        raise Faulty(Fault.NO_SECOND_FACTOR)
    check_device(
        content.device_request, election_uuid, verdict.order_id, verdict.device_key, {"verdict": content.verdict}
    )
    return FaceEvidence(
        content.credential, content.voter_ref, verdict.device_key, verdict.verdict_id, factor, content.enrolments
    )


def _verdict(text: str, keys: Sequence[Ed25519PublicKey], released_at: datetime) -> FaceVerdict:
    for key in keys:
        try:
            return verify_face_statement(FaceVerdict, text, key, released_at)
        except StatementSignatureWrong:
            continue
        except StatementExpired:
            raise Faulty(Fault.VERDICT_EXPIRED) from None
        except StatementMalformed:
            raise Faulty(Fault.EVIDENCE_MALFORMED) from None
    raise Faulty(Fault.SIGNATURE_WRONG)


def _proven_in_time(factor: SecondFactor, verdict: FaceVerdict) -> bool:
    if factor.issued_at - factor.proven_at > CLOCK_SKEW:
        return False
    return -CLOCK_SKEW <= verdict.issued_at - factor.proven_at <= LONGEST_FROM_CODE_TO_VERDICT + CLOCK_SKEW
