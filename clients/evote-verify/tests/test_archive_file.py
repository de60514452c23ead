"""One archive for all ties: whatever happens to its name or its bytes meanwhile, nothing is said of two at once."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def forged(held, tmp_path: Path) -> Path:
    """Lacks the election's last ballot; its chain of hashes holds all the same."""
    return held.write_archive(tmp_path / "forged.bel", held.ballots[:-1], until="ballots")


def test_a_file_that_takes_the_archives_name_while_the_log_is_read_is_not_looked_at(
    evote_verify, log, archive, forged, receipt_file
) -> None:
    log.when_asked = lambda: forged.exists() and forged.replace(archive)
    answer = evote_verify(archive, "--log", log.url, "--receipt", receipt_file())
    assert not forged.exists(), "the file was exchanged"
    assert answer.status == 0, answer.report
    assert "certified byte for byte" in answer.tie("archive - log")
    assert "stage        complete" in answer.report


def test_a_forged_archive_can_not_be_exchanged_for_an_honest_one_between_two_ties(
    evote_verify, log, archive, held, tmp_path, receipt_file
) -> None:
    forged = held.write_archive(tmp_path / "given.bel", [*held.ballots[:3], held.ballots[4]], until="ballots")
    log.when_asked = lambda: archive.exists() and archive.replace(forged)
    answer = evote_verify(forged, "--log", log.url, "--receipt", receipt_file())
    assert not archive.exists(), "the file was exchanged"
    assert answer.status == 1 and answer.tie("archive - log").startswith("FAILS")


def test_an_archive_that_is_written_over_in_place_gives_3_and_no_verdict(evote_verify, log, archive, forged) -> None:
    log.when_asked = lambda: archive.write_bytes(forged.read_bytes())
    answer = evote_verify(archive, "--log", log.url)
    assert answer.status == 3 and answer.report == ""
    assert f"{archive} was written to while it was verified: run it again" in answer.error


def test_an_archive_that_grows_meanwhile_gives_3_too(evote_verify, log, archive, forged) -> None:
    whole = archive.read_bytes()
    begun = forged.stat().st_size
    assert whole[:begun] == forged.read_bytes()
    log.when_asked = lambda: forged.write_bytes(whole)
    assert evote_verify(forged, "--log", log.url).status == 3
