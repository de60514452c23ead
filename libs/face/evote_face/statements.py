"""Orders of auth to biometric, and verdicts back: signed, short-lived, carried by the voter's browser."""

from __future__ import annotations

import base64
import binascii
import json
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, TypeVar

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

LARGEST_STATEMENT = 2048
"""In characters; a signed statement has fewer than a thousand."""

CLOCK_SKEW = timedelta(seconds=30)
"""How far the clocks of two machines may be apart before a new statement seems to come from the future."""

Identifier = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
"""128 random bits in hexadecimal."""


class StatementRefused(Exception):
    """A statement can't be relied upon; the subclass says why."""


class StatementMalformed(StatementRefused):
    """Not a statement of this kind."""


class StatementSignatureWrong(StatementRefused):
    """Not signed by the key that it must be signed by."""


class StatementExpired(StatementRefused):
    """Too old, or issued in the future."""


class FacePurpose(StrEnum):
    """What biometric is asked to do with a face."""

    ENROL = "enrol"
    VERIFY = "verify"


class Statement(BaseModel):
    """What every statement says: whom it is about, and how long it is good for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[str]
    """Signed too, so that one kind can't pass for another."""

    election_uuid: Annotated[str, Field(pattern=r"^[1-9A-HJ-NP-Za-km-z]{14,64}$")]
    voter_ref: Identifier
    """The pseudonym under which biometric keeps the template."""
    issued_at: AwareDatetime
    expires_at: AwareDatetime


class FaceOrder(Statement):
    """auth asks for a face: the voter's other factor, or an officer, has been checked."""

    kind = "tsukuba-evote face order v1"

    order_id: Identifier
    purpose: FacePurpose


class FaceVerdict(Statement):
    """biometric's word that the face of an order is the enrolled one, and was live."""

    kind = "tsukuba-evote face verdict v1"

    order_id: Identifier
    verdict_id: Identifier


S = TypeVar("S", bound=Statement)


def sign_statement(statement: Statement, key: Ed25519PrivateKey) -> str:
    """The signed statement in canonical JSON: its fields, its kind and the signature over all of that."""
    body = _body(statement)
    signature = base64.b64encode(key.sign(rfc8785.dumps(body))).decode()
    return rfc8785.dumps({**body, "signature": signature}).decode()


def verify_statement(kind: type[S], text: str, key: Ed25519PublicKey, now: datetime) -> S:
    """The statement of this kind that ``key`` signed.

    Raises:
        StatementMalformed: it is another kind, or not written as :func:`sign_statement` writes it.
        StatementSignatureWrong: another key signed it, or it was changed.
        StatementExpired: ``now`` is not within its validity.
    """
    statement = verify_statement_as_of_then(kind, text, key)
    if not statement.issued_at - CLOCK_SKEW <= now <= statement.expires_at:
        raise StatementExpired
    return statement


def verify_statement_as_of_then(kind: type[S], text: str, key: Ed25519PublicKey) -> S:
    """As :func:`verify_statement` for evidence of the past: without its validity."""
    statement, signature = _read(kind, text)
    try:
        key.verify(signature, rfc8785.dumps(_body(statement)))
    except InvalidSignature:
        raise StatementSignatureWrong from None
    return statement


def _read(kind: type[S], text: str) -> tuple[S, bytes]:
    if len(text) > LARGEST_STATEMENT:
        raise StatementMalformed
    try:
        fields = json.loads(text)
        signature = base64.b64decode(fields.pop("signature"), validate=True)
        if fields.pop("kind") != kind.kind:
            raise StatementMalformed
        return kind.model_validate(fields), signature
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, binascii.Error, ValidationError):
        raise StatementMalformed from None


def _body(statement: Statement) -> dict[str, str]:
    return {**statement.model_dump(mode="json"), "kind": statement.kind}
