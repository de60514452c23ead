"""What an auditor may ask of an archive besides whether it holds; and from where it may come."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from evote_belenios.archive import ArchiveReader, open_archive
from evote_belenios.ballots import tracker_of
from evote_belenios.election import parse_election
from evote_verify.reading import archive_place


def heads(path: Path) -> list[str]:
    with open_archive(path) as file:
        return [event.sha256 for event in ArchiveReader(file)]


@pytest.fixture
def earlier(held, tmp_path: Path) -> Path:
    return held.write_archive(tmp_path / "earlier.bel", held.ballots[:2], until="ballots")


def test_an_archive_extends_the_one_of_an_earlier_hour_and_itself(evote_verify, archive, earlier) -> None:
    answer = evote_verify(archive, "--extends", earlier)
    assert answer.status == 0
    assert "the first 3 events are the earlier ones; 7 came since" in answer.tie("archive - earlier archive")
    assert evote_verify(archive, "--extends", archive).status == 0


def test_an_archive_that_lacks_what_an_earlier_one_had_does_not_extend_it(
    evote_verify, held, earlier, tmp_path
) -> None:
    other = held.write_archive(tmp_path / "other.bel", [held.ballots[0], held.ballots[2]], until="ballots")
    answer = evote_verify(other, "--extends", earlier)
    assert answer.status == 1
    assert "an event 2 that this one has not" in answer.tie("archive - earlier archive")
    assert evote_verify(earlier, "--extends", other).status == 1
    shorter = held.write_archive(tmp_path / "shorter.bel", held.ballots[:1], until="ballots")
    assert evote_verify(shorter, "--extends", earlier).status == 1, "an archive never shrinks"


def test_an_earlier_archive_that_is_damaged_is_extended_by_none(evote_verify, archive, earlier) -> None:
    content = bytearray(earlier.read_bytes())
    content[-600] ^= 1
    earlier.write_bytes(bytes(content))
    answer = evote_verify(archive, "--extends", earlier)
    assert answer.status == 1 and "the earlier archive is damaged" in answer.tie("archive - earlier archive")


def test_an_earlier_head_is_one_of_the_archives(evote_verify, archive, earlier) -> None:
    head = heads(earlier)[-1]
    answer = evote_verify(archive, "--extends", head)
    assert answer.status == 0 and "7 came since" in answer.tie("archive - earlier archive")
    assert evote_verify(archive, "--extends", "0" * 64).status == 1


def test_what_is_neither_an_archive_nor_a_head_gives_2(evote_verify, archive, tmp_path) -> None:
    for path in (tmp_path / "missing", tmp_path, Path(__file__)):
        answer = evote_verify(archive, "--extends", path)
        assert answer.status == 2 and "neither an earlier archive nor a head" in answer.error


def test_a_result_that_is_required_must_be_there(evote_verify, archive, earlier) -> None:
    assert evote_verify(archive, "--require-result").status == 0
    assert evote_verify(earlier).status == 0
    answer = evote_verify(earlier, "--require-result")
    assert answer.status == 1 and answer.report.endswith("FAILED: archive - result\n")


def test_the_election_is_the_one_of_the_fingerprint(evote_verify, archive, held) -> None:
    fingerprint = parse_election(held.election_json).fingerprint
    assert evote_verify(archive, "--fingerprint", fingerprint).status == 0
    answer = evote_verify(archive, "--fingerprint", "A" * 43)
    assert answer.status == 1 and fingerprint in answer.tie("election - fingerprint")


def test_a_tracker_is_in_the_archive_and_counts_or_is_superseded(evote_verify, archive, held, earlier) -> None:
    first, last = tracker_of(held.ballots[0]), tracker_of(held.ballots[-1])
    assert f"superseded by {last}" in evote_verify(archive, "--tracker", first).tie("tracker - archive")
    counted = evote_verify(archive, "--tracker", last)
    assert counted.status == 0 and "no later ballot takes its place" in counted.tie("tracker - archive")
    assert evote_verify(archive, "--tracker", "A" * 43).status == 1
    answer = evote_verify(earlier, "--tracker", last)
    assert answer.status == 0 and answer.tie("tracker - archive").startswith("not checked"), "it may still come"


def test_a_tracker_that_is_none_gives_2(evote_verify, archive) -> None:
    with pytest.raises(SystemExit) as ended:
        evote_verify(archive, "--tracker", "A" * 42)
    assert ended.value.code == 2


def test_questions_of_an_archive_need_one(evote_verify, log) -> None:
    for question in (("--require-result",), ("--tracker", "A" * 43), ("--extends", "0" * 64), ("--fingerprint", "x")):
        with pytest.raises(SystemExit) as ended:
            evote_verify("--log", log.url, *question)
        assert ended.value.code == 2


def test_an_archive_on_a_server_is_verified_as_a_file_is(evote_verify, server, archive) -> None:
    server.files["a/b.bel"] = archive.read_bytes()
    answer = evote_verify(f"{server.url}/a/b.bel", "--require-result")
    assert answer.status == 0 and "VERIFIED" in answer.report
    assert "fetching the archive" in answer.error


@pytest.mark.parametrize("status", [404, 500, 302])
def test_a_server_that_does_not_give_the_archive_gives_3(evote_verify, server, status) -> None:
    server.status["b.bel"] = status
    answer = evote_verify(f"{server.url}/b.bel")
    assert answer.status == 3 and f"answered {status}" in answer.error and answer.report == ""


def test_a_server_that_is_not_there_gives_3(evote_verify, server) -> None:
    url = f"{server.url}/b.bel"
    for place in (url.replace("127.0.0.1", "127.0.0.1:0@127.0.0.1:1"), "http://[", "http://127.0.0.1:1/b.bel"):
        answer = evote_verify(place)
        assert answer.status == 3 and "Traceback" not in answer.error


def test_a_server_that_says_why_is_quoted(evote_verify, server) -> None:
    server.status["b.bel"] = 403
    for content, told in (
        (
            b'{"en": {"title": "Not public yet", "detail": "After the close.\\u001b"}}',
            "403: Not public yet. After the close.",
        ),
        (b'{"en": {"title": "x"}}', "answered 403\n"),
        (b"[]", "answered 403\n"),
        (b"<html>", "answered 403\n"),
        (b" " * (1 << 16) + b'{"en": {"title": "x", "detail": "y"}}', "answered 403\n"),
    ):
        server.files["b.bel"] = content
        answer = evote_verify(f"{server.url}/b.bel")
        assert answer.status == 3 and told in answer.error and "\x1b" not in answer.error


def test_an_endless_archive_is_none_and_asking_again_would_not_help(
    evote_verify, server, archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files["b.bel"] = archive.read_bytes()
    monkeypatch.setattr(archive_place, "MOST_BYTES", 1000)
    answer = evote_verify(f"{server.url}/b.bel")
    assert answer.status == 2 and "more than 1000 bytes" in answer.error


def test_a_server_that_gives_something_else_gives_2(evote_verify, server) -> None:
    server.files["b.bel"] = b"<html>"
    assert evote_verify(f"{server.url}/b.bel").status == 2


def test_an_archive_comes_through_a_pipe(archive: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "evote_verify.main", "-"], input=archive.read_bytes(), capture_output=True, check=False
    )
    assert done.returncode == 0 and b"VERIFIED: everything holds" in done.stdout


def test_a_pipe_without_an_end_is_not_read_to_it(evote_verify, monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return b"x" * 1024

    monkeypatch.setattr(archive_place, "MOST_BYTES", 5000)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=Endless()))
    assert evote_verify("-").status == 2
