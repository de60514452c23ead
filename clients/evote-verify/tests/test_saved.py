"""What was saved is verified again without a network, and a log can't become another one between two looks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_anchors.anchor import Anchor
from evote_tlog.checkpoint import Checkpoint, SigningKey, parse_note
from evote_tlog.cosignature import Cosigner


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "saved"


@pytest.fixture
def cosigner() -> Cosigner:
    return Cosigner("witness.example/w1", Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34))))


@pytest.fixture
def policy_file(tmp_path: Path, log_key: SigningKey, cosigner: Cosigner) -> Path:
    path = tmp_path / "policy"
    path.write_text(f"log {log_key.verifier.text}\nwitness w1 {cosigner.verifier.text}\nquorum w1\n")
    return path


@pytest.fixture
def cosigned(log_key: SigningKey, cosigner: Cosigner, make) -> Callable[..., bytes]:
    """A checkpoint of the first records, with the witness's cosignature."""

    def note(records: list[bytes], size: int, by: Cosigner = cosigner) -> bytes:
        text = log_key.sign(Checkpoint(make.origin, size, make.root_at(records, size)))
        return (text + by.cosign(parse_note(text), 1_795_000_000).line).encode()

    return note


class TestWitnesses:
    def test_enough_of_the_policy_s_witnesses_saw_this_log(
        self, evote_verify, log, held, policy_file, cosigned
    ) -> None:
        log.files["checkpoint/witnessed"] = cosigned(held.records, 11)
        answer = evote_verify("--log", log.url, "--witness-policy", policy_file)
        assert answer.status == 0
        assert f"the first 11 of {len(held.records)} records were seen by w1 (2026-11-" in answer.tie(
            "checkpoint - witnesses"
        )
        assert "the key is the policy's" in answer.tie("records - checkpoint")

    def test_witnesses_who_saw_another_log_show_a_fork(
        self, evote_verify, log, held, other_held, policy_file, cosigned
    ) -> None:
        log.files["checkpoint/witnessed"] = cosigned(other_held.records, 11)
        answer = evote_verify("--log", log.url, "--witness-policy", policy_file)
        assert answer.status == 1 and "saw another log" in answer.tie("checkpoint - witnesses")

    def test_cosignatures_of_strangers_are_not_enough(self, evote_verify, log, held, policy_file, cosigned) -> None:
        stranger = Cosigner("witness.example/w2", Ed25519PrivateKey.generate())
        log.files["checkpoint/witnessed"] = cosigned(held.records, 11, stranger)
        answer = evote_verify("--log", log.url, "--witness-policy", policy_file)
        assert answer.status == 1 and "not by w1" in answer.tie("checkpoint - witnesses")

    def test_a_log_without_cosignatures_does_not_satisfy_a_policy(self, evote_verify, log, policy_file) -> None:
        answer = evote_verify("--log", log.url, "--witness-policy", policy_file)
        assert answer.status == 1 and "no cosigned checkpoint" in answer.tie("checkpoint - witnesses")

    def test_a_replica_that_is_behind_its_cosigned_checkpoint_is_read_up_to_that(
        self, evote_verify, log, held, log_key, make, policy_file, cosigned
    ) -> None:
        log.files["checkpoint/witnessed"] = cosigned(held.records, len(held.records))
        log.files["checkpoint"] = make.files(held.records[:4], log_key)["checkpoint"]
        answer = evote_verify("--log", log.url, "--witness-policy", policy_file)
        assert answer.status == 0 and f"all {len(held.records)} records" in answer.report


class TestSavedLog:
    def test_it_is_verified_again_without_a_network(
        self, evote_verify, log, archive, held, folder, receipt_file, receipt_key_text, make, policy_file, cosigned
    ) -> None:
        log.files["checkpoint/witnessed"] = cosigned(held.records, 12)
        chain = make.chain([Anchor(make.origin, size, make.root_at(held.records, size)) for size in (7, 12, 23)])
        receipt = ("--receipt", receipt_file(), "--receipt-key", receipt_key_text)
        online = evote_verify(
            archive, "--log", log.url, "--save", folder, "--witness-policy", policy_file, *receipt, chains=[chain]
        )
        assert online.status == 0, online.report
        log.files.clear()
        offline = evote_verify(archive, "--log", folder, "--witness-policy", policy_file, *receipt)
        assert offline.status == 0, offline.report
        for tie in ("receipt - log", "archive - log", "checkpoint - witnesses", "checkpoint - earlier ones"):
            assert offline.tie(tie).startswith("holds"), offline.report
        ethereum = offline.tie("checkpoint - ethereum")
        assert ethereum.startswith("holds") and "only the chain itself shows: give --ethereum" in ethereum

    def test_a_changed_copy_fails(self, evote_verify, log, folder) -> None:
        assert evote_verify("--log", log.url, "--save", folder).status == 0
        tile = next(path for path in (folder / "tile" / "0").rglob("*") if path.is_file())
        tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
        answer = evote_verify("--log", folder)
        assert answer.status == 1 and "record 0 " in answer.tie("records - checkpoint")

    def test_saved_anchors_hold_against_the_copy_too(self, evote_verify, log, held, folder, make) -> None:
        chain = make.chain([Anchor(make.origin, 7, make.root_at(held.records, 7))])
        assert evote_verify("--log", log.url, "--save", folder, chains=[chain]).status == 0
        saved = folder / "chains" / "ethereum.json"
        saved.write_text(saved.read_text().replace(make.root_at(held.records, 7).hex(), "0" * 64))
        answer = evote_verify("--log", folder)
        assert answer.status == 1 and answer.tie("checkpoint - ethereum").startswith("FAILS")

    def test_a_chain_that_has_gone_on_does_not_make_a_copy_false(self, evote_verify, log, held, folder, make) -> None:
        assert evote_verify("--log", log.url, "--save", folder).status == 0
        chain = make.chain([Anchor(make.origin, 7, make.root_at(held.records, 7)), Anchor(make.origin, 99, bytes(32))])
        answer = evote_verify("--log", folder, chains=[chain])
        assert answer.status == 0 and "NOT CHECKED: 1 anchors" in answer.tie("checkpoint - ethereum")

    def test_a_log_that_grew_is_the_same_log(self, evote_verify, server, held, log_key, make, folder) -> None:
        server.files = make.files(held.records[:9], log_key)
        assert evote_verify("--log", server.url, "--save", folder).status == 0
        server.files = make.files(held.records, log_key)
        answer = evote_verify("--log", server.url, "--save", folder)
        assert answer.status == 0 and "1 seen before" in answer.tie("checkpoint - earlier ones")
        assert evote_verify("--log", folder).status == 0

    def test_a_fork_between_two_looks_is_seen_and_both_notes_are_kept(
        self, evote_verify, server, held, other_held, log_key, make, folder
    ) -> None:
        server.files = make.files(held.records[:9], log_key)
        assert evote_verify("--log", server.url, "--save", folder).status == 0
        server.files = make.files(other_held.records, log_key)
        for _ in range(2):  # what was seen once is not forgotten
            answer = evote_verify("--log", server.url, "--save", folder)
            assert answer.status == 1
            assert "forked" in answer.tie("checkpoint - earlier ones")
        assert len(list((folder / "checkpoints").iterdir())) == 2
        assert {path.name for path in folder.glob("rejected-*")} == {"rejected-1", "rejected-2"}
        assert (folder / "checkpoint").read_bytes() == make.files(held.records[:9], log_key)["checkpoint"]

    def test_a_rollback_between_two_looks_is_seen(self, evote_verify, server, held, log_key, make, folder) -> None:
        server.files = make.files(held.records, log_key)
        assert evote_verify("--log", server.url, "--save", folder).status == 0
        server.files = make.files(held.records[:9], log_key)
        answer = evote_verify("--log", server.url, "--save", folder)
        assert answer.status == 1 and "rolled back" in answer.tie("checkpoint - earlier ones")

    def test_a_broken_log_is_put_aside_and_the_copy_stays(self, evote_verify, log, held, log_key, make, folder) -> None:
        assert evote_verify("--log", log.url, "--save", folder).status == 0
        log.files[f"tile/entries/000.p/{len(held.records)}"] = make.files(held.records[:-1], log_key)[
            f"tile/0/000.p/{len(held.records) - 1}"
        ]
        answer = evote_verify("--log", log.url, "--save", folder)
        assert answer.status == 1 and "rejected-1" in answer.tie("records - checkpoint")
        assert evote_verify("--log", folder).status == 0

    def test_an_interrupted_look_leaves_the_copy_as_it_was(self, evote_verify, log, held, folder) -> None:
        assert evote_verify("--log", log.url, "--save", folder).status == 0
        log.status[f"tile/0/000.p/{len(held.records)}"] = 503
        assert evote_verify("--log", log.url, "--save", folder).status == 3
        assert evote_verify("--log", folder).status == 0


class TestVotersProof:
    @pytest.fixture
    def proof(self, evote_verify, log, held, folder, receipt_file) -> Path:
        assert evote_verify("--log", log.url, "--save", folder, "--receipt", receipt_file()).status == 0
        return folder / f"ballot-{held.ballot_indexes[1]}.tlog-proof"

    def test_a_receipt_and_a_proof_need_no_network(
        self, evote_verify, proof, held, log_key, receipt_file, receipt_key_text
    ) -> None:
        answer = evote_verify(
            *("--receipt", receipt_file(), "--receipt-key", receipt_key_text),
            *("--proof", proof, "--log-key", log_key.verifier.text),
        )
        assert answer.status == 0, answer.report
        assert answer.tie("proof - checkpoint").startswith("holds")
        assert f"the ballot is record {held.ballot_indexes[1]}" in answer.tie("receipt - log")

    def test_a_proof_bears_the_witnesses_where_there_are_any(
        self, evote_verify, log, held, folder, receipt_file, policy_file, cosigned
    ) -> None:
        log.files["checkpoint/witnessed"] = cosigned(held.records, 15)
        assert evote_verify("--log", log.url, "--save", folder, "--receipt", receipt_file()).status == 0
        proof = folder / f"ballot-{held.ballot_indexes[1]}.tlog-proof"
        answer = evote_verify("--receipt", receipt_file(), "--proof", proof, "--witness-policy", policy_file)
        assert answer.status == 0 and "the checkpoint of size 15" in answer.tie("proof - checkpoint")

    def test_a_proof_without_witnesses_does_not_satisfy_a_policy(
        self, evote_verify, proof, receipt_file, policy_file
    ) -> None:
        answer = evote_verify("--receipt", receipt_file(), "--proof", proof, "--witness-policy", policy_file)
        assert answer.status == 1 and answer.tie("proof - checkpoint").startswith("FAILS")

    def test_a_proof_of_another_ballot_fails(self, evote_verify, proof, log_key, receipt_file) -> None:
        answer = evote_verify("--receipt", receipt_file(2), "--proof", proof, "--log-key", log_key.verifier.text)
        assert answer.status == 1 and "tracker" in answer.tie("receipt - log")

    def test_a_changed_proof_fails(self, evote_verify, proof, held, log_key, receipt_file) -> None:
        index = held.ballot_indexes[1]
        proof.write_text(proof.read_text().replace(f"index {index}", f"index {index + 1}"))
        answer = evote_verify("--receipt", receipt_file(), "--proof", proof, "--log-key", log_key.verifier.text)
        assert answer.status == 1 and answer.tie("proof - checkpoint").startswith("FAILS")

    def test_a_proof_of_another_log_fails(self, evote_verify, proof, make, receipt_file) -> None:
        other = SigningKey(make.origin, Ed25519PrivateKey.generate())
        answer = evote_verify("--receipt", receipt_file(), "--proof", proof, "--log-key", other.verifier.text)
        assert answer.status == 1 and answer.tie("proof - checkpoint").startswith("FAILS")
