"""The test authority's HTTP program, asked by the openssl command and by hand."""

from __future__ import annotations

import base64
import secrets
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from evote_jpki.authority import SIGNATURE_LIST, USER_LIST, Person, TestAuthority, generate_card_keys
from evote_local.nodes.ports import LOOPBACK, free_port, is_listening
from evote_local.nodes.processes import ChildProcess
from evote_platform.clock import utc_now

PERSON = Person("筑波花子", "茨城県つくば市研究学園一丁目１番地１", "1980-02-29", "2")


@dataclass(frozen=True)
class Served:
    """The program, with a card that is good and one that is revoked, as files for openssl."""

    folder: Path
    url: str
    authority: TestAuthority
    process: ChildProcess

    def openssl(self, *arguments: str) -> str:
        done = subprocess.run(
            ["openssl", *arguments], cwd=self.folder, capture_output=True, text=True, check=False, timeout=50
        )
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder, port = tmp_path_factory.mktemp("authority"), free_port()
    authority, keys = TestAuthority(utc_now, secrets.token_bytes), generate_card_keys()
    for name in ("good", "revoked"):
        card = authority.issue_card(PERSON, keys, pin="1234", password="ABC123")
        for kind, slot in zip(("user", "signature"), card.slots, strict=True):
            pem = x509.load_der_x509_certificate(slot.certificate).public_bytes(Encoding.PEM)
            (folder / f"{name}-{kind}.pem").write_bytes(pem)
            if name == "revoked":
                authority.revoke(slot.certificate)
    (folder / "ca.pem").write_bytes(authority.ca_bundle_pem())
    (folder / "lists.pem").write_bytes(authority.crl_pem())
    command = [sys.executable, "-m", "evote_local.nodes.authority_server", "--port", str(port)]
    command += ["--lists", str(folder / "lists.pem")]
    for kind, identity in zip(("user", "signature"), authority.responders(), strict=True):
        (folder / f"{kind}-ca.pem").write_bytes(identity.issuer.public_bytes(Encoding.PEM))
        (folder / f"{kind}-responder.pem").write_bytes(identity.pem())
        command += ["--responder", str(folder / f"{kind}-responder.pem")]
    process = ChildProcess("test-authority", command, log_path=folder / "log")
    try:
        process.wait_until(lambda: is_listening(port), timeout_s=50)
        yield Served(folder, f"http://{LOOPBACK}:{port}", authority, process)
    finally:
        process.kill()


@pytest.mark.parametrize("kind", ["user", "signature"])
@pytest.mark.parametrize("status", ["good", "revoked"])
def test_openssl_as_a_client_believes_it(served: Served, status: str, kind: str) -> None:
    """The openssl command checks the delegate, its signature, the nonce and the times."""
    certificate = f"{status}-{kind}.pem"
    about = ["-issuer", f"{kind}-ca.pem", "-cert", certificate, "-CAfile", "ca.pem"]
    said = served.openssl("ocsp", "-url", f"{served.url}/ocsp", *about)
    assert "Response verify OK" in said and f"{certificate}: {status}" in said, said
    assert "WARNING" not in said and "rror" not in said, said


@pytest.mark.parametrize(("kind", "name"), [("user", USER_LIST), ("signature", SIGNATURE_LIST)])
def test_openssl_believes_its_lists(served: Served, kind: str, name: str) -> None:
    der = urllib.request.urlopen(f"{served.url}/{name}", timeout=50).read()
    (served.folder / name).write_bytes(x509.load_der_x509_crl(der).public_bytes(Encoding.PEM))
    checks = ["verify", "-x509_strict", "-crl_check", "-CRLfile", name, "-CAfile", "ca.pem"]
    assert f"good-{kind}.pem: OK" in served.openssl(*checks, f"good-{kind}.pem")
    assert "certificate revoked" in served.openssl(*checks, f"revoked-{kind}.pem")


def request_about(served: Served, name: str) -> bytes:
    certificate = x509.load_pem_x509_certificate((served.folder / f"{name}-user.pem").read_bytes())
    issuer = x509.load_pem_x509_certificate((served.folder / "user-ca.pem").read_bytes())
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, hashes.SHA1())
    return builder.build().public_bytes(Encoding.DER)


def test_a_request_may_stand_in_the_path(served: Served) -> None:
    """RFC 6960, A.1, with what RFC 5019, 6.2 asks of answers that may be cached."""
    encoded = urllib.parse.quote(base64.b64encode(request_about(served, "revoked")).decode(), safe="")
    with urllib.request.urlopen(f"{served.url}/ocsp/{encoded}", timeout=50) as answered:
        said = ocsp.load_der_ocsp_response(answered.read())
        assert said.certificate_status is ocsp.OCSPCertStatus.REVOKED
        assert answered.headers["Content-Type"] == "application/ocsp-response"
        assert {"Last-Modified", "Expires", "Cache-Control", "ETag"} <= set(answered.headers)


def test_every_answer_says_that_this_is_a_test(served: Served) -> None:
    with urllib.request.urlopen(served.url, timeout=50) as answered:
        assert b"TEST ONLY" in answered.read() and "TEST-ONLY" in answered.headers["Server"]


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/ocsp", {"Content-Type": "application/ocsp-request"}, bytes(5000), 413),
        ("/ocsp", {"Content-Type": "text/plain"}, b"x", 415),
        ("/ocsp/***", {}, None, 400),
        ("/unknown.crl", {}, None, 404),
    ],
)
def test_what_is_no_request_is_refused(served: Served, path: str, headers, body, status: int) -> None:
    request = urllib.request.Request(served.url + path, data=body, headers=headers)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=50)
    assert refused.value.code == status and "TEST-ONLY" in refused.value.headers["Server"]


def test_a_revocation_counts_from_the_next_answer_on(served: Served) -> None:
    card = served.authority.issue_card(PERSON, generate_card_keys(), pin="1234", password="ABC123")
    leaf = x509.load_der_x509_certificate(card.slots[1].certificate)
    (served.folder / "leaf.pem").write_bytes(leaf.public_bytes(Encoding.PEM))
    about = ["-issuer", "signature-ca.pem", "-cert", "leaf.pem", "-CAfile", "ca.pem"]
    assert "leaf.pem: good" in served.openssl("ocsp", "-url", f"{served.url}/ocsp", *about)
    served.authority.revoke(card.slots[1].certificate)
    (served.folder / "lists.pem").write_bytes(served.authority.crl_pem())
    assert "leaf.pem: revoked" in served.openssl("ocsp", "-url", f"{served.url}/ocsp", *about)
