"""What a threshold ceremony publishes for each trustee: a certificate of channel keys, and signed coefficients.

Belenios 2.0 wrote neither ``context`` nor ``signature``; 2.5.1 demands both. We write both for either group, demand
them with ``Ed25519`` (which 2.0 does not know) and accept their absence with ``BELENIOS-2048``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .channel import ChannelKeys, SignedMessage, parse_signed, sign, signature_holds
from .errors import TrusteeError
from .groups import BELENIOS_2048, Element, Group, Random
from .jsontext import Fields, Json, dump, load
from .proofs import Proof

_CERTIFICATES, _POLYNOMIALS = "Certificates", "Polynomials"
_MOST_TRUSTEES = 1000


@dataclass(frozen=True)
class Certificate:
    """A trustee's checked channel keys, and the signed text that says so."""

    signed: SignedMessage
    verification: Element
    encryption: Element
    bound_to_ceremony: bool
    """Whether it names the ceremony, and the place in it, that it was made for."""

    @property
    def text(self) -> str:
        """The ``cert`` structure."""
        return dump(self.signed.to_json())


def signatures_may_be_absent(group: Group) -> bool:
    """Whether the group is the one that Belenios 2.0 makes ceremonies with, without contexts and signatures."""
    return group is BELENIOS_2048


def check_size(threshold: int, size: int) -> None:
    """Raise ``TrusteeError`` (``threshold-size``) unless 1 ≤ threshold ≤ size ≤ 1,000."""
    if not 1 <= threshold <= size <= _MOST_TRUSTEES:
        raise TrusteeError("threshold-size", "Trustees", f"{threshold} of {size} trustees can't be a threshold")


def make_certificate(
    group: Group, keys: ChannelKeys, *, index: int, threshold: int, size: int, random: Random
) -> SignedMessage:
    """A certificate for one trustee of one ceremony."""
    message: Json = {
        "context": {"group": group.name, "size": size, "threshold": threshold, "index": index},
        "verification": group.encode(keys.verification),
        "encryption": group.encode(keys.encryption),
    }
    return sign(group, keys.signing, dump(message), random)


def check_one(group: Group, signed: SignedMessage, *, index: int, threshold: int, size: int) -> Certificate:
    """Check one certificate.

    Raises ``EncodingError`` for keys that are not in the group, ``TrusteeError``: ``certificate-context`` when it was
    made for another place in the ceremony, ``certificate-signature``.
    """
    fields = Fields(load(signed.message), "certificate")
    expected = (group.name, size, threshold, index)
    bound = fields.has("context")
    may_lack_context = signatures_may_be_absent(group) and not bound
    if not may_lack_context and _parse_context(fields.value("context")) != expected:
        raise TrusteeError(
            "certificate-context", _CERTIFICATES, f"certificate {index} was made for another ceremony or place"
        )
    certificate = Certificate(
        signed, group.decode(fields.text("verification")), group.decode(fields.text("encryption")), bound
    )
    fields.end()
    if not signature_holds(group, certificate.verification, signed):
        raise TrusteeError("certificate-signature", _CERTIFICATES, f"certificate {index} is not signed by its own key")
    return certificate


def check_all(group: Group, signed: Sequence[SignedMessage], threshold: int) -> tuple[Certificate, ...]:
    """Check the certificates of a whole ceremony; also raises ``certificate-duplicate`` and ``threshold-size``."""
    size = len(signed)
    check_size(threshold, size)
    certificates = tuple(
        check_one(group, one, index=index, threshold=threshold, size=size) for index, one in enumerate(signed, 1)
    )
    keys = [key for certificate in certificates for key in (certificate.verification, certificate.encryption)]
    if len(set(keys)) != len(keys):
        raise TrusteeError("certificate-duplicate", _CERTIFICATES, "two certificates share a key")
    return certificates


def parse_all(group: Group, texts: Sequence[str], threshold: int) -> tuple[Certificate, ...]:
    """:func:`check_all` on texts."""
    return check_all(group, [parse_signed(load(text), group, "certificate") for text in texts], threshold)


@dataclass(frozen=True)
class Coefficients:
    """A trustee's exponentiated coefficients g^a_0 … g^a_t, signed.

    ``binding`` signs the ceremony's certificates together with them; ``None`` in Belenios 2.0's messages.
    """

    signed: SignedMessage
    binding: Proof | None
    elements: tuple[Element, ...]

    def at(self, group: Group, index: int) -> Element:
        """g^f(index), by Horner's rule in the exponent."""
        value = self.elements[-1]
        for element in reversed(self.elements[:-1]):
            value = group.multiply(group.power(value, index), element)
        return value


def make_coefficients(
    group: Group, keys: ChannelKeys, certificates: Sequence[Certificate], polynomial: Sequence[int], random: Random
) -> Coefficients:
    """Exponentiate and sign a polynomial."""
    elements = tuple(group.secret_power_generator(coefficient) for coefficient in polynomial)
    encoded: Json = [group.encode(element) for element in elements]
    signed = sign(group, keys.signing, dump({"coefexps": encoded}), random)
    binding = sign(group, keys.signing, _binding_message(group, certificates, elements), random).signature
    return Coefficients(signed, binding, elements)


def check_coefficients(
    group: Group,
    certificates: Sequence[Certificate],
    threshold: int,
    signed: SignedMessage,
    binding: Proof | None,
    *,
    index: int,
) -> Coefficients:
    """Check what trustee ``index`` published in step 3.

    Raises ``EncodingError``, or ``TrusteeError``: ``coefficients-signature``, ``coefficients-length`` (their number is
    the threshold), ``coefficients-binding`` (they were signed for other certificates, or the signature is missing).
    """
    verification = certificates[index - 1].verification
    if not signature_holds(group, verification, signed):
        raise _refused("coefficients-signature", f"trustee {index} did not sign these coefficients")
    fields = Fields(load(signed.message), "coefexps")
    elements = tuple(group.decode(text) for text in fields.texts("coefexps"))
    fields.end()
    if len(elements) != threshold:
        raise _refused("coefficients-length", f"trustee {index} has {len(elements)} coefficients")
    if binding is None:
        if not signatures_may_be_absent(group):
            raise _refused("coefficients-binding", f"trustee {index} did not sign the certificates")
    else:
        message = _binding_message(group, certificates, elements)
        if not signature_holds(group, verification, SignedMessage(message, binding)):
            raise _refused("coefficients-binding", f"trustee {index} signed other certificates or coefficients")
    return Coefficients(signed, binding, elements)


def public_keys_of(group: Group, coefficients: Sequence[Coefficients]) -> tuple[Element, tuple[Element, ...]]:
    """The ceremony's public key, and the verification key of each trustee, that the coefficients lead to."""
    sums = list(coefficients[0].elements)
    for one in coefficients[1:]:
        sums = [group.multiply(left, right) for left, right in zip(sums, one.elements, strict=True)]
    total = Coefficients(coefficients[0].signed, None, tuple(sums))
    return sums[0], tuple(total.at(group, index) for index in range(1, len(coefficients) + 1))


def _binding_message(group: Group, certificates: Sequence[Certificate], elements: Sequence[Element]) -> str:
    value: Json = {
        "certs": [certificate.signed.to_json() for certificate in certificates],
        "coefexps": [group.encode(element) for element in elements],
    }
    return f"certs_sig|{dump(value)}"


def _parse_context(value: Json) -> tuple[str, int, int, int]:
    fields = Fields(value, "context")
    context = fields.text("group"), fields.integer("size"), fields.integer("threshold"), fields.integer("index")
    fields.end()
    return context


def _refused(rule: str, detail: str) -> TrusteeError:
    return TrusteeError(rule, _POLYNOMIALS, detail)
