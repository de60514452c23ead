"""What a crowd was told beside what is in the archive and in the count."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
from evote_belenios.archive import ArchiveWriter
from evote_belenios.ballots import generate_ballot, tracker_of
from evote_belenios.credentials import generate, public_credential
from evote_belenios.election import Question, election_json, new_uuid, parse_election
from evote_belenios.groups import ED25519
from evote_belenios.jsontext import dump
from evote_belenios.trustees import DecryptionKey, parse_trustees, public_key_json, trustees_json
from evote_local.referendum.concluding import Compared, compare, faults_of, forget, meant
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
    assert compare(path, trackers) == Compared(3, [], [])


def test_a_ballot_that_was_acknowledged_and_is_not_in_the_archive_is_lost(archive: tuple[Path, list[str]]) -> None:
    path, trackers = archive
    assert compare(path, [*trackers, "t" * 43]).lost == ["t" * 43]
    assert compare(path, [*trackers, trackers[0]]).lost == [trackers[0]], "two receipts, and one ballot"


def test_a_ballot_without_a_receipt_is_told_and_is_not_lost(archive: tuple[Path, list[str]]) -> None:
    path, trackers = archive
    assert compare(path, trackers[1:]) == Compared(3, [], [trackers[0]])


def test_a_lost_ballot_and_a_count_that_nobody_meant_are_faults() -> None:
    assert faults_of(Compared(9, [], []), [1, 4, 4], [1, 4, 4]) == []
    assert "1 ballots, of which lost" in faults_of(Compared(9, ["lost"], []), [1, 4, 4], [1, 4, 4])[0]
    assert "the count is [1, 3, 5]" in faults_of(Compared(9, [], []), [1, 3, 5], [1, 4, 4])[0]


def test_a_ballot_without_a_receipt_may_change_one_choice_and_no_more() -> None:
    unclaimed = Compared(10, [], ["unclaimed"])
    assert faults_of(unclaimed, [1, 3, 5], [1, 4, 4]) == []
    assert faults_of(unclaimed, [1, 2, 6], [1, 4, 4]) != []


def test_each_voters_last_acknowledged_choice_is_meant() -> None:
    kept = [{"voter": 1, "choice": "賛成"}, {"voter": 2, "choice": "賛成"}, {"voter": 1, "choice": "反対"}]
    assert sum(meant(kept)) == 2
    assert meant(kept) == meant(kept[1:])


def test_an_earlier_runs_receipts_figures_and_log_are_forgotten(tmp_path: Path) -> None:
    (tmp_path / "public-log").mkdir()
    for name in ("casts.jsonl", "figures.json", "locust.html"):
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
