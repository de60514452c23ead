"""The revocation policy, over real HTTP: every source in every state, and responders that misbehave."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from evote_auth.metrics import RevocationMetrics
from evote_auth.revocation.ocsp import TIMEOUT_S, OcspClient, open_http
from evote_auth.revocation.trust import CardFiles, ForTestsOnly, Trust, read_authorities
from evote_auth.settings import AuthSettings
from evote_jpki.authority import CardKeys, Person, TestAuthority
from evote_jpki.certificates import (
    CardCertificate,
    CertificateExpired,
    CertificateRevoked,
    Purpose,
    RevocationUnknown,
    UntrustedIssuer,
    parse_certificate,
)
from evote_jpki.ocsp import LARGEST_RESPONSE
from evote_jpki.responder import answer
from evote_local.nodes.ports import LOOPBACK, free_port
from evote_local.nodes.processes import ChildProcess
from evote_local.people.staff import Staff
from evote_local.testbed import lengthened
from evote_platform.clock import utc_now
from evote_platform.health import NotReady
from evote_platform.settings import Environment
from prometheus_client import CollectorRegistry

HANAKO = Person("斎藤 花子", "茨城県つくば市研究学園1丁目1番地1", "1990-04-01", "2")
DAYS = timedelta(days=1)


class Responder:
    """A server that answers as ``behave`` says; None stands for no answer at all."""

    def __init__(self) -> None:
        self.behave: Callable[[bytes], bytes | int | None] = lambda _: 500
        self.asked = 0
        responder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                responder.asked += 1
                said = responder.behave(self.rfile.read(int(self.headers["Content-Length"])))
                if said is None:
                    self.close_connection = True
                    return
                content = said if isinstance(said, bytes) else b""
                self.send_response(said if isinstance(said, int) else 200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self.url = f"http://{LOOPBACK}:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@dataclass
class Office:
    """A test authority, a card's certificate, and a Trust that asks a responder about it."""

    authority: TestAuthority
    certificate: CardCertificate
    responder: Responder
    folder: Path
    registry: CollectorRegistry
    now: datetime
    trust: Trust = field(init=False)

    def lists(self) -> list[x509.CertificateRevocationList]:
        return [self.authority._list(issuer) for issuer in (self.authority._user, self.authority._signature)]

    def says(self, status: ocsp.OCSPCertStatus, at: timedelta = timedelta()) -> Callable[[bytes], bytes]:
        """An answer by the authority itself, as of another time."""
        issuer = self.authority._user

        def respond(_: bytes) -> bytes:
            moment = self.now + at
            builder = ocsp.OCSPResponseBuilder().add_response(
                self.certificate.x509,
                issuer.certificate,
                hashes.SHA1(),
                status,
                moment,
                moment + timedelta(hours=1),
                moment if status is ocsp.OCSPCertStatus.REVOKED else None,
                None,
            )
            builder = builder.responder_id(ocsp.OCSPResponderEncoding.NAME, issuer.certificate)
            return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.DER)

        return respond

    def counted(self, source: str, outcome: str) -> float | None:
        labels = {"source": source, "outcome": outcome}
        return self.registry.get_sample_value("evote_auth_revocation_checks_total", labels)

    async def check(self, at: timedelta = timedelta()) -> None:
        await self.trust.require_valid(self.certificate, self.now + at)


@pytest.fixture
def responder() -> Iterator[Responder]:
    responder = Responder()
    yield responder
    responder.server.shutdown()
    responder.server.server_close()


@pytest.fixture
async def office(responder: Responder, keys: CardKeys, tmp_path: Path) -> AsyncIterator[Office]:
    authority = TestAuthority(utc_now, secrets.token_bytes)
    card = authority.issue_card(HANAKO, keys, pin="1234", password="ABC123")
    certificate = parse_certificate(card.slots[0].certificate)
    (tmp_path / "ca.pem").write_bytes(authority.ca_bundle_pem())
    (tmp_path / "crl.pem").write_bytes(authority.crl_pem())
    async with AsyncExitStack() as opened:
        with lengthened("evote_auth.revocation.ocsp.TIMEOUT_S"):
            http = await opened.enter_async_context(open_http())
        office = Office(authority, certificate, responder, tmp_path, CollectorRegistry(), datetime.now(UTC))
        client = OcspClient(http, dict.fromkeys(Purpose, responder.url), secrets.token_bytes)
        office.trust = trust_in(office, client, office.registry)
        yield office


def trust_in(office: Office, client: OcspClient, registry: CollectorRegistry) -> Trust:
    files = office.folder / "ca.pem", office.folder / "crl.pem"
    return Trust(CardFiles(*files), Environment.TEST, client, RevocationMetrics(registry), lambda: office.now)


def behaviours(office: Office) -> dict[str, Callable[[bytes], bytes | int | None]]:
    identities = office.authority.responders()
    refusal = ocsp.OCSPResponseBuilder.build_unsuccessful(ocsp.OCSPResponseStatus.TRY_LATER)
    return {
        "good": lambda request: answer(identities, office.lists(), request, office.now),
        "revoked": office.says(ocsp.OCSPCertStatus.REVOKED),
        "unknown": office.says(ocsp.OCSPCertStatus.UNKNOWN),
        "late": office.says(ocsp.OCSPCertStatus.GOOD, -DAYS),
        "early": office.says(ocsp.OCSPCertStatus.GOOD, DAYS),
        "try later": lambda _: refusal.public_bytes(Encoding.DER),
        "garbage": lambda _: b"<html>Please log in</html>",
        "too large": lambda _: bytes(LARGEST_RESPONSE + 1),
        "empty": lambda _: b"",
        "an error": lambda _: 500,
        "a redirect": lambda _: 302,
        "hung up": lambda _: None,
    }


OUTCOMES = {
    "good": "good",
    "revoked": "revoked",
    "unknown": "unknown",
    **dict.fromkeys(["late", "early", "try later", "garbage", "too large", "empty"], "invalid"),
    **dict.fromkeys(["an error", "a redirect", "hung up"], "unreachable"),
}
OUT_OF_DATE = 8 * DAYS


@pytest.mark.parametrize("said", OUTCOMES)
async def test_a_current_list_helps_out_unless_the_responder_says_revoked(office: Office, said: str) -> None:
    office.responder.behave = behaviours(office)[said]
    if said == "revoked":
        with pytest.raises(CertificateRevoked):
            await office.check()
    else:
        await office.check()
    assert office.counted("ocsp", OUTCOMES[said]) == office.counted("crl", "good") == 1


@pytest.mark.parametrize("said", OUTCOMES)
async def test_without_a_current_list_only_the_responder_lets_anybody_in(office: Office, said: str) -> None:
    (office.folder / "crl.pem").write_bytes(stale(office))
    office.trust.refresh()
    office.responder.behave = behaviours(office)[said]
    expected = {"good": None, "revoked": CertificateRevoked}.get(said, RevocationUnknown)
    if expected is None:
        await office.check()
    else:
        with pytest.raises(expected) as refused:
            await office.check()
        assert refused.value.purpose is Purpose.USER_AUTHENTICATION
    assert office.counted("ocsp", OUTCOMES[said]) == office.counted("crl", "unknown") == 1


def stale(office: Office) -> bytes:
    """Lists that ran out yesterday."""
    clock = office.authority._clock
    office.authority._clock = lambda: office.now - OUT_OF_DATE
    lists = office.authority.crl_pem()
    office.authority._clock = clock
    return lists


async def test_who_is_on_a_current_list_is_refused_and_nobody_is_asked(office: Office) -> None:
    office.responder.behave = office.says(ocsp.OCSPCertStatus.GOOD)
    office.authority.revoke(office.certificate.der)
    (office.folder / "crl.pem").write_bytes(office.authority.crl_pem())
    office.trust.refresh()
    with pytest.raises(CertificateRevoked):
        await office.check()
    assert office.responder.asked == 0


async def test_nobody_is_asked_about_a_certificate_without_a_valid_path(office: Office, keys: CardKeys) -> None:
    with pytest.raises(CertificateExpired):
        await office.check(at=timedelta(days=6 * 365))
    foreign = TestAuthority(utc_now, secrets.token_bytes).issue_card(HANAKO, keys, pin="1234", password="ABC123")
    with pytest.raises(UntrustedIssuer):
        await office.trust.require_valid(parse_certificate(foreign.slots[0].certificate), office.now)
    assert office.responder.asked == 0


async def test_without_a_responder_the_list_alone_decides(office: Office) -> None:
    async with open_http() as http:
        alone = trust_in(office, OcspClient(http, {}, secrets.token_bytes), CollectorRegistry())
        await alone.require_valid(office.certificate, office.now)
        with pytest.raises(RevocationUnknown):
            await alone.require_valid(office.certificate, office.now + OUT_OF_DATE)
    assert office.responder.asked == 0


@pytest.mark.parametrize("how", ["silent", "slow"])
async def test_a_responder_that_keeps_us_waiting_is_given_up_in_time(office: Office, how: str) -> None:
    """One that says nothing, and one that sends a byte now and then so that no single wait is long."""

    async def keep_waiting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = True
        while not writer.is_closing():
            if how == "slow":
                writer.write(b"HTTP/1.1 200 OK\r\n" if first else b"X-Wait: 1\r\n")
            first = False
            await asyncio.sleep(0.2)

    server = await asyncio.start_server(keep_waiting, LOOPBACK, 0)
    port = server.sockets[0].getsockname()[1]
    async with open_http() as http:
        urls = {Purpose.USER_AUTHENTICATION: f"http://{LOOPBACK}:{port}"}
        office.trust.ocsp = OcspClient(http, urls, secrets.token_bytes)
        began = time.monotonic()
        await office.check()
    # It would go on for ever; how soon after its time it ends is the machine's affair.
    assert time.monotonic() - began > TIMEOUT_S - 0.1
    assert office.counted("ocsp", "unreachable") == 1
    server.close()


async def test_a_responder_that_is_down_costs_no_time(office: Office) -> None:
    nobody = f"http://{LOOPBACK}:{free_port()}"
    office.trust.ocsp = OcspClient(office.trust.ocsp.http, dict.fromkeys(Purpose, nobody), secrets.token_bytes)
    began = time.monotonic()
    await office.check()
    longest = office.trust.ocsp.http.timeout.total
    assert longest is not None and time.monotonic() - began < longest, "as long as one that doesn't answer"
    assert office.counted("ocsp", "unreachable") == 1


async def test_openssl_as_the_responder_is_believed(office: Office, keys: CardKeys) -> None:
    """A responder that we did not write, over HTTP."""
    issuer = office.authority._user
    second = office.authority.issue_card(HANAKO, keys, pin="1234", password="ABC123")
    revoked = parse_certificate(second.slots[0].certificate)
    serials = [each.x509.serial_number for each in (office.certificate, revoked)]
    (office.folder / "index.txt").write_text(
        f"V\t360101000000Z\t\t{serials[0]:016X}\tunknown\t/CN=1\n"
        f"R\t360101000000Z\t260101000000Z\t{serials[1]:016X}\tunknown\t/CN=2\n"
    )
    (office.folder / "issuer.pem").write_bytes(issuer.certificate.public_bytes(Encoding.PEM))
    (office.folder / "responder.pem").write_bytes(office.authority.responders()[0].pem())
    port = free_port()
    command = ["openssl", "ocsp", "-port", str(port), "-index", "index.txt", "-CA", "issuer.pem", "-ndays", "1"]
    command += ["-rsigner", "responder.pem", "-rkey", "responder.pem"]
    process = ChildProcess("openssl", command, log_path=office.folder / "log", working_directory=office.folder)
    try:
        # A connection that asks nothing would stop this server: wait for what it says instead.
        process.wait_until(lambda: "waiting" in (office.folder / "log").read_text(), timeout_s=50)
        urls = dict.fromkeys(Purpose, f"http://{LOOPBACK}:{port}/")
        office.trust.ocsp = OcspClient(office.trust.ocsp.http, urls, secrets.token_bytes)
        (office.folder / "crl.pem").write_bytes(stale(office))
        office.trust.refresh()
        await office.check()
        with pytest.raises(CertificateRevoked):
            await office.trust.require_valid(revoked, office.now)
    finally:
        process.kill()
    assert office.counted("ocsp", "good") == office.counted("ocsp", "revoked") == 1


async def test_a_replica_is_ready_while_some_source_may_let_voters_in(office: Office) -> None:
    await office.trust.check()
    office.now += OUT_OF_DATE
    await office.trust.check()
    office.trust.ocsp = OcspClient(office.trust.ocsp.http, {}, secrets.token_bytes)
    with pytest.raises(NotReady):
        await office.trust.check()


def test_operators_see_when_the_lists_run_out(office: Office) -> None:
    ends = office.registry.get_sample_value("evote_auth_revocation_lists_end_timestamp_seconds")
    assert ends is not None and abs(ends - (office.now + 7 * DAYS).timestamp()) < 60
    user_list = x509.load_pem_x509_crl(office.authority.crl_pem())
    (office.folder / "crl.pem").write_bytes(user_list.public_bytes(Encoding.PEM))
    office.trust.refresh()
    assert office.registry.get_sample_value("evote_auth_revocation_lists_end_timestamp_seconds") == 0


def real_looking_bundle() -> bytes:
    """An authority that isn't marked as one for tests."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "An authority")])
    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, datetime(2026, 1, 1), datetime(2036, 1, 1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM)


async def test_production_refuses_test_authorities_also_when_they_come_later(office: Office) -> None:
    bundle, lists = office.folder / "ca.pem", office.folder / "crl.pem"
    with pytest.raises(ForTestsOnly, match="TEST ONLY"):
        read_authorities(CardFiles(bundle, lists), Environment.PRODUCTION)
    office.trust.environment = Environment.PRODUCTION
    before = office.trust.authorities
    bundle.write_bytes(office.authority.ca_bundle_pem() + real_looking_bundle())
    office.trust.refresh()
    assert office.trust.authorities is before, "what was trusted stays, and nothing is added"


@pytest.mark.parametrize("environment", [None, "production", "staging"])
def test_auth_does_not_start_in_production_with_a_test_authority(
    office: Office, tmp_path: Path, environment: str | None
) -> None:
    variables = {
        "EVOTE_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "EVOTE_KAFKA_CA_FILE": str(office.folder / "ca.pem"),
        "EVOTE_DATABASE_URL": "postgresql://127.0.0.1:1/none?sslmode=verify-full",
        "EVOTE_PORT": "0",
        "EVOTE_ROSTER_FILE": str(Staff().write_roster(tmp_path / "roster.json")),
        "EVOTE_CREDENTIAL_TOKEN_MODULE": str(tmp_path / "token.so"),
        "EVOTE_CREDENTIAL_TOKEN_LABEL": "token",
        "EVOTE_CREDENTIAL_TOKEN_PIN_FILE": str(tmp_path / "pin"),
        "EVOTE_CA_BUNDLE_FILE": str(office.folder / "ca.pem"),
        "EVOTE_CRL_FILE": str(office.folder / "crl.pem"),
        "EVOTE_AUDITOR_PUBLIC_KEY": "AA==",
        "EVOTE_TRUSTED_PROXIES": "none",
        **({"EVOTE_ENVIRONMENT": environment} if environment else {}),
    }
    done = subprocess.run(
        [sys.executable, "-m", "evote_auth.main", "serve"],
        env={"PATH": os.defpath, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    said = "EVOTE_ENVIRONMENT" if environment == "staging" else "holds a test authority"
    assert said in done.stderr and len(done.stderr.splitlines()) == 1


def test_production_is_what_a_deployment_is_unless_it_says_otherwise() -> None:
    assert AuthSettings.model_fields["environment"].default is Environment.PRODUCTION
