"""A stand-in for the provider of マイナアプリ: an OpenID provider whose users have emulated cards. For tests and
demonstrations only.

``python -m evote_local.nodes.phone_provider --port PORT --client FILE --cards FOLDER``. What a person does in the app
is one form here: which card is held to the phone. It takes everything that is assumed of the real one
(``evote_auth.phone.signing_api``), and refuses what that one is known to refuse.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import html
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import uvicorn
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from evote_jpki.authorities import TEST_MARK
from evote_jpki.cardfile import load_card
from evote_jpki.emulator import EmulatedCard
from evote_platform.clock import Clock, utc_now
from fastapi import FastAPI, Form, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from joserfc import jwe, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from .ports import LOOPBACK

OPENID: Final = "/realms/main/protocol/openid-connect"
NAME: Final = f"{TEST_MARK} phone app"
ALGORITHM: Final = "ES256"
_CODE_LIFETIME = timedelta(seconds=60)
_TOKEN_LIFETIME = timedelta(minutes=5)
_JWE = {"alg": "RSA-OAEP-256", "enc": "A256GCM"}


@dataclass(frozen=True)
class RegisteredClient:
    """auth, as it is registered."""

    client_id: str
    redirect_uri: str
    assertion_key: ECKey
    """Public: of its assertions."""
    encryption_key: RSAKey
    """Public: to which signatures and certificates are encrypted."""


@dataclass
class _Authorized:
    """What a person did in the app."""

    nonce: str
    code_challenge: str
    transaction_id: str
    card: EmulatedCard = field(repr=False)
    expires_at: datetime


class Refused(Exception):
    """What a client asks for is refused. Fields: ``status``, ``error`` (RFC 6749, 5.2)."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error


class PhoneProvider:
    """The provider's own doings; what of it a test wants to be untrue, it overrides."""

    def __init__(self, base_url: str, client: RegisteredClient, clock: Clock) -> None:
        """``base_url`` without a trailing slash."""
        self.base_url = base_url
        self.client = client
        self.key = ECKey.generate_key("P-256", {"kid": secrets.token_hex(8), "use": "sig"}, private=True)
        self._clock = clock
        self._digests: dict[str, bytes] = {}
        self._signed: dict[str, EmulatedCard] = {}
        self._codes: dict[str, _Authorized] = {}
        self._tokens: dict[str, str | None] = {}
        """By access token: the transaction whose result it reads, or None for the client's own."""
        self._assertions: set[str] = set()

    @property
    def issuer(self) -> str:
        """As it stands in ID tokens."""
        return f"{self.base_url}/realms/main"

    def keys(self) -> dict[str, Any]:
        """The public keys (JWK Set)."""
        return dict(KeySet([self.key]).as_dict(private=False))

    def authorize(self, asked: Mapping[str, str], card: EmulatedCard) -> str:
        """A person has held a card to the phone and typed PIN and password: where the browser goes back to."""
        self.check_authorization(asked)
        code = secrets.token_urlsafe(32)
        self._codes[code] = _Authorized(
            asked["nonce"],
            asked["code_challenge"],
            asked["sign_transaction_id"],
            card,
            self._clock() + _CODE_LIFETIME,
        )
        mark = "#" if asked.get("response_mode") == "fragment" else "?"
        return f"{asked['redirect_uri']}{mark}{urlencode({'code': code, 'state': asked['state']})}"

    def check_authorization(self, asked: Mapping[str, str]) -> None:
        """Raise :class:`Refused` for what no browser should be sent with."""
        expected = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": self.client.redirect_uri,
            "code_challenge_method": "S256",
        }
        if any(asked.get(name) != value for name, value in expected.items()):
            raise Refused(400, "invalid_request")
        if not all(0 < len(asked.get(name, "")) <= 255 for name in ("state", "nonce", "code_challenge")):
            raise Refused(400, "invalid_request")
        if not {"openid", "sign"} <= set(asked.get("scope", "").split()):
            raise Refused(400, "invalid_scope")
        if asked.get("sign_transaction_id") not in self._digests:
            raise Refused(400, "invalid_request")

    def tokens(self, form: Mapping[str, str]) -> dict[str, Any]:
        """The token endpoint."""
        self._check_client(form)
        access = secrets.token_urlsafe(32)
        answer = {"access_token": access, "token_type": "Bearer", "expires_in": int(_TOKEN_LIFETIME.total_seconds())}
        if form.get("grant_type") == "client_credentials":
            self._tokens[access] = None
            return answer
        if form.get("grant_type") != "authorization_code":
            raise Refused(400, "unsupported_grant_type")
        authorized = self._codes.pop(form.get("code", ""), None)
        if (
            authorized is None
            or authorized.expires_at < self._clock()
            or form.get("redirect_uri") != self.client.redirect_uri
            or create_s256_code_challenge(form.get("code_verifier", "")) != authorized.code_challenge
        ):
            raise Refused(400, "invalid_grant")
        self._tokens[access] = authorized.transaction_id
        self._signed[authorized.transaction_id] = authorized.card
        return {**answer, "id_token": self.id_token(authorized.nonce, authorized.card)}

    def id_token(self, nonce: str, card: EmulatedCard) -> str:
        """What the provider says of whoever showed the card."""
        header = {"alg": ALGORITHM, "kid": self.key.kid}
        return jwt.encode(header, self.claims(nonce, card), self.key, algorithms=[ALGORITHM])

    def claims(self, nonce: str, card: EmulatedCard) -> dict[str, Any]:
        """Its claims; ``sub`` tells one card's owner from another's to this client alone."""
        now = int(self._clock().timestamp())
        subject = hashlib.sha256(self.client.client_id.encode() + card.slots[0].certificate).hexdigest()
        return {
            "iss": self.issuer,
            "sub": subject,
            "aud": self.client.client_id,
            "iat": now,
            "exp": now + int(_TOKEN_LIFETIME.total_seconds()),
            "nonce": nonce,
        }

    def begin_signature(self, access: str, asked: Mapping[str, Any]) -> dict[str, str]:
        """A new transaction for a client."""
        if self._tokens.get(access, "") is not None:
            raise Refused(401, "invalid_token")
        digest = base64.b64decode(str(asked.get("digest", "")))
        if len(digest) != hashlib.sha256().digest_size or asked.get("digest_algorithm") != "SHA-256":
            raise Refused(400, "invalid_request")
        number = secrets.token_hex(16)
        self._digests[number] = digest
        return {"sign_transaction_id": number}

    def result(self, access: str, transaction_id: str) -> dict[str, str]:
        """What a card signed, for the token of whoever held it."""
        if self._tokens.get(access) != transaction_id:
            raise Refused(401, "invalid_token")
        certificate, signature = self.signed(self._digests[transaction_id], self._signed[transaction_id])
        return {
            "certificate": self._encrypted(certificate),
            "signature": self._encrypted(signature),
        }

    def signed(self, digest: bytes, card: EmulatedCard) -> tuple[bytes, bytes]:
        """The signature certificate and what its key signed."""
        slot = card.slots[1]
        return slot.certificate, slot.key.sign(digest, padding.PKCS1v15(), Prehashed(hashes.SHA256()))

    def _encrypted(self, content: bytes) -> str:
        plain = base64.b64encode(content)
        return jwe.encrypt_compact(_JWE, plain, self.client.encryption_key, algorithms=list(_JWE.values()))

    def _check_client(self, form: Mapping[str, str]) -> None:
        """``private_key_jwt`` (OpenID Connect Core 1.0, section 9); an assertion is good once."""
        try:
            assertion = jwt.decode(
                form.get("client_assertion", ""), self.client.assertion_key, algorithms=[ALGORITHM]
            ).claims
            jwt.JWTClaimsRegistry(now=int(self._clock().timestamp()), leeway=60, exp={"essential": True}).validate(
                assertion
            )
        except (JoseError, ValueError):
            raise Refused(401, "invalid_client") from None
        client_id, jti = self.client.client_id, str(assertion.get("jti", ""))
        named = (assertion.get("iss"), assertion.get("sub"), assertion.get("aud"))
        if named != (client_id, client_id, f"{self.base_url}{OPENID}/token") or not jti or jti in self._assertions:
            raise Refused(401, "invalid_client")
        self._assertions.add(jti)


class CardFolder:
    """The cards that can be held to the phone: files, which may come and change while this runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """To choose one by."""
        return sorted(path.stem for path in self._folder.glob("*.card"))

    def named(self, name: str) -> EmulatedCard | None:
        """None: there is no such card."""
        return load_card(self._folder / f"{name}.card") if name in self.names() else None


def phone_app(provider: PhoneProvider, cards: CardFolder) -> FastAPI:
    """The provider over HTTP."""
    app = FastAPI(title=NAME, openapi_url=None)

    @app.exception_handler(Refused)
    async def refused(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, Refused)  # noqa: S101 - Starlette calls by the type registered above
        return JSONResponse({"error": error.error}, error.status)

    @app.get(f"{OPENID}/certs")
    async def certs() -> dict[str, Any]:
        return provider.keys()

    @app.post(f"{OPENID}/token")
    async def token(request: Request) -> dict[str, Any]:
        return provider.tokens({name: str(part) for name, part in (await request.form()).items()})

    @app.post("/sign-transactions")
    async def begin(request: Request) -> dict[str, str]:
        return provider.begin_signature(_bearer(request), await request.json())

    @app.get("/sign-transactions/{transaction_id}/result")
    async def result(transaction_id: str, request: Request) -> dict[str, str]:
        return provider.result(_bearer(request), transaction_id)

    @app.get(f"{OPENID}/auth", response_class=HTMLResponse)
    async def choose(request: Request) -> str:
        provider.check_authorization(dict(request.query_params))
        buttons = "".join(
            f'<p><button name="card" value="{html.escape(name)}">{html.escape(name)}</button></p>'
            for name in cards.names()
        )
        return (
            f'<!doctype html><html lang="ja"><title>{NAME}</title><h1>{NAME}</h1>'
            f"<p>マイナアプリの代わりです。かざすカードを選んでください。</p>"
            f'<form method="post">{buttons}</form></html>'
        )

    @app.post(f"{OPENID}/auth")
    async def chosen(request: Request, card: Annotated[str, Form()]) -> RedirectResponse:
        held = cards.named(card)
        if held is None:
            raise HTTPException(404)
        return RedirectResponse(provider.authorize(dict(request.query_params), held), status_code=303)

    return app


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--client", type=Path, required=True, help="JSON: client_id, redirect_uri and two public JWKs")
    parser.add_argument("--cards", type=Path, required=True, help="a folder of card files")
    arguments = parser.parse_args()
    registered = json.loads(arguments.client.read_text())
    client = RegisteredClient(
        registered["client_id"],
        registered["redirect_uri"],
        ECKey.import_key(registered["assertion_key"]),
        RSAKey.import_key(registered["encryption_key"]),
    )
    provider = PhoneProvider(f"http://{LOOPBACK}:{arguments.port}", client, utc_now)
    app = phone_app(provider, CardFolder(arguments.cards))
    uvicorn.run(app, host=LOOPBACK, port=arguments.port, log_level="warning")


if __name__ == "__main__":
    main()
