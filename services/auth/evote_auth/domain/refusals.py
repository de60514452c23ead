"""Why auth refuses: one type for each reason, with the facts in fields and nothing personal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


class Refusal(Exception):
    """The base of all refusals."""


"""How many there are."""


@dataclass
class NonceUsed(Refusal):
    """Another command had the same nonce."""


@dataclass
class CommandDoneBefore(Refusal):
    """The command was carried out before, and its answer is told once only."""


@dataclass
class RollFrozenAlready(Refusal):
    """The roll is frozen and can't be imported again."""


@dataclass
class RollEmpty(Refusal):
    """There is no roll to freeze."""


@dataclass
class RollSizeDiffers(Refusal):
    """The roll has another number of voters than the officers signed; nothing was frozen by this."""

    roll_size: int
    expected_size: int


@dataclass
class RollNotFrozen(Refusal):
    """Credentials exist once the roll is frozen."""


@dataclass
class MasterKeyChanged(Refusal):
    """The roll was frozen under another key: its credentials can't be derived here."""


@dataclass
class NoCredentialKey(Refusal):
    """The election has no key of its own, or more than one: nothing can be derived."""

    election_uuid: str
    found: int


@dataclass
class UnknownElection(Refusal):
    """No such election has been drafted."""

    election_uuid: str


@dataclass
class ElectionAbandoned(Refusal):
    """The election was given up before it was opened: it needs no roll and no credentials."""


@dataclass
class ElectionOver(Refusal):
    """The election is closed: no credential is released any more."""


@dataclass
class ChallengeUnknown(Refusal):
    """No such challenge was given out."""


@dataclass
class ChallengeReplayed(Refusal):
    """The challenge has been used."""


@dataclass
class ChallengeExpired(Refusal):
    """The challenge is too old."""

    expired_at: datetime


@dataclass
class WrongElection(Refusal):
    """The challenge is for another election."""


@dataclass
class ChallengeSignatureWrong(Refusal):
    """The user-authentication key did not sign the challenge."""


@dataclass
class StatementSignatureWrong(Refusal):
    """The signature key did not sign the release statement."""


@dataclass
class NotOnRoll(Refusal):
    """The four basic attributes match nobody on the roll."""


@dataclass
class CardMismatch(Refusal):
    """The voter has another card, and nothing says that it is no longer valid: an officer has to decide."""

    case_number: str


@dataclass
class CardOfAnother(Refusal):
    """One of the two certificates is, or was, another voter's."""


@dataclass
class CardBlocked(Refusal):
    """An officer has blocked this card as lost."""


@dataclass
class MatchPending(Refusal):
    """The roll doesn't say for certain who this is: an officer has to decide."""

    case_number: str


@dataclass
class RefusedByOfficer(Refusal):
    """An officer looked at this card and refused it."""

    case_number: str


@dataclass
class TooManyFailures(Refusal):
    """This card failed too often; it has to wait."""

    retry_after_s: float


@dataclass
class UnknownCase(Refusal):
    """No such case in this election."""


@dataclass
class CaseDecidedOtherwise(Refusal):
    """Another decision was written first."""

    decided_at: datetime


@dataclass
class NotACandidate(Refusal):
    """The voter is none of the case's candidates."""


@dataclass
class UnknownVoter(Refusal):
    """No voter of this number is on the roll."""


@dataclass
class NothingBlocked(Refusal):
    """The voter has no blocked card."""


@dataclass
class CardNotOffered(Refusal):
    """This deployment takes no cards: it has no authorities of any."""


@dataclass
class FaceNotOffered(Refusal):
    """This deployment has no biometric service."""


@dataclass
class VotingCodeMistyped(Refusal):
    """The check character says that no such code can have been issued."""


@dataclass
class VotingCodeUnknown(Refusal):
    """A well-formed code that nobody in this election has."""


@dataclass
class VotingCodesIssued(Refusal):
    """Codes for all voters have been issued, and the command doesn't say that it replaces that issue."""

    issue: int
    issued_at: datetime


@dataclass
class NoSuchIssue(Refusal):
    """The issue of codes that is to be replaced doesn't exist."""


@dataclass
class TooManyFaceOrders(Refusal):
    """This voter's face has been tried too often lately."""

    retry_after_s: float


@dataclass
class FaceOrderUnknown(Refusal):
    """The verdict answers no order to verify that was given out."""


@dataclass
class FaceOrderUsed(Refusal):
    """The order has led to a release already."""


@dataclass
class FaceOrderExpired(Refusal):
    """The order is too old."""

    expired_at: datetime


@dataclass
class VerdictOfAnotherElection(Refusal):
    """The verdict, or its order, is for another election."""


@dataclass
class VerdictOfAnotherDevice(Refusal):
    """The verdict names another device than the order that it answers."""


@dataclass
class VerdictOfAnotherOrder(Refusal):
    """The verdict is about another voter than the order that it names."""


@dataclass
class PhoneNotOffered(Refusal):
    """This deployment has no account at the provider of the phone's app."""


@dataclass
class PhoneVisitUnknown(Refusal):
    """The challenge was given for another way in."""


@dataclass
class PhoneCodeRefused(Refusal):
    """The provider gives nothing for the code: it is used, too old, another's, or invented."""


@dataclass
class PhoneSignatureMissing(Refusal):
    """The provider has no signature of this transaction that can be read."""


@dataclass
class PhoneServiceAway(Refusal):
    """The provider doesn't answer, or not as it should."""
