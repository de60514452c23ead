"""Requests of ``requests`` (schemathesis' client), signed by a stack's staff."""

from __future__ import annotations

from contextlib import suppress

import httpx
from evote_local.stack.stack import Stack
from pydantic import ValidationError
from requests import PreparedRequest
from requests.auth import AuthBase


class SignedByStaff(AuthBase):
    """Signs each request to a service as the persons whom it takes."""

    def __init__(self, stack: Stack, service: str) -> None:
        self._signature = stack.identities.staff.signing(service)

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        same = httpx.Request(str(request.method), str(request.url), content=body)
        # An address longer than anybody signs goes out unsigned, as from a person without a key.
        with suppress(ValidationError):
            signed = next(self._signature.auth_flow(same))
            request.headers["Authorization"] = signed.headers["Authorization"]
        return request
