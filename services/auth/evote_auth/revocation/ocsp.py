"""Asking an authority's OCSP responder over HTTP (RFC 6960, appendix A); ``evote_jpki.ocsp`` reads what it says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import httpx
from evote_jpki.authorities import Authority, RevocationStatus
from evote_jpki.certificates import CardCertificate, Purpose
from evote_jpki.ocsp import (
    LARGEST_RESPONSE,
    NONCE_BYTES,
    REQUEST_TYPE,
    RESPONSE_TYPE,
    OcspAnswerInvalid,
    ask,
    read_answer,
)

TIMEOUT_S = 2.0
"""For a whole exchange: a voter waits for it, and the revocation list is the way out."""
_CONNECTIONS = httpx.Limits(max_connections=32, max_keepalive_connections=8)


class OcspUnreachable(Exception):
    """No answer came, or not in time. The message says why, in one word or an HTTP status."""


def open_http() -> httpx.AsyncClient:
    """A client that keeps connections and takes nothing from the environment but what is configured."""
    return httpx.AsyncClient(timeout=TIMEOUT_S, limits=_CONNECTIONS, trust_env=False)


@dataclass(frozen=True)
class OcspClient:
    """Asks the configured responders; keeps no answers, so that a revocation counts from the next release on."""

    http: httpx.AsyncClient
    urls: Mapping[Purpose, str]
    """The responder for each kind of certificate; none for a kind whose lists alone are to be used."""
    random: Callable[[int], bytes]

    async def status(self, certificate: CardCertificate, authority: Authority, now: datetime) -> RevocationStatus:
        """What the responder says.

        Raises:
            OcspUnreachable: there is no answer.
            OcspAnswerInvalid: the answer can't be relied upon.
        """
        question = ask(certificate, authority, self.random(NONCE_BYTES))
        return read_answer(question, await self._post(self.urls[certificate.purpose], question.der), now)

    async def _post(self, url: str, request: bytes) -> bytes:
        # Identity, so that what is counted below is what is kept: no answer unpacks to more.
        headers = {"Content-Type": REQUEST_TYPE, "Accept": RESPONSE_TYPE, "Accept-Encoding": "identity"}
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),  # httpx's own limits the wait for each piece
                self.http.stream("POST", url, content=request, headers=headers) as response,
            ):
                if response.status_code != 200:
                    raise OcspUnreachable(f"HTTP {response.status_code}")
                return await _bounded(response)
        except (httpx.HTTPError, TimeoutError) as error:
            raise OcspUnreachable(type(error).__name__) from None


async def _bounded(response: httpx.Response) -> bytes:
    content = bytearray()
    async for piece in response.aiter_raw():
        content += piece
        if len(content) > LARGEST_RESPONSE:
            raise OcspAnswerInvalid("too large")
    return bytes(content)
