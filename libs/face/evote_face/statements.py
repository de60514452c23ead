"""Orders of auth to biometric, and verdicts back: signed, short-lived, carried by the voter's browser.

Errors: those of ``evote_statements.signed``, and below ``StatementRefused``::

    StatementExpired
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Self, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from evote_device.keys import DeviceKeyText
from evote_statements.signed import Statement, StatementMalformed, StatementRefused, verify_statement
from pydantic import AwareDatetime, Field, model_validator

LARGEST_FACE_STATEMENT = 2048
"""In characters; a signed statement has fewer than a thousand."""

CLOCK_SKEW = timedelta(seconds=30)
"""How far the clocks of two machines may be apart before a new statement seems to come from the future."""

Identifier = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
"""128 random bits in hexadecimal."""


class StatementExpired(StatementRefused):
    """Too old, or issued in the future."""


class FacePurpose(StrEnum):
    """What biometric is asked to do with a face."""

    ENROL = "enrol"
    VERIFY = "verify"


class FaceStatement(Statement):
    """What every statement about a face says: whom it is about, and how long it is good for."""

    election_uuid: Annotated[str, Field(pattern=r"^[1-9A-HJ-NP-Za-km-z]{14,64}$")]
    voter_ref: Identifier
    """The pseudonym under which biometric keeps the template."""
    issued_at: AwareDatetime
    expires_at: AwareDatetime


class FaceOrder(FaceStatement):
    """auth asks for a face: the voter's other factor, or an officer, has been checked."""

    kind = "tsukuba-evote face order v2"

    order_id: Identifier
    purpose: FacePurpose
    device_key: DeviceKeyText | None = None
    """Of an order to verify, and of no other: the key of the device that asked for it. What follows from the order is
    worth nothing to whoever has not that key, biometric and whoever ends TLS included."""

    @model_validator(mode="after")
    def _a_device_verifies(self) -> Self:
        if (self.device_key is not None) != (self.purpose is FacePurpose.VERIFY):
            raise ValueError("an order to verify names the device's key, and no other order does")
        return self


class FaceVerdict(FaceStatement):
    """biometric's word that the face of an order is the enrolled one, and was live."""

    kind = "tsukuba-evote face verdict v2"

    order_id: Identifier
    verdict_id: Identifier
    device_key: DeviceKeyText
    """The order's."""


S = TypeVar("S", bound=FaceStatement)


def verify_face_statement(kind: type[S], text: str, key: Ed25519PublicKey, now: datetime) -> S:
    """The statement of this kind that ``key`` signed.

    Raises:
        StatementMalformed: it is another kind, or not written as ``sign_statement`` writes it.
        StatementSignatureWrong: another key signed it, or it was changed.
        StatementExpired: ``now`` is not within its validity.
    """
    statement = verify_face_statement_as_of_then(kind, text, key)
    if not statement.issued_at - CLOCK_SKEW <= now <= statement.expires_at:
        raise StatementExpired
    return statement


def verify_face_statement_as_of_then(kind: type[S], text: str, key: Ed25519PublicKey) -> S:
    """As :func:`verify_face_statement` for evidence of the past: without its validity."""
    if len(text) > LARGEST_FACE_STATEMENT:
        raise StatementMalformed
    return verify_statement(kind, text, key)
