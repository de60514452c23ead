"""Answers that the client takes, and those that it doesn't."""

from __future__ import annotations

import secrets
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from evote_jpki.authorities import CLOCK_TOLERANCE, Authority, RevocationStatus, load_authorities
from evote_jpki.authority import CardKeys, Person, TestAuthority, generate_card_keys
from evote_jpki.certificates import CardCertificate, parse_certificate
from evote_jpki.ocsp import LARGEST_RESPONSE, NONCE_BYTES, OcspAnswerInvalid, OcspQuestion, ask, read_answer
from evote_jpki.responder import ResponderIdentity, answer, load_identity
from hypothesis import given, settings
from hypothesis import strategies as st

GOOD, REVOKED, UNKNOWN = RevocationStatus
NONCE = bytes(range(NONCE_BYTES))
DELEGATE_KEY = generate_card_keys().user_authentication
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Office:
    """An authority, a card's user-authentication certificate, and a question about it."""

    authority: TestAuthority
    certificate: CardCertificate
    anchor: Authority
    question: OcspQuestion
    identities: tuple[ResponderIdentity, ResponderIdentity]

    def lists(self) -> list[x509.CertificateRevocationList]:
        return [self.authority._list(issuer) for issuer in (self.authority._user, self.authority._signature)]

    def answer(self, now: datetime) -> bytes:
        return answer(self.identities, self.lists(), self.question.der, now)


def open_office(person: Person, keys: CardKeys, now: datetime) -> Office:
    authority = TestAuthority(lambda: now, secrets.token_bytes)
    card = authority.issue_card(person, keys, pin="1234", password="ABC123")
    certificate = parse_certificate(card.slots[0].certificate)
    anchor = load_authorities(authority.ca_bundle_pem(), authority.crl_pem()).validate_path(certificate, now)
    return Office(authority, certificate, anchor, ask(certificate, anchor, NONCE), authority.responders())


@pytest.fixture(scope="module")
def office(person: Person, keys: CardKeys, now: datetime) -> Office:
    return open_office(person, keys, now)


@pytest.fixture(scope="module")
def revoked_office(person: Person, keys: CardKeys, now: datetime) -> Office:
    office = open_office(person, keys, now)
    office.authority.revoke(office.certificate.der)
    return office


def delegate(office: Office, now: datetime, **changes) -> x509.Certificate:
    """A certificate for DELEGATE_KEY that lets it answer, with some things changed."""
    issuer = changes.get("issuer", office.authority._user)
    usage = office.identities[0].certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, changes.get("subject", "delegate"))]))
        .issuer_name(issuer.certificate.subject)
        .public_key(DELEGATE_KEY.public_key())
        .serial_number(changes.get("serial", 4711))
        .not_valid_before(now + changes.get("begins", -timedelta(days=1)))
        .not_valid_after(now + changes.get("ends", timedelta(days=1)))
        .add_extension(changes.get("usage", usage), critical=True)
    )
    if "purposes" not in changes or changes["purposes"]:
        purposes = changes.get("purposes", [ExtendedKeyUsageOID.OCSP_SIGNING])
        builder = builder.add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
    for value in changes.get("critical", []):
        builder = builder.add_extension(value, critical=True)
    return builder.sign(changes.get("key", issuer.key), hashes.SHA256())


def response(office: Office, now: datetime, **changes) -> bytes:
    """A good answer by the authority itself, with some things changed."""
    authority = office.authority._user
    status = changes.get("status", ocsp.OCSPCertStatus.GOOD)
    builder = ocsp.OCSPResponseBuilder().add_response(
        changes.get("certificate", office.certificate.x509),
        changes.get("issuer", authority.certificate),
        changes.get("identified_by", hashes.SHA1()),
        status,
        now + changes.get("this_update", timedelta()),
        None if changes.get("next_update", 1) is None else now + changes.get("next_update", timedelta(hours=1)),
        now if status is ocsp.OCSPCertStatus.REVOKED else None,
        None,
    )
    signer = changes.get("signer", authority.certificate)
    builder = builder.responder_id(changes.get("encoding", ocsp.OCSPResponderEncoding.NAME), signer)
    if "certificates" in changes:
        builder = builder.certificates(changes["certificates"])
    for extension, critical in changes.get("extensions", [(x509.OCSPNonce(NONCE), False)]):
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(changes.get("key", authority.key), hashes.SHA256()).public_bytes(Encoding.DER)


def test_the_responder_tells_good_from_revoked(office: Office, revoked_office: Office, now: datetime) -> None:
    assert read_answer(office.question, office.answer(now), now) is GOOD
    assert read_answer(revoked_office.question, revoked_office.answer(now), now) is REVOKED


def test_the_responder_speaks_for_its_authorities_alone(office: Office, revoked_office: Office, now: datetime) -> None:
    foreign = answer(office.identities, office.lists(), revoked_office.question.der, now)
    assert ocsp.load_der_ocsp_response(foreign).response_status is ocsp.OCSPResponseStatus.UNAUTHORIZED
    without_list = answer(office.identities, [], office.question.der, now)
    assert ocsp.load_der_ocsp_response(without_list).response_status is ocsp.OCSPResponseStatus.UNAUTHORIZED


@given(st.binary(max_size=200))
def test_the_responder_calls_garbage_malformed(office: Office, now: datetime, garbage: bytes) -> None:
    refused = ocsp.load_der_ocsp_response(answer(office.identities, office.lists(), garbage, now))
    assert refused.response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST


def test_a_responders_identity_survives_its_file(office: Office) -> None:
    for identity in office.identities:
        loaded = load_identity(identity.pem())
        assert (loaded.issuer, loaded.certificate) == (identity.issuer, identity.certificate)
        assert "key" not in repr(loaded)


@pytest.mark.parametrize("encoding", ocsp.OCSPResponderEncoding)
def test_the_authority_may_answer_itself_or_let_a_delegate(office: Office, now: datetime, encoding) -> None:
    assert read_answer(office.question, response(office, now, encoding=encoding), now) is GOOD
    signer = delegate(office, now)
    by_delegate = {"signer": signer, "certificates": [signer], "key": DELEGATE_KEY, "encoding": encoding}
    assert read_answer(office.question, response(office, now, **by_delegate), now) is GOOD


@pytest.mark.parametrize("status", ocsp.OCSPCertStatus)
def test_every_status_is_told_as_it_is(office: Office, now: datetime, status: ocsp.OCSPCertStatus) -> None:
    assert read_answer(office.question, response(office, now, status=status), now).name == status.name


BAD_DELEGATES = {
    "no purposes": {"purposes": []},
    "another purpose": {"purposes": [ExtendedKeyUsageOID.CLIENT_AUTH]},
    "any purpose, which is not this one": {"purposes": [ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]},
    "expired": {"ends": -SECOND},
    "not yet valid": {"begins": SECOND},
    "signed by somebody else": {"key": DELEGATE_KEY},
    "an unknown critical extension": {
        "critical": [x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")]
    },
}


@pytest.mark.parametrize("case", BAD_DELEGATES)
def test_nobody_else_may_answer(office: Office, now: datetime, case: str) -> None:
    signer = delegate(office, now, **BAD_DELEGATES[case])
    forged = response(office, now, signer=signer, certificates=[signer], key=DELEGATE_KEY)
    with pytest.raises(OcspAnswerInvalid, match="not signed by"):
        read_answer(office.question, forged, now)


def test_the_delegate_of_another_authority_may_not_answer(office: Office, now: datetime) -> None:
    signer = delegate(office, now, issuer=office.authority._signature)
    forged = response(office, now, signer=signer, certificates=[signer], key=DELEGATE_KEY)
    with pytest.raises(OcspAnswerInvalid, match="not signed by"):
        read_answer(office.question, forged, now)


def test_a_card_may_not_answer(office: Office, keys: CardKeys, now: datetime) -> None:
    own = office.certificate.x509
    forged = response(office, now, signer=own, certificates=[own], key=keys.user_authentication)
    with pytest.raises(OcspAnswerInvalid, match="not signed by"):
        read_answer(office.question, forged, now)


def test_a_revoked_delegate_may_not_answer(person: Person, keys: CardKeys, now: datetime) -> None:
    office = open_office(person, keys, now)
    signer = delegate(office, now)
    office.authority.revoke(signer.public_bytes(Encoding.DER))
    authorities = load_authorities(office.authority.ca_bundle_pem(), office.authority.crl_pem())
    question = ask(office.certificate, authorities.validate_path(office.certificate, now), NONCE)
    forged = response(office, now, signer=signer, certificates=[signer], key=DELEGATE_KEY)
    assert read_answer(office.question, forged, now) is GOOD, "as long as the list isn't known"
    with pytest.raises(OcspAnswerInvalid, match="not signed by"):
        read_answer(question, forged, now)


def test_the_signer_must_be_the_one_that_the_answer_names(office: Office, now: datetime) -> None:
    named, sent = delegate(office, now), delegate(office, now, subject="another delegate with the same key")
    forged = response(office, now, signer=named, certificates=[sent], key=DELEGATE_KEY)
    with pytest.raises(OcspAnswerInvalid, match="not signed by"):
        read_answer(office.question, forged, now)


def test_an_answer_about_another_certificate_is_none(office: Office, person: Person, keys, now: datetime) -> None:
    other = office.authority.issue_card(person, keys, pin="1234", password="ABC123")
    certificates = [x509.load_der_x509_certificate(slot.certificate) for slot in other.slots]
    for changes in (
        {"certificate": certificates[0]},
        {"issuer": office.authority._signature.certificate},
        {"identified_by": hashes.SHA256()},
    ):
        with pytest.raises(OcspAnswerInvalid):
            read_answer(office.question, response(office, now, **changes), now)


def test_an_answer_to_another_request_is_none_and_one_without_nonce_holds(office: Office, now: datetime) -> None:
    with pytest.raises(OcspAnswerInvalid, match="another request"):
        read_answer(office.question, response(office, now, extensions=[(x509.OCSPNonce(NONCE[1:]), False)]), now)
    assert read_answer(office.question, response(office, now, extensions=[]), now) is GOOD
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    assert read_answer(office.question, response(office, now, extensions=[(unknown, False)]), now) is GOOD
    with pytest.raises(OcspAnswerInvalid, match="critical"):
        read_answer(office.question, response(office, now, extensions=[(unknown, True)]), now)


def test_clocks_may_differ_by_the_tolerance_and_no_more(office: Office, now: datetime) -> None:
    hour, old = timedelta(hours=1), timedelta(minutes=5)
    in_time = [
        {"this_update": CLOCK_TOLERANCE, "next_update": hour},
        {"this_update": -hour, "next_update": -CLOCK_TOLERANCE},
        {"this_update": -old - CLOCK_TOLERANCE, "next_update": None},
    ]
    for changes in in_time:
        assert read_answer(office.question, response(office, now, **changes), now) is GOOD
    too_late_or_early = [
        {"this_update": CLOCK_TOLERANCE + SECOND, "next_update": hour},
        {"this_update": -hour, "next_update": -CLOCK_TOLERANCE - SECOND},
        {"this_update": -old - CLOCK_TOLERANCE - SECOND, "next_update": None},
    ]
    for changes in too_late_or_early:
        with pytest.raises(OcspAnswerInvalid, match=r"future|out of date"):
            read_answer(office.question, response(office, now, **changes), now)


@pytest.mark.parametrize("status", [each for each in ocsp.OCSPResponseStatus if each.name != "SUCCESSFUL"])
def test_a_responder_that_refuses_has_not_answered(office: Office, now: datetime, status) -> None:
    refused = ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)
    with pytest.raises(OcspAnswerInvalid, match=status.name):
        read_answer(office.question, refused, now)


def test_an_answer_that_is_too_large_or_weakly_signed_is_none(office: Office, now: datetime) -> None:
    with pytest.raises(OcspAnswerInvalid, match="too large"):
        read_answer(office.question, bytes(LARGEST_RESPONSE + 1), now)
    sha256, sha1 = (bytes.fromhex(f"2a864886f70d0101{arc}") for arc in ("0b", "05"))
    with pytest.raises(OcspAnswerInvalid, match="algorithm"):
        read_answer(office.question, response(office, now).replace(sha256, sha1), now)


@given(st.binary(max_size=300))
def test_garbage_is_no_answer(office: Office, now: datetime, garbage: bytes) -> None:
    with pytest.raises(OcspAnswerInvalid):
        read_answer(office.question, garbage, now)


def test_no_byte_of_an_answer_can_turn_revoked_into_good(revoked_office: Office, now: datetime) -> None:
    original = revoked_office.answer(now)
    for place, byte in enumerate(original):
        for other in {byte ^ 1, byte ^ 0x20, byte ^ 0x80, 0x00, 0x30, 0xA3, 0xFF} - {byte}:
            der = original[:place] + bytes([other]) + original[place + 1 :]
            with suppress(OcspAnswerInvalid):
                assert read_answer(revoked_office.question, der, now) is REVOKED


@given(data=st.data())
@settings(max_examples=600)
def test_a_changed_answer_never_turns_revoked_into_good(data, revoked_office: Office, now: datetime) -> None:
    der = bytearray(revoked_office.answer(now))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(der) - 1))
        der[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    with suppress(OcspAnswerInvalid):
        assert read_answer(revoked_office.question, bytes(der), now) is REVOKED


@dataclass(frozen=True)
class Judged:
    """Files for the openssl command: an authority of now, a good certificate and a revoked one."""

    office: Office
    folder: Path
    good: bytes
    revoked: bytes

    def openssl(self, *arguments: str) -> str:
        done = subprocess.run(
            ["openssl", *arguments], cwd=self.folder, capture_output=True, text=True, check=False, timeout=50
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def judged(person: Person, keys: CardKeys, tmp_path: Path) -> Judged:
    office = open_office(person, keys, datetime.now(UTC))
    card = office.authority.issue_card(person, keys, pin="1234", password="ABC123")
    good, revoked = office.certificate.der, card.slots[0].certificate
    office.authority.revoke(revoked)
    issuer = office.authority._user
    (tmp_path / "ca.pem").write_bytes(issuer.certificate.public_bytes(Encoding.PEM))
    (tmp_path / "ca.key").write_bytes(pem_key(issuer.key))
    (tmp_path / "delegate.pem").write_bytes(office.identities[0].pem())
    for name, der in (("good", good), ("revoked", revoked)):
        pem = x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)
        (tmp_path / f"{name}.pem").write_bytes(pem)
    numbers = [x509.load_der_x509_certificate(der).serial_number for der in (good, revoked)]
    (tmp_path / "index.txt").write_text(
        f"V\t360101000000Z\t\t{numbers[0]:016X}\tunknown\t/CN=1\n"
        f"R\t360101000000Z\t260101000000Z\t{numbers[1]:016X}\tunknown\t/CN=2\n"
    )
    return Judged(office, tmp_path, good, revoked)


def pem_key(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_openssl_reads_our_responders_answers(judged: Judged) -> None:
    """The openssl command as a client: it checks signature, delegate, nonce and times of what we answer."""
    for name in ("good", "revoked"):
        about = ["-issuer", "ca.pem", "-cert", f"{name}.pem"]
        judged.openssl("ocsp", *about, "-reqout", "request.der")
        request = (judged.folder / "request.der").read_bytes()
        now = datetime.now(UTC)
        answered = answer(judged.office.identities, judged.office.lists(), request, now)
        (judged.folder / "answer.der").write_bytes(answered)
        files = ["-no_nonce", "-reqin", "request.der", "-respin", "answer.der", "-CAfile", "ca.pem"]
        said = judged.openssl("ocsp", *about, *files)
        assert "Response verify OK" in said and f"{name}.pem: {name}" in said, said
        assert "Nonce Verify error" not in said and "no nonce" not in said, said


@pytest.mark.parametrize("signer", ["ca", "delegate"])
def test_openssl_as_a_responder_is_understood(judged: Judged, person: Person, keys: CardKeys, signer: str) -> None:
    key = "ca.key" if signer == "ca" else "delegate.pem"
    stranger = judged.office.authority.issue_card(person, keys, pin="1234", password="ABC123").slots[0].certificate
    for der, expected in ((judged.good, GOOD), (judged.revoked, REVOKED), (stranger, UNKNOWN)):
        question = ask(parse_certificate(der), judged.office.anchor, secrets.token_bytes(NONCE_BYTES))
        (judged.folder / "request.der").write_bytes(question.der)
        signing = ["-index", "index.txt", "-CA", "ca.pem", "-rsigner", f"{signer}.pem", "-rkey", key]
        judged.openssl("ocsp", *signing, "-ndays", "1", "-reqin", "request.der", "-respout", "answer.der")
        answered = (judged.folder / "answer.der").read_bytes()
        assert read_answer(question, answered, datetime.now(UTC)) is expected
