"""How the C2SP formats write what they have in common: base64, decimal numbers, and keys with names."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .errors import MalformedNote

MAX_SIZE: Final = 2**63 - 1
"""The largest tree size or index that is read: what a signed 64-bit integer holds, in every database."""

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_KEY_ID = re.compile(r"[0-9a-f]{8}", re.ASCII)
_ED25519_BYTES = 32


def encode_base64(content: bytes) -> str:
    """RFC 4648, section 4, with padding."""
    return base64.b64encode(content).decode("ascii")


def decode_base64(text: str) -> bytes:
    """The inverse, which takes only what :func:`encode_base64` writes; raises :class:`MalformedNote`."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedNote("not base64") from error
    if encode_base64(decoded) != text:
        raise MalformedNote("not the canonical base64")
    return decoded


def parse_decimal(text: str) -> int:
    """A tree size or an index, without sign and leading zeros; raises :class:`MalformedNote`."""
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_SIZE:
        raise MalformedNote("not a decimal number below 2^63 without leading zeros")
    return int(text)


def check_key_name(name: str) -> None:
    """Signed-note, "Format": a key's name must not be empty nor hold white space or ``+``."""
    if not name or "+" in name or any(character.isspace() or character < " " for character in name):
        raise MalformedNote("a key name is not empty and has no white space and no '+'")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise MalformedNote("a key name is UTF-8") from error


def key_id(name: str, signature_type: bytes, public_key: bytes) -> bytes:
    """The four bytes by which a signature line names its key (signed-note, "Signatures")."""
    return hashlib.sha256(name.encode() + b"\n" + signature_type + public_key).digest()[:4]


def format_vkey(name: str, signature_type: bytes, public_key: bytes) -> str:
    """``<name>+<key id in hexadecimal>+<base64 of the type byte and the key>`` (signed-note, "Verifier keys")."""
    identifier = key_id(name, signature_type, public_key).hex()
    return f"{name}+{identifier}+{encode_base64(signature_type + public_key)}"


def parse_vkey(text: str, signature_type: bytes) -> tuple[str, Ed25519PublicKey]:
    """The name and the Ed25519 key of a verifier key of one signature type.

    Raises:
        MalformedNote: it is none, is of another type, or its key id is not its key's.
    """
    parts = text.split("+", 2)
    if len(parts) != 3 or not _KEY_ID.fullmatch(parts[1]):
        raise MalformedNote("not a verifier key: <name>+<key id>+<key>")
    name, identifier, encoded = parts
    check_key_name(name)
    material = decode_base64(encoded)
    if len(material) != 1 + _ED25519_BYTES or material[:1] != signature_type:
        raise MalformedNote(f"not an Ed25519 verifier key of signature type {signature_type.hex()}")
    if key_id(name, signature_type, material[1:]).hex() != identifier:
        raise MalformedNote("the key id does not belong to the key")
    return name, Ed25519PublicKey.from_public_bytes(material[1:])
