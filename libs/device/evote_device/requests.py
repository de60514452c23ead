"""What a device asks for, signed with its key of the occasion.

The signature covers everything that is sent beside it (``proof_sha256``), so that whoever ends TLS can't put another
person's card or verdict into a request and have that person's credential sealed to this device. It names the occasion,
the challenge or order that names the device's key in its turn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import rfc8785
from evote_statements.signed import (
    Statement,
    StatementMalformed,
    StatementSignatureWrong,
    sign_statement,
    verify_statement,
)
from pydantic import Field

from .keys import DeviceKey, DeviceKeys, DeviceKeyText

LARGEST_DEVICE_REQUEST = 1024
"""In characters; a signed request has about six hundred."""


class DeviceRequestRefused(Exception):
    """A device's request can't be relied upon; the subclass says why."""


class DeviceRequestMalformed(DeviceRequestRefused):
    """Not a signed request of this kind."""


class DeviceRequestUnsigned(DeviceRequestRefused):
    """The key that the challenge or order names did not sign it."""


@dataclass
class DeviceRequestDiffers(DeviceRequestRefused):
    """It asks for something else than what it came with."""

    member: str
    """The first member that differs."""


@dataclass(frozen=True)
class Occasion:
    """What a device's keys are made for: one challenge, or one order to verify a face, of one election."""

    election_uuid: str
    occasion_id: str
    """The challenge's or the order's number."""
    device_key: DeviceKey

    @property
    def facts(self) -> dict[str, str]:
        """As they stand in requests."""
        return {
            "election_uuid": self.election_uuid,
            "occasion_id": self.occasion_id,
            "device_key": self.device_key.text,
        }


class DeviceRequest(Statement):
    """What every request of a device says."""

    election_uuid: Annotated[str, Field(pattern=r"^[1-9A-HJ-NP-Za-km-z]{14,64}$")]
    occasion_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    device_key: DeviceKeyText
    proof_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """See :func:`proof_sha256`."""


class ReleaseRequested(DeviceRequest):
    """The device asks for the voter's credential, sealed to its key."""

    kind = "tsukuba-evote release request v1"


class EnrolmentRequested(DeviceRequest):
    """The device asks for an order to enrol the voter's face, and for a voting code, sealed to its key."""

    kind = "tsukuba-evote face enrolment request v1"


def proof_sha256(members: Mapping[str, str]) -> str:
    """SHA-256 (hex) over the canonical JSON (RFC 8785) of what shows who the voter is, as it is sent.

    Args:
        members: by card ``user_certificate``, ``challenge_signature``, ``signature_certificate`` and
            ``statement_signature``, each in base64; by face ``verdict``.
    """
    return hashlib.sha256(rfc8785.dumps(dict(members))).hexdigest()


def sign_request(
    kind: type[DeviceRequest], keys: DeviceKeys, election_uuid: str, occasion_id: str, proof: Mapping[str, str]
) -> str:
    """What the device sends as ``device_request``."""
    occasion = Occasion(election_uuid, occasion_id, keys.public)
    return sign_statement(kind(**occasion.facts, proof_sha256=proof_sha256(proof)), keys.signing)


def verify_request(kind: type[DeviceRequest], text: str, occasion: Occasion, proof: Mapping[str, str]) -> None:
    """Check that the device of an occasion asked for this kind of answer, with this proof.

    Raises a :class:`DeviceRequestRefused`.
    """
    if len(text) > LARGEST_DEVICE_REQUEST:
        raise DeviceRequestMalformed
    try:
        # Under the key that challenge or order names, never under the one that the request claims.
        request = verify_statement(kind, text, occasion.device_key.signing)
    except StatementMalformed:
        raise DeviceRequestMalformed from None
    except StatementSignatureWrong:
        raise DeviceRequestUnsigned from None
    said = request.model_dump()
    for member, fact in {**occasion.facts, "proof_sha256": proof_sha256(proof)}.items():
        if said[member] != fact:
            raise DeviceRequestDiffers(member)
