"""Every refusal as its own problem document (RFC 9457). None tells anything personal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from evote_eventlog.errors import LogUnavailable
from evote_jpki import certificates
from evote_platform.clock import rfc3339
from evote_platform.problems import Problem, retry_after, unavailable

from ..domain import refusals
from .face_problems import FACE_FACTS, FACE_FIXED

_FIXED: Mapping[type[Exception], tuple[str, str, int, str]] = {
    refusals.RollFrozenAlready: ("roll-frozen", "The roll is frozen", 409, "A frozen roll can't be replaced."),
    refusals.RollEmpty: ("roll-empty", "There is no roll", 409, "Import the roll first."),
    refusals.RollNotFrozen: (
        "roll-not-frozen",
        "There are no credentials yet",
        409,
        "Credentials are released once the roll is frozen.",
    ),
    refusals.MasterKeyChanged: (
        "master-key-changed",
        "The credentials can't be derived here",
        503,
        "The roll was frozen under another master key; the operators have to bring it back.",
    ),
    refusals.ChallengeUnknown: ("challenge-unknown", "No such challenge", 404, "Ask for a new challenge."),
    refusals.ChallengeReplayed: (
        "challenge-replayed",
        "The challenge has been used",
        409,
        "A challenge is good for one attempt. Ask for a new one.",
    ),
    refusals.WrongElection: (
        "wrong-election",
        "The challenge is for another election",
        409,
        "Ask this election for a challenge.",
    ),
    refusals.ChallengeSignatureWrong: (
        "bad-challenge-signature",
        "The challenge is not signed by the card",
        403,
        "Sign the exact text of challenge with the user-authentication key.",
    ),
    refusals.StatementSignatureWrong: (
        "bad-statement-signature",
        "The statement is not signed by the card",
        403,
        "Sign the exact text of release_statement with the signature key.",
    ),
    refusals.NotOnRoll: (
        "not-on-roll",
        "Nobody on the roll matches the card",
        403,
        "Ask an election officer: name or address may have changed since the card was issued.",
    ),
    refusals.CardOfAnother: (
        "card-of-another",
        "The certificate is another voter's",
        403,
        "Use the two certificates of your own card.",
    ),
    refusals.CardBlocked: (
        "card-blocked",
        "The card has been reported lost",
        403,
        "Ask an election officer to unblock it if it is yours and was found, or use your new card.",
    ),
    refusals.UnknownCase: ("unknown-case", "No such case", 404, "Check the reception number."),
    refusals.NotACandidate: (
        "not-a-candidate",
        "The voter does not come into question",
        422,
        "Choose one of the case's candidates, or refuse.",
    ),
    refusals.UnknownVoter: ("unknown-voter", "No voter has this number", 404, "Check voter_id."),
    refusals.NothingBlocked: ("nothing-blocked", "The voter has no blocked card", 409, "Nothing has to be done."),
    certificates.MalformedCertificate: (
        "malformed-certificate",
        "Not a certificate of a My Number card",
        422,
        "Send the card's two certificates in DER, each in its own field.",
    ),
    certificates.UntrustedIssuer: (
        "untrusted-certificate",
        "The certificate is not from a recognised authority",
        403,
        "Use a My Number card.",
    ),
    certificates.CertificateExpired: (
        "certificate-expired",
        "The certificate has expired",
        403,
        "Renew the card's certificate at the municipality, or vote at a polling place.",
    ),
    certificates.CertificateNotYetValid: (
        "certificate-not-yet-valid",
        "The certificate is not valid yet",
        403,
        "Wait until it is valid.",
    ),
    certificates.CertificateRevoked: (
        "certificate-revoked",
        "The certificate has been revoked",
        403,
        "Ask the municipality about the card, or vote at a polling place.",
    ),
    certificates.WrongKeyUsage: (
        "wrong-key-usage",
        "The certificate's key may not sign",
        403,
        "Use the card's own certificates.",
    ),
    certificates.RevocationUnknown: (
        "revocation-unknown",
        "Whether the certificate is revoked can't be checked now",
        503,
        "Neither the authority's responder nor its list can tell. Ask for a new challenge after Retry-After.",
    ),
    **FACE_FIXED,
}


_CERTIFICATE_NAMES = {
    certificates.Purpose.USER_AUTHENTICATION: "user-authentication",
    certificates.Purpose.DIGITAL_SIGNATURE: "digital-signature",
}


def problem_of(error: Exception) -> Problem:
    """The problem document of a refusal."""
    fixed = _FIXED.get(type(error))
    if fixed is not None:
        headers = {"Retry-After": "60"} if fixed[2] == 503 else None
        purpose = error.purpose if isinstance(error, certificates.CertificateRefused) else None
        extensions = None if purpose is None else {"certificate": _CERTIFICATE_NAMES[purpose]}
        return Problem(*fixed, headers=headers, extensions=extensions)
    return _WITH_FACTS[type(error)](error)


def _election_over(error: refusals.ElectionOver) -> Problem:
    return Problem(
        "election-closed",
        "The election is closed",
        403,
        "No credential is released any more.",
        extensions={"other_ways": []},
    )


def _unknown_election(error: refusals.UnknownElection) -> Problem:
    return Problem("unknown-election", "No such election", 404, "Check the election's identifier.")


def _challenge_expired(error: refusals.ChallengeExpired) -> Problem:
    return Problem(
        "challenge-expired",
        "The challenge has expired",
        409,
        "Ask for a new challenge.",
        extensions={"expired_at": rfc3339(error.expired_at)},
    )


def _card_mismatch(error: refusals.CardMismatch) -> Problem:
    return Problem(
        "card-mismatch",
        "Another card was used before, and it is still valid",
        403,
        "Tell an election officer the reception number; come again, with a new challenge, when the card is approved.",
        extensions={"reception_number": error.case_number},
    )


def _match_pending(error: refusals.MatchPending) -> Problem:
    return Problem(
        "match-pending",
        "The card does not match one voter for certain",
        409,
        "Tell an election officer the reception number; come again, with a new challenge, when the case is decided.",
        extensions={"reception_number": error.case_number},
    )


def _refused_by_officer(error: refusals.RefusedByOfficer) -> Problem:
    return Problem(
        "refused-by-officer",
        "An election officer has refused this card",
        403,
        "Ask an election officer, and tell the reception number; you can vote at a polling place.",
        extensions={"reception_number": error.case_number},
    )


def _too_many_failures(error: refusals.TooManyFailures) -> Problem:
    return Problem(
        "too-many-failures",
        "This card has failed too often",
        429,
        "Wait as long as Retry-After says, then ask for a new challenge. The card is not locked for good.",
        headers=retry_after(error.retry_after_s),
    )


def _case_decided(error: refusals.CaseDecidedOtherwise) -> Problem:
    return Problem(
        "case-decided",
        "The case has been decided otherwise",
        409,
        "The first decision stands. Read the pending cases again.",
        extensions={"decided_at": rfc3339(error.decided_at)},
    )


def _roll_rejected(error: refusals.RollRejected) -> Problem:
    return Problem(
        "roll-rejected",
        "The roll has faults; nothing was imported",
        422,
        "Correct the rows listed and import the whole file again.",
        extensions={"rows": [asdict(fault) for fault in error.faults], "total": error.total},
    )


def _log_unavailable(error: LogUnavailable) -> Problem:
    return unavailable(
        "log-unavailable",
        "The event log is not available",
        "Nothing was released. Send the same request again after Retry-After, while it is valid.",
        error.retry_after_s,
    )


_WITH_FACTS: Mapping[type[Exception], Callable[[Any], Problem]] = {
    refusals.UnknownElection: _unknown_election,
    refusals.ChallengeExpired: _challenge_expired,
    refusals.RollRejected: _roll_rejected,
    refusals.CardMismatch: _card_mismatch,
    refusals.MatchPending: _match_pending,
    refusals.RefusedByOfficer: _refused_by_officer,
    refusals.TooManyFailures: _too_many_failures,
    refusals.CaseDecidedOtherwise: _case_decided,
    refusals.ElectionOver: _election_over,
    LogUnavailable: _log_unavailable,
    **FACE_FACTS,
}
PROBLEM_TYPES = (*_FIXED, *_WITH_FACTS)
"""The exceptions that ``problem_of`` knows."""
