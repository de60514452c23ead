"""Orders to biometric: given out, counted, and used once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from asyncpg import Record
from evote_device.keys import parse_device_key
from evote_face.statements import FaceOrder, FacePurpose

from ..domain.faces import ByCard, ByOfficer, Enrolment, KeptOrder, SecondFactor
from ..domain.refusals import FaceOrderUnknown
from ..domain.voting_codes import CodeOrigin, KeptCode
from . import Connection


async def keep_order(connection: Connection, order: FaceOrder, proof: KeptCode | ByCard | ByOfficer) -> None:
    """Store a new order with what it rests on: a voting code to verify, a card or an officer to enrol."""
    code = proof if isinstance(proof, KeptCode) else None
    named = None if isinstance(proof, ByCard) else proof
    await connection.execute(
        "INSERT INTO vault_face_orders VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, false, $11)",
        order.order_id,
        order.election_uuid,
        order.voter_ref,
        order.purpose.value,
        order.issued_at,
        order.expires_at,
        code.origin.value if code else None,
        code.issued_at if code else None,
        named.officer if named else None,
        named.reason if named else None,
        order.device_key,
    )


async def verifications_since(
    connection: Connection, election_uuid: str, voter_ref: str, since: datetime
) -> list[datetime]:
    """When orders to verify the voter's face were given."""
    rows = await connection.fetch(
        "SELECT issued_at FROM vault_face_orders WHERE election_uuid = $1 AND voter_ref = $2 AND purpose = $3"
        " AND issued_at > $4",
        election_uuid,
        voter_ref,
        FacePurpose.VERIFY.value,
        since,
    )
    return [row["issued_at"] for row in rows]


async def enrolments_of(connection: Connection, election_uuid: str, voter_ref: str) -> list[Enrolment]:
    """Every order to enrol the voter's face so far, oldest first."""
    rows = await connection.fetch(
        "SELECT * FROM vault_face_orders WHERE election_uuid = $1 AND voter_ref = $2 AND purpose = $3"
        " ORDER BY issued_at, order_id",
        election_uuid,
        voter_ref,
        FacePurpose.ENROL.value,
    )
    return [Enrolment(row["order_id"], row["issued_at"], _proof(row)) for row in rows]


async def lock_verification(connection: Connection, order_id: str) -> KeptOrder:
    """An order to verify, locked until the transaction ends: of two replicas with one verdict, one sees it used.

    Raises ``FaceOrderUnknown``.
    """
    row = await connection.fetchrow(
        "SELECT * FROM vault_face_orders WHERE order_id = $1 AND purpose = $2 FOR UPDATE",
        order_id,
        FacePurpose.VERIFY.value,
    )
    if row is None or row["device_key"] is None:
        # The release before gave out orders that name no device: biometric could redeem its own verdict on one.
        raise FaceOrderUnknown
    code = KeptCode(
        row["voter_ref"], CodeOrigin(row["code_origin"]), row["code_issued_at"], row["officer"], row["reason"]
    )
    return KeptOrder(
        row["order_id"],
        row["election_uuid"],
        row["voter_ref"],
        row["expires_at"],
        parse_device_key(row["device_key"]),
        row["used"],
        row["released_to"],
        SecondFactor(code, row["issued_at"]),
    )


async def use_order(connection: Connection, order_id: str, request_sha256: str) -> None:
    """Mark a locked order used, for one request."""
    await connection.execute(
        "UPDATE vault_face_orders SET used = true, released_to = $2 WHERE order_id = $1", order_id, request_sha256
    )


async def withdraw_verifications(connection: Connection, election_uuid: str, voter_refs: Sequence[str]) -> None:
    """Void these voters' orders to verify: they were given for codes that are void now."""
    await connection.execute(
        "UPDATE vault_face_orders SET used = true, released_to = NULL"
        " WHERE election_uuid = $1 AND voter_ref = ANY($2) AND purpose = $3",
        election_uuid,
        voter_refs,
        FacePurpose.VERIFY.value,
    )


def _proof(row: Record) -> ByCard | ByOfficer:
    return ByCard() if row["officer"] is None else ByOfficer(row["officer"], row["reason"])
