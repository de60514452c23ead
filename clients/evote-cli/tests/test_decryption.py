"""A trustee decrypts the one tally that the witnessed log shows, and no other, whatever is served."""

from __future__ import annotations

import os
import secrets
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from evote_belenios.archive.members import member_bytes
from evote_cli.decryption import archive_to_decrypt, partial_decryption
from evote_cli.errors import (
    ArchiveRejected,
    ArchiveTooEarly,
    CeremonyRejected,
    LogRefused,
    NotCountedYet,
    PolicyDiffers,
)
from evote_cli.keyfile import CeremonyRecord
from evote_cli.log_view import LogView, read_log
from evote_eventlog.events import BallotAccepted, ElectionOpened
from evote_local.nodes.log_folder import LogFolder

UUID = "4yP2vbZnkbxpPG"
VOTERS = 5


@pytest.fixture
def open_(held):
    """An election with open polls, in which everybody has voted."""
    held.election.hold_ceremony(held.trustees)
    held.election.freeze(VOTERS)
    held.election.open(held.trustees)
    held.election.vote()
    return held


@pytest.fixture
def counted(open_):
    open_.election.close()
    open_.election.count()
    return open_


def decrypt(held, archive: Path, view: LogView | None = None, progress=lambda done, total: None):
    trustee = held.trustees[0]
    with archive_to_decrypt(archive) as file:
        return partial_decryption(
            trustee.secret,
            trustee.keeper,
            file,
            view or held.election.view(),
            secrets.token_bytes,
            processes=1,
            progress=progress,
        )


def decrypted(held) -> str | None:
    return held.trustees[0].keeper.find(UUID).decrypted_tally_sha256


def test_the_archive_that_the_log_leads_to_is_decrypted(counted, tmp_path) -> None:
    counted.election.take(decrypt(counted, counted.election.archive(tmp_path / "a.bel")))
    assert counted.election.election.partial_decryptions.keys() == {1}


def test_an_archive_of_fewer_ballots_is_not_decrypted(counted, tmp_path) -> None:
    """It verifies, and with k of these decryptions the one vote in it would be known."""
    one = counted.election.archive(tmp_path / "one.bel", counted.election.ballots[:1])
    with pytest.raises(ArchiveRejected, match="公開ログと一致しません"):
        decrypt(counted, one)
    assert decrypted(counted) is None


def test_an_archive_of_an_election_that_is_open_is_not_decrypted(open_, tmp_path) -> None:
    forged = open_.election.archive(tmp_path / "open.bel")
    with pytest.raises(NotCountedYet, match="締め切られていません"):
        decrypt(open_, forged)
    open_.election.close()
    with pytest.raises(NotCountedYet, match="集計されていません"):
        decrypt(open_, forged)
    assert decrypted(open_) is None


def test_an_archive_of_a_kind_that_is_not_supported_is_not_decrypted(counted, tmp_path) -> None:
    archive = counted.election.archive(tmp_path / "a.bel")
    shuffle = b'{"height":0,"type":"Shuffle"}'
    content = archive.read_bytes()
    event = member_bytes(f"{sha256(shuffle).hexdigest()}.event.json", shuffle, int(content[136:147], 8))
    forged = tmp_path / "forged.bel"
    forged.write_bytes(content + event)
    with pytest.raises(ArchiveRejected, match="event-type"):
        decrypt(counted, forged)
    assert decrypted(counted) is None


def test_a_close_that_no_witness_has_seen_does_not_count(counted, tmp_path) -> None:
    election = counted.election
    election.log.publish(election.records, cosigned=len(election.records) - 3)
    with pytest.raises(NotCountedYet, match="締め切られていません"):
        decrypt(counted, election.archive(tmp_path / "a.bel"))


def test_a_tally_is_not_decrypted_while_a_record_is_withheld_that_could_be_a_ballot(counted, tmp_path) -> None:
    """Whatever the log says of it: with the one ballot in the archive, the tally would show that vote."""
    election = counted.election
    last = max(at for at, event in enumerate(election.events) if isinstance(event, BallotAccepted))
    election.log.publish(election.records, withheld=[last])
    with pytest.raises(ArchiveRejected, match="公開ログと一致しません"):
        decrypt(counted, election.archive(tmp_path / "fewer.bel", election.ballots[:-1]))
    assert decrypted(counted) is None


def test_a_log_without_a_quorum_is_refused(counted, tmp_path) -> None:
    unwitnessed = LogFolder(tmp_path / "unwitnessed")
    unwitnessed.key = counted.election.log.key
    unwitnessed.publish(counted.election.records)
    with pytest.raises(LogRefused, match="証人の署名が足りません"):
        read_log(str(unwitnessed.folder), counted.election.log.policy, lambda done, total: None)


def test_a_second_different_tally_of_the_same_election_is_refused(counted, tmp_path) -> None:
    """Where log and witnesses all lie: two tallies that differ in one ballot show it together."""
    election, trustee = counted.election, counted.trustees[0]
    for _ in range(2):  # the same one again is harmless
        assert decrypt(counted, election.archive(tmp_path / "all.bel")).step == "partial-decryption"
    first = decrypted(counted)
    only = next(at for at, event in enumerate(election.events) if isinstance(event, BallotAccepted))
    election.events, election.records = election.events[: only + 1], election.records[: only + 1]
    election.ballots = election.ballots[:1]
    election.close()
    election.count()
    with pytest.raises(LogRefused, match="前に見たログ"):
        decrypt(counted, election.archive(tmp_path / "one.bel"))
    trustee.keeper.save(replace(trustee.keeper.find(UUID), seen=None))
    with pytest.raises(ArchiveRejected, match="別の暗号化集計"):
        decrypt(counted, election.archive(tmp_path / "one.bel"))
    assert decrypted(counted) == first


def test_an_archive_with_another_setup_than_was_confirmed_is_refused(counted, tmp_path) -> None:
    """Whoever writes the opening into the log, with an archive to match, has no trustee's signature for it."""
    election = counted.election
    at = next(index for index, event in enumerate(election.events) if isinstance(event, ElectionOpened))
    opened = election.events[at]
    changed = opened.model_copy(
        update={"election_json": opened.election_json.replace("選挙管理委員会", "選挙管理委員会 ")}
    )
    events, election.events, election.records = election.events, [], []
    election.append(*events[:at], changed, *events[at + 1 :])
    counted.trustees[0].keeper.save(CeremonyRecord(UUID, 1, election.log.policy))
    with pytest.raises(CeremonyRejected, match="other texts than follow"):
        decrypt(counted, election.archive(tmp_path / "a.bel"))


def test_other_witnesses_than_at_the_first_step_are_refused(counted, tmp_path) -> None:
    other = LogFolder(tmp_path / "other")
    other.key = counted.election.log.key
    other.publish(counted.election.records)
    view = read_log(str(other.folder), other.policy, lambda done, total: None)
    with pytest.raises(PolicyDiffers):
        decrypt(counted, counted.election.archive(tmp_path / "a.bel"), view)


def test_an_archive_of_before_the_count_is_called_early_and_not_wrong(counted, tmp_path) -> None:
    """It agrees with the log, which has gone on: the trustee only has to fetch a newer one."""
    early = tmp_path / "early.bel"
    counted.election.archive(early, until="ballots")
    with pytest.raises(ArchiveTooEarly, match="取り直して"):
        decrypt(counted, early)
    assert decrypted(counted) is None


def test_what_is_no_archive_is_told(counted, tmp_path) -> None:
    (tmp_path / "a.bel").write_bytes(b"x" * 2000)
    with pytest.raises(ArchiveRejected, match="アーカイブではありません"):
        decrypt(counted, tmp_path / "a.bel")


def test_an_archive_that_does_not_verify_is_refused(counted, tmp_path) -> None:
    twice = [*counted.election.ballots, counted.election.ballots[0]]
    with pytest.raises(ArchiveRejected):
        decrypt(counted, counted.election.archive(tmp_path / "a.bel", twice))


def test_the_tally_that_was_verified_is_the_one_that_is_decrypted_whatever_takes_the_files_name(
    counted, tmp_path
) -> None:
    right = counted.election.archive(tmp_path / "a.bel")
    other = counted.election.archive(tmp_path / "one.bel", counted.election.ballots[:1])

    def exchanged_at_the_end(done: int, total: int) -> None:
        if done == total:
            other.replace(right)

    message = decrypt(counted, right, progress=exchanged_at_the_end)
    assert not other.exists(), "the file was exchanged"
    counted.election.take(message)


def test_an_archive_that_is_written_to_meanwhile_is_refused(counted, tmp_path) -> None:
    path = counted.election.archive(tmp_path / "a.bel")

    def written_at_the_end(done: int, total: int) -> None:
        if done == total:
            os.utime(path, (0, 0))

    with pytest.raises(ArchiveRejected, match="書き換えられました"):
        decrypt(counted, path, progress=written_at_the_end)
    assert decrypted(counted) is None
