from __future__ import annotations

import secrets
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from evote_jpki.authority import CardKeys, Person, TestAuthority
from evote_jpki.certificates import (
    BIRTH_DATE_OID,
    NAME_OID,
    Authorities,
    BadSignature,
    CertificateExpired,
    CertificateNotYetValid,
    CertificateRevoked,
    MalformedCertificate,
    Purpose,
    RevocationUnknown,
    UntrustedIssuer,
    WrongKeyUsage,
    load_authorities,
    parse_certificate,
)
from evote_jpki.der import encode_utf8_string
from evote_jpki.emulator import EmulatedCard
from hypothesis import given, settings
from hypothesis import strategies as st


def der_of(card: EmulatedCard) -> tuple[bytes, bytes]:
    return card.slots[0].certificate, card.slots[1].certificate


def trusted(authority: TestAuthority) -> Authorities:
    return load_authorities(authority.ca_bundle_pem(), authority.crl_pem())


@pytest.fixture(scope="session")
def issued_once(authority: TestAuthority, person: Person, keys: CardKeys) -> bytes:
    return der_of(authority.issue_card(person, keys, pin="1234", password="ABC123"))[1]


@pytest.fixture
def issue(authority: TestAuthority, person: Person, keys: CardKeys, now: datetime):
    """Issue a leaf from the signature authority with one thing changed."""

    def certificate(**changes) -> bytes:
        issuer = changes.get("issuer", authority._signature)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(issuer.certificate.subject)
            .public_key(changes.get("public_key", keys.digital_signature.public_key()))
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )
        original = x509.load_der_x509_certificate(
            der_of(authority.issue_card(person, keys, pin="1234", password="ABC123"))[1]
        )
        for extension in original.extensions:
            value = changes.get(type(extension.value).__name__, extension.value)
            if value is not None:
                builder = builder.add_extension(value, critical=extension.critical)
        for value, critical in changes.get("more", []):
            builder = builder.add_extension(value, critical=critical)
        signed = builder.sign(changes.get("key", issuer.key), changes.get("hash", hashes.SHA256()))
        return signed.public_bytes(Encoding.DER)

    return certificate


def names(*pairs: tuple[x509.ObjectIdentifier, str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.OtherName(oid, encode_utf8_string(text)) for oid, text in pairs])


def usage(*, digital_signature=False, content_commitment=False, key_cert_sign=False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=content_commitment,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def test_both_certificates_of_a_card_are_valid(authority: TestAuthority, card: EmulatedCard, now: datetime) -> None:
    for der in der_of(card):
        trusted(authority).validate(parse_certificate(der), now)


def test_only_the_signature_certificate_tells_who_the_owner_is(card: EmulatedCard, person: Person) -> None:
    user, signature = (parse_certificate(der) for der in der_of(card))
    assert (user.purpose, user.attributes) == (Purpose.USER_AUTHENTICATION, None)
    assert signature.purpose is Purpose.DIGITAL_SIGNATURE
    found = signature.attributes
    assert found is not None
    assert (found.name, found.address, found.birth_date, found.sex) == (
        person.name,
        person.address,
        person.birth_date,
        person.sex,
    )
    assert person.name not in repr(signature) and person.birth_date not in repr(found)
    assert person.name.encode() not in der_of(card)[0]


@pytest.mark.parametrize(
    ("birth_date", "era"),
    [
        ("1912-07-29", "1"),
        ("1912-07-30", "2"),
        ("1926-12-24", "2"),
        ("1926-12-25", "3"),
        ("1989-01-07", "3"),
        ("1989-01-08", "4"),
        ("2019-04-30", "4"),
        ("2019-05-01", "5"),
    ],
)
def test_birth_dates_carry_their_era(authority: TestAuthority, keys: CardKeys, birth_date: str, era: str) -> None:
    card = authority.issue_card(Person("山本 湊", "つくば市", birth_date, "1"), keys, pin="1234", password="ABC123")
    der = der_of(card)[1]
    assert encode_utf8_string(era + birth_date.replace("-", "")) in der
    attributes = parse_certificate(der).attributes
    assert attributes is not None and attributes.birth_date == birth_date


def test_certificates_are_valid_from_the_first_to_the_last_second(
    authority: TestAuthority, person: Person, keys: CardKeys, now: datetime
) -> None:
    card = authority.issue_card(person, keys, pin="1234", password="ABC123", valid_from=now, lifetime=timedelta(days=2))
    second = timedelta(seconds=1)
    for der in der_of(card):
        certificate, authorities = parse_certificate(der), trusted(authority)
        authorities.validate(certificate, now)
        authorities.validate(certificate, now + timedelta(days=2))
        with pytest.raises(CertificateNotYetValid):
            authorities.validate(certificate, now - second)
        with pytest.raises(CertificateExpired):
            authorities.validate(certificate, now + timedelta(days=2) + second)


def test_an_expired_authority_vouches_for_nothing(authority: TestAuthority, person, keys, now: datetime) -> None:
    card = authority.issue_card(person, keys, pin="1234", password="ABC123", lifetime=timedelta(days=9999))
    with pytest.raises(CertificateExpired):
        trusted(authority).validate(parse_certificate(der_of(card)[0]), now + timedelta(days=3651))


@pytest.mark.parametrize("which", [0, 1])
def test_a_revoked_certificate_is_refused_and_its_twin_is_not(
    person: Person, keys: CardKeys, now: datetime, which: int
) -> None:
    authority = TestAuthority(lambda: now, secrets.token_bytes)
    der = der_of(authority.issue_card(person, keys, pin="1234", password="ABC123"))
    authority.revoke(der[which])
    authorities = trusted(authority)
    with pytest.raises(CertificateRevoked):
        authorities.validate(parse_certificate(der[which]), now)
    authorities.validate(parse_certificate(der[1 - which]), now)


def test_without_a_current_revocation_list_nobody_is_let_in(
    authority: TestAuthority, card: EmulatedCard, now: datetime
) -> None:
    certificate = parse_certificate(der_of(card)[0])
    with pytest.raises(RevocationUnknown):
        trusted(authority).validate(certificate, now + timedelta(days=8))
    bundle = x509.load_pem_x509_certificates(authority.ca_bundle_pem())
    with pytest.raises(RevocationUnknown):
        Authorities(bundle, []).validate(certificate, now)


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
        with pytest.raises(CertificateRevoked):
            load_authorities(authority.ca_bundle_pem(), lists).validate(parse_certificate(certificate), now)


def test_another_authority_of_the_same_name_is_not_trusted(
    authority: TestAuthority, person: Person, keys: CardKeys, now: datetime
) -> None:
    impostor = TestAuthority(lambda: now, secrets.token_bytes)
    for der in der_of(impostor.issue_card(person, keys, pin="1234", password="ABC123")):
        with pytest.raises(UntrustedIssuer):
            trusted(authority).validate(parse_certificate(der), now)


def test_an_authority_that_renewed_its_key_is_trusted_with_both(
    authority: TestAuthority, card: EmulatedCard, person: Person, keys: CardKeys, now: datetime
) -> None:
    renewed = TestAuthority(lambda: now, secrets.token_bytes)
    both = load_authorities(
        authority.ca_bundle_pem() + renewed.ca_bundle_pem(), renewed.crl_pem() + authority.crl_pem()
    )
    for issued in (card, renewed.issue_card(person, keys, pin="1234", password="ABC123")):
        for der in der_of(issued):
            both.validate(parse_certificate(der), now)


def test_a_persons_certificate_issues_no_others(authority: TestAuthority, issue, keys, card, now: datetime) -> None:
    signing = x509.load_der_x509_certificate(der_of(card)[1])
    bundle = [*x509.load_pem_x509_certificates(authority.ca_bundle_pem()), signing]
    lists = [x509.load_pem_x509_crl(authority.crl_pem())]

    class Person:
        certificate, key = signing, keys.digital_signature

    with pytest.raises(UntrustedIssuer):
        Authorities(bundle, lists).validate(parse_certificate(issue(issuer=Person)), now)


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("no non-repudiation", {"KeyUsage": usage(digital_signature=True)}),
        ("may issue certificates", {"KeyUsage": usage(content_commitment=True, key_cert_sign=True)}),
        ("an authority", {"more": [(x509.BasicConstraints(ca=True, path_length=None), True)]}),
    ],
)
def test_a_key_that_is_for_something_else_is_refused(authority, issue, now, case: str, changes) -> None:
    with pytest.raises(WrongKeyUsage):
        trusted(authority).validate(parse_certificate(issue(**changes)), now)


MALFORMED = {
    "an elliptic-curve key": {"public_key": ec.generate_private_key(ec.SECP256R1()).public_key()},
    "a short key": {"public_key": rsa.generate_private_key(65537, 1024).public_key()},
    "signed with another hash": {"hash": hashes.SHA512()},
    "no policy": {"CertificatePolicies": None},
    "a foreign policy": {
        "CertificatePolicies": x509.CertificatePolicies(
            [x509.PolicyInformation(x509.ObjectIdentifier("1.2.392.200149.8.5.1.9.1"), None)]
        )
    },
    "both policies": {
        "CertificatePolicies": x509.CertificatePolicies(
            [x509.PolicyInformation(x509.ObjectIdentifier(f"{purpose}.1"), None) for purpose in Purpose]
        )
    },
    "no key usage": {"KeyUsage": None},
    "no attributes": {"SubjectAlternativeName": None},
    "one attribute": {"SubjectAlternativeName": names((NAME_OID, "山本 湊"))},
    "a name twice": {"SubjectAlternativeName": names((NAME_OID, "山本 湊"), (NAME_OID, "山本 蓮"))},
    "an unknown critical extension": {
        "more": [(x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00"), True)]
    },
}


@pytest.mark.parametrize("case", MALFORMED)
def test_what_is_not_of_the_profile_is_malformed(issue, case: str) -> None:
    with pytest.raises(MalformedCertificate):
        parse_certificate(issue(**MALFORMED[case]))


@pytest.mark.parametrize(
    "text", ["19900401", "019900401", "619900401", "419900231", "41990040", "４１９９００４０１", ""]
)
def test_what_is_not_a_birth_date_is_malformed(authority, issue, card, text: str) -> None:
    original = x509.load_der_x509_certificate(der_of(card)[1])
    san = original.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    changed = [
        x509.OtherName(BIRTH_DATE_OID, encode_utf8_string(text)) if name.type_id == BIRTH_DATE_OID else name
        for name in san
    ]
    with pytest.raises(MalformedCertificate):
        parse_certificate(issue(SubjectAlternativeName=x509.SubjectAlternativeName(changed)))


@given(st.binary(max_size=300))
def test_garbage_is_malformed(garbage: bytes) -> None:
    with pytest.raises(MalformedCertificate):
        parse_certificate(garbage)


def test_a_certificate_with_something_behind_it_or_too_large_is_malformed(card: EmulatedCard) -> None:
    for der in (der_of(card)[0] + b"\0", der_of(card)[0][:-1], bytes(9000)):
        with pytest.raises(MalformedCertificate):
            parse_certificate(der)


@given(data=st.data())
@settings(max_examples=400, deadline=None)
def test_a_changed_certificate_is_never_valid(data, authority: TestAuthority, issued_once: bytes, now) -> None:
    der = bytearray(issued_once)
    der[data.draw(st.integers(0, len(der) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises((MalformedCertificate, UntrustedIssuer)):
        trusted(authority).validate(parse_certificate(bytes(der)), now)


def test_a_signature_is_for_one_message_and_one_key(card: EmulatedCard, keys: CardKeys) -> None:
    user, signature = (parse_certificate(der) for der in der_of(card))
    signed = keys.user_authentication.sign(b"challenge", padding.PKCS1v15(), hashes.SHA256())
    user.verify(signed, b"challenge")
    for certificate, content, message in (
        (user, signed, b"another"),
        (signature, signed, b"challenge"),
        (user, signed[:-1], b"challenge"),
        (user, b"", b"challenge"),
    ):
        with pytest.raises(BadSignature):
            certificate.verify(content, message)


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
