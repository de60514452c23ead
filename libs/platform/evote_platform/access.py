"""How an endpoint reaches its replica, and who may call it: the FastAPI dependencies that services share.

Nobody logs in. Officers sign each command, auditors and officers each request to read (``evote_officers``). Who they
are is the roster's to say.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Protocol, TypeVar

from evote_officers.acts import Act
from evote_officers.commands import (
    ACCESS_SCHEME,
    COMMAND_SCHEME,
    CommandMalformed,
    CommandOfAnother,
    CommandRefused,
    CommandUntimely,
    GivenCommand,
    NotEntitled,
    PersonsMissing,
    statements_of,
    verify_access,
    verify_command_to,
)
from evote_officers.roster import Person, Role
from fastapi import Request, Security
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPBase

from .bodylimit import Beforehand, passed
from .clock import Clock
from .problems import OUT_OF_SERVICE, RATE_LIMITED, SCRAPER_UNKNOWN, Problem, kind
from .ratelimit import TokenBucket, address_key
from .roster import RosterFile

Answer = TypeVar("Answer")

COMMAND: Final = HTTPBase(
    scheme=COMMAND_SCHEME,
    scheme_name="command",
    description="Signed commands of the persons that the act takes (docs/officers.md).",
    auto_error=False,
)
"""The schemes are for the contract only: what a request carries is looked at below."""
ACCESS: Final = HTTPBase(
    scheme=ACCESS_SCHEME,
    scheme_name="access",
    description="A request to read, signed by a person on the roster (docs/officers.md).",
    auto_error=False,
)

SCRAPER: Final = HTTPBearer(
    scheme_name="scraper",
    description="The own token of a program that reads metrics (docs/officers.md).",
    auto_error=False,
)

UNAUTHORIZED: Final = kind(
    "unauthorized",
    401,
    ("署名が必要です", "選挙事務のプログラムで署名して送ってください。Authorization: {scheme}"),
    ("A signature is needed", "Sign the request with the officers' program. Authorization: {scheme}"),
)
COMMAND_MALFORMED: Final = kind(
    "command-malformed",
    401,
    ("署名された指示として読めません", "選挙事務のプログラムで作り直してください。"),
    ("This is no signed command", "Make it again with the officers' program."),
)
FORBIDDEN: Final = kind(
    "forbidden",
    403,
    ("この操作は許可されていません", "職員名簿に、あなたの鍵、役割、期間が載っているか確かめてください。"),
    ("You are not entitled to this", "See whether the roster has your key, the role and the time."),
)
COMMAND_OF_ANOTHER: Final = kind(
    "command-of-another",
    403,
    ("署名された指示と送られた内容が違います", "違うところ: {field}。指示を作り直してください。"),
    ("The signed command is for something else", "It differs in {field}. Make the command again."),
    members=("field",),
)
COMMAND_UNTIMELY: Final = kind(
    "command-untimely",
    403,
    ("署名された指示の期限が切れています", "時計を確かめて、指示を作り直してください。"),
    ("The signed command is too old, or of the future", "Check the clock, and make the command again."),
)
PERSONS_MISSING: Final = kind(
    "second-person-needed",
    403,
    ("署名する人が足りません", "{needed} 人の署名が必要です（いまは {given} 人）。別の人が連署してください。"),
    ("More persons have to sign", "It takes {needed} persons, and {given} signed. Let another one cosign."),
    members=(
        "given",
        "needed",
    ),
)
READING_PROBLEMS: Final = (UNAUTHORIZED, COMMAND_MALFORMED, FORBIDDEN, COMMAND_OF_ANOTHER, COMMAND_UNTIMELY)
"""What a service answers with that asks who reads."""
ACCESS_PROBLEMS: Final = (*READING_PROBLEMS, PERSONS_MISSING)
"""What a service answers with that asks who reads and who commands."""


@dataclass(frozen=True)
class Access:
    """Whom a replica lets in."""

    service: str
    """Such as ``tally``: commands are signed for one service."""
    roster: RosterFile
    clock: Clock


class HasAccess(Protocol):
    """A service that persons on a roster command or read."""

    @property
    def access(self) -> Access:
        """Whom it lets in."""


class LimitsAddresses(Protocol):
    """A service that bounds what one address may ask for."""

    @property
    def address_limit(self) -> TokenBucket:
        """Taken from by :func:`address_key` of the client's address."""


# FastAPI calls a dependency that isn't a coroutine in a thread, and waits for it: each would cost a request more than
# the work that it does.
async def running_service(request: Request) -> Any:
    """What the program's start gave, for ``Annotated[BallotService, Depends(running_service)]``."""
    return _service(request)


def _service(request: Request) -> Any:
    try:
        return request.app.state.service
    except AttributeError:
        raise Problem(OUT_OF_SERVICE) from None  # it waits for something in its start


@dataclass(frozen=True)
class Commanded:
    """Lets a request through that the persons whom ``act`` takes have signed; gives what they signed.

    For the endpoints of a service that :class:`HasAccess`. Who commands what is settled before the body is read, and
    then that it is the body which they signed.
    """

    act: Act

    async def before_body(self, request: Request) -> GivenCommand:
        """See who has signed, by the head."""
        service: HasAccess = _service(request)
        access = service.access

        def verify() -> GivenCommand:
            statements = _statements(request, COMMAND_SCHEME)
            path = str(request.scope["path"])
            return verify_command_to(statements, self.act, access.roster.current(), path=path, now=access.clock())

        return _answering(verify)

    async def __call__(self, request: Request, _: Annotated[object, Security(COMMAND)]) -> GivenCommand:
        given: GivenCommand = passed(request, self)
        body = await request.body()
        return _answering(lambda: given.about(body))


@dataclass(frozen=True)
class Reading:
    """Lets a person through who has one of these roles and signed that they ask for exactly this.

    For the endpoints of a service that :class:`HasAccess`.
    """

    roles: frozenset[Role]

    async def __call__(self, request: Request, _: Annotated[object, Security(ACCESS)]) -> Person:
        person: Person = passed(request, self)
        return person

    async def before_body(self, request: Request) -> Person:
        """See who asks."""
        service: HasAccess = _service(request)
        access = service.access

        def verify() -> Person:
            statements = _statements(request, ACCESS_SCHEME)
            if len(statements) != 1:
                raise CommandMalformed
            return verify_access(
                statements[0],
                self.roles,
                access.roster.current(),
                service=access.service,
                path=str(request.scope["path"]),
                query=request.scope["query_string"].decode("latin-1"),
                now=access.clock(),
            )

        return _answering(verify)


require_auditor: Final = Reading(frozenset({Role.AUDITOR}))
"""Let only auditors of record through."""
require_officer: Final = Reading(frozenset({Role.ELECTION_OFFICER, Role.AUDITOR}))
"""Let those through who may see how far an election is, behind the public's view."""
require_counter: Final = Reading(frozenset({Role.COUNTER_OFFICER}))
"""Let only those through who see voters and their papers."""


async def require_scraper(request: Request, _: Annotated[object, Security(SCRAPER)]) -> None:
    """Let only a program through that the roster names, by its own token, also while the start waits for something."""
    state = request.app.state
    waits = hasattr(state, "access_at_start") and not hasattr(state, "service")
    access: Access = state.access_at_start if waits else _service(request).access
    scheme, _space, token = request.headers.get("authorization", "").partition(" ")
    digest = hashlib.sha256(token.strip().encode("utf-8", "surrogatepass")).hexdigest()
    now = access.clock()
    if scheme.lower() != "bearer" or not any(
        hmac.compare_digest(digest, scraper.token_sha256) and scraper.valid_at(now)
        for scraper in access.roster.current().scrapers
    ):
        raise Problem(SCRAPER_UNKNOWN, headers={"WWW-Authenticate": "Bearer"})


@dataclass(frozen=True)
class AddressLimit(Beforehand):
    """Answers 429 when an address asks too often; for the endpoints of a service that :class:`LimitsAddresses`.

    A shared address (a family, a town hall) slows down and is never locked out. Behind a proxy the address is what
    ``EVOTE_TRUSTED_PROXIES`` say, and nobody else.
    """

    async def before_body(self, request: Request) -> None:
        """Take one request from the address's share."""
        service: LimitsAddresses = _service(request)
        wait_s = service.address_limit.take(address_key(request.client.host if request.client else ""))
        if wait_s:
            raise Problem(RATE_LIMITED, retry_after_s=wait_s)


limit_address: Final = AddressLimit()
"""For ``dependencies=[Depends(limit_address)]``."""


def _statements(request: Request, scheme: str) -> tuple[str, ...]:
    statements = statements_of(scheme, request.headers.get("authorization", ""))
    if statements is None:
        raise Problem(UNAUTHORIZED, facts={"scheme": scheme}, headers={"WWW-Authenticate": scheme})
    return statements


def _answering(verify: Callable[[], Answer]) -> Answer:
    try:
        return verify()
    except CommandRefused as error:
        raise _problem(error) from error


def _problem(error: CommandRefused) -> Problem:
    match error:
        case NotEntitled():
            return Problem(FORBIDDEN)
        case CommandOfAnother():
            return Problem(COMMAND_OF_ANOTHER, {"field": error.field})
        case CommandUntimely():
            return Problem(COMMAND_UNTIMELY)
        case PersonsMissing():
            return Problem(PERSONS_MISSING, {"needed": error.needed, "given": error.given})
        case _:
            return Problem(COMMAND_MALFORMED, headers={"WWW-Authenticate": COMMAND_SCHEME})
