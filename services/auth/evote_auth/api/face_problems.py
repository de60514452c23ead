"""The refusals of the face way as problem documents. Their routes add ``other_ways`` to each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from evote_face.statements import StatementExpired
from evote_platform.clock import rfc3339
from evote_platform.problems import Problem, retry_after
from evote_statements.signed import StatementMalformed, StatementSignatureWrong

from ..domain import refusals

FACE_FIXED: Mapping[type[Exception], tuple[str, str, int, str]] = {
    refusals.FaceNotOffered: (
        "face-not-offered",
        "There is no voting by face here",
        404,
        "Vote by card, or at a counter.",
    ),
    refusals.VotingCodeMistyped: (
        "voting-code-mistyped",
        "The voting code has a typing error",
        422,
        "Compare it with the letter, character by character: no voting code looks like this. Nothing was counted.",
    ),
    refusals.VotingCodeUnknown: (
        "voting-code-unknown",
        "Nobody has this voting code",
        403,
        "Use the newest letter, for this election. An officer can issue a new code.",
    ),
    refusals.NoSuchIssue: ("no-such-issue", "There is no such issue of voting codes", 409, "Leave replaces out."),
    refusals.FaceOrderUnknown: (
        "face-order-unknown",
        "The verdict answers no order of ours",
        404,
        "Begin again with the voting code.",
    ),
    refusals.FaceOrderUsed: (
        "face-order-used",
        "The verdict has been used, or its voting code has been replaced",
        409,
        "A verdict is good for one release. Begin again with the voting code.",
    ),
    refusals.VerdictOfAnotherElection: (
        "verdict-of-another-election",
        "The verdict is for another election",
        409,
        "Begin again with this election's voting code.",
    ),
    refusals.VerdictOfAnotherOrder: (
        "verdict-of-another-order",
        "The verdict does not answer its order",
        403,
        "Begin again with the voting code.",
    ),
    StatementMalformed: (
        "malformed-verdict",
        "Not a verdict of biometric",
        422,
        "Send the text of verdict exactly as biometric gave it.",
    ),
    StatementSignatureWrong: (
        "bad-verdict-signature",
        "The verdict is not signed by biometric",
        403,
        "Send the text of verdict exactly as biometric gave it.",
    ),
    StatementExpired: (
        "verdict-expired",
        "The verdict is not valid now",
        409,
        "Begin again with the voting code.",
    ),
}


def _order_expired(error: refusals.FaceOrderExpired) -> Problem:
    return Problem(
        "face-order-expired",
        "The order has expired",
        409,
        "Begin again with the voting code.",
        extensions={"expired_at": rfc3339(error.expired_at)},
    )


def _too_many_orders(error: refusals.TooManyFaceOrders) -> Problem:
    return Problem(
        "too-many-face-orders",
        "The face has been tried too often",
        429,
        "Wait as long as Retry-After says, or vote another way. If it wasn't you, ask for a new code.",
        headers=retry_after(error.retry_after_s),
    )


def _codes_issued(error: refusals.VotingCodesIssued) -> Problem:
    return Problem(
        "voting-codes-issued",
        "Voting codes have been issued, and can't be read again",
        409,
        "To void them and issue new ones to all voters, send the number of this issue as replaces.",
        extensions={"issue": error.issue, "issued_at": rfc3339(error.issued_at)},
    )


FACE_FACTS: Mapping[type[Exception], Callable[[Any], Problem]] = {
    refusals.FaceOrderExpired: _order_expired,
    refusals.TooManyFaceOrders: _too_many_orders,
    refusals.VotingCodesIssued: _codes_issued,
}
