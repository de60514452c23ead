"""Why a ballot is refused: one type for each reason, with its facts in fields."""

from __future__ import annotations

from dataclasses import dataclass

from evote_eventlog.events import BallotOrder


class Refusal(Exception):
    """The base of all refusals."""


@dataclass
class MalformedJson(Refusal):
    """The body is not one acceptable JSON value in UTF-8."""


@dataclass
class InvalidBallot(Refusal):
    """The body is JSON and not a ballot of this election, or not in its one canonical text."""

    rule: str
    section: str
    detail: str


@dataclass
class UnknownElection(Refusal):
    """No such election has been opened."""

    election_uuid: str


@dataclass
class WrongElection(Refusal):
    """The ballot is for another election."""


@dataclass
class ElectionNotOpen(Refusal):
    """The window has not begun."""

    opens_at: str


@dataclass
class ElectionClosed(Refusal):
    """This ballot doesn't stand before the close marker of its partition, and can't come to stand there any more."""

    closes_at: str


@dataclass
class ClosePending(Refusal):
    """The window is over, and whether this ballot came in before is not settled: its close marker was not read yet."""

    closes_at: str
    retry_after_s: float


@dataclass
class UnknownCredential(Refusal):
    """The credential is not on the election's list."""


@dataclass
class BadSignature(Refusal):
    """The credential did not sign this ballot."""

    rule: str
    section: str
    detail: str


@dataclass
class InvalidOrder(Refusal):
    """The order statement is malformed, or the credential did not sign it about this ballot."""

    rule: str
    section: str
    detail: str


@dataclass
class OlderThanLast(Refusal):
    """The number is not above that of the credential's last ballot, which is told with the statement that shows it."""

    last_tracker: str
    last_order: BallotOrder


@dataclass
class NoBallotsLeft(Refusal):
    """So many ballots of the credential stand in the log already that no further one is taken."""

    most: int


@dataclass
class DuplicateCiphertext(Refusal):
    """A ciphertext stands in another ballot already."""


@dataclass
class BadProof(Refusal):
    """A proof of validity does not hold."""

    rule: str
    section: str
    detail: str


@dataclass
class UnknownTracker(Refusal):
    """No ballot of this tracker is known."""


@dataclass
class StaleChallenge(Refusal):
    """The challenge is too old, or none that this service gave out for this election."""


@dataclass
class NotTheHolder(Refusal):
    """The credential did not sign the challenge."""


@dataclass
class Overloaded(Refusal):
    """There is more to verify than this replica takes on at once."""

    retry_after_s: float


@dataclass
class StandingUnknown(Refusal):
    """Whether there is a ballot of this tracker can't be told now: the log was not looked at in time."""

    retry_after_s: float


@dataclass
class RateLimited(Refusal):
    """The credential was used too often in a short time."""

    retry_after_s: float
