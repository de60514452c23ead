"""Private, signed messages between the trustees of a threshold ceremony, carried by a server that can't read them.

Source: specification, "Public key infrastructure" and "Channels". The cipher is AES-CCM as SJCL does it: a 64-bit tag
and a nonce as long as the message's length leaves room for.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from .election import BASE58, random_base58
from .errors import TrusteeError
from .groups import Element, Group, Random, hash_to_exponent, random_exponent
from .jsontext import Fields, Json, dump, load
from .proofs import Proof, knowledge_holds, parse_proof, prove_knowledge

_PKI, _CHANNELS = "Public key infrastructure", "Channels"
_SEED = re.compile(rf"[{BASE58}]{{22}}", re.ASCII)
_SEED_LENGTH = 22
_TAG_BYTES = 8
_LONGEST_NONCE = 13
_HEX = re.compile(r"(?:[0-9a-f]{2})*", re.ASCII)


class TrusteeSecret:
    """The seed that a trustee keeps from the first to the last step: every other key of theirs comes out of it."""

    def __init__(self, seed: str) -> None:
        self._seed = seed

    @classmethod
    def generate(cls, random: Random) -> TrusteeSecret:
        """A new seed of 22 Base58 characters."""
        return cls(random_base58(_SEED_LENGTH, random))

    @classmethod
    def from_text(cls, text: str) -> TrusteeSecret:
        """Read a kept seed; ``TrusteeError`` (``trustee-secret``) when it is not one."""
        seed = text.strip()
        if not _SEED.fullmatch(seed):
            raise TrusteeError("trustee-secret", _PKI, f"a trustee's secret has {_SEED_LENGTH} Base58 characters")
        return cls(seed)

    def reveal(self) -> str:
        """The seed itself, for the trustee's own disk and nothing else."""
        return self._seed

    def keys(self, group: Group) -> ChannelKeys:
        """The signing and decryption keys derived from the seed."""
        signing = hash_to_exponent(group, f"sk|{self._seed}")
        decryption = hash_to_exponent(group, f"dk|{self._seed}")
        public = [group.secret_power_generator(exponent) for exponent in (signing, decryption)]
        return ChannelKeys(signing, decryption, *public)

    def __repr__(self) -> str:
        return "TrusteeSecret(…)"


@dataclass(frozen=True, eq=False)
class ChannelKeys:
    """A trustee's two channel key pairs; the private halves don't print."""

    signing: int = field(repr=False)
    decryption: int = field(repr=False)
    verification: Element
    encryption: Element


@dataclass(frozen=True)
class SignedMessage:
    """The ``signed_msg`` structure."""

    message: str
    signature: Proof

    def to_json(self) -> Json:
        """The structure, its fields in the spec's order."""
        return {"message": self.message, "signature": self.signature.to_json()}


def parse_signed(value: Json, group: Group, what: str) -> SignedMessage:
    """Read a ``signed_msg`` without checking its signature."""
    fields = Fields(value, what)
    signed = SignedMessage(
        fields.text("message"), parse_proof(fields.value("signature"), group.order, f"{what}.signature")
    )
    fields.end()
    return signed


def sign(group: Group, signing_key: int, message: str, random: Random) -> SignedMessage:
    """Sign a message (specification, "Signing")."""
    return SignedMessage(message, prove_knowledge(group, signing_key, f"sigmsg|{message}|", random))


def signature_holds(group: Group, verification_key: Element, signed: SignedMessage) -> bool:
    """Whether the key's owner signed the message."""
    return knowledge_holds(group, verification_key, f"sigmsg|{signed.message}|", signed.signature)


def send(group: Group, signing_key: int, recipient: Element, message: str, random: Random) -> str:
    """Sign a message for a recipient's encryption key, and encrypt it."""
    addressed = dump({"recipient": group.encode(recipient), "message": message})
    return _encrypt(group, recipient, dump(sign(group, signing_key, addressed, random).to_json()), random)


def receive(group: Group, keys: ChannelKeys, sender: Element, text: str) -> str:
    """Decrypt a message and check who signed it, and for whom.

    Raises ``TrusteeError``: ``channel-encryption`` when it does not decrypt, ``channel-signature`` when ``sender``
    (a verification key) did not sign it, ``channel-recipient`` when it was signed for somebody else.
    """
    signed = parse_signed(load(_decrypt(group, keys.decryption, text)), group, "channel message")
    if not signature_holds(group, sender, signed):
        raise TrusteeError("channel-signature", _CHANNELS, "the sender did not sign this message")
    fields = Fields(load(signed.message), "channel message")
    recipient, message = group.decode(fields.text("recipient")), fields.text("message")
    fields.end()
    # Without this check, a trustee could forward to one what another wrote for them.
    if recipient != keys.encryption:
        raise TrusteeError("channel-recipient", _CHANNELS, "the message was signed for another recipient")
    return message


def _encrypt(group: Group, recipient: Element, plaintext: str, random: Random) -> str:
    nonce_exponent, key_exponent = random_exponent(group, random), random_exponent(group, random)
    shared = group.secret_power_generator(key_exponent)
    alpha = group.secret_power_generator(nonce_exponent)
    beta = group.multiply(group.secret_power(recipient, nonce_exponent), shared)
    data = plaintext.encode()
    sealed = _cipher(group, shared).encrypt(_nonce(group, alpha, len(data)), data, None)
    return dump({"alpha": group.encode(alpha), "beta": group.encode(beta), "data": sealed.hex()})


def _decrypt(group: Group, decryption_key: int, text: str) -> str:
    fields = Fields(load(text), "encrypted message")
    # Strict decoding: an element outside the subgroup would leak the key's residue modulo a small number.
    alpha, beta = group.decode(fields.text("alpha")), group.decode(fields.text("beta"))
    data_hex = fields.text("data")
    fields.end()
    if not _HEX.fullmatch(data_hex) or len(data_hex) <= 2 * _TAG_BYTES:
        raise _undecryptable()
    data = bytes.fromhex(data_hex)
    shared = group.divide(beta, group.secret_power(alpha, decryption_key))
    try:
        opened = _cipher(group, shared).decrypt(_nonce(group, alpha, len(data) - _TAG_BYTES), data, None)
        return opened.decode()
    except (InvalidTag, UnicodeDecodeError):
        raise _undecryptable() from None


def _cipher(group: Group, shared: Element) -> AESCCM:
    return AESCCM(hashlib.sha256(f"key|{group.encode(shared)}".encode()).digest(), tag_length=_TAG_BYTES)


def _nonce(group: Group, alpha: Element, message_bytes: int) -> bytes:
    # CCM's block of 16 bytes has 15 for nonce and message length together; SJCL uses at least 2 for the length.
    length_bytes = max(15 - _LONGEST_NONCE, (message_bytes.bit_length() + 7) // 8)
    return hashlib.sha256(f"iv|{group.encode(alpha)}".encode()).digest()[: 15 - length_bytes]


def _undecryptable() -> TrusteeError:
    return TrusteeError("channel-encryption", _PKI, "the message does not decrypt with this key")
