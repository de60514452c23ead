"""A public key as one line that a person hands to another, with a check against slips of the pen.

``ed25519:KEY:CHECK``: KEY is the 32 bytes in unpadded base64url (RFC 4648, section 5), CHECK the first eight
hexadecimal digits of SHA-256 over ``ed25519:KEY``.
"""

from __future__ import annotations

import base64
import hashlib
import re

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_TEXT = re.compile(r"(ed25519:[A-Za-z0-9_-]{43}):([0-9a-f]{8})", re.ASCII)


class KeyMistyped(ValueError):
    """Not the line that :func:`key_text` writes: cut, mistyped, or something else altogether."""


def key_text(key: Ed25519PublicKey) -> str:
    """The one line of a key."""
    encoded = base64.urlsafe_b64encode(key.public_bytes_raw()).decode().rstrip("=")
    return f"ed25519:{encoded}:{_check(f'ed25519:{encoded}')}"


def parse_key(text: str) -> Ed25519PublicKey:
    """The key of a line, surrounding white space aside; raises :class:`KeyMistyped`."""
    match = _TEXT.fullmatch(text.strip())
    if match is None or match[2] != _check(match[1]):
        raise KeyMistyped(f"not a key's line, or mistyped: {text.strip()[:80]!r}")
    raw = base64.urlsafe_b64decode(match[1].removeprefix("ed25519:") + "=")
    key = Ed25519PublicKey.from_public_bytes(raw)
    if key_text(key) != text.strip():
        # 43 characters carry two bits more than 32 bytes: one key has one line, so that lines compare.
        raise KeyMistyped(f"not a key's canonical line: {text.strip()[:80]!r}")
    return key


def _check(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
