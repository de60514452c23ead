"""Where things stand on the card: the identifiers of the JPKI application (公的個人認証 AP)."""

from __future__ import annotations

import re
from dataclasses import dataclass

APPLICATION_ID = bytes.fromhex("D392F000260100000001")

TOKEN = 0x0006
TOKEN_NAME = b"JPKIAPICCTOKEN2".ljust(32)
"""What the file ``TOKEN`` of a My Number card begins with, as programs for real cards expect; phones have others."""

LARGEST_CERTIFICATE = 0x7FFF
"""In bytes: READ BINARY has 15 bits for an offset."""


@dataclass(frozen=True)
class KeyFiles:
    """The elementary files of one of the two key pairs, and what its PIN looks like.

    Sources: OpenSC's driver (``card-jpki.c``, ``jpki.h``) for files and tries; the cards' manual for the PINs' form.
    """

    certificate: int
    certificate_hidden: bool
    """Whether the certificate can be read only after the PIN."""
    issuer: int
    key: int
    pin: int
    tries: int
    """How many wrong PINs in a row lock the key."""
    pin_form: re.Pattern[str]


USER_AUTHENTICATION = KeyFiles(
    certificate=0x000A,
    certificate_hidden=False,
    issuer=0x000B,
    key=0x0017,
    pin=0x0018,
    tries=3,
    pin_form=re.compile(r"[0-9]{4}"),
)
"""利用者証明用: a PIN of 4 digits."""

DIGITAL_SIGNATURE = KeyFiles(
    certificate=0x0001,
    certificate_hidden=True,
    issuer=0x0002,
    key=0x001A,
    pin=0x001B,
    tries=5,
    pin_form=re.compile(r"[0-9A-Z]{6,16}"),
)
"""署名用: a password of 6 to 16 upper-case letters and digits, which the certificate is hidden behind."""

SHA256_DIGEST_INFO = bytes.fromhex("3031300d060960864801650304020105000420")
"""What precedes a SHA-256 in a PKCS#1 v1.5 DigestInfo (RFC 8017, section 9.2, note 1)."""
