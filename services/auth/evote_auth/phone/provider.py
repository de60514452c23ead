"""Asking the provider of マイナアプリ as a confidential client (OpenID Connect Core 1.0, RFC 7636, RFC 7523)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import quote, urlencode

import httpx
from authlib.oauth2.rfc7523 import private_key_jwt_sign
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from evote_phone.id_token import Algorithm, Provider, ProviderUnusable, nonce_of, read_keys
from evote_platform.clock import Clock
from joserfc.jwk import ECKey, RSAKey

from ..domain.phone import PhoneAnswer, PhoneVisit
from ..domain.refusals import PhoneCodeRefused, PhoneServiceAway, PhoneSignatureMissing
from . import signing_api

TIMEOUT_S: Final = 5.0
"""For a whole exchange: a voter waits for it."""
_CONNECTIONS: Final = httpx.Limits(max_connections=32, max_keepalive_connections=8)
_LARGEST_ANSWER: Final = 128 * 1024
_OPENID: Final = "/realms/main/protocol/openid-connect"
_SCOPES: Final = "openid sign"
_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_LIFETIME_S: Final = 60
_Method = Literal["GET", "POST"]


@dataclass(frozen=True)
class PhoneSettings:
    """Where the provider is, who auth is there, and auth's keys there."""

    base_url: str
    """Such as ``https://auth-and-sign.go.jp/api``, without a trailing slash."""
    issuer: str
    client_id: str
    algorithm: Algorithm
    """With which both sides sign JWTs."""
    redirect_uri: str
    """The front's page that the app comes back to, as it is registered at the provider."""
    client_key: RSAKey | ECKey = field(repr=False)
    """Signs auth's assertions."""
    decryption_key: RSAKey = field(repr=False)
    """Opens signatures and certificates."""


def open_client() -> httpx.AsyncClient:
    """A client that keeps connections and takes nothing from the environment but what is configured."""
    return httpx.AsyncClient(timeout=TIMEOUT_S, limits=_CONNECTIONS, trust_env=False)


@dataclass(frozen=True)
class PhoneProvider:
    """The provider, as one replica asks it; keeps no tokens."""

    http: httpx.AsyncClient
    settings: PhoneSettings
    clock: Clock

    async def begin(self, statement: str) -> str:
        """Announce what is to be signed, and return the transaction's number; raises ``PhoneServiceAway``."""
        tokens = await self._tokens({"grant_type": "client_credentials"})
        asked = signing_api.transaction_request(statement)
        answer = await self._ask("POST", signing_api.TRANSACTIONS, tokens.get("access_token"), json=asked)
        try:
            return signing_api.transaction_id(answer)
        except signing_api.SigningAnswerMalformed as error:
            raise PhoneServiceAway from error

    def authorization_url(self, visit: PhoneVisit, challenge: str) -> str:
        """Where the voter's browser goes, all but ``state``: that is the page's own, and holds what auth never sees."""
        parameters = {
            "response_type": "code",
            "response_mode": signing_api.RESPONSE_MODE,
            "client_id": self.settings.client_id,
            "redirect_uri": self.settings.redirect_uri,
            "scope": _SCOPES,
            "nonce": nonce_of(challenge),
            "code_challenge": create_s256_code_challenge(visit.code_verifier),
            "code_challenge_method": "S256",
            signing_api.TRANSACTION_PARAMETER: visit.transaction_id,
        }
        return f"{self.settings.base_url}{_OPENID}/auth?{urlencode(parameters, quote_via=quote)}"

    async def answer(self, visit: PhoneVisit, code: str) -> PhoneAnswer:
        """What the voter's card did in the app, for the code that came back.

        Raises ``PhoneCodeRefused``, ``PhoneSignatureMissing`` or ``PhoneServiceAway``.
        """
        tokens = await self._tokens(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self.settings.redirect_uri,
                "code_verifier": visit.code_verifier,
            }
        )
        id_token = tokens.get("id_token")
        if not isinstance(id_token, str):
            raise PhoneServiceAway
        result = await self._ask("GET", signing_api.result_path(visit.transaction_id), tokens.get("access_token"))
        try:
            certificate, signature = signing_api.signed_result(result, self.settings.decryption_key)
        except signing_api.SigningAnswerMalformed as error:
            raise PhoneSignatureMissing from error
        return PhoneAnswer(id_token, certificate, signature)

    async def provider(self) -> Provider:
        """Who signs ID tokens, with the keys of this moment; raises ``PhoneServiceAway``."""
        settings = self.settings
        try:
            keys = read_keys(await self._ask("GET", f"{_OPENID}/certs", None))
        except ProviderUnusable as error:
            raise PhoneServiceAway from error
        return Provider(settings.issuer, settings.client_id, settings.algorithm, keys)

    async def _tokens(self, asked: Mapping[str, str]) -> Mapping[str, Any]:
        settings = self.settings
        token_url = f"{settings.base_url}{_OPENID}/token"
        assertion = private_key_jwt_sign(
            settings.client_key,
            settings.client_id,
            token_url,
            settings.algorithm,
            issued_at=int(self.clock().timestamp()),
            expires_in=_ASSERTION_LIFETIME_S,
        )
        form = {**asked, "client_assertion_type": _ASSERTION, "client_assertion": assertion}
        if asked["grant_type"] == "client_credentials":
            form["scope"] = "sign"
        return await self._ask("POST", f"{_OPENID}/token", None, data=form)

    async def _ask(
        self,
        method: _Method,
        path: str,
        token: object,
        *,
        json: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
    ) -> Mapping[str, Any]:
        # Identity, so that what is counted is what is kept: no answer unpacks to more.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if isinstance(token, str):
            headers["Authorization"] = f"Bearer {token}"
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),  # httpx's own limits the wait for each piece
                self.http.stream(
                    method, f"{self.settings.base_url}{path}", json=json, data=data, headers=headers
                ) as response,
            ):
                content = await _bounded(response)
        except (httpx.HTTPError, TimeoutError, UnicodeEncodeError) as error:
            raise PhoneServiceAway from error
        answer = _object(content)
        # RFC 6749, 5.2: the code is unknown, used, too old, or was given for another verifier.
        if response.status_code == 400 and answer.get("error") == "invalid_grant":
            raise PhoneCodeRefused
        if response.status_code == 404:
            raise PhoneSignatureMissing
        if not response.is_success:
            raise PhoneServiceAway
        return answer


async def _bounded(response: httpx.Response) -> bytes:
    content = bytearray()
    async for piece in response.aiter_raw():
        content += piece
        if len(content) > _LARGEST_ANSWER:
            raise PhoneServiceAway
    return bytes(content)


def _object(content: bytes) -> Mapping[str, Any]:
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):  # nested deeper than Python can read
        return {}
    return answer if isinstance(answer, dict) else {}
