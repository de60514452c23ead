"""How an auditor of record asks a service for what isn't public yet: every question is signed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import unquote, urlsplit

import httpx
from evote_officers.commands import ACCESS_SCHEME, authorization
from evote_officers.signing import Officer

LOG_SERVICE: Final = "ledger-anchor"


@dataclass(frozen=True)
class AuditorAccess(httpx.Auth):
    """Signs each request for itself, for ``httpx``. What a server keeps of one opens nothing else.

    Args:
        auditor: who asks.
        service: that answers, such as ``ledger-anchor``.
        url: where it is. A gateway may serve it below a prefix, which the service itself doesn't see.
        now: signatures are good for two minutes.
    """

    auditor: Officer
    service: str
    url: str
    now: Callable[[], datetime]

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Put the signature into the request's header."""
        path = request.url.path.removeprefix(unquote(urlsplit(self.url).path).rstrip("/"))
        statement = self.auditor.access(
            self.service, path, request.url.query.decode(), now=self.now(), random=secrets.token_bytes
        )
        request.headers["Authorization"] = authorization(ACCESS_SCHEME, [statement])
        yield request
