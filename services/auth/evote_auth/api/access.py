"""What endpoints depend on: the replica, an officer's token, and how much one address asks for."""

from __future__ import annotations

from typing import Annotated

from evote_platform.problems import rate_limited
from evote_platform.ratelimit import TokenBucket
from evote_platform.tokens import verify_bearer
from fastapi import Depends, Request

from ..service import AuthService

NDJSON = "application/x-ndjson"


def _service(request: Request) -> AuthService:
    service: AuthService = request.app.state.service
    return service


Service = Annotated[AuthService, Depends(_service)]


def require_officer(request: Request, service: Service) -> None:
    """Let only election officers through."""
    verify_bearer(request, service.officer_token_sha256)


def limit_address(request: Request) -> None:
    """Bound what one address may ask for; a shared address slows down and is never locked out."""
    limit: TokenBucket = request.app.state.address_limit
    wait_s = limit.take(request.client.host if request.client else "")
    if wait_s:
        raise rate_limited(wait_s)
