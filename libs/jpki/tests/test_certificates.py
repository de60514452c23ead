"""What parse_certificate takes for a card's certificate, and what it refuses."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from evote_jpki.authority import CardKeys, Person, TestAuthority
from evote_jpki.certificates import (
    BIRTH_DATE_OID,
    NAME_OID,
    BadSignature,
    MalformedCertificate,
    Purpose,
    parse_certificate,
)
from evote_jpki.der import encode_utf8_string
from evote_jpki.emulator import EmulatedCard
from hypothesis import given
from hypothesis import strategies as st


def der_of(card: EmulatedCard) -> tuple[bytes, bytes]:
    return card.slots[0].certificate, card.slots[1].certificate


def names(*pairs: tuple[x509.ObjectIdentifier, str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([x509.OtherName(oid, encode_utf8_string(text)) for oid, text in pairs])


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


MALFORMED = {
    "an elliptic-curve key": {"public_key": ec.generate_private_key(ec.SECP256R1()).public_key()},
    "a short key": {"public_key": rsa.generate_private_key(65537, 1024).public_key()},
    "a huge key": {"public_key": rsa.RSAPublicNumbers(65537, (1 << 8191) | 1).public_key()},
    "signed with another hash": {"hash": hashes.SHA512()},
    "signed by PSS": {"padding": padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)},
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


def der(tag: int, length: bytes, content: bytes) -> bytes:
    return bytes([tag]) + length + content


def reencoded(certificate: bytes) -> dict[str, bytes]:
    """The same certificate, or nearly, in ways that DER forbids or this profile does."""
    content, signature = certificate[4:], certificate[-257 - 4 :]
    assert certificate[:2] == b"\x30\x82" and signature[:4] == b"\x03\x82\x01\x01"
    before = content[: -len(signature)]
    longer = (len(content) + 1).to_bytes(2, "big")
    sha256, sha1, pss_key = (bytes.fromhex(f"2a864886f70d0101{arc}") for arc in ("0b", "05", "0a"))
    return {
        "a longer length than needed": der(0x30, b"\x83\x00" + certificate[2:4], content),
        "a longer length than needed inside": der(
            0x30, b"\x82" + longer, before + b"\x03\x83\x00\x01\x01" + signature[4:]
        ),
        "an indefinite length (BER)": der(0x30, b"\x80", content + b"\0\0"),
        "signed with SHA-1": certificate.replace(sha256, sha1),
        "a key for PSS alone": certificate.replace(bytes.fromhex("2a864886f70d010101"), pss_key),
        "the end missing": certificate[:-1],
        "the beginning alone": certificate[:40],
        "a byte behind it": certificate + b"\0",
        "two certificates": certificate * 2,
        "a long chain": certificate * 6,
        "PEM": x509.load_der_x509_certificate(certificate).public_bytes(Encoding.PEM),
        "too large": der(0x30, b"\x82\x23\x24", bytes(0x2324)),
    }


@pytest.mark.parametrize("which", [0, 1])
def test_another_encoding_of_a_certificate_is_malformed(card: EmulatedCard, which: int) -> None:
    original = der_of(card)[which]
    parse_certificate(original)
    for case, changed in reencoded(original).items():
        assert changed != original, case
        with pytest.raises(MalformedCertificate):
            parse_certificate(changed)


def test_a_name_of_a_kind_that_cannot_be_read_is_malformed(card: EmulatedCard) -> None:
    """x400Address and ediPartyName (RFC 5280, 4.2.1.6): the parser has an error of its own for them."""
    original = der_of(card)[1]
    first_name = original.index(b"\xa0", original.index(bytes.fromhex("0603551d11")))
    for tag in (0xA3, 0xA5):
        with pytest.raises(MalformedCertificate):
            parse_certificate(original[:first_name] + bytes([tag]) + original[first_name + 1 :])


def test_a_certificate_has_one_fingerprint(issue) -> None:
    """A signature that ends in a zero bit may be written with that bit unused, and still holds."""
    original = next(der for der in iter(issue, b"") if der[-1] % 2 == 0)
    assert original[-257] == 0
    with pytest.raises(MalformedCertificate):
        parse_certificate(original[:-257] + b"\x01" + original[-256:])


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
