"""The named officers of a deployment: their keys, the roster that lists them, and how they sign what they send."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_officers.acts import Act, find_act
from evote_officers.commands import ACCESS_SCHEME, COMMAND_SCHEME, authorization
from evote_officers.roster import Role
from evote_officers.signing import Officer
from evote_platform.clock import Clock, utc_now
from evote_statements.keys import key_text

DEPLOYMENT = "local"
REASON = "予定どおり"
_SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class StaffMember:
    """A person of the staff."""

    identifier: str
    name: str
    role: Role
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate, repr=False)

    @property
    def officer(self) -> Officer:
        """The person, able to sign."""
        return Officer(DEPLOYMENT, self.identifier, self.key)

    def entry(self) -> dict[str, object]:
        """The person's entry in the roster."""
        return {
            "id": self.identifier,
            "name": self.name,
            "roles": [self.role],
            "keys": [key_text(self.key.public_key())],
            "valid_from": (_SINCE - timedelta(days=1)).isoformat(),
        }


class Staff:
    """Two election officers, two officers at the counter, an auditor of record, and a program that reads metrics."""

    def __init__(self) -> None:
        self.sato = StaffMember("sato", "佐藤 花子", Role.ELECTION_OFFICER)
        self.suzuki = StaffMember("suzuki", "鈴木 一郎", Role.ELECTION_OFFICER)
        self.tanaka = StaffMember("tanaka", "田中 美咲", Role.COUNTER_OFFICER)
        self.ito = StaffMember("ito", "伊藤 健", Role.COUNTER_OFFICER)
        self.kato = StaffMember("kato", "加藤 監査人", Role.AUDITOR)
        self.scraper_token = secrets.token_hex(32)
        """Of the program that reads metrics."""

    @property
    def members(self) -> tuple[StaffMember, ...]:
        """Everybody."""
        return (self.sato, self.suzuki, self.tanaka, self.ito, self.kato)

    def holding(self, role: Role) -> list[StaffMember]:
        """Those of a role."""
        return [member for member in self.members if member.role is role]

    def write_roster(self, path: Path, members: Sequence[StaffMember] | None = None) -> Path:
        """Write the roster of all, or of ``members``; returns the path."""
        entries = [member.entry() for member in (self.members if members is None else members)]
        draft = path.with_name(f"{path.name}.new")
        scraper = {
            "name": "監視",
            "token_sha256": hashlib.sha256(self.scraper_token.encode()).hexdigest(),
            "valid_from": _SINCE.isoformat(),
        }
        roster = {"deployment": DEPLOYMENT, "persons": entries, "scrapers": [scraper]}
        draft.write_text(json.dumps(roster, ensure_ascii=False))
        draft.replace(path)
        return path

    def speakers(self) -> dict[str, object]:
        """Who may say something on the city's wall, as its configuration has it."""
        officers = self.holding(Role.ELECTION_OFFICER)
        return {
            "deployment": DEPLOYMENT,
            "persons": {one.identifier: [key_text(one.key.public_key())] for one in officers},
        }

    def command(self, act: Act, path: str, body: bytes, now: datetime) -> list[str]:
        """The statements of as many persons as an act takes."""
        first, *others = self.holding(act.role)[: act.persons]
        command = first.officer.command(act, path, body, reason=REASON, now=now, random=secrets.token_bytes)
        return [command, *(other.officer.cosign(command) for other in others)]

    def signing(self, service: str, clock: Clock = utc_now) -> StaffSignature:
        """For ``httpx``: every request to ``service`` is signed by whom it takes."""
        return StaffSignature(self, service, clock)


@dataclass(frozen=True)
class StaffSignature(httpx.Auth):
    """Signs commands as the persons whom the act takes, and what is only read as an officer or auditor who may.

    Metrics it asks for with the scraper's token.
    """

    requires_request_body = True

    staff: Staff
    service: str
    clock: Clock

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Put the signatures into the request's header."""
        path, now = request.url.path, self.clock()
        act = find_act(self.service, request.method, path)
        if path == "/metrics":
            request.headers["Authorization"] = f"Bearer {self.staff.scraper_token}"
        elif act is not None:
            statements = self.staff.command(act, path, request.content, now)
            request.headers["Authorization"] = authorization(COMMAND_SCHEME, statements)
        else:
            reader = self.staff.tanaka if path.endswith("/card-matches") else self.staff.kato
            query = request.url.query.decode()
            access = reader.officer.access(self.service, path, query, now=now, random=secrets.token_bytes)
            request.headers["Authorization"] = authorization(ACCESS_SCHEME, [access])
        yield request
