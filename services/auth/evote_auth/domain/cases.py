"""Cases for an officer: what a voter is told, what an officer decides, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from evote_jpki.certificates import BasicAttributes

from .refusals import CaseDecidedOtherwise, NotACandidate

CASE_DIGITS = 8


class CaseKind(StrEnum):
    """What the officer is asked."""

    MATCH = "match"
    """Who of the candidates the card's owner is."""
    CARD = "card"
    """Whether the card may take the place of the voter's other one."""


@dataclass(frozen=True)
class Decision:
    """What an officer decided; personal, and part of the sealed evidence."""

    voter_ref: str | None
    """Whose card it is; None when it is refused."""
    officer: str = field(repr=False)
    reason: str = field(repr=False)
    decided_at: datetime


@dataclass(frozen=True)
class Case:
    """A card waiting for an officer, or decided."""

    number: str
    """Eight digits that the voter can read out: the reception number (受付番号)."""
    kind: CaseKind
    card: BasicAttributes = field(repr=False)
    candidates: tuple[str, ...]
    """Voter references."""
    opened_at: datetime
    decision: Decision | None


def new_case_number(random: Callable[[int], bytes]) -> str:
    """Eight random digits."""
    return f"{int.from_bytes(random(8), 'big') % 10**CASE_DIGITS:0{CASE_DIGITS}d}"


def decide(case: Case, decision: Decision) -> Decision:
    """The decision that stands after an officer's: the first one. Repeating it changes nothing.

    Raises ``NotACandidate`` for a voter that doesn't come into question, ``CaseDecidedOtherwise`` when the first
    decision was another one.
    """
    if decision.voter_ref is not None and decision.voter_ref not in case.candidates:
        raise NotACandidate
    if case.decision is None:
        return decision
    if case.decision.voter_ref != decision.voter_ref:
        raise CaseDecidedOtherwise(case.decision.decided_at)
    return case.decision
