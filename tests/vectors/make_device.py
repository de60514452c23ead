"""Compute the vectors of a device's occasion from RFC 7748, 8032, 8785 and 9180, with Python's integers and hashes.

It shares no line with libs/device; AES-GCM alone is borrowed. Run it again when a vector is added:
``python tests/vectors/make_device.py`` (a second).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from make_ed25519 import ONE, G, P, Q, exp, mul, text

UUID = "Kfv5ngiYbJzRHQ"
OCCASION = "0f" * 16


# --- RFC 7748


def x25519(scalar: bytes, u: bytes) -> bytes:
    k = int.from_bytes(scalar, "little")
    k = k & ~7 & ~(1 << 255) | 1 << 254
    x1 = int.from_bytes(u, "little") & ~(1 << 255)
    x2, z2, x3, z3 = 1, 0, x1, 1
    for bit in range(254, -1, -1):
        if k >> bit & 1:
            x2, z2, x3, z3 = x3, z3, x2, z2
        a, b, c, d = (x2 + z2) % P, (x2 - z2) % P, (x3 + z3) % P, (x3 - z3) % P
        da, cb, aa, bb = d * a % P, c * b % P, a * a % P, b * b % P
        x3, z3 = pow(da + cb, 2, P), x1 * pow(da - cb, 2, P) % P
        x2, z2 = aa * bb % P, (aa - bb) * (aa + 121665 * (aa - bb)) % P
        if k >> bit & 1:
            x2, z2, x3, z3 = x3, z3, x2, z2
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


BASE_POINT = (9).to_bytes(32, "little")


# --- RFC 8032


def encode(point: tuple[int, int]) -> bytes:
    return bytes.fromhex(text(point))[::-1]


def ed25519_secret(seed: bytes) -> tuple[int, bytes]:
    digest = hashlib.sha512(seed).digest()
    return int.from_bytes(digest[:32], "little") & ~7 & ~(1 << 255) | 1 << 254, digest[32:]


def ed25519_public(seed: bytes) -> bytes:
    return encode(exp(G, ed25519_secret(seed)[0]))


def ed25519_sign(seed: bytes, message: bytes) -> bytes:
    scalar, prefix = ed25519_secret(seed)
    r = int.from_bytes(hashlib.sha512(prefix + message).digest(), "little") % Q
    commitment = encode(exp(G, r))
    k = int.from_bytes(hashlib.sha512(commitment + ed25519_public(seed) + message).digest(), "little") % Q
    return commitment + ((r + k * scalar) % Q).to_bytes(32, "little")


# --- RFC 9180: base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-GCM


def extract(salt: bytes, suite: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, "sha256")


def expand(prk: bytes, suite: bytes, label: bytes, info: bytes, length: int) -> bytes:
    info = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return hmac.digest(prk, info + b"\x01", "sha256")[:length]


def hpke_seal(ephemeral: bytes, recipient: bytes, info: bytes, aad: bytes, plain: bytes, aead: int) -> bytes:
    """The encapsulated key and the ciphertext. aead: 1 is AES-128-GCM, 2 AES-256-GCM."""
    kem, suite = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00" + bytes([aead])
    enc, dh = x25519(ephemeral, BASE_POINT), x25519(ephemeral, recipient)
    shared = expand(extract(b"", kem, b"eae_prk", dh), kem, b"shared_secret", enc + recipient, 32)
    context = b"\x00" + extract(b"", suite, b"psk_id_hash", b"") + extract(b"", suite, b"info_hash", info)
    secret = extract(shared, suite, b"secret", b"")
    key = expand(secret, suite, b"key", context, 16 * aead)
    return enc + AESGCM(key).encrypt(expand(secret, suite, b"base_nonce", context, 12), plain, aad)


RFC9180_A_1 = {
    "info": "4f6465206f6e2061204772656369616e2055726e",
    "skEm": "52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736",
    "pkEm": "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431",
    "skRm": "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8",
    "pkRm": "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d",
    "pt": "4265617574792069732074727574682c20747275746820626561757479",
    "aad": "436f756e742d30",
    "ct": "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a",
}
"""Appendix A.1.1 of RFC 9180: this suite with AES-128-GCM. The RFC has none with AES-256-GCM."""


def require_rfc9180() -> None:
    v = {name: bytes.fromhex(value) for name, value in RFC9180_A_1.items()}
    assert x25519(v["skRm"], BASE_POINT) == v["pkRm"]
    assert hpke_seal(v["skEm"], v["pkRm"], v["info"], v["aad"], v["pt"], 1) == v["pkEm"] + v["ct"]


# --- A device's occasion


def canonical(value: dict[str, str]) -> bytes:
    """RFC 8785 of a flat object of ASCII strings without characters to escape."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def device_key(signing: bytes, sealing: bytes) -> str:
    return "ed25519-x25519:" + base64.urlsafe_b64encode(signing + sealing).decode().rstrip("=")


def signed_request(seed: bytes, kind: str, key: str, proof: dict[str, str], occasion: str = OCCASION) -> str:
    body = {
        "kind": kind,
        "election_uuid": UUID,
        "occasion_id": occasion,
        "device_key": key,
        "proof_sha256": hashlib.sha256(canonical(proof)).hexdigest(),
    }
    signature = base64.b64encode(ed25519_sign(seed, canonical(body))).decode()
    return canonical({**body, "signature": signature}).decode()


RELEASE, ENROLMENT = "tsukuba-evote release request v1", "tsukuba-evote face enrolment request v1"
CREDENTIAL, CODE = "tsukuba-evote sealed credential v1", "tsukuba-evote sealed voting code v1"
NAME = "tsukuba-evote sealed name v1"


def vectors() -> dict[str, Any]:
    signing_seed, sealing_secret, ephemeral = (bytes([n]) * 32 for n in (1, 2, 3))
    signing, sealing = ed25519_public(signing_seed), x25519(sealing_secret, BASE_POINT)
    key = device_key(signing, sealing)
    card = {
        name: base64.b64encode(hashlib.shake_256(name.encode()).digest(48)).decode()
        for name in ("user_certificate", "challenge_signature", "signature_certificate", "statement_signature")
    }
    face = {"verdict": "stands for the signed text of biometric's verdict"}
    sealed = []
    for contents, plain in (
        (CREDENTIAL, "Kfv5-ngiY-bJzR-HQ12-3456-7"),
        (CODE, "ABCD-EFGH-JKLM-NPQ7"),
        (NAME, "斎藤 花子"),
    ):
        info = f"{contents}\n{UUID}\n{OCCASION}\n{key}\n".encode()
        closed = base64.b64encode(hpke_seal(ephemeral, sealing, info, b"", plain.encode(), 2)).decode()
        sealed.append({"contents": contents, "plain": plain, "info": info.decode(), "sealed": closed})
    code_secret = b"\x05" * 32
    info = f"tsukuba-evote typed voting code v1\n{UUID}\n{key}\n"
    closed = hpke_seal(ephemeral, x25519(code_secret, BASE_POINT), info.encode(), b"", b"ABCD-EFGH-JKLM-NPQ7", 2)
    typed = {
        "code_key_secret": code_secret.hex(),
        "code_key": x25519(code_secret, BASE_POINT).hex(),
        "plain": "ABCD-EFGH-JKLM-NPQ7",
        "info": info,
        "sealed": base64.b64encode(closed).decode(),
    }
    keys = base64.urlsafe_b64encode(signing_seed + sealing_secret).decode().rstrip("=")
    phone = {
        "state": f"{UUID}.{OCCASION}.{keys}",
        "code": "stands for the provider's code",
        "device_request": signed_request(signing_seed, RELEASE, key, {"code": "stands for the provider's code"}),
    }
    other = device_key(ed25519_public(b"\x04" * 32), sealing)
    good = signed_request(signing_seed, RELEASE, key, card)
    return {
        "election_uuid": UUID,
        "occasion_id": OCCASION,
        "signing_seed": signing_seed.hex(),
        "sealing_secret": sealing_secret.hex(),
        "device_key": key,
        "requests": [
            {"kind": RELEASE, "proof": card, "device_request": good},
            {"kind": RELEASE, "proof": face, "device_request": signed_request(signing_seed, RELEASE, key, face)},
            {"kind": ENROLMENT, "proof": card, "device_request": signed_request(signing_seed, ENROLMENT, key, card)},
        ],
        "refused_requests": [
            {"why": "another proof", "proof": face, "device_request": good},
            {
                "why": "another occasion",
                "proof": card,
                "device_request": signed_request(signing_seed, RELEASE, key, card, "1f" * 16),
            },
            {
                "why": "another device's signature",
                "proof": card,
                "device_request": signed_request(b"\x04" * 32, RELEASE, key, card),
            },
            {
                "why": "it names another device",
                "proof": card,
                "device_request": signed_request(signing_seed, RELEASE, other, card),
            },
            {
                "why": "another kind",
                "proof": card,
                "device_request": signed_request(signing_seed, ENROLMENT, key, card),
            },
        ],
        "sealed": sealed,
        "typed_code": typed,
        "phone": phone,
        "refused_sealed": [
            {"why": "sealed as the other contents", "contents": CREDENTIAL, "sealed": sealed[1]["sealed"]},
            {"why": "a changed byte", "contents": CREDENTIAL, "sealed": flipped(sealed[0]["sealed"])},
            {"why": "cut", "contents": CREDENTIAL, "sealed": sealed[0]["sealed"][:40]},
        ],
        "refused_keys": [
            {"why": "an X25519 key of order 1: zero", "device_key": device_key(signing, bytes(32))},
            {"why": "an X25519 key of low order: one", "device_key": device_key(signing, b"\x01" + bytes(31))},
            {"why": "an X25519 key of order 8", "device_key": device_key(signing, bytes.fromhex(ORDER_8))},
            {"why": "an X25519 key of order 8", "device_key": device_key(signing, bytes.fromhex(ORDER_8_TOO))},
            {"why": "an X25519 key of order 2", "device_key": device_key(signing, (P - 1).to_bytes(32, "little"))},
            {
                "why": "an X25519 key above the field's prime",
                "device_key": device_key(signing, (P + 9).to_bytes(32, "little")),
            },
            {
                "why": "an X25519 key with the unused bit set",
                "device_key": device_key(signing, sealing[:31] + bytes([sealing[31] | 0x80])),
            },
            {"why": "the neutral Ed25519 element", "device_key": device_key(encode(ONE), sealing)},
            {"why": "an Ed25519 element of order 2", "device_key": device_key(encode((0, P - 1)), sealing)},
            {
                "why": "an Ed25519 element outside the prime-order group",
                "device_key": device_key(encode(mul(exp(G, 5), (0, P - 1))), sealing),
            },
            {"why": "one character less", "device_key": key[:-1]},
            {"why": "not canonical: a bit that carries nothing", "device_key": key[:-1] + chr(ord(key[-1]) + 1)},
            {"why": "padded", "device_key": key + "=="},
            {"why": "no algorithms", "device_key": key.removeprefix("ed25519-x25519:")},
        ],
    }


# RFC 7748 points of order 8, as Curve25519's own page lists them.
ORDER_8 = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"
ORDER_8_TOO = "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"


def flipped(sealed: str) -> str:
    raw = bytearray(base64.b64decode(sealed))
    raw[40] ^= 1
    return base64.b64encode(bytes(raw)).decode()


def main() -> None:
    require_rfc9180()
    path = Path(__file__).parent / "device" / "occasion.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"rfc9180_a_1_1": RFC9180_A_1, **vectors()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
