"""The chain of trust, tie by tie: each holds for an honest election, and each lie breaks it at a named place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_anchors.anchor import Anchor
from evote_anchors.errors import ChainError
from evote_belenios.ballots import tracker_of
from evote_eventlog.envelope import Envelope, decode, encode
from evote_eventlog.events import VoterAuthenticated
from evote_tlog.checkpoint import SigningKey


@pytest.fixture
def anchored(held, make) -> Callable[..., object]:
    """A chain with an anchor of the election's log at each of these sizes."""

    def chain(*sizes: int, records=None, **facts):
        records = held.records if records is None else records
        heads = [Anchor(make.origin, size, make.root_at(records, size)) for size in sizes]
        return make.chain(heads, **facts)

    return chain


def test_every_tie_of_an_honest_election_holds(
    evote_verify, log, archive, held, log_key, receipt_file, receipt_key_text, anchored
) -> None:
    size = len(held.records)
    answer = evote_verify(
        archive,
        *("--log", log.url, "--log-key", log_key.verifier.text),
        *("--receipt", receipt_file(), "--receipt-key", receipt_key_text),
        chains=[anchored(5, 12, size), anchored(7, size, chain="fabric", anchor_contract="fabric:anchors:evote")],
    )
    assert answer.status == 0, answer.report + answer.error
    assert "VERIFIED: everything that was checked holds" in answer.report
    for tie in ("receipt - ballot service", "receipt - archive", "receipt - log", "archive", "archive - log"):
        assert answer.tie(tie).startswith("holds"), tie
    for tie in ("log - its rules", "records - checkpoint", "checkpoint - ethereum", "checkpoint - fabric"):
        assert answer.tie(tie).startswith("holds"), tie
    assert f"the ballot is record {held.ballot_indexes[1]} of {size}" in answer.tie("receipt - log")
    assert "it counts" in answer.tie("receipt - log")
    assert "certified byte for byte" in answer.tie("archive - log")
    assert "5 of the election's 5 logged ballots" in answer.tie("archive - log")
    ethereum = answer.tie("checkpoint - ethereum")
    assert "3 anchors from block 0" in ethereum and "newest in a final block: size 12, block 2" in ethereum
    assert "1 anchors are in blocks that are not final yet" in ethereum
    assert "the receipt's ballot: covered" in ethereum
    assert "everything that the log has of it: not covered yet" in ethereum
    assert answer.tie("checkpoint - witnesses").startswith("not checked")
    assert "--witness-policy" in answer.tie("checkpoint - witnesses")


def test_a_chain_covers_an_older_archive_though_the_log_has_gone_on(
    evote_verify, log, held, log_key, anchored, tmp_path
) -> None:
    covered = held.ballot_indexes[2] + 1
    for ballots, expected in ((3, "covered"), (4, "not covered yet")):
        older = held.write_archive(tmp_path / f"{ballots}.bel", held.ballots[:ballots], until="ballots")
        chain = anchored(covered, len(held.records))
        answer = evote_verify(older, "--log", log.url, "--log-key", log_key.verifier.text, chains=[chain])
        assert f"the archive's election up to its last ballot: {expected}" in answer.tie("checkpoint - ethereum")


def test_a_superseded_ballot_is_named_by_tracker_and_nothing_more(
    evote_verify, log, archive, held, log_key, receipt_file
) -> None:
    answer = evote_verify(archive, "--log", log.url, "--log-key", log_key.verifier.text, "--receipt", receipt_file(0))
    last = tracker_of(held.ballots[-1])
    assert answer.status == 0
    assert f"superseded by {last} at log index {held.ballot_indexes[-1]}" in answer.tie("receipt - log")
    assert f"superseded by {last}" in answer.tie("receipt - archive")
    assert json.loads(held.ballots[0])["credential"] not in answer.report
    assert answer.tie("receipt - ballot service").startswith("not checked")


def test_a_key_that_comes_from_the_log_itself_is_called_that(evote_verify, log) -> None:
    answer = evote_verify("--log", log.url)
    assert answer.status == 0
    assert "TAKEN FROM THE LOG ITSELF" in answer.tie("records - checkpoint")
    assert "VERIFIED: everything that was checked holds" in answer.report


def test_an_archive_of_an_earlier_moment_is_a_beginning(evote_verify, log, held, tmp_path) -> None:
    noon = held.write_archive(tmp_path / "noon.bel", held.ballots[:3], until="ballots")
    answer = evote_verify(noon, "--log", log.url)
    assert answer.status == 0
    assert "3 of the election's 5 logged ballots" in answer.tie("archive - log")
    assert "an archive of an earlier moment" in answer.tie("archive - log")


def test_records_too_long_for_a_c2sp_bundle_are_read_where_they_are_served(
    evote_verify, server, held, log_key, make
) -> None:
    longer = [*held.records, held.records[0].replace(b'"description":""', b'"description":"' + b"x" * 70_000 + b'"')]
    server.files = make.files(longer, log_key)
    assert not any(path.startswith("tile/entries/") for path in server.files)
    assert evote_verify("--log", server.url).status == 0


def test_a_log_of_several_tiles_is_read_to_its_last_record(evote_verify, server, held, log_key, make) -> None:
    repeated = [*held.records, *[held.records[0]] * 600]
    server.files = make.files(repeated, log_key)
    answer = evote_verify("--log", server.url)
    assert answer.status == 0 and f"all {len(repeated)} records" in answer.report


class TestLogThatLies:
    def failing(self, answer, tie: str, *words: str) -> None:
        assert answer.status == 1, answer.report + answer.error
        assert answer.tie(tie).startswith("FAILS"), answer.report
        assert tie in answer.report.splitlines()[-1] and answer.report.splitlines()[-1].startswith("FAILED")
        for word in words:
            assert word in answer.tie(tie), answer.report

    def bundle(self, files: dict[str, bytes]) -> str:
        return next(path for path in files if path.startswith("tile/entries/"))

    def test_a_changed_byte_of_a_record(self, evote_verify, log, held) -> None:
        path = self.bundle(log.files)
        at = log.files[path].index(held.records[6]) + 40
        log.files[path] = log.files[path][:at] + b"?" + log.files[path][at + 1 :]
        self.failing(evote_verify("--log", log.url), "records - checkpoint", "record 6 ")

    def test_a_changed_record_with_tiles_to_match(self, evote_verify, log, held, log_key, make) -> None:
        forged = [*held.records]
        forged[6] = forged[6].replace(b'"source":"test"', b'"source":"best"')
        log.files |= {path: content for path, content in make.files(forged, log_key).items() if "tile" in path}
        self.failing(evote_verify("--log", log.url), "records - checkpoint", "signed root")

    def test_a_dropped_record(self, evote_verify, log, held, log_key, make) -> None:
        shorter = make.files(held.records[:-1], log_key)
        path = self.bundle(log.files)
        log.files[path] = shorter[self.bundle(shorter)]
        self.failing(evote_verify("--log", log.url), "records - checkpoint", path, f"not {len(held.records)}")

    def test_reordered_records(self, evote_verify, log, held, log_key, make) -> None:
        swapped = [*held.records]
        swapped[6], swapped[7] = swapped[7], swapped[6]
        path = self.bundle(log.files)
        log.files[path] = make.files(swapped, log_key)[path]
        self.failing(evote_verify("--log", log.url), "records - checkpoint", "record 6 ")

    def test_a_truncated_tile(self, evote_verify, log, held) -> None:
        path = f"tile/0/000.p/{len(held.records)}"
        log.files[path] = log.files[path][:-32]
        self.failing(evote_verify("--log", log.url), "records - checkpoint", path)

    def test_a_missing_tile(self, evote_verify, log, held) -> None:
        path = f"tile/0/000.p/{len(held.records)}"
        del log.files[path]
        self.failing(evote_verify("--log", log.url), "records - checkpoint", path)

    def test_a_checkpoint_of_another_key(self, evote_verify, log, held, log_key, make) -> None:
        other = SigningKey(make.origin, Ed25519PrivateKey.generate())
        log.files["checkpoint"] = make.files(held.records, other)["checkpoint"]
        answer = evote_verify("--log", log.url, "--log-key", log_key.verifier.text)
        self.failing(answer, "records - checkpoint", "not signed by the log's key")

    def test_a_record_that_is_not_public(self, evote_verify, server, held, log_key, make) -> None:
        private = VoterAuthenticated(election_uuid=held.uuid, voter_ref="0" * 32, method="card")
        moment = decode(held.records[0]).time
        leaked = encode(Envelope.wrap(private, id="1", source="auth", time=moment))
        server.files = make.files([*held.records, leaked], log_key)
        index = len(held.records)
        self.failing(evote_verify("--log", server.url), "log - its rules", f"record {index}", "identity.VoterAuth")

    @pytest.mark.parametrize("again", ["a second time", "behind the close"])
    def test_a_ballot_twice_or_after_the_close(self, evote_verify, server, held, log_key, make, again) -> None:
        ballot = held.records[held.ballot_indexes[-1]]
        records = [*held.records]
        if again == "a second time":
            records.insert(held.ballot_indexes[-1] + 1, ballot)
        else:
            records.remove(ballot)
            records.append(ballot)
        server.files = make.files(records, log_key)
        self.failing(evote_verify("--log", server.url), "log - its rules", again)

    def test_an_anchor_with_another_root(self, evote_verify, log, held, anchored) -> None:
        chain = anchored(5, 9)
        chain.heads[0] = Anchor(chain.heads[0].origin, 5, bytes(32))
        answer = evote_verify("--log", log.url, chains=[chain])
        self.failing(answer, "checkpoint - ethereum", "block 1", "the root at size 5")

    def test_an_anchor_larger_than_the_log(self, evote_verify, server, held, log_key, make, anchored) -> None:
        server.files = make.files(held.records[:10], log_key)
        answer = evote_verify("--log", server.url, chains=[anchored(5, 12)])
        self.failing(answer, "checkpoint - ethereum", "rolled back")

    def test_anchors_that_shrink(self, evote_verify, log, anchored) -> None:
        self.failing(evote_verify("--log", log.url, chains=[anchored(9, 5)]), "checkpoint - ethereum", "comes after 9")

    def test_a_block_that_the_chain_did_not_make(self, evote_verify, log, make) -> None:
        answer = evote_verify("--log", log.url, chains=[make.chain(trouble=ChainError("block 7 is forged"))])
        self.failing(answer, "checkpoint - ethereum", "block 7 is forged")

    def test_a_chain_without_any_anchor(self, evote_verify, log, make) -> None:
        answer = evote_verify("--log", log.url, chains=[make.chain()])
        self.failing(answer, "checkpoint - ethereum", "no anchor of")


class TestArchiveThatLies:
    def failing(self, answer, *words: str) -> None:
        assert answer.status == 1, answer.report
        assert answer.tie("archive - log").startswith("FAILS"), answer.report
        for word in words:
            assert word in answer.tie("archive - log"), answer.report

    def test_an_extra_ballot(self, evote_verify, server, held, log_key, make, archive) -> None:
        index = held.ballot_indexes[2]
        server.files = make.files(held.records[:index] + held.records[index + 1 :], log_key)
        answer = evote_verify(archive, "--log", server.url)
        self.failing(answer, "event 3 (Ballot)", tracker_of(held.ballots[2]), "it is not in the log")

    def test_a_missing_ballot(self, evote_verify, log, held, tmp_path) -> None:
        forged = held.write_archive(tmp_path / "forged.bel", held.ballots[:2] + held.ballots[3:])
        answer = evote_verify(forged, "--log", log.url)
        self.failing(answer, "event 3 (Ballot)", f"the log has {tracker_of(held.ballots[2])}")

    def test_a_missing_last_ballot(self, evote_verify, log, held, tmp_path) -> None:
        forged = held.write_archive(tmp_path / "forged.bel", held.ballots[:-1])
        self.failing(evote_verify(forged, "--log", log.url), "EndBallots", f"log index {held.ballot_indexes[-1]}")

    def test_ballots_in_another_order(self, evote_verify, log, held, tmp_path) -> None:
        ballots = [held.ballots[1], held.ballots[0], *held.ballots[2:]]
        forged = held.write_archive(tmp_path / "forged.bel", ballots)
        self.failing(evote_verify(forged, "--log", log.url), "event 1 (Ballot)", "its place in the log is")

    def test_an_archive_of_an_election_that_the_log_does_not_know(
        self, evote_verify, log, other_held, tmp_path
    ) -> None:
        other = other_held.write_archive(tmp_path / "other.bel")
        self.failing(evote_verify(other, "--log", log.url), "event 0 (Setup)", other_held.uuid)

    def test_an_archive_that_is_ahead_of_the_log(self, evote_verify, server, held, log_key, make, archive) -> None:
        server.files = make.files(held.records[: held.ballot_indexes[3]], log_key)
        self.failing(evote_verify(archive, "--log", server.url), "event 4 (Ballot)", "read the log again")

    def test_other_bytes_than_were_certified(self, evote_verify, server, held, log_key, make, archive) -> None:
        certified = held.records[-1]
        at = certified.index(b'"archive_sha256":"') + 18
        forged = certified[:at] + b"0" * 64 + certified[at + 64 :]
        server.files = make.files([*held.records[:-1], forged], log_key)
        self.failing(evote_verify(archive, "--log", server.url), "certified")

    @pytest.mark.parametrize("kind", ["EncryptedTallyComputed", "PartialDecryptionReceived", "ResultComputed"])
    def test_a_count_that_the_log_has_not(self, evote_verify, server, held, log_key, make, archive, kind) -> None:
        records = [record for record in held.records if kind.encode() not in record]
        server.files = make.files(records, log_key)
        event = {"EncryptedTallyComputed": "EncryptedTally", "PartialDecryptionReceived": "PartialDecryption"}
        self.failing(evote_verify(archive, "--log", server.url), event.get(kind, "Result"))

    def test_a_tally_before_the_box_was_closed(self, evote_verify, server, held, log_key, make, archive) -> None:
        records = [record for record in held.records if b'"partition":2' not in record]
        server.files = make.files(records, log_key)
        self.failing(evote_verify(archive, "--log", server.url), "EncryptedTally", "the box is still open")


class TestReceiptThatLies:
    def run(self, evote_verify, log, path: Path, key: str, *more: object):
        return evote_verify(*more, "--log", log.url, "--receipt", path, "--receipt-key", key)

    def test_a_receipt_of_another_election(
        self, evote_verify, log, archive, other_held, receipt_file, receipt_key_text
    ) -> None:
        answer = self.run(evote_verify, log, receipt_file(1, other_held), receipt_key_text, archive)
        assert answer.status == 1
        assert answer.tie("receipt - ballot service").startswith("holds")
        assert answer.tie("receipt - log").startswith("FAILS") and "publish it" in answer.tie("receipt - log")
        assert answer.tie("receipt - archive").startswith("FAILS") and other_held.uuid in answer.report

    def test_a_receipt_that_the_service_did_not_sign(self, evote_verify, log, receipt_file, receipt_key_text) -> None:
        forged = receipt_file(position={"partition": 1, "offset": 1})
        answer = self.run(evote_verify, log, forged, receipt_key_text)
        assert answer.status == 1
        assert answer.tie("receipt - ballot service").startswith("FAILS")

    def test_a_receipt_with_another_time_than_the_log_has(self, evote_verify, log, receipt_file) -> None:
        forged = receipt_file(accepted_at="2026-11-24T12:00:00.000Z")
        answer = evote_verify("--log", log.url, "--receipt", forged)
        assert answer.status == 1 and answer.tie("receipt - log").startswith("FAILS")

    def test_a_ballot_behind_the_close_marker_of_its_partition(
        self, evote_verify, server, held, log_key, make, receipt_file
    ) -> None:
        # The box as a whole is still open, so that only the receipt tells in which partition its ballot is.
        marker = next(record for record in held.records if b'"partition":0,' in record)
        first, last = held.ballot_indexes[0], held.ballot_indexes[-1]
        records = [*held.records[:first], marker, *held.records[first : last + 1]]
        server.files = make.files(records, log_key)
        answer = evote_verify("--log", server.url, "--receipt", receipt_file(1))
        assert answer.status == 1 and "behind the close marker" in answer.tie("receipt - log")

    def test_a_closed_archive_without_the_ballot(self, evote_verify, held, tmp_path, receipt_file) -> None:
        forged = held.write_archive(tmp_path / "forged.bel", held.ballots[:1] + held.ballots[2:])
        answer = evote_verify(forged, "--receipt", receipt_file(1))
        assert answer.status == 1 and answer.tie("receipt - archive").startswith("FAILS")
