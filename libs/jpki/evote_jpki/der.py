"""The two kinds of DER strings that the certificate's attributes are made of (X.690)."""

from __future__ import annotations

_UTF8_STRING, _PRINTABLE_STRING = 0x0C, 0x13


def encode_utf8_string(text: str) -> bytes:
    """A UTF8String in DER."""
    content = text.encode()
    size = len(content)
    if size < 0x80:
        length = bytes([size])
    else:
        octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
        length = bytes([0x80 | len(octets)]) + octets
    return bytes([_UTF8_STRING]) + length + content


def decode_string(der: bytes) -> str:
    """The text of a UTF8String or PrintableString; ``ValueError`` for another type or a non-minimal length."""
    if len(der) < 2 or der[0] not in (_UTF8_STRING, _PRINTABLE_STRING):
        raise ValueError("not a string")
    text = (der[-_content_length(der) :] if _content_length(der) else b"").decode()
    if der[0] == _UTF8_STRING and encode_utf8_string(text) != der:
        raise ValueError("not DER")
    return text


def _content_length(der: bytes) -> int:
    first = der[1]
    if first < 0x80:
        size, header = first, 2
    else:
        count = first & 0x7F
        size, header = int.from_bytes(der[2 : 2 + count], "big"), 2 + count
    if header + size != len(der):
        raise ValueError("the length does not fit")
    return size
