"""What can't be undone takes the election's name, typed."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from evote_cli.errors import (
    CommandFailed,
    NotApproved,
)

from .at_keyboard import (
    ELECTION,
    ESCAPED,
    HOSTILE,
    UUID,
    answering,
    can_be_printed,
    typing,
)

ONCE = [
    ("election", "freeze", UUID, "--expected-size", "7"),
    ("election", "renew-trustee", UUID, "--trustee", "1", "--key", "ed25519:new", "--command", "c.command"),
    ("election", "abandon", UUID, "--command", "c.command"),
    ("election", "open", UUID, "--command", "c.command"),
    ("election", "close", UUID, "--command", "c.command"),
    ("election", "certify", UUID, "--archive", "a.bel", "--command", "c.command"),
    ("roll", "freeze", UUID, "--expected-size", "7"),
    ("face", "codes", UUID, "--out", "codes.csv", "--command", "c.command"),
]


@pytest.mark.parametrize("arguments", ONCE, ids=lambda arguments: "-".join(arguments[:2]))
def test_what_can_not_be_undone_takes_the_elections_name(evote, tmp_path, monkeypatch, arguments) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.bel").write_bytes(b"archive")
    requests: list[httpx.Request] = []
    transport = answering(200, {**ELECTION, "roll_size": 7}, requests)
    for wrong in ("", UUID, "住民", "市長選挙"):
        typing(wrong, monkeypatch)
        with pytest.raises(NotApproved, match="何も送っていません"):
            evote(transport, *arguments, "--reason", "r")
    assert not Path("c.command").exists() and {request.method for request in requests} == {"GET"}
    typing(" 住民投票　2026", monkeypatch)
    said = evote(transport, *arguments, "--reason", "r")
    assert "選挙: 住民投票２０２６" in said and UUID in said and "取り消せません" in said
    assert "2026-01-01（木）07:00（日本時間） 〜 2126-01-02（水）20:00（日本時間）" in said
    assert Path("c.command").exists() or requests[-1].method == "POST"


def test_a_name_that_could_move_the_cursor_is_typed_as_it_is_shown(evote, monkeypatch) -> None:
    typing(ESCAPED, monkeypatch)
    document = {**ELECTION, "name": HOSTILE, "roll_size": 7}
    said = evote(answering(200, document), "election", "freeze", UUID, "--expected-size", "7", "--reason", "r")
    assert can_be_printed(said) and said.count(ESCAPED) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": None},
        {"name": ""},
        {"opens_at": "tomorrow"},
        {"opens_at": None},
        {"closes_at": "2126-01-02T11:00:00"},
        {"closes_at": 7},
    ],
)
@pytest.mark.parametrize("command", ["open", "close"])
def test_an_answer_without_a_name_or_times_is_told_and_nothing_is_sent(evote, tmp_path, command, wrong) -> None:
    requests: list[httpx.Request] = []
    act = ("--reason", "r", "--command", tmp_path / "c.command")
    with pytest.raises(CommandFailed, match="名前か受付の時刻"):
        evote(answering(200, {**ELECTION, **wrong}, requests), "election", command, UUID, *act)
    assert not list(tmp_path.iterdir()) and {request.method for request in requests} == {"GET"}


def test_an_answer_for_another_election_stops_what_can_not_be_undone(evote, monkeypatch) -> None:
    typing("住民投票2026", monkeypatch)
    with pytest.raises(CommandFailed, match="別の選挙"):
        evote(answering(200, ELECTION), "election", "close", "other", "--reason", "r", "--command", "c.command")


@pytest.mark.parametrize("command", ["open", "preflight"])
def test_before_the_opening_time_it_is_said_from_when_ballots_are_taken(evote, tmp_path, command: str) -> None:
    arguments = ("--reason", "r", "--command", tmp_path / "c.command", "--yes") if command == "open" else ()
    document = {**ELECTION, "ready": True, "checks": [], "opens_at": "2126-01-01T22:00:00.000Z"}
    early = evote(answering(200, document), "election", command, UUID, *arguments)
    assert "票を受け付けるのは 2126-01-02（水）07:00（日本時間） からです" in early
    (tmp_path / "c.command").unlink(missing_ok=True)
    document["opens_at"] = "2026-01-01T22:00:00.000Z"
    assert "票を受け付けるのは" not in evote(answering(200, document), "election", command, UUID, *arguments)
