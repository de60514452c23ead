"""Whom the configured authorities vouch for: paths, validity, key usage, revocation lists."""

from __future__ import annotations

import secrets
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from evote_jpki.authorities import CLOCK_TOLERANCE, Authorities, RevocationStatus, load_authorities
from evote_jpki.authority import CardKeys, Person, TestAuthority
from evote_jpki.certificates import (
    CertificateExpired,
    CertificateNotYetValid,
    MalformedCertificate,
    UntrustedIssuer,
    WrongKeyUsage,
    parse_certificate,
)
from evote_jpki.emulator import EmulatedCard
from hypothesis import given, settings
from hypothesis import strategies as st

GOOD, REVOKED, UNKNOWN = RevocationStatus


def der_of(card: EmulatedCard) -> tuple[bytes, bytes]:
    return card.slots[0].certificate, card.slots[1].certificate


def listed(authorities: Authorities, der: bytes, now: datetime) -> RevocationStatus:
    """What is said of a certificate whose path must be valid."""
    certificate = parse_certificate(der)
    return authorities.validate_path(certificate, now).listed(certificate, now)


@pytest.fixture(scope="session")
def issued_once(authority: TestAuthority, person: Person, keys: CardKeys) -> bytes:
    return der_of(authority.issue_card(person, keys, pin="1234", password="ABC123"))[1]


def usage(*, digital_signature=False, content_commitment=False, key_cert_sign=False, crl_sign=False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=content_commitment,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        encipher_only=False,
        decipher_only=False,
    )


def trusted(authority: TestAuthority) -> Authorities:
    return load_authorities(authority.ca_bundle_pem(), authority.crl_pem())


def test_both_certificates_of_a_card_are_valid(authority: TestAuthority, card: EmulatedCard, now: datetime) -> None:
    for der in der_of(card):
        assert listed(trusted(authority), der, now) is GOOD


def test_certificates_are_valid_from_the_first_to_the_last_second(
    authority: TestAuthority, person: Person, keys: CardKeys, now: datetime
) -> None:
    card = authority.issue_card(person, keys, pin="1234", password="ABC123", valid_from=now, lifetime=timedelta(days=2))
    second = timedelta(seconds=1)
    for der in der_of(card):
        certificate, authorities = parse_certificate(der), trusted(authority)
        authorities.validate_path(certificate, now)
        authorities.validate_path(certificate, now + timedelta(days=2))
        with pytest.raises(CertificateNotYetValid):
            authorities.validate_path(certificate, now - second)
        with pytest.raises(CertificateExpired):
            authorities.validate_path(certificate, now + timedelta(days=2) + second)


def test_an_expired_authority_vouches_for_nothing(authority: TestAuthority, person, keys, now: datetime) -> None:
    card = authority.issue_card(person, keys, pin="1234", password="ABC123", lifetime=timedelta(days=9999))
    with pytest.raises(CertificateExpired):
        trusted(authority).validate_path(parse_certificate(der_of(card)[0]), now + timedelta(days=3651))


@pytest.mark.parametrize("which", [0, 1])
def test_a_revoked_certificate_is_refused_and_its_twin_is_not(
    person: Person, keys: CardKeys, now: datetime, which: int
) -> None:
    authority = TestAuthority(lambda: now, secrets.token_bytes)
    der = der_of(authority.issue_card(person, keys, pin="1234", password="ABC123"))
    authority.revoke(der[which])
    assert listed(trusted(authority), der[which], now) is REVOKED
    assert listed(trusted(authority), der[1 - which], now) is GOOD


def test_a_renewed_card_is_valid_and_the_one_before_is_not(person: Person, keys: CardKeys, now: datetime) -> None:
    authority = TestAuthority(lambda: now, secrets.token_bytes)
    old = authority.issue_card(person, keys, pin="1234", password="ABC123")
    new = authority.renew_card(old, person, keys)
    assert {listed(trusted(authority), der, now) for der in der_of(old)} == {REVOKED}
    assert {listed(trusted(authority), der, now) for der in der_of(new)} == {GOOD}
    assert [slot.pin for slot in new.slots] == ["1234", "ABC123"]


def test_only_a_current_list_tells_anything(authority: TestAuthority, card: EmulatedCard, now: datetime) -> None:
    der = der_of(card)[0]
    week, second = timedelta(days=7), timedelta(seconds=1)
    begins = now - timedelta(minutes=1) - CLOCK_TOLERANCE
    certificate = parse_certificate(der)
    issuer = trusted(authority).validate_path(certificate, now)
    assert issuer.listed(certificate, now + week) is issuer.listed(certificate, begins) is GOOD
    assert issuer.listed(certificate, now + week + second) is issuer.listed(certificate, begins - second) is UNKNOWN
    bundle = x509.load_pem_x509_certificates(authority.ca_bundle_pem())
    assert listed(Authorities(bundle, []), der, now) is UNKNOWN


def test_the_authorities_tell_when_a_revocation_list_runs_out(authority: TestAuthority, now: datetime) -> None:
    assert trusted(authority).lists_end() == now + timedelta(days=7)
    bundle = x509.load_pem_x509_certificates(authority.ca_bundle_pem())
    one_list = x509.load_pem_x509_crl(authority.crl_pem())
    assert Authorities(bundle, [one_list]).lists_end() is None


def test_the_newest_revocation_list_of_an_authority_counts(person: Person, keys: CardKeys, now: datetime) -> None:
    clock = [now]
    authority = TestAuthority(lambda: clock[0], secrets.token_bytes)
    certificate = der_of(authority.issue_card(person, keys, pin="1234", password="ABC123"))[0]
    old = authority.crl_pem()
    authority.revoke(certificate)
    clock[0] += timedelta(hours=1)
    for lists in (old + authority.crl_pem(), authority.crl_pem() + old):
        assert listed(load_authorities(authority.ca_bundle_pem(), lists), certificate, clock[0]) is REVOKED


def test_another_authority_of_the_same_name_is_not_trusted(
    authority: TestAuthority, person: Person, keys: CardKeys, now: datetime
) -> None:
    impostor = TestAuthority(lambda: now, secrets.token_bytes)
    for der in der_of(impostor.issue_card(person, keys, pin="1234", password="ABC123")):
        with pytest.raises(UntrustedIssuer):
            trusted(authority).validate_path(parse_certificate(der), now)


def test_an_authority_that_renewed_its_key_is_trusted_with_both(
    authority: TestAuthority, card: EmulatedCard, person: Person, keys: CardKeys, now: datetime
) -> None:
    renewed = TestAuthority(lambda: now, secrets.token_bytes)
    both = load_authorities(
        authority.ca_bundle_pem() + renewed.ca_bundle_pem(), renewed.crl_pem() + authority.crl_pem()
    )
    for issued in (card, renewed.issue_card(person, keys, pin="1234", password="ABC123")):
        for der in der_of(issued):
            assert listed(both, der, now) is GOOD


def test_a_persons_certificate_issues_no_others(authority: TestAuthority, issue, keys, card, now: datetime) -> None:
    signing = x509.load_der_x509_certificate(der_of(card)[1])
    person = SimpleNamespace(certificate=signing, key=keys.digital_signature)
    with pytest.raises(UntrustedIssuer):
        trusted(authority).validate_path(parse_certificate(issue(issuer=person)), now)


@pytest.mark.parametrize("signer", ["a person", "the other authority"])
def test_the_right_name_with_another_key_is_not_trusted(authority, issue, keys, now, signer: str) -> None:
    key = keys.digital_signature if signer == "a person" else authority._user.key
    impostor = SimpleNamespace(certificate=authority._signature.certificate, key=key)
    with pytest.raises(UntrustedIssuer):
        trusted(authority).validate_path(parse_certificate(issue(issuer=impostor)), now)


def test_a_certificate_that_names_another_key_of_its_authority_is_not_trusted(authority, issue, keys, now) -> None:
    other = x509.AuthorityKeyIdentifier.from_issuer_public_key(keys.digital_signature.public_key())
    with pytest.raises(UntrustedIssuer):
        trusted(authority).validate_path(parse_certificate(issue(AuthorityKeyIdentifier=other)), now)
    trusted(authority).validate_path(parse_certificate(issue(AuthorityKeyIdentifier=None)), now)


def anchor(authority: TestAuthority, **changes) -> x509.Certificate:
    """The signature authority's certificate, signed again with some extensions changed."""
    issuer = authority._signature
    original = issuer.certificate
    builder = x509.CertificateBuilder(
        original.issuer,
        original.subject,
        original.public_key(),
        original.serial_number,
        original.not_valid_before_utc.replace(tzinfo=None),
        original.not_valid_after_utc.replace(tzinfo=None),
    )
    for extension in original.extensions:
        value = changes.get(type(extension.value).__name__, extension.value)
        if value is not None:
            builder = builder.add_extension(value, critical=extension.critical)
    for value, critical in changes.get("more", []):
        builder = builder.add_extension(value, critical=critical)
    return builder.sign(issuer.key, hashes.SHA256())


NO_AUTHORITIES = {
    "no basic constraints": {"BasicConstraints": None},
    "not an authority": {"BasicConstraints": x509.BasicConstraints(ca=False, path_length=None)},
    "no key usage": {"KeyUsage": None},
    "may not issue": {"KeyUsage": usage(crl_sign=True)},
    "name constraints": {"more": [(x509.NameConstraints([x509.DNSName("example")], None), True)]},
    "unknown": {"more": [(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)]},
}


@pytest.mark.parametrize("case", NO_AUTHORITIES)
def test_what_is_no_authority_is_refused_when_it_is_configured(authority: TestAuthority, case: str) -> None:
    Authorities([anchor(authority)], [])
    with pytest.raises(ValueError):
        Authorities([anchor(authority, **NO_AUTHORITIES[case])], [])


@pytest.mark.parametrize("path_length", [None, 0, 1])
def test_a_path_of_one_fits_every_path_length(authority: TestAuthority, issue, now, path_length: int | None) -> None:
    constraints = x509.BasicConstraints(ca=True, path_length=path_length)
    authorities = Authorities([anchor(authority, BasicConstraints=constraints)], [])
    authorities.validate_path(parse_certificate(issue()), now)


def test_a_list_counts_only_from_a_key_that_may_sign_lists(authority: TestAuthority) -> None:
    lists = [authority._list(authority._signature)]
    Authorities([anchor(authority)], lists)
    with pytest.raises(ValueError):
        Authorities([anchor(authority, KeyUsage=usage(key_cert_sign=True))], lists)


def test_test_authorities_are_recognised_by_their_names(authority: TestAuthority) -> None:
    assert len(trusted(authority).test_authorities()) == 2
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "An authority")])
    key = authority._signature.key
    real = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, datetime(2026, 1, 1), datetime(2036, 1, 1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    assert Authorities([real], []).test_authorities() == []
    assert len(Authorities([real, authority._user.certificate], []).test_authorities()) == 1


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("no non-repudiation", {"KeyUsage": usage(digital_signature=True)}),
        ("may issue certificates", {"KeyUsage": usage(content_commitment=True, key_cert_sign=True)}),
        ("an authority", {"more": [(x509.BasicConstraints(ca=True, path_length=None), True)]}),
        ("no digital signature", {"like": 0, "KeyUsage": usage(content_commitment=True)}),
        ("for servers", {"like": 0, "ExtendedKeyUsage": x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])}),
        ("for clients", {"more": [(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), True)]}),
    ],
)
def test_a_key_that_is_for_something_else_is_refused(authority, issue, now, case: str, changes) -> None:
    with pytest.raises(WrongKeyUsage):
        trusted(authority).validate_path(parse_certificate(issue(**changes)), now)


@given(data=st.data())
@settings(max_examples=600)
@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
def test_a_changed_certificate_is_never_valid(data, authority: TestAuthority, issued_once: bytes, now) -> None:
    """Bytes changed, cut out and put in: nothing but a refusal comes out."""
    der = bytearray(issued_once)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(der) - 1))
        der[place : place + data.draw(st.integers(0, 4))] = data.draw(st.binary(max_size=4))
    if bytes(der) == issued_once:
        return
    with pytest.raises((MalformedCertificate, UntrustedIssuer)):
        trusted(authority).validate_path(parse_certificate(bytes(der)), now)


@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
def test_no_byte_of_a_certificate_can_be_changed(authority: TestAuthority, issued_once: bytes, now) -> None:
    """Every byte in turn, also into the tags of names that the parser doesn't know: always a refusal, never a fault."""
    authorities = trusted(authority)
    for place, byte in enumerate(issued_once):
        for other in {byte ^ 1, byte ^ 0x20, byte ^ 0x80, 0x00, 0x30, 0xA3, 0xFF} - {byte}:
            der = issued_once[:place] + bytes([other]) + issued_once[place + 1 :]
            with pytest.raises((MalformedCertificate, UntrustedIssuer)):
                authorities.validate_path(parse_certificate(der), now)


def test_a_certificate_that_names_two_signature_algorithms_is_not_valid(authority, issued_once: bytes, now) -> None:
    """RFC 5280, 4.1.1.2: what is signed must say how."""
    sha256, sha1 = (bytes.fromhex(f"2a864886f70d0101{arc}") for arc in ("0b", "05"))
    with pytest.raises(UntrustedIssuer):
        trusted(authority).validate_path(parse_certificate(issued_once.replace(sha256, sha1, 1)), now)


@pytest.mark.parametrize("extension", ["delta", "partial"])
def test_a_list_of_some_revocations_does_not_pass_for_all(authority: TestAuthority, now, extension: str) -> None:
    issuer = authority._user
    value = {
        "delta": x509.DeltaCRLIndicator(1),
        "partial": x509.IssuingDistributionPoint(
            full_name=[x509.UniformResourceIdentifier("http://crl.example/1")],
            relative_name=None,
            only_contains_user_certs=False,
            only_contains_ca_certs=False,
            only_some_reasons=None,
            indirect_crl=False,
            only_contains_attribute_certs=False,
        ),
    }[extension]
    partial = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(now)
        .next_update(now + timedelta(days=1))
        .add_extension(value, critical=True)
        .sign(issuer.key, hashes.SHA256())
    )
    with pytest.raises(ValueError):
        Authorities([issuer.certificate], [partial])


def test_a_list_of_a_foreign_authority_is_refused(authority: TestAuthority, now: datetime) -> None:
    impostor = TestAuthority(lambda: now, secrets.token_bytes)
    with pytest.raises(ValueError):
        load_authorities(authority.ca_bundle_pem(), impostor.crl_pem())


@pytest.mark.parametrize("which", ["bundle", "lists"])
def test_files_that_are_something_else_are_refused(authority: TestAuthority, which: str) -> None:
    with pytest.raises(ValueError):
        if which == "bundle":
            load_authorities(b"no certificate", authority.crl_pem())
        else:
            load_authorities(authority.ca_bundle_pem(), b"no list")


def test_openssl_agrees_on_both_certificates_and_on_a_revoked_one(
    person: Person, keys: CardKeys, tmp_path: Path
) -> None:
    """A judge that we did not write: the profile's path, its revocation lists, and the attributes' identifiers."""
    authority = TestAuthority(lambda: datetime.now(UTC), secrets.token_bytes)
    ders = der_of(authority.issue_card(person, keys, pin="1234", password="ABC123"))
    revoked = der_of(authority.issue_card(person, keys, pin="1234", password="ABC123"))[0]
    authority.revoke(revoked)
    (tmp_path / "ca.pem").write_bytes(authority.ca_bundle_pem())
    (tmp_path / "crl.pem").write_bytes(authority.crl_pem())

    def verify(der: bytes) -> subprocess.CompletedProcess[str]:
        pem = x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM)
        (tmp_path / "leaf.pem").write_bytes(pem)
        return subprocess.run(
            ["openssl", "verify", "-x509_strict", "-crl_check", "-CRLfile", "crl.pem", "-CAfile", "ca.pem", "leaf.pem"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    for der in ders:
        assert verify(der).returncode == 0, verify(der).stderr
    assert "revoked" in verify(revoked).stderr
