"""What the browser's checks of a receipt are held to (tests/vectors/check), judged by the programs here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from evote_belenios.groups import ED25519
from evote_belenios.order import parse_order
from evote_local.people.log_lookup import KnownBallot
from evote_local.people.voters import check_receipt
from evote_tlog.checkpoint import parse_note
from evote_tlog.errors import TlogError
from evote_tlog.merkle import leaf_hash
from evote_tlog.policy import cosigners, parse_policy, verify_policy
from evote_tlog.proof import verify_inclusion

VECTOR: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "tests" / "vectors" / "check" / "receipt.json").read_text("utf-8")
)


def check(shown: dict[str, Any]) -> bytes:
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(VECTOR["receipt_key"]))
    check_receipt(shown["receipt"], VECTOR["ballot"], key)
    order, accepted_at = parse_order(VECTOR["order"], ED25519), shown["receipt"]["accepted_at"]
    known = KnownBallot(VECTOR["election_uuid"], VECTOR["credential"], VECTOR["ballot"], order, accepted_at)
    head = verify_policy(shown["note"], parse_policy(shown["policy"]))
    hashes = [bytes.fromhex(given) for given in shown["hashes"]]
    verify_inclusion(leaf_hash(known.record()), shown["log_index"], head.size, hashes, head.root)
    return known.record()


def test_the_accepted_receipt_holds_here_as_in_the_browser() -> None:
    shown = VECTOR["accepted"]
    assert check(shown).decode() == VECTOR["record"]
    assert cosigners(parse_note(shown["note"]), parse_policy(shown["policy"])) == VECTOR["cosigned"]


@pytest.mark.parametrize("case", VECTOR["refused"], ids=lambda case: case["why"])
def test_what_the_browser_refuses_is_refused_here(case: dict[str, Any]) -> None:
    with pytest.raises((TlogError, ValueError)):
        check({**VECTOR["accepted"], **case["changed"]})
