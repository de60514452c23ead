"""The structures ``polynomial``, ``vinput`` and ``voutput`` of the key ceremony, read with every signature checked.

Source: specification, "Polynomials", "Vinputs", "Voutputs".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .certificates import Certificate, Coefficients, check_coefficients
from .channel import parse_signed
from .errors import TrusteeError
from .groups import Element, Group
from .jsontext import Fields, Json, load
from .proofs import parse_proof
from .trustees import TrusteePublicKey, public_key_of

_POLYNOMIALS, _VINPUTS, _VOUTPUTS = "Polynomials", "Vinputs", "Voutputs"


@dataclass(frozen=True)
class Polynomial:
    """What a trustee shows in step 3: ``kept`` is for themselves, ``secrets`` has one share for each trustee."""

    kept: str
    secrets: tuple[str, ...]
    coefficients: Coefficients


@dataclass(frozen=True)
class Vinput:
    """What a trustee gets in step 4: their own polynomial, everyone's share for them, everyone's coefficients."""

    kept: str
    secrets: tuple[str, ...]
    coefficients: tuple[Coefficients, ...]


@dataclass(frozen=True)
class Voutput:
    """What a trustee answers in step 5; ``public_key_json`` is the structure of ``public_key``."""

    private_key: str
    public_key: TrusteePublicKey
    public_key_json: Json


def parse_polynomial(
    text: str, group: Group, certificates: Sequence[Certificate], threshold: int, *, index: int
) -> Polynomial:
    """Read trustee ``index``'s polynomial; raises what coefficients raise, and ``polynomial-shares``."""
    fields = Fields(load(text), "polynomial")
    kept, secrets = fields.text("polynomial"), fields.texts("secrets")
    signed = parse_signed(fields.value("coefexps"), group, "coefexps")
    binding = parse_proof(fields.value("signature"), group.order, "signature") if fields.has("signature") else None
    fields.end()
    if len(secrets) != len(certificates):
        raise TrusteeError("polynomial-shares", _POLYNOMIALS, f"trustee {index} has not one share for each trustee")
    return Polynomial(kept, secrets, check_coefficients(group, certificates, threshold, signed, binding, index=index))


def parse_polynomials(
    texts: Sequence[str], group: Group, certificates: Sequence[Certificate], threshold: int
) -> tuple[Polynomial, ...]:
    """Read everyone's polynomials in the trustees' order."""
    if len(texts) != len(certificates):
        raise TrusteeError("polynomial-count", _POLYNOMIALS, "not one polynomial for each trustee")
    return tuple(
        parse_polynomial(text, group, certificates, threshold, index=index) for index, text in enumerate(texts, 1)
    )


def vinput_json(polynomials: Sequence[Polynomial], *, index: int) -> Json:
    """The ``vinput`` of trustee ``index``."""
    if not 1 <= index <= len(polynomials):
        raise TrusteeError("trustee-unknown", _VINPUTS, f"there is no trustee {index}")
    coefficients = [one.coefficients for one in polynomials]
    return {
        "polynomial": polynomials[index - 1].kept,
        "secrets": [one.secrets[index - 1] for one in polynomials],
        "coefexps": [one.signed.to_json() for one in coefficients],
        **bindings_json(coefficients),
    }


def parse_vinput(text: str, group: Group, certificates: Sequence[Certificate], threshold: int) -> Vinput:
    """Read a ``vinput``; raises what coefficients raise, and ``vinput-count``."""
    fields = Fields(load(text), "vinput")
    kept, secrets, signed = fields.text("polynomial"), fields.texts("secrets"), fields.array("coefexps")
    bindings = fields.array("signatures") if fields.has("signatures") else None
    fields.end()
    size = len(certificates)
    if not size == len(secrets) == len(signed) == (size if bindings is None else len(bindings)):
        raise TrusteeError("vinput-count", _VINPUTS, "not one of each message from each trustee")
    coefficients = tuple(
        check_coefficients(
            group,
            certificates,
            threshold,
            parse_signed(value, group, "coefexps"),
            None if bindings is None else parse_proof(bindings[index - 1], group.order, "signature"),
            index=index,
        )
        for index, value in enumerate(signed, 1)
    )
    return Vinput(kept, secrets, coefficients)


def parse_voutput(text: str, group: Group) -> Voutput:
    """Read a ``voutput``; its proof of knowledge is checked, its key isn't compared with anything."""
    fields = Fields(load(text), "voutput")
    private_key, public_key = fields.text("private_key"), fields.value("public_key")
    fields.end()
    return Voutput(private_key, public_key_of(public_key, group), public_key)


def check_voutput_key(voutput: Voutput, expected: Element, *, index: int) -> None:
    """Raise ``TrusteeError`` (``verification-key``) unless the key is the one the polynomials lead to."""
    if voutput.public_key.element != expected:
        raise TrusteeError("verification-key", _VOUTPUTS, f"trustee {index}'s key is not what the polynomials lead to")


def bindings_json(coefficients: Sequence[Coefficients]) -> dict[str, Json]:
    """The ``signatures`` field, when every trustee made one: a trustee who uses Belenios 2.0 does not."""
    bindings = [one.binding for one in coefficients]
    present = [binding.to_json() for binding in bindings if binding is not None]
    return {"signatures": present} if len(present) == len(bindings) else {}
