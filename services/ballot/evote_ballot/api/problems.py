"""Every refusal as its own problem document (RFC 9457)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from evote_eventlog.errors import LogUnavailable
from evote_platform.problems import Problem, rate_limited, unavailable

from ..domain import refusals


def problem_of(error: Exception) -> Problem:
    """The problem document of a refusal."""
    return _PROBLEMS[type(error)](error)


def _malformed(_: refusals.MalformedJson) -> Problem:
    return Problem("malformed-json", "The body is not JSON", 400, "Send ballot and order as one JSON object in UTF-8.")


def _broken_rule(slug: str, title: str) -> Callable[[Any], Problem]:
    def problem(
        error: refusals.InvalidBallot | refusals.BadSignature | refusals.InvalidOrder | refusals.BadProof,
    ) -> Problem:
        return Problem(slug, title, 422, f"{error.detail}.", extensions={"rule": error.rule, "section": error.section})

    return problem


def _unknown_election(_: refusals.UnknownElection) -> Problem:
    return Problem("unknown-election", "No such election", 404, "No election of this identifier has been opened.")


def _wrong_election(_: refusals.WrongElection) -> Problem:
    return Problem("wrong-election", "The ballot is for another election", 422, "Send it to the election it names.")


def _not_open(error: refusals.ElectionNotOpen) -> Problem:
    return Problem(
        "election-not-open",
        "The election is not open yet",
        403,
        f"Ballots are taken from {error.opens_at} on.",
        extensions={"opens_at": error.opens_at},
    )


def _closed(error: refusals.ElectionClosed) -> Problem:
    return Problem(
        "election-closed",
        "The election is closed",
        403,
        "This ballot does not count. Ballots that have a receipt do.",
        extensions={"closes_at": error.closes_at},
    )


def _unknown_credential(_: refusals.UnknownCredential) -> Problem:
    return Problem(
        "unknown-credential",
        "The credential is not on this election's list",
        403,
        "Use the credential that was released for this election.",
    )


def _older(error: refusals.OlderThanLast) -> Problem:
    order = error.last_order
    return Problem(
        "older-than-your-last-ballot",
        "A ballot of this credential with this number or a larger one stands already",
        409,
        "If this ballot is to replace it, look for last_tracker in the log, then sign this ballot's order anew, "
        "one above last_number.",
        extensions={
            "last_number": order.number,
            "last_tracker": error.last_tracker,
            # By which the device sees that its own credential said so, and not only this service.
            "last_signature": {"challenge": order.signature.challenge, "response": order.signature.response},
        },
    )


def _abandoned(_: refusals.Abandoned) -> Problem:
    return Problem("abandoned", "The client went away", 408, "Nothing was recorded.")


def _duplicate(_: refusals.DuplicateCiphertext) -> Problem:
    return Problem(
        "duplicate-ciphertext",
        "The ballot contains a ciphertext of another ballot",
        409,
        "Encrypt the vote anew.",
    )


def _unknown_tracker(_: refusals.UnknownTracker) -> Problem:
    return Problem("unknown-tracker", "No ballot of this tracker", 404, "Check the tracker on the receipt.")


def _overloaded(error: refusals.Overloaded) -> Problem:
    return unavailable(
        "overloaded",
        "Too many ballots at once",
        "The ballot was not taken in. Send it again.",
        error.retry_after_s,
    )


def _rate_limited(error: refusals.RateLimited) -> Problem:
    return rate_limited(error.retry_after_s)


def _log_unavailable(error: LogUnavailable) -> Problem:
    return unavailable(
        "log-unavailable",
        "The event log is not available",
        "Whether the ballot was recorded is unknown. Send the same ballot again: it is never counted twice.",
        error.retry_after_s,
    )


_PROBLEMS: Mapping[type[Exception], Callable[[Any], Problem]] = {
    refusals.MalformedJson: _malformed,
    refusals.InvalidBallot: _broken_rule("invalid-ballot", "Not a ballot of this election"),
    refusals.UnknownElection: _unknown_election,
    refusals.WrongElection: _wrong_election,
    refusals.ElectionNotOpen: _not_open,
    refusals.ElectionClosed: _closed,
    refusals.UnknownCredential: _unknown_credential,
    refusals.BadSignature: _broken_rule("bad-signature", "The ballot's signature does not hold"),
    refusals.InvalidOrder: _broken_rule("invalid-order", "The order statement does not hold"),
    refusals.OlderThanLast: _older,
    refusals.DuplicateCiphertext: _duplicate,
    refusals.BadProof: _broken_rule("bad-proof", "A proof in the ballot does not hold"),
    refusals.UnknownTracker: _unknown_tracker,
    refusals.Abandoned: _abandoned,
    refusals.Overloaded: _overloaded,
    refusals.RateLimited: _rate_limited,
    LogUnavailable: _log_unavailable,
}
PROBLEM_TYPES = tuple(_PROBLEMS)
"""The exceptions that ``problem_of`` knows."""
