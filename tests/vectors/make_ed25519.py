"""Compute the Ed25519 vectors from the Belenios specification 2.5.1, with nothing but Python's integers and SHA-2/3.

It shares no line with libs/belenios, follows the specification step by step rather than fast, and is run again only
when a vector is added: ``python tests/vectors/make_ed25519.py`` (a few seconds).
"""

from __future__ import annotations

import base64
import hashlib
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ONE = (0, 1)
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
UUID = "Kfv5ngiYbJzRHQ"
Point = tuple[int, int]


# --- Groups: Elliptic curves: Ed25519


def mul(left: Point, right: Point) -> Point:
    (x1, y1), (x2, y2) = left, right
    t = D * x1 * x2 * y1 * y2
    return (x1 * y2 + x2 * y1) * pow(1 + t, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - t, -1, P) % P


def exp(point: Point, exponent: int) -> Point:
    result = ONE
    for bit in f"{exponent % Q:b}":
        result = mul(result, result)
        if bit == "1":
            result = mul(result, point)
    return result


def div(left: Point, right: Point) -> Point:
    return mul(left, (-right[0] % P, right[1]))


def text(point: Point) -> str:
    return f"{(point[0] & 1) << 255 ^ point[1]:064x}"


def uncompress(y: int) -> Point | None:
    """The point with an even x, if there is one."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * pow(2, (P - 1) // 4, P) % P
    return (x if x % 2 == 0 else P - x, y) if x * x % P == square else None


G = uncompress(4 * pow(5, -1, P) % P)
assert G is not None and exp(G, Q - 1) == (-G[0] % P, G[1])


def hash_mod_q(string: str) -> int:
    return int(hashlib.sha256(string.encode()).hexdigest(), 16) % Q


def base64_hash(string: str) -> str:
    return base64.b64encode(hashlib.sha256(string.encode()).digest()).decode().rstrip("=")


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class Stream:
    """SHAKE-256 of the seed; each number is the next 48 bytes, big-endian, modulo q."""

    def __init__(self, seed: str) -> None:
        self.bytes, self.position = hashlib.shake_256(bytes.fromhex(seed)).digest(1 << 16), 0

    def number(self) -> int:
        self.position += 48
        return int.from_bytes(self.bytes[self.position - 48 : self.position], "big") % Q


# --- Messages: Credentials


def secret(credential: str) -> int:
    halves = [hashlib.sha256(f"derive_credential|{UUID}|{i}|{credential}".encode()).hexdigest() for i in (0, 1)]
    return int("".join(halves), 16) % Q


# --- Messages: Encrypted answers


def disjunction(
    stream: Stream, y: Point, branches: list[tuple[Point, Point]], true: int, r: list[int], prefix: str
) -> Any:
    """``branches`` are pairs (alpha, beta/g^M); ``r[j]`` is the secret of the ciphertext in branch j.

    A simulated response is not drawn itself: a nonce w is, and response = w - r·challenge, so that every branch uses
    the stream alike. Its distribution is the same.
    """
    proofs: list[tuple[int, int]] = []
    commitments, honest_nonce = [], 0
    for j, (alpha, beta) in enumerate(branches):
        w = stream.number()
        if j == true:
            honest_nonce = w
            proofs.append((0, 0))
            commitments += [exp(G, w), exp(y, w)]
        else:
            challenge = stream.number()
            response = (w - r[j] * challenge) % Q
            proofs.append((challenge, response))
            commitments += [
                mul(exp(G, response), exp(alpha, challenge)),
                mul(exp(y, response), exp(beta, challenge)),
            ]
    others = sum(challenge for challenge, _ in proofs)
    challenge = (hash_mod_q(prefix + ",".join(map(text, commitments))) - others) % Q
    proofs[true] = (challenge, (honest_nonce - r[true] * challenge) % Q)
    return [{"challenge": str(c), "response": str(s)} for c, s in proofs]


def answer(stream: Stream, y: Point, question: Any, m: list[int], s0: str) -> Any:
    r = [stream.number() for _ in m]
    pairs = [(exp(G, ri), mul(exp(y, ri), exp(G, mi))) for ri, mi in zip(r, m, strict=True)]
    choices = [{"alpha": text(alpha), "beta": text(beta)} for alpha, beta in pairs]
    joined = [f"{c['alpha']},{c['beta']}" for c in choices]
    individual = [
        disjunction(stream, y, [(a, b), (a, div(b, G))], mi, [ri, ri], f"prove|{s0}|{both}|")
        for (a, b), mi, ri, both in zip(pairs, m, r, joined, strict=True)
    ]
    s = f"{s0}|{','.join(joined)}"
    blank = question.get("blank", False)
    alpha, beta = ONE, ONE
    for a, b in pairs[1:] if blank else pairs:
        alpha, beta = mul(alpha, a), mul(beta, b)
    total, r_total = (sum(m[1:]), sum(r[1:])) if blank else (sum(m), sum(r))
    values = range(question["min"], question["max"] + 1)
    allowed = [(alpha, div(beta, exp(G, value))) for value in values]
    body = {"choices": choices, "individual_proofs": individual}
    if not blank:
        prefix = f"prove|{s}|{text(alpha)},{text(beta)}|"
        secrets = [r_total] * len(allowed)
        return {**body, "overall_proof": disjunction(stream, y, allowed, values.index(total), secrets, prefix)}
    a0, b0 = pairs[0]
    true = 0 if m[0] else values.index(total) + 1
    secrets = [r[0]] + [r_total] * len(allowed)
    overall = disjunction(stream, y, [(a0, div(b0, G)), *allowed], true, secrets, f"bproof1|{s}|")
    # Where both m0 = 0 and the sum is 0, either branch would do: the first is taken.
    blank_proof = disjunction(stream, y, [(a0, b0), (alpha, beta)], m[0], [r[0], r_total], f"bproof0|{s}|")
    return {**body, "overall_proof": overall, "blank_proof": blank_proof}


# --- Messages: Signatures, Ballots


def sign(stream: Stream, credential: str, unsigned: Any) -> str:
    w, digest = stream.number(), base64_hash(compact(unsigned))
    challenge = hash_mod_q(f"sig|{digest}|{text(exp(G, w))}")
    proof = {"challenge": str(challenge), "response": str((w - secret(credential) * challenge) % Q)}
    return compact({**unsigned, "signature": {"hash": digest, "proof": proof}})


def unsigned_ballot(stream: Stream, election: str, credential: str, votes: list[list[int]]) -> Any:
    value = json.loads(election)
    number = int(value["public_key"], 16)
    y = uncompress(number & (2**255 - 1))
    assert y is not None
    y = (-y[0] % P, y[1]) if number >> 255 else y
    public, fingerprint = text(exp(G, secret(credential))), base64_hash(election)
    s0 = f"{fingerprint}|{public}"
    return {
        "election_uuid": value["uuid"],
        "election_hash": fingerprint,
        "credential": public,
        "answers": [answer(stream, y, q, m, s0) for q, m in zip(value["questions"], votes, strict=True)],
    }


def make_election(questions: list[Any]) -> str:
    value = {
        "version": 1,
        "description": "模擬住民投票 (vectors)",
        "name": 'Mayor\'s "plan"',
        "group": "Ed25519",
        "public_key": text(exp(G, 31337)),
        "questions": questions,
        "uuid": UUID,
        "administrator": "つくば市",
        "credential_authority": "auth",
    }
    return compact(value)


# --- The files


def group_vectors() -> Any:
    exponents = [1, 2, 3, 8, 2**128, Q - 1, 0x1234567890ABCDEF << 180]
    points = [exp(G, exponent) for exponent in exponents]
    y = 2
    while (point := uncompress(y)) is None or order_of_torsion(point) != 8:
        y += 1
    torsion = raw_exp(point, Q)
    small = [raw_exp(torsion, k) for k in range(8)]
    refused = [{"why": "of small order", "text": text(point)} for point in small]
    refused += [{"why": "not in the prime-order subgroup", "text": text(mul(points[4], point))} for point in small[1:]]
    refused += [
        {"why": "not on the curve", "text": f"{2:064x}"},
        {"why": "y is not reduced", "text": f"{P + 3:064x}"},
        {"why": "the identity, y not reduced", "text": f"{P + 1:064x}"},
        {"why": "x is 0 but negative", "text": f"{1 << 255 | 1:064x}"},
        {"why": "upper case", "text": text(points[1]).upper()},
        {"why": "63 digits", "text": text(points[1])[1:]},
        {"why": "65 digits", "text": "0" + text(points[1])},
    ]
    return {
        "order": str(Q),
        "generator": text(G),
        "identity": text(ONE),
        "power_of_generator": [
            {"exponent": str(e), "element": text(p)} for e, p in zip(exponents, points, strict=True)
        ],
        "multiply": [{"left": text(a), "right": text(b), "product": text(mul(a, b))} for a, b in pairwise(points)],
        "power": [
            {"base": text(a), "exponent": str(e), "element": text(exp(a, e))}
            for a, e in zip(points, reversed(exponents), strict=True)
        ],
        "hash_modulo_order": [
            {"text": string, "number": str(hash_mod_q(string))} for string in ("", "sig|abc|66", "prove|筑波|")
        ],
        "refused": refused,
    }


def raw_exp(point: Point, exponent: int) -> Point:
    result = ONE
    for _ in range(exponent.bit_length()):
        if exponent & 1:
            result = mul(result, point)
        point, exponent = mul(point, point), exponent >> 1
    return result


def order_of_torsion(point: Point) -> int:
    torsion, order = raw_exp(point, Q), 1
    while raw_exp(torsion, order) != ONE:
        order += 1
    return order


def credential_vectors() -> Any:
    made = ["aaaaa-bbbbbb-ccccc-dddddd", "11111-111111-11111-111111", "zYx9W-vUt8Sr-q7PoN-6mLkj5"]
    return {
        "election_uuid": UUID,
        "accepted": [
            {"credential": c, "secret_exponent": str(secret(c)), "public_credential": text(exp(G, secret(c)))}
            for c in made
        ],
        "refused": ["", "aaaaa-bbbbbb-ccccc-ddddd", "0aaaa-bbbbbb-ccccc-dddddd", "aaaaabbbbbbcccccddddddX"],
    }


YES_NO = {"answers": ["賛成", "反対"], "blank": True, "min": 1, "max": 1, "question": "市長の計画に賛成ですか"}
PARKS = {"answers": ["a", "b", "c"], "min": 0, "max": 2, "question": 'Which "parks"?\n'}
OPTIONAL = {"answers": ["only"], "blank": True, "min": 0, "max": 1, "question": "optional"}
BALLOTS: list[tuple[str, list[Any], list[list[int]]]] = [
    ("a choice, with a blank vote allowed", [YES_NO], [[0, 1, 0]]),
    ("a blank vote", [YES_NO], [[1, 0, 0]]),
    ("no blank vote allowed, two of three chosen", [PARKS], [[1, 0, 1]]),
    ("no blank vote allowed, none chosen", [PARKS], [[0, 0, 0]]),
    ("several questions", [YES_NO, PARKS, OPTIONAL], [[0, 0, 1], [0, 1, 0], [0, 1]]),
    ("none chosen although no blank vote: both branches of the blank proof are true", [OPTIONAL], [[0, 0]]),
    ("a blank vote that the bounds would allow without", [OPTIONAL], [[1, 0]]),
]


def ballot_vectors() -> Any:
    accepted = []
    for index, (what, questions, votes) in enumerate(BALLOTS):
        election, seed = make_election(questions), hashlib.sha256(f"ballot {index}".encode()).hexdigest()
        credential = "".join(BASE58[(7 * index + 11 * k) % 58] for k in range(22))
        credential = "-".join((credential[:5], credential[5:11], credential[11:16], credential[16:]))
        stream = Stream(seed)
        ballot = sign(stream, credential, unsigned_ballot(stream, election, credential, votes))
        digests = [
            hashlib.sha256(f"{choice['alpha']},{choice['beta']}".encode()).hexdigest()
            for given in json.loads(ballot)["answers"]
            for choice in given["choices"]
        ]
        accepted.append(
            {
                "what": what,
                "election": election,
                "fingerprint": base64_hash(election),
                "credential": credential,
                "choices": votes,
                "random_seed": seed,
                "ballot": ballot,
                "tracker": base64_hash(ballot),
                "ciphertext_digests": digests,
            }
        )
    return {"accepted": accepted, "refused": refused_ballots(accepted[0])}


def refused_ballots(good: Any) -> list[Any]:
    """Changes of the first ballot, each with the rule that finds it; ``signed again`` by the same credential."""

    def changed(path: list[Any], leaf: Any) -> Any:
        value = json.loads(good["ballot"])
        place = value
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = leaf
        return value

    def signed(path: list[Any], leaf: Any) -> str:
        unsigned = changed(path, leaf)
        del unsigned["signature"]
        return sign(Stream("00"), good["credential"], unsigned)

    small = text((0, P - 1))
    return [
        {"why": "another election", "rule": "ballot-election-uuid", "ballot": signed(["election_uuid"], "2" * 14)},
        {"why": "another fingerprint", "rule": "ballot-election-hash", "ballot": signed(["election_hash"], "A" * 43)},
        {"why": "a wrong hash", "rule": "ballot-hash", "ballot": compact(changed(["signature", "hash"], "A" * 43))},
        {
            "why": "a wrong signature",
            "rule": "ballot-signature",
            "ballot": compact(changed(["signature", "proof", "response"], "1")),
        },
        {
            "why": "a wrong individual proof, signed again",
            "rule": "ballot-individual-proof",
            "ballot": signed(["answers", 0, "individual_proofs", 1, 0, "response"], "5"),
        },
        {
            "why": "a wrong overall proof, signed again",
            "rule": "ballot-overall-proof",
            "ballot": signed(["answers", 0, "overall_proof", 1, "response"], "5"),
        },
        {
            "why": "a wrong blank proof, signed again",
            "rule": "ballot-blank-proof",
            "ballot": signed(["answers", 0, "blank_proof", 0, "challenge"], "5"),
        },
        {
            "why": "a ciphertext of small order",
            "rule": "group-element",
            "ballot": signed(["answers", 0, "choices", 0, "alpha"], small),
        },
        {
            "why": "a credential that is the identity",
            "rule": "group-element",
            "ballot": signed(["credential"], text(ONE)),
        },
        {
            "why": "a challenge that is not reduced modulo q",
            "rule": "number",
            "ballot": compact(changed(["signature", "proof", "challenge"], str(Q))),
        },
        {"why": "a space", "rule": "ballot-canonical", "ballot": good["ballot"].replace(":", ": ", 1)},
        {"why": "an unknown field", "rule": "schema", "ballot": compact(changed(["more"], 1))},
        {"why": "no answers", "rule": "ballot-schema", "ballot": signed(["answers"], [])},
    ]


# --- Not Belenios': the order statement (libs/belenios/README.md, "Order of a voter's ballots")


def order_statement(stream: Stream, credential: str, tracker: str, number: int, domain: str = "evote-order") -> Any:
    x, nonce = secret(credential), stream.number()
    commitment = text(exp(G, nonce))
    challenge = hash_mod_q(f"{domain}|{UUID}|{tracker}|{number}|{text(exp(G, x))}|{commitment}")
    signature = {"challenge": str(challenge), "response": str((nonce - x * challenge) % Q)}
    return {"number": number, "signature": signature}


def order_vectors(accepted_ballots: list[Any]) -> Any:
    accepted = []
    for index, (ballot, number) in enumerate(zip(accepted_ballots, [1, 2, 3, 99, 2**32, 2**53 - 1], strict=False)):
        seed = hashlib.sha256(f"order {index}".encode()).hexdigest()
        accepted.append(
            {
                "credential": ballot["credential"],
                "public_credential": text(exp(G, secret(ballot["credential"]))),
                "tracker": ballot["tracker"],
                "random_seed": seed,
                "order": order_statement(Stream(seed), ballot["credential"], ballot["tracker"], number),
            }
        )
    return {"election_uuid": UUID, "accepted": accepted, "refused": refused_orders(accepted)}


def refused_orders(accepted: list[Any]) -> list[Any]:
    """Changes of the second statement, each with the rule that finds it; ``about`` is what it is held against."""
    good, other = accepted[1], accepted[2]
    about = {name: good[name] for name in ("public_credential", "tracker")}
    order, signature = good["order"], good["order"]["signature"]
    ballots_own = order_statement(Stream("01"), good["credential"], good["tracker"], 2, "sig")
    return [
        {"why": "another number", "rule": "order-signature", **about, "order": {**order, "number": 3}},
        {"why": "another ballot", "rule": "order-signature", **about, "tracker": other["tracker"], "order": order},
        {
            "why": "another credential",
            "rule": "order-signature",
            **about,
            "public_credential": other["public_credential"],
            "order": order,
        },
        {"why": "a ballot's own domain", "rule": "order-signature", **about, "order": ballots_own},
        {"why": "number 0", "rule": "order-number", **about, "order": {**order, "number": 0}},
        {"why": "number 2^53", "rule": "order-number", **about, "order": {**order, "number": 2**53}},
        {"why": "a number as text", "rule": "schema", **about, "order": {**order, "number": "2"}},
        {"why": "an unknown field", "rule": "schema", **about, "order": {**order, "more": 1}},
        {
            "why": "a response that is not reduced modulo q",
            "rule": "number",
            **about,
            "order": {**order, "signature": {**signature, "response": str(int(signature["response"]) + Q)}},
        },
        {
            "why": "a credential that is the identity",
            "rule": "group-element",
            **about,
            "public_credential": text(ONE),
            "order": order,
        },
    ]


def main() -> None:
    folder = Path(__file__).parent / "ed25519"
    folder.mkdir(exist_ok=True)
    ballots = ballot_vectors()
    for name, value in (
        ("group", group_vectors()),
        ("credentials", credential_vectors()),
        ("ballots", ballots),
        ("orders", order_vectors(ballots["accepted"])),
    ):
        (folder / f"{name}.json").write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
