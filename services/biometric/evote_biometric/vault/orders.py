"""Orders of auth and what they have been used for, over all replicas."""

from __future__ import annotations

from datetime import datetime

from evote_face.statements import FaceOrder

from ..domain.attempts import FORGOTTEN_AFTER, Attempts
from ..domain.refusals import NoAttemptsLeft, OrderUsed
from . import Connection
from .verifications import Verification


async def begin_attempt(connection: Connection, order: FaceOrder, most: int, now: datetime) -> int:
    """Take one of the order's attempts; returns how many are left.

    One statement, so that replicas that get the same order at once can't take one attempt twice.

    Raises:
        OrderUsed: it has done what it was for.
        NoAttemptsLeft: all are taken.
    """
    # After the end of an order its signature alone refuses it.
    await connection.execute("DELETE FROM vault_orders WHERE expires_at < $1::timestamptz - interval '1 hour'", now)
    row = await connection.fetchrow(
        "INSERT INTO vault_orders AS o VALUES ($1, $2, 1, false, $3, $5) ON CONFLICT (order_id)"
        " DO UPDATE SET attempts = least(o.attempts, $4) + 1 RETURNING attempts, done",
        order.order_id,
        order.election_uuid,
        order.expires_at,
        most,
        order.device_key,
    )
    assert row is not None  # noqa: S101 - both branches of the statement return it
    if row["done"]:
        raise OrderUsed
    if row["attempts"] > most:
        raise NoAttemptsLeft
    return most - int(row["attempts"])


async def finish_order(connection: Connection, order_id: str) -> str | None:
    """Mark the order done and return the device key that it names; ``OrderUsed`` when it is already."""
    row = await connection.fetchrow(
        "UPDATE vault_orders SET done = true WHERE order_id = $1 AND NOT done RETURNING device_key", order_id
    )
    if row is None:
        raise OrderUsed
    device_key: str | None = row["device_key"]
    return device_key


async def give_back_attempt(connection: Connection, order: FaceOrder | Verification) -> None:
    """Undo an attempt that failed by our fault and gave nothing out, and make its order usable again."""
    await connection.execute(
        "UPDATE vault_orders SET done = false, attempts = greatest(attempts - 1, 0) WHERE order_id = $1", order.order_id
    )
    await connection.execute(
        "UPDATE vault_attempts SET attempts = greatest(attempts - 1, 0) WHERE election_uuid = $1 AND voter_ref = $2",
        order.election_uuid,
        order.voter_ref,
    )


async def attempts_of(connection: Connection, election_uuid: str, voter_ref: str) -> Attempts | None:
    """The voter's attempts since the last success."""
    row = await connection.fetchrow(
        "SELECT attempts, last_at FROM vault_attempts WHERE election_uuid = $1 AND voter_ref = $2",
        election_uuid,
        voter_ref,
    )
    return None if row is None else Attempts(row["attempts"], row["last_at"])


async def count_attempt(connection: Connection, election_uuid: str, voter_ref: str, now: datetime) -> None:
    """Add one, beginning again when the last one is forgotten; old counts of others are dropped."""
    await connection.execute("DELETE FROM vault_attempts WHERE last_at <= $1", now - FORGOTTEN_AFTER)
    await connection.execute(
        "INSERT INTO vault_attempts AS a VALUES ($1, $2, 1, $3) ON CONFLICT (election_uuid, voter_ref)"
        " DO UPDATE SET attempts = a.attempts + 1, last_at = greatest(a.last_at, $3)",
        election_uuid,
        voter_ref,
        now,
    )


async def forget_attempts(connection: Connection, election_uuid: str, voter_ref: str) -> None:
    """After a success."""
    await connection.execute(
        "DELETE FROM vault_attempts WHERE election_uuid = $1 AND voter_ref = $2", election_uuid, voter_ref
    )
