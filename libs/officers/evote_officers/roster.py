"""The roster: every person whom a deployment lets in, with roles and public keys.

One JSON document, kept by the municipality; services read it again whenever it changes. Whoever has signed a command
stays on it with a ``valid_until``: auditors check old commands by the same document.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from evote_statements.keys import KeyMistyped, parse_key
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$")]
Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,62}$")]
"""Of a person or a deployment: it stands in what they sign."""


class RosterUnusable(ValueError):
    """Not a roster, or one that contradicts itself. Field: ``reason``, which holds nothing of the document's values."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Role(StrEnum):
    """What a person is there for."""

    ELECTION_OFFICER = "election-officer"
    COUNTER_OFFICER = "counter-officer"
    """Sees voters and their papers: cards, codes, faces."""
    AUDITOR = "auditor"


class Person(BaseModel):
    """A person, with the keys that they sign with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Identifier
    name: Name
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    keys: Annotated[tuple[str, ...], Field(min_length=1)]
    """As their owners handed them over (``evote_statements.keys``)."""
    valid_from: AwareDatetime
    valid_until: AwareDatetime | None = None
    """None: until somebody says otherwise."""

    @field_validator("keys")
    @classmethod
    def _readable(cls, keys: tuple[str, ...]) -> tuple[str, ...]:
        for key in keys:
            try:
                parse_key(key)
            except KeyMistyped:
                raise ValueError("not a key's line") from None
        return keys

    @cached_property
    def public_keys(self) -> tuple[Ed25519PublicKey, ...]:
        """The keys of the lines."""
        return tuple(parse_key(key) for key in self.keys)

    def valid_at(self, moment: datetime) -> bool:
        """Whether the person is on the roster at a moment."""
        return self.valid_from <= moment and (self.valid_until is None or moment < self.valid_until)


class Scraper(BaseModel):
    """A program that reads the services' metrics. It can sign nothing, so it has a bearer token of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    token_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of a random token, which the roster doesn't show."""
    valid_from: AwareDatetime
    valid_until: AwareDatetime | None = None

    def valid_at(self, moment: datetime) -> bool:
        """Whether the program is let in at a moment."""
        return self.valid_from <= moment and (self.valid_until is None or moment < self.valid_until)


class Roster(BaseModel):
    """Everybody whom a deployment lets in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    deployment: Identifier
    """Signed with every command, so that one for a rehearsal does nothing in the election."""
    persons: tuple[Person, ...]
    scrapers: tuple[Scraper, ...] = ()
    """Without any, nobody reads metrics."""

    def person(self, identifier: str) -> Person | None:
        """The person of an identifier."""
        return next((person for person in self.persons if person.id == identifier), None)


def parse_roster(text: str | bytes) -> Roster:
    """Read a roster.

    Raises:
        RosterUnusable: it is none; two persons share an identifier or a key, or two scrapers a token.
    """
    try:
        roster = Roster.model_validate_json(text)
    except ValidationError as error:
        raise RosterUnusable("; ".join(_fault(dict(fault)) for fault in error.errors(include_input=False))) from None
    identifiers = [person.id for person in roster.persons]
    if len(set(identifiers)) != len(identifiers):
        raise RosterUnusable("two persons have the same id")
    keys = [key for person in roster.persons for key in person.keys]
    if len(set(keys)) != len(keys):
        # One person who stands there twice would be two persons.
        raise RosterUnusable("a key stands there twice")
    tokens = [scraper.token_sha256 for scraper in roster.scrapers]
    if len(set(tokens)) != len(tokens):
        # One that is taken off would still be let in as the other.
        raise RosterUnusable("two scrapers have the same token")
    return roster


def _fault(fault: dict[str, Any]) -> str:
    return f"{'.'.join(map(str, fault['loc']))}: {fault['type']}"
