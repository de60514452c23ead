"""Trustees: their keys, and the structure ``trustees`` that an election publishes.

Source: specification, "Verification keys", "Threshold parameters", "Trustees". Trustees are numbered from 1 through all
items of the structure, as the owners of partial decryptions are.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from .certificates import check_all, check_coefficients, public_keys_of
from .channel import SignedMessage, parse_signed, signature_holds
from .election import Election
from .errors import TrusteeError
from .groups import Element, Group, Random, random_exponent
from .jsontext import Fields, Json, dump, load, parse_exponent
from .proofs import knowledge_holds, parse_proof, prove_knowledge

_KEYS, _PARAMETERS, _TRUSTEES = "Verification keys", "Threshold parameters", "Trustees"


@dataclass(frozen=True, eq=False)
class DecryptionKey:
    """A trustee's private decryption key; it doesn't print."""

    group: Group
    exponent: int = field(repr=False)

    @classmethod
    def generate(cls, group: Group, random: Random) -> DecryptionKey:
        """A basic trustee's key; a threshold trustee's comes out of the ceremony."""
        return cls(group, random_exponent(group, random))

    @classmethod
    def from_private_key(cls, text: str, group: Group) -> DecryptionKey:
        """Read what :meth:`private_key_json` or belenios-tool wrote; ``EncodingError`` when it is malformed."""
        value = load(text)
        return cls(group, parse_exponent(value if isinstance(value, str) else "", group.order, "the private key"))

    def private_key_json(self) -> str:
        """The key itself, for the trustee's own disk and nothing else."""
        return dump(str(self.exponent))

    @cached_property
    def public_key(self) -> Element:
        """X = g^x."""
        return self.group.secret_power_generator(self.exponent)


@dataclass(frozen=True)
class TrusteePublicKey:
    """A ``trustee_public_key`` whose proof of knowledge holds."""

    element: Element
    text: str
    """The element's text."""
    name: str | None


@dataclass(frozen=True)
class SingleTrustee:
    """A trustee without whom nothing can be decrypted."""

    first_index: int
    member: TrusteePublicKey

    @property
    def members(self) -> tuple[TrusteePublicKey, ...]:
        """The one trustee."""
        return (self.member,)

    @property
    def threshold(self) -> int:
        """How many of the members are needed."""
        return 1


@dataclass(frozen=True)
class ThresholdTrustees:
    """Trustees of whom ``threshold`` are needed; ``first_index`` is the number of the first among all."""

    first_index: int
    threshold: int
    members: tuple[TrusteePublicKey, ...]
    shared_key: Element
    bound_to_ceremony: bool
    """Whether each certificate names the ceremony that it was made for, as all do since Belenios 2.5.1."""

    @property
    def size(self) -> int:
        """How many they are."""
        return len(self.members)


@dataclass(frozen=True)
class Trustees:
    """A checked ``trustees`` structure."""

    group: Group
    items: tuple[SingleTrustee | ThresholdTrustees, ...]

    @property
    def members(self) -> tuple[TrusteePublicKey, ...]:
        """All trustees; the one of number i stands at i - 1."""
        return tuple(member for item in self.items for member in item.members)

    @property
    def count(self) -> int:
        """How many trustees there are."""
        return len(self.members)

    @cached_property
    def public_key(self) -> Element:
        """The election's public key: the product of the items' keys."""
        product = self.group.identity
        for item in self.items:
            key = item.member.element if isinstance(item, SingleTrustee) else item.shared_key
            product = self.group.multiply(product, key)
        return product

    @property
    def public_key_text(self) -> str:
        """The text of :attr:`public_key`, as ``election.json`` has it."""
        return self.group.encode(self.public_key)

    def verification_key(self, trustee_index: int) -> Element:
        """The key that a trustee's partial decryptions are checked with; raises ``trustee-unknown``."""
        if not 1 <= trustee_index <= self.count:
            raise TrusteeError("trustee-unknown", _TRUSTEES, f"there is no trustee {trustee_index}")
        return self.members[trustee_index - 1].element

    def index_of(self, key: DecryptionKey) -> int:
        """The number of the trustee whose key this is (of those of whom one is enough, the first's).

        Raises ``trustee-unknown``.
        """
        for index, member in enumerate(self.members, 1):
            if member.element == key.public_key:
                return index
        raise TrusteeError("trustee-unknown", _TRUSTEES, "this key belongs to none of the election's trustees")

    def suffices(self, indices: Collection[int]) -> bool:
        """Whether these trustees together can decrypt."""
        return all(
            sum(item.first_index <= index < item.first_index + len(item.members) for index in set(indices))
            >= item.threshold
            for item in self.items
        )


def public_key_json(key: DecryptionKey, random: Random, name: str | None = None) -> str:
    """The ``trustee_public_key`` of a key, with a proof that its owner knows the private half."""
    text = key.group.encode(key.public_key)
    proof = prove_knowledge(key.group, key.exponent, _pok_prefix(key.group, text), random)
    named: dict[str, Json] = {} if name is None else {"name": name}
    return dump({"pok": proof.to_json(), "public_key": text, **named})


def parse_public_key(text: str, group: Group) -> TrusteePublicKey:
    """Read a ``trustee_public_key``.

    Raises ``EncodingError``, and ``TrusteeError`` (``trustee-pok``) unless its proof of knowledge holds.
    """
    return public_key_of(load(text), group)


def public_key_of(value: Json, group: Group) -> TrusteePublicKey:
    """:func:`parse_public_key` on parsed JSON."""
    fields = Fields(value, "trustee_public_key")
    pok = parse_proof(fields.value("pok"), group.order, "pok")
    text = fields.text("public_key")
    name = fields.text("name") if fields.has("name") else None
    fields.end()
    key = TrusteePublicKey(group.decode(text), text, name)
    # Who doesn't know the private half could choose a key that cancels the others' out.
    if not knowledge_holds(group, key.element, _pok_prefix(group, text), pok):
        raise TrusteeError("trustee-pok", _KEYS, "the proof of knowledge of the private key does not hold")
    return key


def trustees_json(singles: Sequence[str], thresholds: Sequence[str] = ()) -> str:
    """The ``trustees`` structure of public keys and threshold parameters; mandatory trustees come first."""
    items: list[Json] = [["Single", load(text)] for text in singles]
    items += [["Pedersen", load(text)] for text in thresholds]
    return dump(items)


def parse_trustees(text: str, group: Group) -> Trustees:
    """Read ``trustees.json`` and check everything in it.

    Raises ``EncodingError`` for malformed text and for keys outside the group. Raises ``TrusteeError``: what the checks
    of keys, certificates and coefficients raise; ``trustees-schema``; ``trustee-duplicate`` when a trustee's key is
    copied; ``verification-key`` when a threshold trustee's key isn't what the coefficients lead to;
    ``trustee-signature`` when it carries a signature that isn't its trustee's.
    """
    value = load(text)
    if not isinstance(value, list) or not value:
        raise TrusteeError("trustees-schema", _TRUSTEES, "trustees are an array of at least one item")
    items: list[SingleTrustee | ThresholdTrustees] = []
    next_index = 1
    for item in value:
        items.append(_parse_item(item, group, next_index))
        next_index += len(items[-1].members)
    trustees = Trustees(group, tuple(items))
    _check_distinct(trustees)
    if trustees.public_key == group.identity:
        raise TrusteeError("election-public-key", _TRUSTEES, "the trustees' keys cancel each other out")
    return trustees


def verify_election_key(election: Election, trustees: Trustees) -> None:
    """Raise ``TrusteeError`` (``election-public-key``) unless ballots are encrypted for exactly these trustees."""
    if election.group is not trustees.group or election.public_key != trustees.public_key:
        raise TrusteeError("election-public-key", _TRUSTEES, "the election's public key is not its trustees'")


def _check_distinct(trustees: Trustees) -> None:
    """A copied key comes with a copied proof, and later with copied decryptions: one trustee fewer than it seems.

    Within one item the coefficients decide: trustees of whom one is enough all have the same key.
    """
    seen: set[str] = set()
    for item in trustees.items:
        keys = {member.text for member in item.members}
        if keys & seen:
            raise TrusteeError("trustee-duplicate", _TRUSTEES, "two trustees have the same key")
        seen |= keys


def _parse_item(item: Json, group: Group, first_index: int) -> SingleTrustee | ThresholdTrustees:
    if not isinstance(item, list) or len(item) != 2:
        raise TrusteeError("trustees-schema", _TRUSTEES, "an item is a kind and its parameters")
    kind, value = item
    if kind == "Single":
        return SingleTrustee(first_index, public_key_of(value, group))
    if kind == "Pedersen":
        return _parse_threshold(value, group, first_index)
    raise TrusteeError("trustees-schema", _TRUSTEES, "an item is Single or Pedersen")


def _parse_threshold(value: Json, group: Group, first_index: int) -> ThresholdTrustees:
    """The ``threshold_parameters`` structure."""
    fields = Fields(value, "threshold parameters")
    threshold = fields.integer("threshold")
    signed_certificates = [parse_signed(one, group, "certificate") for one in fields.array("certs")]
    signed_coefficients = [parse_signed(one, group, "coefexps") for one in fields.array("coefexps")]
    bindings = (
        [parse_proof(one, group.order, "signature") for one in fields.array("signatures")]
        if fields.has("signatures")
        else [None] * len(signed_certificates)
    )
    members = [_signed_key(member) for member in fields.array("verification_keys")]
    fields.end()
    size = len(signed_certificates)
    if not size == len(signed_coefficients) == len(bindings) == len(members):
        raise TrusteeError("trustees-schema", _PARAMETERS, "not one of each message for each trustee")
    # 1. Every certificate is for this ceremony and signed by its own key.
    certificates = check_all(group, signed_certificates, threshold)
    # 2. Every trustee signed their coefficients, and (2.5.1) these certificates with them.
    coefficients = [
        check_coefficients(group, certificates, threshold, signed, binding, index=index)
        for index, (signed, binding) in enumerate(zip(signed_coefficients, bindings, strict=True), 1)
    ]
    # 3. The keys are what the coefficients lead to, and each trustee proved to know theirs.
    shared_key, expected = public_keys_of(group, coefficients)
    keys = tuple(public_key_of(member, group) for member, _ in members)
    for index, (key, element) in enumerate(zip(keys, expected, strict=True), 1):
        if key.element != element:
            raise TrusteeError(
                "verification-key", _PARAMETERS, f"key {index} is not what the published coefficients lead to"
            )
    # 4. Each trustee signed their key (since 3.0).
    for index, (certificate, key, (_, value)) in enumerate(zip(certificates, keys, members, strict=True), 1):
        if value is None:
            continue
        signed = SignedMessage(key.text, parse_proof(value, group.order, "signature"))
        if not signature_holds(group, certificate.verification, signed):
            raise TrusteeError("trustee-signature", _PARAMETERS, f"trustee {index} did not sign their key")
    bound = all(certificate.bound_to_ceremony for certificate in certificates)
    return ThresholdTrustees(first_index, threshold, keys, shared_key, bound)


def _signed_key(value: Json) -> tuple[Json, Json]:
    """A threshold trustee's ``trustee_public_key``, and the signature in it."""
    if not isinstance(value, Mapping):
        return value, None
    return {name: part for name, part in value.items() if name != "signature"}, value.get("signature")


def _pok_prefix(group: Group, public_key_text: str) -> str:
    return f"pok|{group.name}|{public_key_text}|"
