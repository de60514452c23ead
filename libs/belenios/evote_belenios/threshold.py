"""The key ceremony of threshold trustees, step by step (specification, "Pedersen" protocol).

A trustee makes a certificate, commits to a polynomial, shows it once everyone has committed, and checks what everyone
shows. The server only checks and passes on. Lists of texts are in the trustees' order; trustees are numbered from 1.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence

from .ceremony_messages import (
    bindings_json,
    check_voutput_key,
    parse_polynomial,
    parse_polynomials,
    parse_vinput,
    parse_voutput,
    vinput_json,
)
from .certificates import (
    Certificate,
    Coefficients,
    check_one,
    check_size,
    make_certificate,
    make_coefficients,
    parse_all,
    public_keys_of,
)
from .channel import ChannelKeys, TrusteeSecret, parse_signed, receive, send
from .errors import TrusteeError
from .groups import Element, Group, Random, random_exponent
from .jsontext import Fields, Json, dump, load, parse_exponent, parse_natural
from .trustees import DecryptionKey, public_key_json

_CERTIFICATES, _POLYNOMIALS, _VINPUTS, _VOUTPUTS = "Certificates", "Polynomials", "Vinputs", "Voutputs"


def certificate(secret: TrusteeSecret, group: Group, *, index: int, threshold: int, size: int, random: Random) -> str:
    """Step 1, trustee ``index``: the channel keys of the secret, for this place in this ceremony."""
    check_size(threshold, size)
    keys = secret.keys(group)
    signed = make_certificate(group, keys, index=index, threshold=threshold, size=size, random=random)
    return dump(signed.to_json())


def check_certificate(text: str, group: Group, *, index: int, threshold: int, size: int) -> None:
    """Step 1, server; raises what :func:`certificates.check_one` raises."""
    check_size(threshold, size)
    check_one(group, parse_signed(load(text), group, "certificate"), index=index, threshold=threshold, size=size)


def share_a_key(text: str, other: str, group: Group) -> bool:
    """Whether two checked certificates have a channel key in common, as no ceremony's may (``certificate-duplicate``).

    A server asks at the receipt of each: found only when all are there, it would end the ceremony for everybody.
    """
    return not set(_keys_in(text, group)).isdisjoint(_keys_in(other, group))


def is_certificate_of(secret: TrusteeSecret, text: str, group: Group) -> bool:
    """Whether a checked certificate is of this secret's channel keys."""
    keys = secret.keys(group)
    return _keys_in(text, group) == (keys.verification, keys.encryption)


def polynomial(secret: TrusteeSecret, group: Group, certificates: Sequence[str], threshold: int, random: Random) -> str:
    """Step 3, trustee: a random polynomial, its exponentiated coefficients, and a share of it for each trustee.

    Raises ``TrusteeError`` when a certificate doesn't hold or none is the secret's own (``certificate-own``).
    """
    keys = secret.keys(group)
    checked = parse_all(group, certificates, threshold)
    own_index(checked, keys)
    coefficients = [random_exponent(group, random) for _ in range(threshold)]
    kept: Json = [str(coefficient) for coefficient in coefficients]
    published = make_coefficients(group, keys, checked, coefficients, random)
    secrets: list[Json] = []
    for index, recipient in enumerate(checked, 1):
        share = sum(coefficient * index**power for power, coefficient in enumerate(coefficients)) % group.order
        secrets.append(send(group, keys.signing, recipient.encryption, dump({"secret": str(share)}), random))
    binding: dict[str, Json] = {} if published.binding is None else {"signature": published.binding.to_json()}
    return dump(
        {
            "polynomial": send(group, keys.signing, keys.encryption, dump({"polynomial": kept}), random),
            "secrets": secrets,
            "coefexps": published.signed.to_json(),
            **binding,
        }
    )


def commitment(polynomial_text: str) -> str:
    """SHA-256 (hex) of a polynomial's text.

    Everyone's is fixed before anyone's polynomial is shown: otherwise the last trustee to speak could choose theirs
    by the others' and bias the election's key (closed in Belenios 4.0; protocol version 1 leaves it open).
    """
    return hashlib.sha256(polynomial_text.encode()).hexdigest()


def check_commitment(commitment_hex: str, polynomial_text: str, *, index: int) -> None:
    """Raise ``TrusteeError`` (``polynomial-commitment``) unless the trustee shows what they committed to."""
    if not hmac.compare_digest(commitment(polynomial_text).encode(), commitment_hex.encode()):
        raise TrusteeError("polynomial-commitment", _POLYNOMIALS, f"trustee {index} committed to another polynomial")


def check_polynomial(text: str, group: Group, certificates: Sequence[str], threshold: int, *, index: int) -> None:
    """Step 3, server: signatures, number of coefficients and of shares; the shares only their recipients can check."""
    parse_polynomial(text, group, parse_all(group, certificates, threshold), threshold, index=index)


def vinput(group: Group, certificates: Sequence[str], threshold: int, polynomials: Sequence[str], *, index: int) -> str:
    """Step 4, server: what everyone sent to trustee ``index``. Raises when a polynomial doesn't hold."""
    shown = parse_polynomials(polynomials, group, parse_all(group, certificates, threshold), threshold)
    return dump(vinput_json(shown, index=index))


def voutput(
    secret: TrusteeSecret, group: Group, certificates: Sequence[str], threshold: int, vinput_text: str, random: Random
) -> str:
    """Step 5, trustee: check every share, and make the decryption key of their sum.

    Raises ``TrusteeError``: what certificates, coefficients and channel messages raise; ``polynomial-own`` when the
    trustee's own polynomial isn't the one under their name; ``polynomial-share`` when a share isn't on its polynomial.
    """
    keys = secret.keys(group)
    checked = parse_all(group, certificates, threshold)
    own = own_index(checked, keys)
    received = parse_vinput(vinput_text, group, checked, threshold)
    _check_own_polynomial(group, keys, received.kept, received.coefficients[own - 1])
    total = 0
    for index, (sender, text, published) in enumerate(
        zip(checked, received.secrets, received.coefficients, strict=True), 1
    ):
        fields = Fields(load(receive(group, keys, sender.verification, text)), "secret")
        share = _reduced(group, fields, "secret")
        fields.end()
        if group.secret_power_generator(share) != published.at(group, own):
            raise TrusteeError("polynomial-share", _VINPUTS, f"trustee {index}'s share is not on their polynomial")
        total += share
    key = DecryptionKey(group, total % group.order)
    message = dump({"decryption_key": str(key.exponent)})
    return dump(
        {
            "private_key": send(group, keys.signing, keys.encryption, message, random),
            "public_key": load(public_key_json(key, random)),
        }
    )


def committed_voutput(
    secret: TrusteeSecret,
    group: Group,
    certificates: Sequence[str],
    threshold: int,
    polynomials: Sequence[str],
    commitments: Sequence[str],
    random: Random,
) -> str:
    """Step 5 of a trustee who trusts neither the server nor the trustee who spoke last.

    The trustee gathered ``commitments`` before showing the own polynomial. Raises ``polynomial-commitment`` when one
    doesn't fit, and what :func:`voutput` raises.
    """
    if not len(commitments) == len(polynomials) == len(certificates):
        raise TrusteeError("polynomial-commitment", _POLYNOMIALS, "not one commitment for each polynomial")
    for index, (commitment_hex, text) in enumerate(zip(commitments, polynomials, strict=True), 1):
        check_commitment(commitment_hex, text, index=index)
    own = own_index(parse_all(group, certificates, threshold), secret.keys(group))
    return voutput(
        secret, group, certificates, threshold, vinput(group, certificates, threshold, polynomials, index=own), random
    )


def check_voutput(
    text: str, group: Group, certificates: Sequence[str], threshold: int, polynomials: Sequence[str], *, index: int
) -> None:
    """Step 5, server: the trustee's key is the one that the polynomials lead to (``verification-key``), and proven."""
    shown = parse_polynomials(polynomials, group, parse_all(group, certificates, threshold), threshold)
    _, expected = public_keys_of(group, [one.coefficients for one in shown])
    if not 1 <= index <= len(expected):
        raise TrusteeError("trustee-unknown", _VOUTPUTS, f"there is no trustee {index}")
    check_voutput_key(parse_voutput(text, group), expected[index - 1], index=index)


def threshold_parameters(
    group: Group, certificates: Sequence[str], threshold: int, polynomials: Sequence[str], voutputs: Sequence[str]
) -> str:
    """Step 6, server: what the election publishes, after checking all of it again."""
    checked = parse_all(group, certificates, threshold)
    shown = parse_polynomials(polynomials, group, checked, threshold)
    coefficients = [one.coefficients for one in shown]
    _, expected = public_keys_of(group, coefficients)
    if len(voutputs) != len(checked):
        raise TrusteeError("voutput-count", _VOUTPUTS, "not one voutput for each trustee")
    answers = [parse_voutput(text, group) for text in voutputs]
    for index, (answer, element) in enumerate(zip(answers, expected, strict=True), 1):
        check_voutput_key(answer, element, index=index)
    return dump(
        {
            "threshold": threshold,
            "certs": [one.signed.to_json() for one in checked],
            "coefexps": [one.signed.to_json() for one in coefficients],
            **bindings_json(coefficients),
            "verification_keys": [answer.public_key_json for answer in answers],
        }
    )


def encrypted_decryption_key(voutput_text: str, group: Group) -> str:
    """The trustee's decryption key, encrypted for themselves; the trustee keeps it beside the secret."""
    return parse_voutput(voutput_text, group).private_key


def decryption_key_from(secret: TrusteeSecret, group: Group, encrypted_key_text: str) -> DecryptionKey:
    """The decryption key that the trustee sent to themselves; raises what a channel message raises."""
    keys = secret.keys(group)
    fields = Fields(load(receive(group, keys, keys.verification, encrypted_key_text)), "decryption key")
    exponent = _reduced(group, fields, "decryption_key")
    fields.end()
    return DecryptionKey(group, exponent)


def own_index(certificates: Sequence[Certificate], keys: ChannelKeys) -> int:
    """The number of the trustee whose channel keys these are; raises ``certificate-own``."""
    for index, one in enumerate(certificates, 1):
        if (one.verification, one.encryption) == (keys.verification, keys.encryption):
            return index
    raise TrusteeError("certificate-own", _CERTIFICATES, "no certificate of the ceremony is this trustee's")


def _keys_in(text: str, group: Group) -> tuple[Element, Element]:
    fields = Fields(load(parse_signed(load(text), group, "certificate").message), "certificate")
    return group.decode(fields.text("verification")), group.decode(fields.text("encryption"))


def _reduced(group: Group, fields: Fields, name: str) -> int:
    """An exponent in a private message: Belenios 2.0 adds numbers up there without reducing the sum."""
    return parse_natural(fields.text(name), name) % group.order


def _check_own_polynomial(group: Group, keys: ChannelKeys, kept: str, published: Coefficients) -> None:
    fields = Fields(load(receive(group, keys, keys.verification, kept)), "polynomial")
    coefficients = [parse_exponent(text, group.order, "a coefficient") for text in fields.texts("polynomial")]
    fields.end()
    if tuple(group.secret_power_generator(coefficient) for coefficient in coefficients) != published.elements:
        raise TrusteeError("polynomial-own", _VINPUTS, "the own polynomial is not the one shown under this name")
