"""What a trustee signs: each message of the ceremony, the final setup, and the partial decryption.

A message's text may be long, so its statement holds the SHA-256. It also holds the digest of the ceremony that the
trustee saw: whoever shows two trustees two ceremonies can't use what one of them signed in the other.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from evote_statements.signed import Signer, Statement, StatementRefused, sign_statement, verify_statement
from pydantic import Field

from .plan import Plan, ceremony_digest
from .setup import Setup


class Step(StrEnum):
    """A message of a trustee, in the order in which they come."""

    CERTIFICATE = "certificate"
    COMMITMENT = "commitment"
    POLYNOMIAL = "polynomial"
    VOUTPUT = "voutput"
    PARTIAL_DECRYPTION = "partial-decryption"


CEREMONY_STEPS = (Step.CERTIFICATE, Step.COMMITMENT, Step.POLYNOMIAL, Step.VOUTPUT)

_Uuid = Annotated[str, Field(pattern=r"^[1-9A-HJ-NP-Za-km-z]{14,64}$")]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class SaysAnother(StatementRefused):
    """The signature holds, and what is signed is something else. Field: ``field``, the first that differs."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class MessageStatement(Statement):
    """A trustee says: this is my message of this step, in this ceremony."""

    kind = "tsukuba-evote trustee message v1"

    election_uuid: _Uuid
    trustee: int
    step: Step
    ceremony_sha256: _Sha256
    message_sha256: _Sha256


class SetupStatement(Statement):
    """A trustee says: I have seen these texts, and my key is in them; the election may open with them."""

    kind = "tsukuba-evote trustee setup v1"

    election_uuid: _Uuid
    trustee: int
    ceremony_sha256: _Sha256
    election_sha256: _Sha256
    trustees_sha256: _Sha256
    credentials_sha256: _Sha256


@dataclass(frozen=True)
class Ceremony:
    """What every statement of a ceremony is about; ``certificates`` in the trustees' order."""

    plan: Plan
    """With the keys that count now."""
    certificates: tuple[str, ...]
    drafted: Plan | None = None
    """As it was drafted, where a trustee's key was renewed since.

    A certificate is signed about the draft: another trustee's renewal, before or behind it, leaves it as it is. All
    that builds on certificates is signed about the plan and certificates as they then are.
    """

    def message(self, trustee: int, step: Step, text: str) -> MessageStatement:
        """What a trustee says of the message ``text`` (of a commitment, the hash)."""
        if step is Step.CERTIFICATE:
            seen = ceremony_digest(self.drafted or self.plan, ())
        else:
            seen = ceremony_digest(self.plan, self.certificates)
        return MessageStatement(
            election_uuid=self.plan.election_uuid,
            trustee=trustee,
            step=step,
            ceremony_sha256=seen,
            message_sha256=_sha256(text),
        )

    def setup(self, trustee: int, setup: Setup) -> SetupStatement:
        """What a trustee says of the final texts."""
        return SetupStatement(
            election_uuid=self.plan.election_uuid,
            trustee=trustee,
            ceremony_sha256=ceremony_digest(self.plan, self.certificates),
            election_sha256=_sha256(setup.election_json),
            trustees_sha256=_sha256(setup.trustees_json),
            credentials_sha256=setup.credentials_sha256,
        )

    def sign_message(self, key: Signer, trustee: int, step: Step, text: str) -> str:
        """The signed statement about a message."""
        return sign_statement(self.message(trustee, step, text), key)

    def sign_setup(self, key: Signer, trustee: int, setup: Setup) -> str:
        """The signed statement about the final texts."""
        return sign_statement(self.setup(trustee, setup), key)

    def check_message(self, trustee: int, step: Step, text: str, statement: str) -> None:
        """Raise ``StatementRefused`` unless the trustee of the plan said exactly this; see :class:`SaysAnother`."""
        self._check(self.message(trustee, step, text), statement)

    def check_setup(self, trustee: int, setup: Setup, statement: str) -> None:
        """Raise ``StatementRefused`` unless the trustee of the plan confirmed exactly these texts."""
        self._check(self.setup(trustee, setup), statement)

    def _check(self, expected: MessageStatement | SetupStatement, text: str) -> None:
        said = verify_statement(type(expected), text, self.plan.key_of(expected.trustee))
        for field in type(expected).model_fields:
            if getattr(said, field) != getattr(expected, field):
                raise SaysAnother(field)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
