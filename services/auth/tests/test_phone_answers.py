"""What the provider of the phone's app answers is read as a stranger's."""

from __future__ import annotations

import httpx
import pytest
from evote_auth.domain.refusals import PhoneServiceAway
from evote_auth.phone.provider import PhoneProvider, PhoneSettings
from evote_auth.phone.signing_api import result_path
from evote_platform.clock import utc_now
from joserfc.jwk import ECKey, RSAKey


def settings() -> PhoneSettings:
    return PhoneSettings(
        "https://provider.example/api",
        "https://provider.example",
        "tsukuba",
        "ES256",
        "https://vote.example.jp/phone",
        ECKey.generate_key("P-256", private=True),
        RSAKey.generate_key(2048, private=True),
    )


@pytest.mark.parametrize(
    "answer", [b"[" * 100_000, b"{" * 1000, b"\xff", b"", b"[]", b'{"access_token": 1}', b"x" * 200_000]
)
async def test_an_answer_that_can_not_be_read_is_a_provider_that_is_away(answer: bytes) -> None:
    transport = httpx.MockTransport(
        lambda _: httpx.Response(200, stream=httpx.ByteStream(answer))
    )  # for a provider gone mad
    async with httpx.AsyncClient(transport=transport) as http:
        with pytest.raises(PhoneServiceAway):
            await PhoneProvider(http, settings(), utc_now).begin("statement")


def test_a_transactions_number_names_no_other_path() -> None:
    assert result_path("../x?y#z") == "/sign-transactions/..%2Fx%3Fy%23z/result"
