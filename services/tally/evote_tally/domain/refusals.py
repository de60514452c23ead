"""Why a command is refused: one type per reason, the facts in its fields."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from evote_platform.wording import Words


class Refusal(Exception):
    """A command is refused and nothing was written."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Decisions run in a worker process; the default pickling of exceptions loses named fields.
        return type(self), tuple(getattr(self, field.name) for field in fields(self))  # type: ignore[arg-type]


@dataclass(eq=False)
class UnknownElection(Refusal):
    """No such election was drafted."""

    election_uuid: str


@dataclass(eq=False)
class DraftRejected(Refusal):
    """The draft contradicts itself; ``faults`` are pairs of a field and what is wrong with it."""

    faults: tuple[tuple[str, Words], ...]


@dataclass(eq=False)
class WrongStage(Refusal):
    """The election's stage does not allow the command."""

    stage: str
    allowed: tuple[str, ...]


@dataclass(eq=False)
class RollNotReady(Refusal):
    """The public credentials don't make a complete and consistent roll of the expected size."""

    missing: tuple[Words, ...]


@dataclass(eq=False)
class UnknownTrustee(Refusal):
    """The election has no trustee of this number."""

    trustee: int


@dataclass(eq=False)
class StatementNotSigned(Refusal):
    """What came isn't a statement that the trustee of this number signed."""

    trustee: int


@dataclass(eq=False)
class StatementOfAnother(Refusal):
    """The trustee signed something else than what it came with; ``field`` is the first of it that differs."""

    trustee: int
    field: str


@dataclass(eq=False)
class StepNotYet(Refusal):
    """A ceremony message came before what it builds on; ``waiting_for`` are trustees' numbers."""

    step: str
    needs: str
    waiting_for: tuple[int, ...]


@dataclass(eq=False)
class MessageConflict(Refusal):
    """The trustee sent another message of this step before; the first one stands."""

    step: str
    trustee: int


@dataclass(eq=False)
class CertificateDuplicate(Refusal):
    """The trustee's certificate has a key in common with the one that another trustee sent."""

    trustee: int
    other: int


@dataclass(eq=False)
class CommittedAlready(Refusal):
    """These trustees committed to what is made of everybody's keys: none is renewed any more."""

    trustees: tuple[int, ...]


@dataclass(eq=False)
class KeyRefused(Refusal):
    """A trustee can't have this key: it is no key's line, or else was a trustee's of this election before."""

    trustee: int
    reason: Words


@dataclass(eq=False)
class MessageRejected(Refusal):
    """A ceremony message breaks a rule of the protocol."""

    step: str
    rule: str
    section: str
    detail: str


@dataclass(eq=False)
class NotConfirmed(Refusal):
    """Trustees have not confirmed the final texts; ``waiting_for`` are their numbers."""

    waiting_for: tuple[int, ...]


@dataclass(eq=False)
class NotTallied(Refusal):
    """A partial decryption came before the encrypted tally."""

    stage: str


@dataclass(eq=False)
class DecryptionComplete(Refusal):
    """Enough trustees decrypted; the result stands."""

    threshold: int


@dataclass(eq=False)
class PartialDecryptionRejected(Refusal):
    """A partial decryption breaks a rule of the protocol."""

    trustee: int
    rule: str
    section: str
    detail: str


@dataclass(eq=False)
class ArchiveDiffers(Refusal):
    """The officers certify another archive than the one that stands here; SHA-256 in hexadecimal."""

    certified: str
    stands: str


@dataclass(eq=False)
class PreflightFailed(Refusal):
    """Something isn't ready for the opening; ``checks`` are those that failed, as name and detail."""

    checks: tuple[tuple[str, str], ...]
