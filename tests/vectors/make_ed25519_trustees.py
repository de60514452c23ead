"""Compute the Ed25519 vectors of trustees, the key ceremony and the tally from the Belenios specification 2.5.1.

Like ``make_ed25519.py``, whose group and ballots it uses, it shares no line with libs/belenios; only AES is borrowed.
Run again only when a vector is added: ``python tests/vectors/make_ed25519_trustees.py`` (under a minute).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from make_ed25519 import (
    ONE,
    PARKS,
    UUID,
    YES_NO,
    G,
    P,
    Point,
    Q,
    Stream,
    base64_hash,
    compact,
    exp,
    hash_mod_q,
    mul,
    secret,
    sign,
    text,
    uncompress,
    unsigned_ballot,
)

THRESHOLD, SIZE = 2, 3
SECRETS = ["1trusteeAAAAAAAAAAAAA1", "2trusteeBBBBBBBBBBBBB2", "3trusteeCCCCCCCCCCCCC3"]
BASIC_KEY = 0x62617369632074727573746565 << 140


def seed_of(what: str) -> str:
    return hashlib.sha256(what.encode()).hexdigest()


def point(element: str) -> Point:
    number = int(element, 16)
    even = uncompress(number & (2**255 - 1))
    assert even is not None
    return (-even[0] % P, even[1]) if number >> 255 else even


def schnorr(stream: Stream, x: int, prefix: str) -> Any:
    """``proof`` of knowledge of x: pok, signatures of messages."""
    w = stream.number()
    challenge = hash_mod_q(prefix + text(exp(G, w)))
    return {"challenge": str(challenge), "response": str((w - x * challenge) % Q)}


# --- Messages: Public key infrastructure, Channels


def sk(seed: str) -> int:
    return hash_mod_q(f"sk|{seed}")


def dk(seed: str) -> int:
    return hash_mod_q(f"dk|{seed}")


def signed(stream: Stream, key: int, message: str) -> Any:
    return {"message": message, "signature": schnorr(stream, key, f"sigmsg|{message}|")}


def ccm(key: bytes, iv: bytes, message: bytes) -> bytes:
    """AES-CCM (RFC 3610) with M = 8, L = 2 and no additional data; the nonce is the iv cut to 13 bytes."""
    aes = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    nonce = iv[:13]

    def xor(left: bytes, right: bytes) -> bytes:
        return bytes(a ^ b for a, b in zip(left, right, strict=False))

    def stream_block(counter: int) -> bytes:
        return aes.update(bytes([1]) + nonce + counter.to_bytes(2, "big"))

    mac = aes.update(bytes([(8 - 2) // 2 << 3 | 1]) + nonce + len(message).to_bytes(2, "big"))
    blocks = [message[start : start + 16] for start in range(0, len(message), 16)]
    for block in blocks:
        mac = aes.update(xor(mac, block.ljust(16, b"\0")))
    body = b"".join(xor(block, stream_block(number)) for number, block in enumerate(blocks, 1))
    return body + xor(mac[:8], stream_block(0))


def send(stream: Stream, signing_key: int, recipient: Point, message: str) -> str:
    plain = compact(signed(stream, signing_key, compact({"recipient": text(recipient), "message": message})))
    r, s = stream.number(), stream.number()
    key = hashlib.sha256(f"key|{text(exp(G, s))}".encode()).digest()
    iv = hashlib.sha256(f"iv|{text(exp(G, r))}".encode()).digest()
    beta = mul(exp(recipient, r), exp(G, s))
    return compact({"alpha": text(exp(G, r)), "beta": text(beta), "data": ccm(key, iv, plain.encode()).hex()})


# --- Messages: Verification keys, Certificates, Polynomials, Vinputs, Voutputs, Threshold parameters


def public_key(stream: Stream, x: int) -> Any:
    return {
        "pok": schnorr(stream, x, f"pok|Ed25519|{text(exp(G, x))}|"),
        "public_key": text(exp(G, x)),
    }


def certificate(index: int, seed: str) -> Any:
    keys = {
        "context": {"group": "Ed25519", "size": SIZE, "threshold": THRESHOLD, "index": index},
        "verification": text(exp(G, sk(seed))),
        "encryption": text(exp(G, dk(seed))),
    }
    return signed(Stream(seed_of(f"certificate {index}")), sk(seed), compact(keys))


def polynomial(index: int, seed: str, certificates: list[Any]) -> tuple[list[int], Any]:
    stream = Stream(seed_of(f"polynomial {index}"))
    f = [stream.number() for _ in range(THRESHOLD)]
    exponentiated = [text(exp(G, a)) for a in f]
    coefexps = signed(stream, sk(seed), compact({"coefexps": exponentiated}))
    message = "certs_sig|" + compact({"certs": certificates, "coefexps": exponentiated})
    signature = schnorr(stream, sk(seed), f"sigmsg|{message}|")
    secrets = [
        send(stream, sk(seed), exp(G, dk(other)), compact({"secret": str(value_at(f, j))}))
        for j, other in enumerate(SECRETS, 1)
    ]
    kept = send(stream, sk(seed), exp(G, dk(seed)), compact({"polynomial": [str(a) for a in f]}))
    return f, {"polynomial": kept, "secrets": secrets, "coefexps": coefexps, "signature": signature}


def value_at(f: list[int], x: int) -> int:
    return sum(a * x**k for k, a in enumerate(f)) % Q


def vinput(index: int, polynomials: list[Any]) -> Any:
    return {
        "polynomial": polynomials[index - 1]["polynomial"],
        "secrets": [one["secrets"][index - 1] for one in polynomials],
        "coefexps": [one["coefexps"] for one in polynomials],
        "signatures": [one["signature"] for one in polynomials],
    }


def voutput(index: int, seed: str, key: int) -> Any:
    stream = Stream(seed_of(f"voutput {index}"))
    kept = send(stream, sk(seed), exp(G, dk(seed)), compact({"decryption_key": str(key)}))
    return {"private_key": kept, "public_key": public_key(stream, key)}


def trustee_vectors() -> Any:
    indices = range(1, SIZE + 1)
    certificates = [certificate(index, seed) for index, seed in enumerate(SECRETS, 1)]
    made = [polynomial(index, seed, certificates) for index, seed in enumerate(SECRETS, 1)]
    polynomials = [message for _, message in made]
    keys = [sum(value_at(f, index) for f, _ in made) % Q for index in indices]
    voutputs = [voutput(index, seed, key) for index, seed, key in zip(indices, SECRETS, keys, strict=True)]
    parameters = {
        "threshold": THRESHOLD,
        "certs": certificates,
        "coefexps": [one["coefexps"] for one in polynomials],
        "signatures": [one["signature"] for one in polynomials],
        "verification_keys": [one["public_key"] for one in voutputs],
    }
    basic = public_key(Stream(seed_of("basic trustee")), BASIC_KEY)
    joint = exp(G, BASIC_KEY)
    for f, _ in made:
        joint = mul(joint, exp(G, f[0]))
    texts = [compact(one) for one in polynomials]
    return {
        "threshold": THRESHOLD,
        "basic": {
            "private_key": compact(str(BASIC_KEY)),
            "random_seed": seed_of("basic trustee"),
            "public_key": compact(basic),
        },
        "ceremony": [
            {
                "secret": seed,
                "certificate_seed": seed_of(f"certificate {index}"),
                "certificate": compact(certificates[index - 1]),
                "polynomial_seed": seed_of(f"polynomial {index}"),
                "polynomial": texts[index - 1],
                "commitment": hashlib.sha256(texts[index - 1].encode()).hexdigest(),
                "vinput": compact(vinput(index, polynomials)),
                "voutput_seed": seed_of(f"voutput {index}"),
                "voutput": compact(voutputs[index - 1]),
                "decryption_key": str(keys[index - 1]),
            }
            for index, seed in enumerate(SECRETS, 1)
        ],
        "threshold_parameters": compact(parameters),
        "trustees": compact([["Single", basic], ["Pedersen", parameters]]),
        "public_key": text(joint),
    }


# --- Messages: Encrypted tally, Partial decryptions, Election result

CAST: list[tuple[int, list[list[int]]]] = [(1, [[0, 1, 0], [1, 0, 1]]), (3, [[0, 0, 1], [0, 1, 0]])]


def election_of(public: str) -> str:
    return compact(
        {
            "version": 1,
            "description": "模擬住民投票 (vectors)",
            "name": "A tally",
            "group": "Ed25519",
            "public_key": public,
            "questions": [YES_NO, PARKS],
            "uuid": UUID,
            "administrator": "つくば市",
            "credential_authority": "auth",
        }
    )


def tally_of(ballots: list[tuple[int, str]]) -> list[list[tuple[Point, Point]]]:
    shape = [len(answer["choices"]) for answer in json.loads(ballots[0][1])["answers"]]
    tally = [[(ONE, ONE)] * length for length in shape]
    for weight, ballot in ballots:
        for row, answer in zip(tally, json.loads(ballot)["answers"], strict=True):
            for j, choice in enumerate(answer["choices"]):
                alpha, beta = exp(point(choice["alpha"]), weight), exp(point(choice["beta"]), weight)
                row[j] = mul(row[j][0], alpha), mul(row[j][1], beta)
    return tally


def partial(trustee: int, election: str, tally: list[list[tuple[Point, Point]]], x: int) -> Any:
    stream = Stream(seed_of(f"partial decryption {trustee}"))
    prefix = f"decrypt|{base64_hash(election)}|{text(exp(G, x))}|"
    proofs = []
    for row in tally:
        proofs.append([])
        for alpha, _ in row:
            w = stream.number()
            challenge = hash_mod_q(f"{prefix}{text(exp(G, w))},{text(exp(alpha, w))}")
            proofs[-1].append({"challenge": str(challenge), "response": str((w - x * challenge) % Q)})
    factors = [[text(exp(alpha, x)) for alpha, _ in row] for row in tally]
    return {"decryption_factors": factors, "decryption_proofs": proofs}


def tally_vectors(trustees: Any) -> Any:
    election, ballots = election_of(trustees["public_key"]), []
    for index, (weight, votes) in enumerate(CAST):
        credential = f"{index + 1}tttt-aaaaaa-lllll-yyyyyy"
        stream = Stream(seed_of(f"tally ballot {index}"))
        ballots.append((weight, sign(stream, credential, unsigned_ballot(stream, election, credential, votes))))
        assert json.loads(ballots[-1][1])["credential"] == text(exp(G, secret(credential)))
    tally = tally_of(ballots)
    tally_text = compact([[{"alpha": text(alpha), "beta": text(beta)} for alpha, beta in row] for row in tally])
    total = sum(weight for weight, _ in ballots)
    sized = {
        "num_tallied": len(ballots),
        "total_weight": total,
        "encrypted_tally": hashlib.sha256(tally_text.encode()).hexdigest(),
    }
    keys = [BASIC_KEY, *(int(one["decryption_key"]) for one in trustees["ceremony"])]
    counts = [
        [sum(weight * votes[i][j] for weight, votes in CAST) for j in range(len(row))] for i, row in enumerate(tally)
    ]
    # The counts are what trustees 1, 3 and 4 decrypt: f(0) = f(2)·3/(3-2) + f(3)·2/(2-3).
    x = (keys[0] + keys[2] * 3 - keys[3] * 2) % Q
    for row, expected in zip(tally, counts, strict=True):
        for (alpha, beta), count in zip(row, expected, strict=True):
            assert beta == mul(exp(alpha, x), exp(G, count) if count else ONE)
    return {
        "election": election,
        "ballots": [{"weight": weight, "ballot": ballot} for weight, ballot in ballots],
        "encrypted_tally": tally_text,
        "sized_encrypted_tally": compact(sized),
        "partial_decryptions": [
            {
                "trustee": trustee,
                "random_seed": seed_of(f"partial decryption {trustee}"),
                "partial_decryption": compact(partial(trustee, election, tally, keys[trustee - 1])),
            }
            for trustee in (1, 2, 3, 4)
        ],
        "enough": [[1, 2, 3], [1, 2, 4], [1, 3, 4], [1, 2, 3, 4]],
        "result": compact({"result": counts}),
    }


def main() -> None:
    folder = Path(__file__).parent / "ed25519"
    trustees = trustee_vectors()
    for name, value in (("trustees", trustees), ("tally", tally_vectors(trustees))):
        (folder / f"{name}.json").write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
