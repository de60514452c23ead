"""ECDSA signatures with the smaller of the two possible values of s, as Fabric wants them.

For each signature (r, s) there is (r, n - s), which verifies as well. Fabric refuses the larger, so that nobody can
turn a signed message into another with the same meaning (bccsp/utils, ``IsLowS``).
"""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_COORDINATE_BYTES = 32


def from_der(signature: bytes) -> bytes:
    """A DER signature over P-256, with low s."""
    r, s = decode_dss_signature(signature)
    return _encode(r, s)


def from_raw(signature: bytes) -> bytes:
    """The same for ``r ‖ s``, 32 bytes each, as PKCS#11 gives it (PKCS#11 3.0, CKM_ECDSA)."""
    r, s = signature[:_COORDINATE_BYTES], signature[_COORDINATE_BYTES:]
    return _encode(int.from_bytes(r), int.from_bytes(s))


def is_low(signature: bytes) -> bool:
    """Whether a DER signature over P-256 has low s."""
    return decode_dss_signature(signature)[1] <= P256_ORDER // 2


def _encode(r: int, s: int) -> bytes:
    return encode_dss_signature(r, min(s, P256_ORDER - s))
