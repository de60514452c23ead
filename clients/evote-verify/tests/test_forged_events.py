"""Each event that an archive follows from, forged in the log: the place where the two part is named."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta

import pytest
from evote_anchors.anchor import Anchor
from evote_belenios.ballots import tracker_of
from evote_belenios.jsontext import dump, load
from evote_eventlog.envelope import Envelope, decode, encode
from evote_eventlog.events import BallotOrder, OrderSignature

UNSIGNED = BallotOrder(number=1, signature=OrderSignature(challenge="1", response="2"))


@pytest.fixture
def forged(server, held, log_key, make) -> Callable[..., str]:
    """Serves a log in which the first event of a kind is changed, and whatever else; returns its URL."""

    def serve(kind: str, later_s: int = 0, records: list[bytes] | None = None, **changes: object) -> str:
        records = [*held.records] if records is None else records
        index = next(index for index, record in enumerate(records) if f".{kind}.v".encode() in record)
        envelope = decode(records[index])
        data = envelope.data.model_copy(update=changes)
        time = envelope.time + timedelta(seconds=later_s)
        records[index] = encode(Envelope.wrap(data, id=envelope.id, source=envelope.source, time=time))
        server.files = make.files(records, log_key)
        return server.url

    return serve


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        ("ElectionOpened", {"trustees_json": "[]"}, "the trustees' text"),
        ("ElectionOpened", {"later_s": 1}, "the archive's time"),
        ("CredentialsPublished", {"credentials": ("another",)}, "the public credentials"),
        ("CredentialsPublished", {"part": 2}, "the public credentials"),
        ("EncryptedTallyComputed", {"encrypted_tally": "[]"}, "it is not the tally at log index 19"),
        ("EncryptedTallyComputed", {"sized_encrypted_tally": "{}"}, "it is not the tally at log index 19"),
        ("EncryptedTallyComputed", {"log_size": 18}, "the box closed at log index 18"),
        ("EncryptedTallyComputed", {"log_size": 20}, "the box closed at log index 18"),
        ("PartialDecryptionReceived", {"partial_decryption": "{}"}, "it is not trustee 1's at log index 20"),
        ("PartialDecryptionReceived", {"trustee": 2}, "the log has no partial decryption of trustee 1"),
        ("ResultComputed", {"result": '{"result":[[1,1,1]]}'}, "it is not the result at log index 21"),
        ("ElectionDrafted", {"threshold": 2}, "by the log's order it would be none"),
    ],
)
def test_an_archive_that_does_not_follow_from_an_event(
    evote_verify, forged, archive, kind: str, changes: dict[str, object], words: str
) -> None:
    answer = evote_verify(archive, "--log", forged(kind, **changes))
    assert answer.status == 1
    assert answer.tie("archive - log").startswith("FAILS") and words in answer.tie("archive - log"), answer.report


def test_an_election_of_another_text(evote_verify, forged, held, archive) -> None:
    other = held.election_json.replace('"administrator":"a"', '"administrator":"b"')
    answer = evote_verify(archive, "--log", forged("ElectionOpened", election_json=other))
    assert answer.status == 1 and "the election's text" in answer.tie("archive - log")


def test_an_archive_with_another_list_of_credentials(evote_verify, log, held, tmp_path) -> None:
    shortened = dataclasses.replace(held, credentials_json=dump(load(held.credentials_json)[:-1]))
    answer = evote_verify(shortened.write_archive(tmp_path / "forged.bel"), "--log", log.url)
    assert answer.status == 1 and "the public credentials" in answer.tie("archive - log")


def test_a_repeated_event_changes_nothing(evote_verify, server, held, log_key, make, archive) -> None:
    repeated = [record for record in held.records if b"ballots.BallotAccepted" not in record]
    server.files = make.files([*held.records, *repeated], log_key)
    answer = evote_verify(archive, "--log", server.url)
    assert answer.status == 0, answer.report


def test_a_decryption_after_the_result_does_not_stand(evote_verify, server, held, log_key, make, archive) -> None:
    records = [*held.records]
    at = held.index_of("ResultComputed")
    records[at - 1], records[at] = records[at], records[at - 1]
    server.files = make.files(records, log_key)
    answer = evote_verify(archive, "--log", server.url)
    assert answer.status == 1 and "no partial decryption of trustee 1 before" in answer.tie("archive - log")


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        ("ElectionOpened", {"credentials_sha256": "0" * 64}, "another list of credentials"),
        ("BallotAccepted", {"credential": "another"}, "of another credential"),
        ("BallotAccepted", {"tracker": "another"}, "tracker is not the hash"),
        ("BallotAccepted", {"ballot": "{}", "tracker": tracker_of("{}")}, "or is none"),
        ("BallotAccepted", {"order": UNSIGNED}, "did not sign"),
    ],
)
def test_a_record_that_breaks_the_rules_of_the_log(
    evote_verify, forged, kind: str, changes: dict[str, object], words: str
) -> None:
    answer = evote_verify("--log", forged(kind, **changes))
    assert answer.status == 1
    assert answer.tie("log - its rules").startswith("FAILS") and words in answer.tie("log - its rules")


def test_a_ballot_that_was_brought_after_a_newer_one(evote_verify, server, held, log_key, make, archive) -> None:
    """Its voter's second ballot stands before the first: whoever keeps the log has turned the two."""
    records = [*held.records]
    first, last = held.ballot_indexes[0], held.ballot_indexes[-1]
    records[first], records[last] = records[last], records[first]
    server.files = make.files(records, log_key)
    answer = evote_verify("--log", server.url)
    assert answer.status == 1
    assert "number 1 and comes after number 2: not the voter's order" in answer.tie("log - its rules")


class TestContractAndBlocks:
    @pytest.fixture
    def chain(self, held, make):
        return make.chain([Anchor(make.origin, size, make.root_at(held.records, size)) for size in (5, 9)])

    def failing(self, answer, words: str) -> None:
        assert answer.status == 1 and words in answer.tie("checkpoint - ethereum"), answer.report

    def test_a_contract_that_is_behind_its_blocks(self, evote_verify, log, chain) -> None:
        chain.contract = chain.heads[0]
        self.failing(evote_verify("--log", log.url, chains=[chain]), "the contract holds size 5")

    def test_a_contract_that_holds_another_root(self, evote_verify, log, make, chain) -> None:
        chain.contract = Anchor(make.origin, 12, bytes(32))
        self.failing(
            evote_verify("--log", log.url, chains=[chain]), "the contract's newest anchor: the root at size 12"
        )

    def test_a_contract_of_two_roots_for_one_size(self, evote_verify, log, make, chain) -> None:
        chain.contract = Anchor(make.origin, 9, bytes(32))
        self.failing(evote_verify("--log", log.url, chains=[chain]), "the contract's newest anchor: the root at size 9")

    def test_an_anchor_of_another_log(self, evote_verify, log, held, make, chain) -> None:
        chain.heads[0] = Anchor("another.example/log", 5, make.root_at(held.records, 5))
        self.failing(evote_verify("--log", log.url, chains=[chain]), "block 1, transaction")

    def test_a_contract_that_is_a_block_ahead_is_checked_too(self, evote_verify, log, held, make, chain) -> None:
        chain.contract = Anchor(make.origin, 12, make.root_at(held.records, 12))
        assert evote_verify("--log", log.url, chains=[chain]).status == 0


def test_every_fault_of_a_log_is_named_however_many_they_are(evote_verify, server, held, make, log_key) -> None:
    twice = held.records[held.ballot_indexes[0]]
    server.files = make.files([*held.records, *[twice] * 30], log_key)
    answer = evote_verify("--log", server.url)
    assert answer.status == 1
    assert answer.tie("log - its rules").count("record ") == 30
