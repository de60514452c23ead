"""How an endpoint reaches its replica, and who may call it: the FastAPI dependencies that services share."""

from __future__ import annotations

from typing import Any, Protocol

from fastapi import Request

from .problems import RATE_LIMITED, Problem
from .ratelimit import TokenBucket
from .tokens import verify_bearer


class HasOfficers(Protocol):
    """A service with commands for election officers."""

    @property
    def officer_token_sha256(self) -> str:
        """SHA-256 (hex) of their bearer token."""


class LimitsAddresses(Protocol):
    """A service that bounds what one address may ask for."""

    @property
    def address_limit(self) -> TokenBucket:
        """Taken from by the client's address."""


def running_service(request: Request) -> Any:
    """What the program's start gave, for ``Annotated[BallotService, Depends(running_service)]``."""
    return request.app.state.service


def require_officer(request: Request) -> None:
    """Let only election officers through; for the endpoints of a service that :class:`HasOfficers`."""
    service: HasOfficers = running_service(request)
    verify_bearer(request, service.officer_token_sha256)


def limit_address(request: Request) -> None:
    """Answer 429 when an address asks too often; for the endpoints of a service that :class:`LimitsAddresses`.

    A shared address (a family, a town hall) slows down and is never locked out.
    """
    service: LimitsAddresses = running_service(request)
    wait_s = service.address_limit.take(request.client.host if request.client else "")
    if wait_s:
        raise Problem(RATE_LIMITED, retry_after_s=wait_s)
