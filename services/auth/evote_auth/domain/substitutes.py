"""Characters that a card can't hold: the certificate writes another one in their place and says where."""

from __future__ import annotations

from cryptography import x509
from evote_jpki.certificates import ADDRESS_SUBSTITUTES_OID, NAME_SUBSTITUTES_OID, BasicAttributes, CardCertificate
from evote_jpki.der import decode_string
from evote_jpki.persons import SUBSTITUTED


def with_substitutes_marked(certificate: CardCertificate) -> BasicAttributes:
    """The attributes of a signature certificate, with ``SUBSTITUTED`` in place of each replaced character.

    The fields 代替文字使用位置情報 have one digit a character, 0 for one that stands as it is. They may be absent, or
    shorter or longer than the text: only a digit that isn't 0 says anything.

    Raises ``ValueError`` for a certificate without attributes, or with malformed fields.
    """
    plain = certificate.attributes
    if plain is None:
        raise ValueError("not a signature certificate")
    names = certificate.x509.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    digits = {name.type_id: decode_string(name.value) for name in names.get_values_for_type(x509.OtherName)}
    return BasicAttributes(
        name=_marked(plain.name, digits.get(NAME_SUBSTITUTES_OID, "")),
        address=_marked(plain.address, digits.get(ADDRESS_SUBSTITUTES_OID, "")),
        birth_date=plain.birth_date,
        sex=plain.sex,
    )


def _marked(text: str, digits: str) -> str:
    marks = digits.ljust(len(text), "0")
    return "".join(sign if mark == "0" else SUBSTITUTED for sign, mark in zip(text, marks, strict=False))
