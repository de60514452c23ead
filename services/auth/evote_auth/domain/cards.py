"""Which card a voter votes with: two certificates are bound at first use, and what may take their place later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class CardPair:
    """A card's two certificates by their fingerprints: SHA-256 (hex) of the DER."""

    user: str | None
    """None where the card came by phone: its app shows the signature certificate alone."""
    signature: str

    @property
    def fingerprints(self) -> frozenset[str]:
        """Those that are known."""
        return frozenset(print for print in (self.user, self.signature) if print is not None)


class Ended(StrEnum):
    """Why a certificate is no longer valid."""

    EXPIRED = "expired"
    REVOKED = "revoked"
    BLOCKED = "blocked"
    """An officer blocked its card as lost."""


@dataclass(frozen=True)
class Registered:
    """What the vault knows when a voter comes with a card."""

    bound: CardPair | None
    """The voter's pair, if there is one."""
    blocked: frozenset[str]
    """Those of the presented and the voter's certificates that an officer has blocked."""
    taken: frozenset[str]
    """Those of the presented certificates that are, or were, another voter's."""
    lost_before_use: bool
    """An officer blocked the voter's card before any was bound, so no certificate is known to refuse."""


@dataclass(frozen=True)
class Keep:
    """The pair that is bound, or by phone its signature certificate."""


@dataclass(frozen=True)
class Complete:
    """The pair of which only the signature certificate is bound: the card itself comes for the first time."""


@dataclass(frozen=True)
class BindFirst:
    """The voter's first pair."""


@dataclass(frozen=True)
class Replace:
    """The presented pair takes the place of the bound one (or of the unknown lost card)."""

    why: Mapping[str, Ended]
    """Why each certificate that goes is no longer valid; empty when an officer decided."""


@dataclass(frozen=True)
class AskOfficer:
    """The voter has another card that is still valid, or a lost one that nobody here has seen."""


@dataclass(frozen=True)
class RefuseBlocked:
    """A certificate of the pair is blocked."""


@dataclass(frozen=True)
class RefuseTaken:
    """A certificate of the pair is another voter's."""


Binding = Keep | Complete | BindFirst | Replace | AskOfficer | RefuseBlocked | RefuseTaken


class Approval(StrEnum):
    """What an officer said to this pair for this voter."""

    NONE = "none"
    GIVEN = "given"


def bind(known: Registered, presented: CardPair, ended: Mapping[str, Ended], approval: Approval) -> Binding:
    """Decide what a presented pair is to the voter; the first rule that applies counts.

    Args:
        ended: those of the bound certificates that are no longer valid, with the reason. The signature certificate
            lapses at a change of name or address while the other one lives on, so each is judged by itself.
    """
    if presented.fingerprints & known.blocked:
        return RefuseBlocked()
    if presented.fingerprints & known.taken:
        return RefuseTaken()
    if known.bound is None:
        if not known.lost_before_use:
            return BindFirst()
        return Replace({}) if approval is Approval.GIVEN else AskOfficer()
    if presented.fingerprints <= known.bound.fingerprints:
        return Keep()
    if known.bound.fingerprints < presented.fingerprints:
        return Complete()
    going = known.bound.fingerprints - presented.fingerprints
    if presented.user is None:
        # What a phone can't show isn't judged by its absence: the signature certificate has to stand for the card.
        going -= {known.bound.user}
    gone = {**dict.fromkeys(known.blocked, Ended.BLOCKED), **ended}
    if going <= gone.keys():
        return Replace({fingerprint: gone[fingerprint] for fingerprint in sorted(going)})
    return Replace({}) if approval is Approval.GIVEN else AskOfficer()
