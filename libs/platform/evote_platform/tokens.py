"""Bearer tokens (RFC 6750): the service knows their SHA-256 only."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable

from fastapi import Request

from .problems import Problem

_TOKEN_BYTES = 32


def new_token(random: Callable[[int], bytes]) -> str:
    """A new token of 256 random bits, in URL-safe base64 without padding."""
    return base64.urlsafe_b64encode(random(_TOKEN_BYTES)).decode().rstrip("=")


def token_sha256(token: str) -> str:
    """What is stored instead of a token: its SHA-256 in hexadecimal."""
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def verify_bearer(request: Request, expected_sha256: str) -> None:
    """Raise ``Problem`` 401 without a bearer token and 403 with another one; compares in constant time."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Problem(
            "authentication-required",
            "A token is required",
            401,
            "Send the header Authorization: Bearer <token>.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if not hmac.compare_digest(token_sha256(token.strip()), expected_sha256):
        raise Problem("forbidden", "The token does not allow this", 403, "Use the token issued for this role.")
