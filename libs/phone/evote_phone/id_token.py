"""The ID token of a voter who showed a card to マイナアプリ (OpenID Connect Core 1.0, sections 2 and 3.1.3.7)."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

Algorithm = Literal["RS256", "ES256"]
"""What the provider signs with; which one is told by no source alone, so a deployment names it."""
LARGEST_ID_TOKEN: Final = 8192
"""In characters."""
_LEEWAY_S: Final = 60
"""By how much the provider's clock and ours may differ, in seconds."""


@dataclass
class IdTokenRefused(Exception):
    """Not what the provider said to us about this challenge."""

    member: str
    """What is wrong with it, in one word."""


class ProviderUnusable(ValueError):
    """A description of the provider can't be read."""


@dataclass(frozen=True)
class Provider:
    """Who signs ID tokens, for whom, how, and with which keys."""

    issuer: str
    client_id: str
    """auth's, at the provider."""
    algorithm: Algorithm
    keys: KeySet = field(repr=False)


def read_provider(text: str) -> Provider:
    """A provider as JSON, as auditors keep it: ``issuer``, ``client_id``, ``algorithm``, and its ``keys`` (JWK Set, RFC
    7517), those that are no longer used as well.

    Raises :class:`ProviderUnusable`.
    """
    try:
        document = json.loads(text)
        if document["algorithm"] not in ("RS256", "ES256"):
            raise ProviderUnusable("algorithm must be RS256 or ES256")
        keys = read_keys(document)
        return Provider(str(document["issuer"]), str(document["client_id"]), document["algorithm"], keys)
    except (ValueError, KeyError, TypeError) as error:
        raise ProviderUnusable(f"not a provider's description: {type(error).__name__}") from error


def read_keys(document: Mapping[str, Any]) -> KeySet:
    """The keys of a JWK Set; raises :class:`ProviderUnusable`."""
    try:
        return KeySet.import_key_set({"keys": document["keys"]})
    except (JoseError, ValueError, KeyError, TypeError) as error:
        raise ProviderUnusable(f"not a JWK Set: {type(error).__name__}") from error


def nonce_of(challenge: str) -> str:
    """The ``nonce`` that ties an ID token to a challenge, and to the device's key that stands in it: base64url of its
    SHA-256."""
    return base64.urlsafe_b64encode(hashlib.sha256(challenge.encode()).digest()).decode().rstrip("=")


def verify_id_token(text: str, provider: Provider, challenge: str, now: datetime) -> None:
    """Check that the provider said to auth, about this challenge and not long ago, that somebody's card was shown.

    Steps: one of the provider's keys signed it, with the one algorithm that is named (never ``none``, and never a
    symmetric one under a public key); it is by this issuer, for this client alone, current, and bears the challenge's
    nonce.

    Raises :class:`IdTokenRefused`.
    """
    if len(text) > LARGEST_ID_TOKEN:
        raise IdTokenRefused("size")
    try:
        claims = jwt.decode(text, provider.keys, algorithms=[provider.algorithm]).claims
    except (JoseError, ValueError, TypeError) as error:
        raise IdTokenRefused("signature") from error
    try:
        jwt.JWTClaimsRegistry(
            now=int(now.timestamp()), leeway=_LEEWAY_S, exp={"essential": True}, iat={"essential": True}
        ).validate(claims)
    except JoseError as error:
        raise IdTokenRefused("time") from error
    # A token for several clients could have been given to another one of them, who passes it on.
    for member, expected in (
        ("iss", [provider.issuer]),
        ("aud", [provider.client_id, [provider.client_id]]),
        ("azp", [provider.client_id, None]),
        ("nonce", [nonce_of(challenge)]),
    ):
        if claims.get(member) not in expected:
            raise IdTokenRefused(member)
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise IdTokenRefused("sub")
