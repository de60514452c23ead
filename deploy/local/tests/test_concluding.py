"""What a crowd was told beside what is in the archive and in the count."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

import pytest
from evote_belenios.archive import ArchiveWriter
from evote_belenios.ballots import generate_ballot, tracker_of
from evote_belenios.credentials import generate, public_credential
from evote_belenios.election import Question, election_json, new_uuid, parse_election
from evote_belenios.groups import ED25519
from evote_belenios.jsontext import dump
from evote_belenios.trustees import DecryptionKey, parse_trustees, public_key_json, trustees_json
from evote_local.people.officers import ANSWERS, BLANK
from evote_local.people.voters import Posted
from evote_local.referendum.concluding import Compared, compare, counted, faults_of, forget
from evote_local.referendum.load import command_of

RANDOM = secrets.token_bytes


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Three ballots, and their trackers."""
    trustees = trustees_json([public_key_json(DecryptionKey.generate(ED25519, RANDOM), RANDOM)])
    text = election_json(
        group=ED25519,
        uuid=new_uuid(RANDOM),
        name="n",
        description="",
        questions=[Question("q", ("yes", "no"), blank=True, min=1, max=1)],
        public_key=parse_trustees(trustees, ED25519).public_key_text,
        administrator="",
        credential_authority="",
    )
    election = parse_election(text)
    private = [generate(ED25519, RANDOM) for _ in range(3)]
    ballots = [generate_ballot(election, one, [[0, 1, 0]], RANDOM) for one in private]
    path = tmp_path_factory.mktemp("archive") / "archive.bel"
    with path.open("wb") as file:
        writer = ArchiveWriter(file, timestamp=0)
        writer.setup(text, trustees, dump(sorted(public_credential(one, election.uuid, ED25519) for one in private)))
        for ballot in ballots:
            writer.ballot(ballot)
        writer.close()
    return path, [tracker_of(ballot) for ballot in ballots]


def test_all_that_was_acknowledged_is_there(archive: tuple[Path, list[str]]) -> None:
    path, trackers = archive
    assert compare(path, trackers) == Compared(trackers, [], [])


def test_a_ballot_that_was_acknowledged_and_is_not_in_the_archive_is_lost(archive: tuple[Path, list[str]]) -> None:
    path, trackers = archive
    assert compare(path, [*trackers, "t" * 43]).lost == ["t" * 43]
    assert compare(path, [*trackers, trackers[0]]).lost == [trackers[0]], "two receipts, and one ballot"


def test_a_ballot_without_a_receipt_is_told_and_is_not_lost(archive: tuple[Path, list[str]]) -> None:
    path, trackers = archive
    assert compare(path, trackers[1:]) == Compared(trackers, [], [trackers[0]])


YES, NO = ANSWERS
POSTED = [Posted(0, YES, "a", 1), Posted(1, NO, "b", 1), Posted(0, NO, "c", 2), Posted(2, BLANK, "d", 1)]
ARCHIVED = ["a", "b", "c", "d"]


def found(
    archived: Sequence[str] = ARCHIVED,
    *,
    counts: Sequence[int] = (1, 0, 2),
    lost: Sequence[str] = (),
    unclaimed: Sequence[str] = (),
    posted: Sequence[Posted] = POSTED,
) -> list[str]:
    return list(faults_of(Compared(archived, lost, unclaimed), counts, posted))


def test_what_was_acknowledged_and_counted_has_no_fault_and_what_is_lost_has() -> None:
    assert found() == []
    assert "1 ballots, of which lost" in found(lost=["lost"])[0]


def test_a_stuffed_archive_is_a_fault_for_each_ballot_and_buys_nothing_of_the_count() -> None:
    strange = [f"stuffed {number}" for number in range(10)]
    faults = found([*ARCHIVED, *strange], counts=(1, 5, 7), unclaimed=strange)
    assert "nobody posted it: 10 ballots" in faults[0]
    assert "the count is [1, 5, 7]" in faults[1]


def test_a_count_that_is_off_by_one_vote_is_a_fault_also_beside_a_ballot_without_a_receipt() -> None:
    unsure = [*POSTED[:3], Posted(2, BLANK, "d", 1, unanswered=1)]
    assert found(unclaimed=["d"], posted=unsure) == []
    (fault,) = found(counts=(0, 1, 2), unclaimed=["d"], posted=unsure)
    assert "the ballots that count choose [1, 0, 2]" in fault


def test_a_ballot_without_a_receipt_may_be_there_only_if_an_answer_was_missing() -> None:
    (fault,) = found(unclaimed=["d"])
    assert "though each time its voter was answered: 1 ballots, of which d" in fault


def test_a_ballot_that_is_there_twice_or_behind_a_newer_one_of_its_voter_is_a_fault() -> None:
    assert "more than once" in found([*ARCHIVED, "d"], unclaimed=["d"])[1]
    older_last = found(["c", "b", "a", "d"], counts=(1, 1, 1))
    assert ["with its number or a larger one: 1 ballots, of which a" in fault for fault in older_last] == [True]


def test_each_voters_last_ballot_in_the_log_counts_with_a_receipt_or_without() -> None:
    assert counted(ARCHIVED, POSTED) == [1, 0, 2]
    assert counted(["a", "b", "d"], POSTED) == [1, 1, 1], "the later one never came to the log"
    assert counted([*ARCHIVED, "somebody else's"], POSTED) == [1, 0, 2]


def test_a_503_of_the_door_or_the_hour_tells_that_nothing_was_recorded_and_no_other_from_500_on_does() -> None:
    for status, text, unanswered in (
        (503, '{"type": "urn:tsukuba-evote:problem:overloaded"}', 0),
        (503, '{"type": "urn:tsukuba-evote:problem:close-pending"}', 0),
        (503, '{"type": "urn:tsukuba-evote:problem:log-unavailable"}', 1),
        (500, "", 1),
        (409, "", 0),
        (201, "", 0),
    ):
        posted = Posted(0, YES, "a")
        posted.sent(3)
        assert (posted.number, posted.unanswered) == (3, 1), "until there is an answer"
        posted.answered(status, text)
        assert posted.unanswered == unanswered


def test_an_earlier_runs_receipts_figures_and_log_are_forgotten(tmp_path: Path) -> None:
    (tmp_path / "public-log").mkdir()
    for name in ("casts.jsonl", "posted.jsonl", "figures.json", "locust.html"):
        (tmp_path / name).write_text("{}")
    forget(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["locust.html"]


def test_a_crowds_command_says_which_crowd_it_was() -> None:
    options = ["--profile", "junk", "--seconds", "60", "--again", "0.3", "--workers", "1", "--beforehand", "--strict"]
    options += ["--baseline", "load-out/figures.json"]
    assert command_of(300, "Ed25519", 0, 0.1, "kafka@20+10", options) == (
        "make load PROFILE=junk SECONDS=60 AGAIN=0.3 WORKERS=1 VOTERS=300 GROUP=Ed25519 BEFOREHAND=1 FACE=0.1 "
        'FAULTS="kafka@20+10"'
    )
    assert command_of(20, "Ed25519", 0, 0, "", ["--profile", "constant"]) == (
        "make load PROFILE=constant VOTERS=20 GROUP=Ed25519"
    )
