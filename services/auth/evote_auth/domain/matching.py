"""Whom on the roll a card belongs to, by the four basic attributes: one person for certain, or an officer decides.

Birth date and sex have one spelling each and must be equal. Name and address have many (``evote_jpki.persons``): when
they are equal only after folding, the match says so. Whatever leaves a doubt is never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from evote_jpki.certificates import BasicAttributes
from evote_jpki.persons import addresses_agree, names_agree, strict


class Likeness(StrEnum):
    """How the card's owner was found on the roll."""

    EXACT = "exact"
    """All four attributes are equal, but for width, spaces and hyphens."""
    FOLDED = "folded"
    """Name or address is written otherwise, and one voter alone fits."""
    OFFICER = "officer"
    """An officer decided."""


@dataclass(frozen=True)
class RollPerson:
    """A voter of the roll, as matching needs them; never prints."""

    voter_ref: str
    voter_id: str = field(repr=False)
    attributes: BasicAttributes = field(repr=False)


@dataclass(frozen=True)
class Found:
    """One voter for certain."""

    voter_ref: str
    likeness: Likeness


@dataclass(frozen=True)
class Unclear:
    """An officer has to look: the voters that come into question, in the order of their numbers."""

    voter_refs: tuple[str, ...]


@dataclass(frozen=True)
class Nobody:
    """No voter comes near."""


def match_person(card: BasicAttributes, roll: Sequence[RollPerson]) -> Found | Unclear | Nobody:
    """Find the card's owner among voters, whose order doesn't matter.

    Two voters whom folding can't tell apart are unclear even when one of them is written exactly like the card: a card
    may be written with another's characters.
    """
    people = [person for person in roll if _same_birth_and_sex(card, person.attributes)]
    alike = [person for person in people if _name(card, person) and _address(card, person)]
    if not alike:
        return _unclear([person for person in people if _name(card, person) or _address(card, person)])
    if len(alike) == 1:
        doubles = [person for person in people if person is not alike[0] and _are_alike(alike[0], person)]
        if not doubles:
            return Found(alike[0].voter_ref, _likeness(card, alike[0].attributes))
        alike += doubles
    return _unclear(alike)


def _unclear(people: Sequence[RollPerson]) -> Unclear | Nobody:
    if not people:
        return Nobody()
    ordered = sorted(people, key=lambda person: (person.voter_id, person.voter_ref))
    return Unclear(tuple(person.voter_ref for person in ordered))


def _same_birth_and_sex(one: BasicAttributes, other: BasicAttributes) -> bool:
    return (one.birth_date, one.sex) == (other.birth_date, other.sex)


def _name(card: BasicAttributes, person: RollPerson) -> bool:
    return names_agree(card.name, person.attributes.name)


def _address(card: BasicAttributes, person: RollPerson) -> bool:
    return addresses_agree(card.address, person.attributes.address)


def _are_alike(one: RollPerson, other: RollPerson) -> bool:
    return _name(one.attributes, other) and _address(one.attributes, other)


def _likeness(card: BasicAttributes, voter: BasicAttributes) -> Likeness:
    equal = strict(card.name) == strict(voter.name) and strict(card.address) == strict(voter.address)
    return Likeness.EXACT if equal else Likeness.FOLDED
