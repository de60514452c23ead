"""What auth and the auditor take for an ID token about a challenge, and what not."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import pytest
from evote_phone.id_token import (
    IdTokenRefused,
    Provider,
    ProviderUnusable,
    nonce_of,
    read_keys,
    read_provider,
    verify_id_token,
)
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OctKey

ISSUER, CLIENT, CHALLENGE = "https://provider.example/realms/main", "tsukuba", "a challenge\n"
NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
KEY = ECKey.generate_key("P-256", {"kid": "one"}, private=True)
PROVIDER = Provider(ISSUER, CLIENT, "ES256", KeySet([KEY]))
CLAIMS = {
    "iss": ISSUER,
    "sub": "somebody",
    "aud": CLIENT,
    "iat": int(NOW.timestamp()) - 1,
    "exp": int(NOW.timestamp()) + 299,
    "nonce": nonce_of(CHALLENGE),
}


def token(key: ECKey | OctKey = KEY, algorithm: str = "ES256", kid: str = "one", **changes: object) -> str:
    claims = {name: claim for name, claim in {**CLAIMS, **changes}.items() if claim is not None}
    return jwt.encode({"alg": algorithm, "kid": kid}, claims, key, algorithms=[algorithm])


def unsigned() -> str:
    _header, payload, _ = token().split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","kid":"one"}').decode().rstrip("=")
    return f"{none}.{payload}."


def signed_with_the_public_key_as_a_secret() -> str:
    public = json.dumps(KEY.as_dict(private=False)).encode()
    return token(OctKey.import_key(public), "HS256")


@pytest.mark.parametrize("changes", [{}, {"aud": [CLIENT]}, {"azp": CLIENT}])
def test_what_the_provider_says_to_us_about_the_challenge_is_taken(changes: dict[str, object]) -> None:
    verify_id_token(token(**changes), PROVIDER, CHALLENGE, NOW)


@pytest.mark.parametrize(
    ("text", "member"),
    [
        (token(aud="another client"), "aud"),
        (token(aud=[CLIENT, "another client"]), "aud"),
        (token(azp="another client"), "azp"),
        (token(iss="https://another.example"), "iss"),
        (token(iss=None), "iss"),
        (token(nonce=nonce_of("another challenge\n")), "nonce"),
        (token(nonce=None), "nonce"),
        (token(sub=None), "sub"),
        (token(exp=int(NOW.timestamp()) - 61), "time"),
        (token(exp=None), "time"),
        (token(iat=int(NOW.timestamp()) + 61), "time"),
        (token(ECKey.generate_key("P-256", {"kid": "one"}, private=True)), "signature"),
        (token(kid="two"), "signature"),
        (unsigned(), "signature"),
        (signed_with_the_public_key_as_a_secret(), "signature"),
        (token() + "x", "signature"),
        ("no token", "signature"),
        ("", "signature"),
        ("x" * 10_000, "size"),
    ],
)
def test_everything_else_is_refused(text: str, member: str) -> None:
    with pytest.raises(IdTokenRefused) as refused:
        verify_id_token(text, PROVIDER, CHALLENGE, NOW)
    assert refused.value.member == member


def test_a_token_in_another_algorithm_than_the_named_one_is_refused() -> None:
    with pytest.raises(IdTokenRefused):
        verify_id_token(token(), Provider(ISSUER, CLIENT, "RS256", PROVIDER.keys), CHALLENGE, NOW)


def test_an_auditors_description_of_the_provider_is_read_and_another_text_is_not() -> None:
    described = {"issuer": ISSUER, "client_id": CLIENT, "algorithm": "ES256", "keys": [KEY.as_dict(private=False)]}
    verify_id_token(token(), read_provider(json.dumps(described)), CHALLENGE, NOW)
    for change in ({"algorithm": "none"}, {"algorithm": "HS256"}, {"keys": [{}]}, {"keys": 1}):
        with pytest.raises(ProviderUnusable):
            read_provider(json.dumps({**described, **change}))
    for text in ("", "[]", "{}", "null"):
        with pytest.raises(ProviderUnusable):
            read_provider(text)
    with pytest.raises(ProviderUnusable):
        read_keys({})
