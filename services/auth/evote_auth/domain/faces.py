"""Orders to biometric for a face, and what a verdict must fit before it is relied upon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from evote_device.keys import DeviceKey
from evote_device.requests import Occasion, ReleaseRequested, verify_request
from evote_face.statements import FaceOrder, FacePurpose, FaceVerdict
from evote_statements.signed import sign_statement

from .refusals import (
    FaceOrderExpired,
    FaceOrderUsed,
    TooManyFaceOrders,
    VerdictOfAnotherDevice,
    VerdictOfAnotherElection,
    VerdictOfAnotherOrder,
)
from .release import request_sha256
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
    """What the face way needs: auth's key for orders, biometric's for verdicts, auth's that codes are sealed to."""

    order_key: Ed25519PrivateKey = field(repr=False)
    verdict_key: Ed25519PublicKey
    code_key: X25519PrivateKey = field(repr=False)


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
    device_key: DeviceKey
    used: bool
    released_to: str | None
    """The request that it led to a release for, see ``release.request_sha256``; None when it led to none."""
    second_factor: SecondFactor

    @property
    def occasion(self) -> Occasion:
        """What the device's keys were made for."""
        return Occasion(self.election_uuid, self.order_id, self.device_key)


def verification_order(
    order_id: str, election_uuid: str, voter_ref: str, device_key: DeviceKey, now: datetime
) -> FaceOrder:
    """An order to verify a face for a device; good from now on."""
    return FaceOrder(
        election_uuid=election_uuid,
        voter_ref=voter_ref,
        issued_at=now,
        expires_at=now + ORDER_LIFETIME,
        order_id=order_id,
        purpose=FacePurpose.VERIFY,
        device_key=device_key.text,
    )


def enrolment_order(order_id: str, election_uuid: str, voter_ref: str, now: datetime) -> FaceOrder:
    """An order to enrol a face; good from now on. Nothing is released for it."""
    return FaceOrder(
        election_uuid=election_uuid,
        voter_ref=voter_ref,
        issued_at=now,
        expires_at=now + ORDER_LIFETIME,
        order_id=order_id,
        purpose=FacePurpose.ENROL,
    )


def signed(order: FaceOrder, keys: FaceKeys) -> str:
    """The order as the voter's browser carries it."""
    return sign_statement(order, keys.order_key)


def check_orders_so_far(given: Sequence[datetime], now: datetime) -> None:
    """Raise ``TooManyFaceOrders`` when the voter's orders within ``ORDERS_WITHIN`` (any order) are too many."""
    if len(given) >= MOST_ORDERS:
        free_again = sorted(given)[-MOST_ORDERS] + ORDERS_WITHIN
        raise TooManyFaceOrders(max(1.0, (free_again - now).total_seconds()))


@dataclass(frozen=True)
class AskedByFace:
    """What a device sends for a verdict."""

    verdict: str
    """The signed text."""
    device_request: str
    """Signed with the device's key."""


def check_verdict(
    verdict: FaceVerdict, order: KeptOrder, asked: AskedByFace, election_uuid: str, now: datetime
) -> None:
    """Hold a verdict, whose signature and validity are checked already, and who asks against the order that it answers.

    Raises ``VerdictOfAnotherElection``, ``VerdictOfAnotherOrder``, ``VerdictOfAnotherDevice``, ``FaceOrderUsed``,
    ``FaceOrderExpired`` or a ``DeviceRequestRefused``.
    """
    if {verdict.election_uuid, order.election_uuid} != {election_uuid}:
        raise VerdictOfAnotherElection
    if verdict.voter_ref != order.voter_ref:
        raise VerdictOfAnotherOrder
    if verdict.device_key != order.device_key.text:
        raise VerdictOfAnotherDevice
    if order.used and order.released_to != request_sha256(asked.device_request):
        # The same request again, after its answer was lost, is no second release: its answer can be opened by the same
        # device alone.
        raise FaceOrderUsed
    if now > order.expires_at:
        raise FaceOrderExpired(order.expires_at)
    # Without it, biometric could redeem its own verdict.
    verify_request(ReleaseRequested, asked.device_request, order.occasion, {"verdict": asked.verdict})
