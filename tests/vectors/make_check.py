"""Compute the vectors of a receipt's checks from RFC 6962/9162, 8032, 8785 and C2SP's notes, cosignatures and policies.

It shares no line with libs/tlog or the services. Run it again when a vector is added:
``python tests/vectors/make_check.py`` (a second; after ``make_ed25519.py``).
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from make_device import ed25519_public, ed25519_sign

HERE = Path(__file__).parent
ORIGIN = "log.example/tsukuba"
RECEIPT_SEED, LOG_SEED = b"\x11" * 32, b"\x12" * 32
WITNESSES = {"north": b"\x21" * 32, "south": b"\x22" * 32, "east": b"\x23" * 32}
INDEX, SIZE, TIME = 5, 11, 1_795_000_000


def canonical(value: Any) -> bytes:
    """RFC 8785 of ASCII names and texts, and integers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def split(size: int) -> int:
    """The largest power of two below ``size``."""
    k = 1
    while 2 * k < size:
        k *= 2
    return k


def head(leaves: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, of leaf hashes."""
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return sha256(b"\x01" + head(leaves[:k]) + head(leaves[k:]))


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """RFC 9162, section 2.1.3.1."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*path(index, leaves[:k]), head(leaves[k:])]
    return [*path(index - k, leaves[k:]), head(leaves[:k])]


def key_id(name: str, material: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + material)[:4]


def verifier_key(name: str, seed: bytes, kind: int) -> str:
    material = bytes([kind]) + ed25519_public(seed)
    return f"{name}+{key_id(name, material).hex()}+{b64(material)}"


def line(name: str, seed: bytes, kind: int, content: bytes) -> str:
    return f"\u2014 {name} {b64(key_id(name, bytes([kind]) + ed25519_public(seed)) + content)}\n"


def log_line(text: str, seed: bytes = LOG_SEED) -> str:
    return line(ORIGIN, seed, 1, ed25519_sign(seed, text.encode()))


def cosignature(witness: str, text: str, time: int = TIME, claimed: int | None = None) -> str:
    """A witness's line; with ``claimed``, one that states another time than was signed."""
    seed = WITNESSES[witness]
    signature = ed25519_sign(seed, f"cosignature/v1\ntime {time}\n{text}".encode())
    return line(f"{witness}.example", seed, 4, (claimed or time).to_bytes(8, "big") + signature)


def policy(threshold: int) -> str:
    lines = [f"log {verifier_key(ORIGIN, LOG_SEED, 1)}"]
    lines += [f"witness {name} {verifier_key(f'{name}.example', seed, 4)}" for name, seed in WITNESSES.items()]
    return "\n".join([*lines, f"group three {threshold} {' '.join(WITNESSES)}", "quorum three"]) + "\n"


def vectors() -> dict[str, Any]:
    cast = json.loads((HERE / "ed25519/ballots.json").read_text())["accepted"][0]
    signed = json.loads((HERE / "ed25519/orders.json").read_text())["accepted"][0]
    uuid = json.loads(cast["election"])["uuid"]
    said = {
        "election_uuid": uuid,
        "tracker": cast["tracker"],
        "position": {"partition": 3, "offset": 1402},
        "accepted_at": "2026-11-28T05:14:00Z",
    }
    receipt = {**said, "signature": b64(ed25519_sign(RECEIPT_SEED, canonical(said)))}
    record = canonical(
        {
            "specversion": "1.0",
            "id": cast["tracker"],
            "source": "ballot",
            "type": "jp.tsukuba.evote.ballots.BallotAccepted.v2",
            "time": said["accepted_at"],
            "datacontenttype": "application/json",
            "data": {
                "election_uuid": uuid,
                "credential": signed["public_credential"],
                "tracker": cast["tracker"],
                "ballot": cast["ballot"],
                "order": signed["order"],
            },
        }
    )
    leaves = [sha256(b"\x00" + (record if index == INDEX else b"entry %d" % index)) for index in range(SIZE)]
    text = f"{ORIGIN}\n{SIZE}\n{b64(head(leaves))}\n"
    hashes = [given.hex() for given in path(INDEX, leaves)]
    good = {
        "receipt": receipt,
        "log_index": INDEX,
        "hashes": hashes,
        "note": f"{text}\n{log_line(text)}{cosignature('north', text)}{cosignature('east', text, TIME + 5)}",
        "policy": policy(2),
    }
    smaller = f"{ORIGIN}\n{SIZE - 1}\n{b64(head(leaves[:-1]))}\n"
    other_root = f"{ORIGIN}\n{SIZE}\n{b64(sha256(b'another tree'))}\n"
    witnesses = [cosignature(name, text) for name in ("north", "east")]

    # 68 bytes leave two bits of the last character that carry nothing.
    own = log_line(text)
    sloppy = f"{own[:-3]}{chr(ord(own[-3]) + 1)}=\n"

    def note(signed_text: str, *lines: str) -> str:
        return f"{signed_text}\n{''.join(lines)}"

    def all_lines(signed_text: str) -> list[str]:
        return [log_line(signed_text), *(cosignature(name, signed_text) for name in WITNESSES)]

    refused = [
        ("receipt", "another place", {"receipt": {**receipt, "position": {"partition": 3, "offset": 1403}}}),
        ("receipt", "another time", {"receipt": {**receipt, "accepted_at": "2026-11-28T05:15:00Z"}}),
        ("receipt", "another ballot's", {"receipt": {**receipt, "tracker": "A" * 43}}),
        ("receipt", "a signature that is cut", {"receipt": {**receipt, "signature": receipt["signature"][:-4]}}),
        ("inclusion", "another index", {"log_index": INDEX + 1}),
        ("inclusion", "an index beyond the tree", {"log_index": SIZE}),
        ("inclusion", "a hash too few", {"hashes": hashes[:-1]}),
        ("inclusion", "a hash too many", {"hashes": [*hashes, hashes[0]]}),
        ("inclusion", "hashes in another order", {"hashes": hashes[::-1]}),
        ("inclusion", "a hash that is cut", {"hashes": [hashes[0][:-2], *hashes[1:]]}),
        ("inclusion", "a smaller tree", {"note": note(smaller, *all_lines(smaller))}),
        ("inclusion", "another tree", {"note": note(other_root, *all_lines(other_root))}),
        ("quorum", "one witness of two", {"note": note(text, log_line(text), witnesses[0])}),
        ("quorum", "one witness twice", {"note": note(text, log_line(text), witnesses[0], witnesses[0])}),
        ("quorum", "a stricter policy", {"policy": policy(3)}),
        ("checkpoint", "no signature of the log", {"note": note(text, *witnesses)}),
        ("checkpoint", "another key's signature", {"note": note(text, log_line(text, b"\x13" * 32), *witnesses)}),
        ("checkpoint", "the log's signature of another text", {"note": note(text, log_line(smaller), *witnesses)}),
        (
            "cosignature",
            "another time than was signed",
            {"note": note(text, log_line(text), witnesses[0], cosignature("east", text, claimed=TIME + 9))},
        ),
        ("cosignature", "a cosignature of another text", {
            "note": note(text, log_line(text), witnesses[0], cosignature("east", smaller))
        }),
        ("note", "no signatures", {"note": text}),
        ("note", "a line that is no signature", {"note": note(text, log_line(text), *witnesses, "more\n")}),
        ("note", "an end that is missing", {"note": good["note"][:-1]}),
        ("note", "base64 that is not canonical", {"note": note(text, sloppy, *witnesses)}),
        ("checkpoint", "a size with a leading zero", {"note": note(*_signed(text.replace("\n11\n", "\n011\n")))}),
        ("checkpoint", "an empty line in the text", {"note": note(*_signed(text + "\n"))}),
        ("policy", "a member twice", {"policy": policy(2).replace("north south east", "north north east")}),
        ("policy", "a threshold that none reaches", {"policy": policy(2).replace("three 2", "three 4")}),
        ("policy", "no quorum", {"policy": policy(2).replace("quorum three\n", "")}),
        ("policy", "cut off", {"policy": policy(2)[:-1]}),
    ]  # fmt: skip
    return {
        "receipt_key": ed25519_public(RECEIPT_SEED).hex(),
        "election_uuid": uuid,
        "ballot": cast["ballot"],
        "tracker": cast["tracker"],
        "credential": signed["public_credential"],
        "order": signed["order"],
        "record": record.decode(),
        "leaf_hash": leaves[INDEX].hex(),
        "cosigned": {"north": TIME, "east": TIME + 5},
        "accepted": good,
        "refused": [{"step": step, "why": why, "changed": changed} for step, why, changed in refused],
    }


def _signed(text: str) -> list[str]:
    return [text, log_line(text), cosignature("north", text), cosignature("east", text)]


def main() -> None:
    folder = HERE / "check"
    folder.mkdir(exist_ok=True)
    (folder / "receipt.json").write_text(json.dumps(vectors(), ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
