"""Commands and requests to read, signed by persons on the roster.

A command names one request exactly: deployment, service, method, path and the SHA-256 of the body; and a reason, a time
and a nonce. Where two persons are needed, the second signs the same under their own name. Nobody has to trust who
carries it: the service checks it against its roster, the event holds it, an auditor checks it again with another copy.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, TypeVar

import rfc8785
from evote_statements.signed import (
    Statement,
    StatementRefused,
    StatementSignatureWrong,
    claimed_statement,
    verify_statement,
)
from pydantic import AwareDatetime, Field

from .acts import Act
from .roster import Identifier, Person, Role, Roster

COMMAND_LIFETIME = timedelta(hours=1)
"""From the first person's signature to the request: the second one has to be found in between."""
ACCESS_LIFETIME = timedelta(minutes=2)
CLOCK_SKEW = timedelta(minutes=1)
"""How far a person's clock may be ahead of a service's."""
MOST_STATEMENTS = 2
COMMAND_SCHEME = "Evote-Command"
ACCESS_SCHEME = "Evote-Access"
"""Schemes of the header ``Authorization`` (RFC 9110, section 11)."""

Nonce = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Sha256Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Path = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^/")]
Reason = Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]


class CommandRefused(Exception):
    """A command does not allow what it was sent for; the subclass says why."""


class CommandMalformed(CommandRefused):
    """Not signed statements of this kind, or two that do not say the same."""


@dataclass
class NotEntitled(CommandRefused):
    """No signature of a person who may: not on the roster at that time, another key, or without the role."""

    person: str
    """Who is said to have signed."""


@dataclass
class CommandOfAnother(CommandRefused):
    """It is for another deployment, request or body."""

    field: str


class CommandUntimely(CommandRefused):
    """Too old, or from the future."""


@dataclass
class PersonsMissing(CommandRefused):
    """Fewer different persons signed than the act takes."""

    needed: int
    given: int


class OfficerCommand(Statement):
    """One person's word that this request is to be carried out."""

    kind = "tsukuba-evote officer command v1"

    deployment: Identifier
    person: Identifier
    service: Identifier
    method: Annotated[str, Field(pattern=r"^[A-Z]{1,10}$")]
    path: Path
    """Percent-decoded, so that a proxy may encode it anew."""
    body_sha256: Sha256Hex
    reason: Reason
    time: AwareDatetime
    nonce: Nonce

    def said_by_all(self) -> dict[str, Any]:
        """What both persons have to have signed alike: everything but their names."""
        return self.model_dump(mode="json", exclude={"person"})


class AccessRequest(Statement):
    """One person's word that they ask to read this, now."""

    kind = "tsukuba-evote access v1"

    deployment: Identifier
    person: Identifier
    service: Identifier
    path: Path
    query: Annotated[str, Field(max_length=2000)]
    """Percent-encoded, as it stands in the address."""
    time: AwareDatetime
    nonce: Nonce


@dataclass(frozen=True)
class GivenCommand:
    """A command that holds: who gave it, and the exact texts."""

    persons: tuple[Person, ...]
    command: OfficerCommand = field(repr=False)
    """The first person's."""
    statements: tuple[str, ...] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def names(self) -> str:
        """Who gave it, for evidence that people read."""
        return "、".join(person.name for person in self.persons)

    @property
    def reason(self) -> str:
        """Why, in the officers' words."""
        return self.command.reason

    def about(self, body: bytes) -> GivenCommand:
        """The same with the request's body; raises ``CommandOfAnother`` when they signed another one."""
        if self.command.body_sha256 != hashlib.sha256(body).hexdigest():
            raise CommandOfAnother("body_sha256")
        return replace(self, body=body)

    @cached_property
    def sha256(self) -> str:
        """Of what all have signed: the same whoever signed first, and however often it is sent (hexadecimal)."""
        return hashlib.sha256(rfc8785.dumps(self.command.said_by_all())).hexdigest()


def verify_signatures(statements: Sequence[str], act: Act, roster: Roster) -> GivenCommand:
    """See that the persons whom an act takes have signed one and the same command, each entitled when they signed.

    What the command is for, and whether it comes in time, is for the caller to see; the body is empty here.

    Raises:
        CommandMalformed, NotEntitled, PersonsMissing; CommandOfAnother: of another deployment.
    """
    if not 1 <= len(statements) <= MOST_STATEMENTS:
        raise CommandMalformed
    signed = [_signed(OfficerCommand, text, roster, act.role) for text in statements]
    first = signed[0][1]
    if any(command.said_by_all() != first.said_by_all() for _, command in signed):
        raise CommandMalformed
    if first.deployment != roster.deployment:
        raise CommandOfAnother("deployment")
    persons = tuple({person.id: person for person, _ in signed}.values())
    # One person who signs twice is one.
    if len(persons) < act.persons:
        raise PersonsMissing(act.persons, len(persons))
    return GivenCommand(persons, first, tuple(statements), b"")


def verify_command_to(statements: Sequence[str], act: Act, roster: Roster, *, path: str, now: datetime) -> GivenCommand:
    """See that a request is commanded, by its head alone; for what is in its body, see ``about`` of the result.

    Args:
        path: of the request, percent-decoded.

    Raises:
        Every subclass of CommandRefused.
    """
    given = verify_signatures(statements, act, roster)
    command = given.command
    expected = {"service": act.service, "method": act.method, "path": path}
    for name, value in expected.items():
        if getattr(command, name) != value:
            raise CommandOfAnother(name)
    _require_timely(command.time, now, COMMAND_LIFETIME)
    for person in given.persons:
        # Taken off the roster since they signed.
        if not person.valid_at(now):
            raise NotEntitled(person.id)
    return given


def verify_command(
    statements: Sequence[str], act: Act, roster: Roster, *, path: str, body: bytes, now: datetime
) -> GivenCommand:
    """See that a request is the one that was commanded, with exactly this body; otherwise as ``verify_command_to``."""
    return verify_command_to(statements, act, roster, path=path, now=now).about(body)


def verify_access(
    statement: str, roles: frozenset[Role], roster: Roster, *, service: str, path: str, query: str, now: datetime
) -> Person:
    """See that a person of one of these roles asks for exactly this; returns the person.

    A request that somebody sends again within its two minutes shows only what its signer asked to see, to whoever can
    read the connection anyway: its nonce is not kept.

    Raises:
        CommandMalformed, NotEntitled, CommandOfAnother, CommandUntimely.
    """
    person, request = _signed(AccessRequest, statement, roster, *roles)
    expected = {"deployment": roster.deployment, "service": service, "path": path, "query": query}
    for name, value in expected.items():
        if getattr(request, name) != value:
            raise CommandOfAnother(name)
    _require_timely(request.time, now, ACCESS_LIFETIME)
    if not person.valid_at(now):
        raise NotEntitled(person.id)
    return person


def authorization(scheme: str, statements: Sequence[str]) -> str:
    """The header's value: the scheme, and each statement in unpadded base64url."""
    return f"{scheme} {','.join(base64.urlsafe_b64encode(text.encode()).decode().rstrip('=') for text in statements)}"


def statements_of(scheme: str, header: str) -> tuple[str, ...] | None:
    """What :func:`authorization` wrote; None for another scheme or none. Raises ``CommandMalformed``."""
    given, _, encoded = header.partition(" ")
    if given.lower() != scheme.lower():
        return None
    try:
        return tuple(
            base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True).decode()
            for part in encoded.strip().split(",")
        )
    except ValueError:
        raise CommandMalformed from None


S = TypeVar("S", OfficerCommand, AccessRequest)


def _signed(kind: type[S], text: str, roster: Roster, *roles: Role) -> tuple[Person, S]:
    try:
        claimed = claimed_statement(kind, text)
    except StatementRefused:
        raise CommandMalformed from None
    person = roster.person(claimed.person)
    if person is None or not person.valid_at(claimed.time) or not set(roles) & set(person.roles):
        raise NotEntitled(claimed.person)
    for key in person.public_keys:
        try:
            return person, verify_statement(kind, text, key)
        except StatementSignatureWrong:
            continue
        except StatementRefused:
            raise CommandMalformed from None
    raise NotEntitled(claimed.person)


def _require_timely(time: datetime, now: datetime, lifetime: timedelta) -> None:
    if not now - lifetime <= time <= now + CLOCK_SKEW:
        raise CommandUntimely
