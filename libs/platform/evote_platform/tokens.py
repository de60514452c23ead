"""Bearer tokens: random, handed out once, kept only as SHA-256, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac

from fastapi import Request

from .problems import FORBIDDEN, UNAUTHORIZED, Problem


def token_sha256(token: str) -> str:
    """What is kept of a token: SHA-256 of its UTF-8 text, lower-case hexadecimal."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def verify_bearer(request: Request, expected_sha256: str) -> None:
    """Demand the bearer token (RFC 6750) whose :func:`token_sha256` is ``expected_sha256``.

    Raises:
        Problem: 401 ``unauthorized`` without a bearer token, 403 ``forbidden`` with another one.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Problem(UNAUTHORIZED, headers={"WWW-Authenticate": "Bearer"})
    if not hmac.compare_digest(token_sha256(token.strip()), expected_sha256):
        raise Problem(FORBIDDEN, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
