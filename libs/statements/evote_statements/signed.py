"""Signed statements in canonical JSON."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, ClassVar, Protocol, TypeVar

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, ValidationError

LARGEST_STATEMENT = 64 * 1024
"""In characters; kinds that browsers carry set their own, much smaller limit before they come here."""


class StatementRefused(Exception):
    """A statement can't be relied upon; the subclass says why."""


class StatementMalformed(StatementRefused):
    """Not a statement of this kind."""


class StatementSignatureWrong(StatementRefused):
    """Not signed by the key that it must be signed by."""


class Signer(Protocol):
    """An Ed25519 private key, in memory or in a token."""

    def sign(self, message: bytes, /) -> bytes:
        """The 64 bytes of RFC 8032's signature of ``message``."""


class Statement(BaseModel):
    """What somebody says. Subclasses add fields, and name their ``kind``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ClassVar[str]
    """Such as ``tsukuba-evote face order v1``. It is signed too, so that one kind can't pass for another."""


S = TypeVar("S", bound=Statement)


def sign_statement(statement: Statement, key: Signer) -> str:
    """The signed statement in canonical JSON: its fields, its kind and the signature over all of that."""
    body = _body(statement)
    signature = base64.b64encode(key.sign(rfc8785.dumps(body))).decode()
    return rfc8785.dumps({**body, "signature": signature}).decode()


def verify_statement(kind: type[S], text: str, key: Ed25519PublicKey) -> S:
    """The statement of this kind that ``key`` signed.

    Raises:
        StatementMalformed: it is another kind, or holds what this kind doesn't.
        StatementSignatureWrong: another key signed it, or it was changed.
    """
    statement, signature = _read(kind, text)
    try:
        key.verify(signature, rfc8785.dumps(_body(statement)))
    except InvalidSignature:
        raise StatementSignatureWrong from None
    except ValueError:
        # JSON carries what canonical JSON can't: lone surrogates, integers beyond 2^53.
        raise StatementMalformed from None
    return statement


def claimed_statement(kind: type[S], text: str) -> S:
    """What a statement says, **unverified**: for finding the key that :func:`verify_statement` then takes.

    Raises:
        StatementMalformed: as :func:`verify_statement`.
    """
    return _read(kind, text)[0]


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


def _body(statement: Statement) -> dict[str, Any]:
    return {**statement.model_dump(mode="json"), "kind": statement.kind}
