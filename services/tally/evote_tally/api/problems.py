"""Every refusal as its own problem document (RFC 9457)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evote_eventlog.errors import EventTooLarge, LogUnavailable
from evote_platform.problems import Problem

from ..commands import ElectionBusy, ProjectionBehind
from ..domain import refusals
from ..exports import NotPublished
from ..store import LogDisagrees

RETRY_SOON = {"Retry-After": "2"}


def problem_of(error: Exception) -> Problem:
    """The problem document of a refusal or of a fault that passes."""
    return _PROBLEMS[type(error)](error)


def _unknown_election(error: refusals.UnknownElection) -> Problem:
    return Problem("unknown-election", "No such election", 404, f"No election {error.election_uuid}.")


def _draft_rejected(error: refusals.DraftRejected) -> Problem:
    faults = [{"field": field, "reason": reason} for field, reason in error.faults]
    return Problem("invalid-draft", "The draft contradicts itself", 422, "See errors.", extensions={"errors": faults})


def _wrong_stage(error: refusals.WrongStage) -> Problem:
    return Problem(
        "wrong-stage",
        "The election's stage does not allow this",
        409,
        f"The election is {error.stage}; this needs it to be {' or '.join(error.allowed)}.",
        extensions={"state": error.stage, "allowed": list(error.allowed)},
    )


def _roll_not_ready(error: refusals.RollNotReady) -> Problem:
    return Problem(
        "roll-not-ready",
        "The roll can't be frozen",
        409,
        "; ".join(error.missing),
        extensions={"missing": list(error.missing)},
    )


def _unknown_trustee(error: refusals.UnknownTrustee) -> Problem:
    return Problem("unknown-trustee", "No such trustee", 404, f"The election has no trustee {error.trustee}.")


def _statement_not_signed(error: refusals.StatementNotSigned) -> Problem:
    return Problem(
        "not-signed-by-trustee",
        "The trustee didn't sign this",
        403,
        f"It takes a statement that is signed with the key that the draft names for trustee {error.trustee}.",
        extensions={"trustee": error.trustee},
    )


def _statement_of_another(error: refusals.StatementOfAnother) -> Problem:
    if error.field == "ceremony_sha256":
        return Problem(
            "another-ceremony",
            "The trustee saw another ceremony than this one",
            409,
            "The draft or the certificates that the trustee's program saw are not those that stand here. "
            "Don't go on: trustees and officers must compare what they see.",
            extensions={"trustee": error.trustee},
        )
    return Problem(
        "statement-of-another",
        "The trustee signed something else",
        422,
        f"The signed statement differs from what it came with in {error.field}.",
        extensions={"trustee": error.trustee, "field": error.field},
    )


def _not_confirmed(error: refusals.NotConfirmed) -> Problem:
    return Problem(
        "not-confirmed",
        "Trustees have not confirmed the final texts",
        409,
        f"Trustees {list(error.waiting_for)} have not confirmed them.",
        extensions={"waiting_for": list(error.waiting_for)},
    )


def _step_not_yet(error: refusals.StepNotYet) -> Problem:
    return Problem(
        "ceremony-step-not-yet",
        "The ceremony is not at this step",
        409,
        f"The {error.step} follows the {error.needs} of trustees {list(error.waiting_for)}.",
        extensions={"step": error.step, "needs": error.needs, "waiting_for": list(error.waiting_for)},
    )


def _message_conflict(error: refusals.MessageConflict) -> Problem:
    return Problem(
        "message-conflict",
        "Another message of this step was received before",
        409,
        f"Trustee {error.trustee} sent another {error.step} before; the first one stands.",
        extensions={"step": error.step, "trustee": error.trustee},
    )


def _message_rejected(error: refusals.MessageRejected) -> Problem:
    return Problem(
        "bad-ceremony-message",
        "The message breaks a rule of the ceremony",
        422,
        error.detail,
        extensions={"step": error.step, "rule": error.rule, "section": error.section},
    )


def _not_tallied(error: refusals.NotTallied) -> Problem:
    return Problem(
        "not-tallied",
        "There is no encrypted tally yet",
        409,
        f"The election is {error.stage}.",
        extensions={"state": error.stage},
    )


def _decryption_complete(error: refusals.DecryptionComplete) -> Problem:
    return Problem(
        "decryption-complete",
        "Enough trustees have decrypted",
        409,
        f"{error.threshold} partial decryptions are there; no more are taken.",
    )


def _bad_partial_decryption(error: refusals.PartialDecryptionRejected) -> Problem:
    return Problem(
        "bad-partial-decryption",
        "The partial decryption is wrong",
        422,
        error.detail,
        extensions={"rule": error.rule, "section": error.section},
    )


def _preflight_failed(error: refusals.PreflightFailed) -> Problem:
    checks = [{"name": name, "ready": False, "detail": detail} for name, detail in error.checks]
    return Problem(
        "preflight-failed",
        "Not everything is ready for the opening",
        409,
        "; ".join(f"{name}: {detail}" for name, detail in error.checks),
        extensions={"checks": checks},
    )


def _not_published(_: NotPublished) -> Problem:
    return Problem("not-published", "Not published yet", 404, "It is published when the election opens.")


def _event_too_large(error: EventTooLarge) -> Problem:
    return Problem("body-too-large", "Too large for the event log", 413, f"The log takes {error.limit} bytes.")


def _log_unavailable(error: LogUnavailable) -> Problem:
    return Problem(
        "log-unavailable",
        "The event log is not available",
        503,
        "Whether the command was recorded is unknown; it is safe to repeat it.",
        headers={"Retry-After": str(max(1, round(error.retry_after_s)))},
    )


def _projection_behind(_: ProjectionBehind) -> Problem:
    return Problem(
        "projection-behind",
        "The command is recorded and not applied yet",
        503,
        "It is safe to repeat it.",
        headers=RETRY_SOON,
    )


def _log_disagrees(error: LogDisagrees) -> Problem:
    return Problem(
        "log-disagrees",
        "The tables do not show what the log says",
        503,
        f"Log index {error.log_index}: {error.reason}. Nothing is archived or counted before a person has looked.",
        headers=RETRY_SOON,
        extensions={"log_index": error.log_index},
    )


def _election_busy(_: ElectionBusy) -> Problem:
    return Problem(
        "election-busy",
        "Another command on the election is running",
        503,
        "It is safe to repeat it.",
        headers=RETRY_SOON,
    )


_PROBLEMS: dict[type[Exception], Callable[[Any], Problem]] = {
    refusals.UnknownElection: _unknown_election,
    refusals.DraftRejected: _draft_rejected,
    refusals.WrongStage: _wrong_stage,
    refusals.RollNotReady: _roll_not_ready,
    refusals.UnknownTrustee: _unknown_trustee,
    refusals.StatementNotSigned: _statement_not_signed,
    refusals.StatementOfAnother: _statement_of_another,
    refusals.NotConfirmed: _not_confirmed,
    refusals.StepNotYet: _step_not_yet,
    refusals.MessageConflict: _message_conflict,
    refusals.MessageRejected: _message_rejected,
    refusals.NotTallied: _not_tallied,
    refusals.DecryptionComplete: _decryption_complete,
    refusals.PartialDecryptionRejected: _bad_partial_decryption,
    refusals.PreflightFailed: _preflight_failed,
    NotPublished: _not_published,
    EventTooLarge: _event_too_large,
    LogUnavailable: _log_unavailable,
    ProjectionBehind: _projection_behind,
    ElectionBusy: _election_busy,
    LogDisagrees: _log_disagrees,
}
PROBLEM_TYPES: tuple[type[Exception], ...] = tuple(_PROBLEMS)
"""The exceptions that ``problem_of`` knows."""
