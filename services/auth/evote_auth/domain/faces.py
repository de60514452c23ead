"""Orders to biometric for a face, and what a verdict must fit before it is relied upon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from evote_face.statements import FaceOrder, FacePurpose, FaceVerdict
from evote_statements.signed import sign_statement

from .refusals import (
    FaceOrderExpired,
    FaceOrderUsed,
    TooManyFaceOrders,
    VerdictOfAnotherElection,
    VerdictOfAnotherOrder,
)
from .voting_codes import KeptCode

ORDER_ID_BYTES = 16
ORDER_LIFETIME = timedelta(minutes=15)
"""From the code to the credential; a burst of frames may have to be repeated meanwhile."""
MOST_ORDERS = 10
"""So many orders to verify one voter's face may be given within ``ORDERS_WITHIN``: who has the letter but not the face
gets no more tries than that."""
ORDERS_WITHIN = timedelta(hours=1)


@dataclass(frozen=True)
class FaceKeys:
    """What the face way needs: auth's key for orders, and biometric's for verdicts."""

    order_key: Ed25519PrivateKey = field(repr=False)
    verdict_key: Ed25519PublicKey


@dataclass(frozen=True)
class SecondFactor:
    """What was proven beside the face, before it: a voting code, when, and where the code came from."""

    code: KeptCode
    proven_at: datetime


@dataclass(frozen=True)
class ByCard:
    """The voter had just authenticated by card."""


@dataclass(frozen=True)
class ByOfficer:
    """An officer at a counter said so."""

    officer: str = field(repr=False)
    reason: str = field(repr=False)


@dataclass(frozen=True)
class Enrolment:
    """A face was ordered to be enrolled: when, and on whose word."""

    order_id: str
    ordered_at: datetime
    proof: ByCard | ByOfficer


@dataclass(frozen=True)
class KeptOrder:
    """An order to verify, as the vault has it."""

    order_id: str
    election_uuid: str
    voter_ref: str
    expires_at: datetime
    used: bool
    second_factor: SecondFactor


def new_order(order_id: str, election_uuid: str, voter_ref: str, purpose: FacePurpose, now: datetime) -> FaceOrder:
    """An order that is good from now on."""
    return FaceOrder(
        election_uuid=election_uuid,
        voter_ref=voter_ref,
        issued_at=now,
        expires_at=now + ORDER_LIFETIME,
        order_id=order_id,
        purpose=purpose,
    )


def signed(order: FaceOrder, keys: FaceKeys) -> str:
    """The order as the voter's browser carries it."""
    return sign_statement(order, keys.order_key)


def check_orders_so_far(given: Sequence[datetime], now: datetime) -> None:
    """Raise ``TooManyFaceOrders`` when the voter's orders within ``ORDERS_WITHIN`` (any order) are too many."""
    if len(given) >= MOST_ORDERS:
        free_again = sorted(given)[-MOST_ORDERS] + ORDERS_WITHIN
        raise TooManyFaceOrders(max(1.0, (free_again - now).total_seconds()))


def check_verdict(verdict: FaceVerdict, order: KeptOrder, election_uuid: str, now: datetime) -> None:
    """Hold a verdict, whose signature and validity are checked already, against the order that it answers.

    Raises ``VerdictOfAnotherElection``, ``VerdictOfAnotherOrder``, ``FaceOrderUsed`` or ``FaceOrderExpired``.
    """
    if {verdict.election_uuid, order.election_uuid} != {election_uuid}:
        raise VerdictOfAnotherElection
    if verdict.voter_ref != order.voter_ref:
        raise VerdictOfAnotherOrder
    if order.used:
        raise FaceOrderUsed
    if now > order.expires_at:
        raise FaceOrderExpired(order.expires_at)
