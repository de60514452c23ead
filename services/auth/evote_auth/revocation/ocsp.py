"""Asking an authority's OCSP responder over HTTP (RFC 6960, appendix A); ``evote_jpki.ocsp`` reads what it says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
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
_CONNECTIONS = 32
_IDLE_S = 5.0
"""How long a connection is kept for the next question: none shall meet one that the responder has just closed."""


class OcspUnreachable(Exception):
    """No answer came, or not in time. The message says why, in one word or an HTTP status."""


@asynccontextmanager
async def open_http() -> AsyncIterator[ClientSession]:
    """A client that keeps connections and takes nothing from the environment, or from a responder, but answers.

    Every release asks twice, and httpx takes four times the processor for a question.
    """
    async with ClientSession(
        connector=TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_IDLE_S),
        cookie_jar=DummyCookieJar(),
        timeout=ClientTimeout(total=TIMEOUT_S),
        auto_decompress=False,  # what is counted below is what is kept: no answer unpacks to more
        trust_env=False,
    ) as session:
        yield session


@dataclass(frozen=True)
class OcspClient:
    """Asks the configured responders; keeps no answers, so that a revocation counts from the next release on."""

    http: ClientSession
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
        headers = {"Content-Type": REQUEST_TYPE, "Accept": RESPONSE_TYPE, "Accept-Encoding": "identity"}
        try:
            async with self.http.post(url, data=request, headers=headers, allow_redirects=False) as response:
                if response.status != 200:
                    raise OcspUnreachable(f"HTTP {response.status}")
                return await _bounded(response)
        except (ClientError, OSError) as error:  # a TimeoutError is one
            raise OcspUnreachable(type(error).__name__) from None


async def _bounded(response: ClientResponse) -> bytes:
    content = bytearray()
    async for piece in response.content.iter_any():
        content += piece
        if len(content) > LARGEST_RESPONSE:
            raise OcspAnswerInvalid("too large")
    return bytes(content)
