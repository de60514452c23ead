"""Ways to マイナアプリ and back, each for one challenge; what came of one is kept as long as its challenge is."""

from __future__ import annotations

from ..domain.phone import PhoneAnswer, PhoneVisit
from ..domain.refusals import PhoneVisitUnknown
from . import Connection


async def keep_visit(connection: Connection, visit: PhoneVisit) -> None:
    """Store a new one, in the transaction that keeps its challenge: both are forgotten together."""
    await connection.execute(
        "INSERT INTO vault_phone_visits (challenge_id, code_verifier, transaction_id) VALUES ($1, $2, $3)",
        visit.challenge_id,
        visit.code_verifier,
        visit.transaction_id,
    )


async def visit_of(connection: Connection, challenge_id: str) -> PhoneVisit:
    """The challenge's; ``PhoneVisitUnknown`` for a challenge that was given for another way in."""
    row = await connection.fetchrow("SELECT * FROM vault_phone_visits WHERE challenge_id = $1", challenge_id)
    if row is None:
        raise PhoneVisitUnknown
    answer = None
    if row["id_token"] is not None:
        answer = PhoneAnswer(row["id_token"], row["signature_der"], row["statement_signature"])
    return PhoneVisit(row["challenge_id"], row["code_verifier"], row["transaction_id"], answer)


async def keep_answer(connection: Connection, challenge_id: str, answer: PhoneAnswer) -> None:
    """Remember what the provider gave; in the transaction that keeps the evidence."""
    await connection.execute(
        "UPDATE vault_phone_visits SET id_token = $2, signature_der = $3, statement_signature = $4"
        " WHERE challenge_id = $1",
        challenge_id,
        answer.id_token,
        answer.signature_certificate,
        answer.statement_signature,
    )
