"""The two kinds of DER strings that the certificate's attributes are made of (X.690)."""

from __future__ import annotations

_UTF8_STRING, _PRINTABLE_STRING = 0x0C, 0x13


def encode_utf8_string(text: str) -> bytes:
    """A UTF8String in DER."""
    return _encode(_UTF8_STRING, text.encode())


def decode_string(der: bytes) -> str:
    """The text of a UTF8String or PrintableString; ``ValueError`` for another type or anything but DER."""
    if len(der) < 2 or der[0] not in (_UTF8_STRING, _PRINTABLE_STRING):
        raise ValueError("not a string")
    header = 2 if der[1] < 0x80 else 2 + (der[1] & 0x7F)
    if _encode(der[0], der[header:]) != der:
        raise ValueError("not DER")
    return der[header:].decode("utf-8" if der[0] == _UTF8_STRING else "ascii")


def _encode(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content
