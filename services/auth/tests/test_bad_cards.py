"""What a card that isn't one, or an authority that can't answer, gets: a clear error, and nothing is written."""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from evote_auth.main import PROGRAM
from evote_auth.settings import AuthSettings
from evote_eventlog.events import CredentialReleased, VoterAuthenticated
from evote_jpki.authority import OCSP_PATH, Person, TestAuthority
from evote_jpki.emulator import EmulatedCard
from evote_local.nodes.authority_server import PublishedAuthority, authority_server
from evote_local.nodes.ports import LOOPBACK, free_port
from evote_local.testbed import running_app
from evote_platform.clock import utc_now
from pydantic import HttpUrl

pytestmark = pytest.mark.stack

HANAKO = Person("斎藤 花子", "茨城県つくば市研究学園1丁目1番地1", "1990-04-01", "2")
MALFORMED = (422, "malformed-certificate")
UNTRUSTED = (403, "untrusted-certificate")


def answer_of(response: httpx.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json", response.text
    assert response.json()["other_ways"] == ["phone", "face", "counter"]
    return response.status_code, response.json()["type"].rsplit(":", 1)[-1]


def changed(authority: TestAuthority, card: EmulatedCard, **changes) -> bytes:
    """The card's user-authentication certificate, issued again with something changed."""
    original = x509.load_der_x509_certificate(card.slots[0].certificate)
    issuer = authority._user
    builder = x509.CertificateBuilder(
        original.issuer,
        original.subject,
        changes.get("public_key", original.public_key()),
        original.serial_number,
        original.not_valid_before_utc.replace(tzinfo=None),
        original.not_valid_after_utc.replace(tzinfo=None),
        list(original.extensions),
    )
    signed = builder.sign(
        changes.get("key", issuer.key), changes.get("hash", hashes.SHA256()), rsa_padding=changes.get("padding")
    )
    return signed.public_bytes(Encoding.DER)


def bad_certificates(authority: TestAuthority, card: EmulatedCard) -> dict[str, tuple[bytes, tuple[int, str]]]:
    """Bytes in the place of the user-authentication certificate, and what they get."""
    good, signature = (slot.certificate for slot in card.slots)
    impostor = TestAuthority(utc_now, secrets.token_bytes)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    huge = rsa.RSAPublicNumbers(65537, (1 << 8191) | 1).public_key()
    sha256, sha1 = (bytes.fromhex(f"2a864886f70d0101{arc}") for arc in ("0b", "05"))
    return {
        "garbage": (secrets.token_bytes(900), MALFORMED),
        "half of it": (good[: len(good) // 2], MALFORMED),
        "a byte behind it": (good + b"\0", MALFORMED),
        "a length that isn't minimal": (b"\x30\x83\x00" + good[2:], MALFORMED),
        "an indefinite length": (b"\x30\x80" + good[4:] + b"\0\0", MALFORMED),
        "a chain": (good + authority._user.certificate.public_bytes(Encoding.DER), MALFORMED),
        "a long chain": (good * 6, MALFORMED),
        "more than a request may hold": (good * 12, (422, "invalid-request")),
        "more than a body may hold": (good * 60, (413, "body-too-large")),
        "a key of 1024 bits": (
            changed(authority, card, public_key=rsa.generate_private_key(65537, 1024).public_key()),
            MALFORMED,
        ),
        "a key of 8192 bits": (changed(authority, card, public_key=huge), MALFORMED),
        "an elliptic-curve key": (
            changed(authority, card, public_key=ec.generate_private_key(ec.SECP256R1()).public_key()),
            MALFORMED,
        ),
        "signed with SHA-1": (good.replace(sha256, sha1), MALFORMED),
        "signed with SHA-512": (changed(authority, card, hash=hashes.SHA512()), MALFORMED),
        "signed by PSS": (changed(authority, card, padding=pss), MALFORMED),
        "the other certificate": (signature, MALFORMED),
        "the authority's own": (authority._user.certificate.public_bytes(Encoding.DER), MALFORMED),
        "another authority of the same name": (changed(authority, card, key=impostor._user.key), UNTRUSTED),
        "signed by the card itself": (changed(authority, card, key=card.slots[0].key), UNTRUSTED),
    }


@dataclass(frozen=True)
class Vault:
    """Everything in the vault but the challenges, and how many of those are used."""

    tables: dict[str, list[str]]
    used: int


async def vault_of(town) -> Vault:
    connection = await asyncpg.connect(town.settings.database_url.get_secret_value())
    names = await connection.fetch(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'auth' AND tablename LIKE 'vault_%'"
        " AND tablename NOT IN ('vault_challenges', 'vault_failures')"
    )
    tables = {
        row["tablename"]: sorted(map(str, await connection.fetch(f"SELECT * FROM auth.{row['tablename']}")))
        for row in names
    }
    used = await connection.fetchval("SELECT count(*) FROM auth.vault_challenges WHERE used")
    await connection.close()
    assert len(tables) >= 4
    return Vault(tables, used)


async def test_a_bad_certificate_gets_its_own_error_and_nothing_is_written(town) -> None:
    await town.prepare(HANAKO)
    card = town.card(HANAKO)
    before = await vault_of(town)
    reached = 0
    for case, (der, expected) in bad_certificates(town.authority, card).items():
        body = town.sign(card, await town.challenge())
        response = await town.send(town.changed(body, user_certificate=base64.b64encode(der).decode()))
        assert answer_of(response) == expected, case
        if expected[1] not in ("invalid-request", "body-too-large"):
            reached += 1
            assert response.json()["certificate"] == "user-authentication", case
    after = await vault_of(town)
    assert after.tables == before.tables
    assert after.used == before.used + reached, "each attempt used its challenge up"
    assert await town.events(CredentialReleased) == await town.events(VoterAuthenticated) == []
    assert (await town.release(card)).status_code == 200, "the card itself is good"


async def test_a_certificate_of_the_near_future_is_refused_until_its_second_comes(town) -> None:
    await town.prepare(HANAKO)
    card = town.card(HANAKO, valid_from=datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=30))
    assert answer_of(await town.release(card)) == (403, "certificate-not-yet-valid")
    town.clock.moved = timedelta(seconds=31)
    assert (await town.release(card)).status_code == 200


@pytest.mark.parametrize(("ahead", "expected"), [(-1, 200), (4, 200), (6, 409)])
async def test_a_challenge_counts_where_clocks_differ_by_less_than_its_lifetime(
    town, auth_settings: AuthSettings, ahead: int, expected: int
) -> None:
    """The replica that gave the challenge and the one that gets the answer have different clocks."""
    await town.prepare(HANAKO)
    card = town.card(HANAKO, valid_from=datetime.now(UTC) - timedelta(days=1))
    body = town.sign(card, await town.challenge())
    other = PROGRAM.app(PROGRAM.start(auth_settings), lambda: datetime.now(UTC) + timedelta(minutes=ahead))
    async with running_app(other) as client:
        response = await client.post(f"{town.base}/releases", json=body)
    assert response.status_code == expected, response.text


@pytest.fixture
def register(authority: TestAuthority, auth_settings: AuthSettings) -> Iterator[PublishedAuthority]:
    """What the responder answers from: another file than auth's revocation lists."""
    file = auth_settings.crl_file.with_name("register.pem")
    file.write_bytes(authority.crl_pem())
    yield PublishedAuthority(authority.responders(), file, utc_now)


@pytest.fixture
def responder_url(register: PublishedAuthority) -> Iterator[str]:
    server = authority_server(register, free_port())
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://{LOOPBACK}:{server.server_port}/{OCSP_PATH}"
    server.shutdown()
    server.server_close()


class TestWithAResponder:
    """auth asks the test authority's responder over HTTP."""

    @pytest.fixture
    def auth_settings(self, auth_settings: AuthSettings, responder_url: str) -> AuthSettings:
        url = HttpUrl(responder_url)
        return auth_settings.model_copy(update={"ocsp_user_authentication_url": url, "ocsp_digital_signature_url": url})

    async def asked(self, town) -> int:
        """How many certificates the responder was asked about."""
        # Not from /metrics, which tells of ten at a time.
        (checks,) = town.trust().metrics._checks.collect()
        counts = [sample for sample in checks.samples if sample.name.endswith("_total")]
        return sum(int(sample.value) for sample in counts if sample.labels["source"] == "ocsp")

    async def test_both_certificates_are_asked_about(self, town) -> None:
        await town.prepare(HANAKO)
        assert (await town.release(town.card(HANAKO))).status_code == 200
        assert await self.asked(town) == 2

    @pytest.mark.parametrize("which", ["user_certificate", "signature_certificate"])
    async def test_a_revocation_counts_at_once_and_before_any_list(
        self, town, register: PublishedAuthority, which: str
    ) -> None:
        await town.prepare(HANAKO)
        card = town.card(HANAKO)
        assert (await town.release(card)).status_code == 200
        before = await vault_of(town)
        body = town.sign(card, await town.challenge())
        town.authority.revoke(base64.b64decode(body[which]))
        register.lists_file.write_bytes(town.authority.crl_pem())
        response = await town.send(body)
        assert answer_of(response) == (403, "certificate-revoked")
        kinds = {"user_certificate": "user-authentication", "signature_certificate": "digital-signature"}
        assert response.json()["certificate"] == kinds[which]
        assert (await vault_of(town)).tables == before.tables

    @pytest.mark.parametrize("signature", ["challenge_signature", "statement_signature"])
    async def test_nobody_without_the_card_makes_us_ask(self, town, signature: str) -> None:
        await town.prepare(HANAKO)
        card = town.card(HANAKO)
        other = town.sign(card, await town.challenge())
        body = town.changed(town.sign(card, await town.challenge()), **{signature: other[signature]})
        assert answer_of(await town.send(body))[0] == 403
        assert await self.asked(town) == 0

    async def test_when_no_source_can_tell_nobody_is_let_in_and_nothing_is_written(
        self, town, register: PublishedAuthority
    ) -> None:
        await town.prepare(HANAKO)
        card = town.card(HANAKO)
        before = await vault_of(town)
        register.lists_file.write_bytes(b"")  # the responder isn't authorised to answer
        one = x509.load_pem_x509_crl(town.authority.crl_pem()).public_bytes(Encoding.PEM)
        town.settings.crl_file.write_bytes(one)  # the list of the signature authority is missing
        town.trust().refresh()
        response = await town.release(card)
        assert answer_of(response) == (503, "revocation-unknown")
        assert response.json()["certificate"] == "digital-signature" and response.headers["Retry-After"] == "60"
        assert (await vault_of(town)).tables == before.tables
        register.lists_file.write_bytes(town.authority.crl_pem())
        assert (await town.release(card)).status_code == 200
