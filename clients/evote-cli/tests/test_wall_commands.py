"""``evote wall``: what the city's staff put on the wall, and take down."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from pathlib import Path

import pytest
from evote_cli.errors import CommandFailed, NotApproved
from evote_officers.acts import ANNOUNCE
from evote_officers.commands import verify_signatures
from evote_officers.signing import Officer
from evote_platform.clock import utc_now

from .at_keyboard import KEYS, ROSTER, UUID, answering

NOBODY = answering(500, {})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "announcements.json"


def at(file: Path, *more: str) -> tuple[str | Path, ...]:
    return ("--file", file, *more)


def lines(file: Path) -> list[dict[str, object]]:
    """What stands there, if it is what an officer of the roster signed for this election."""
    signed = json.loads(file.read_text())
    given = verify_signatures(signed["statements"], ANNOUNCE, ROSTER).about(signed["announcements"].encode())
    assert given.command.path == f"/elections/{UUID}/announcements.json"
    assert (given.command.service, given.command.method, given.names) == ("front", "PUT", "sato")
    said: list[dict[str, object]] = json.loads(signed["announcements"])
    return said


def test_an_incident_is_told_and_taken_down(evote, file) -> None:
    options = ("--helpdesk", "隣の投票所を\n案内", "--way", "station", "--effect", "stops")
    told = evote(NOBODY, "wall", "say", UUID, "並木の投票所の回線が切れています", *options, *at(file), typed="y\n")
    assert "隣の投票所を 案内" in told and f"evote wall over {UUID} 1" in told
    evote(NOBODY, "wall", "say", UUID, "顔の確認が混んでいます", "--way", "face", *at(file, "--yes"))
    first, second = lines(file)
    assert (first["text"], first["helpdesk"]) == ("並木の投票所の回線が切れています", "隣の投票所を 案内")
    assert (first["ways"], first["effect"], second["effect"]) == (["station"], "stops", "slows")
    shown = evote(NOBODY, "wall", "show", UUID, *at(file))
    assert "並木の投票所" in shown and "日本時間" in shown
    evote(NOBODY, "wall", "over", UUID, "1", *at(file, "--yes"))
    assert [one["number"] for one in lines(file)] == [2]
    evote(NOBODY, "wall", "over", UUID, "2", *at(file, "--yes"))
    assert lines(file) == []
    assert "何も出ていません" in evote(NOBODY, "wall", "show", UUID, *at(file))


def test_who_signs_is_shown_every_line_and_may_say_no(evote, file) -> None:
    evote(NOBODY, "wall", "say", UUID, "並木の投票所の回線が切れています", *at(file, "--yes"))
    before = file.read_bytes()
    with pytest.raises(NotApproved, match="画面は変わっていません"):
        evote(NOBODY, "wall", "say", UUID, "顔の確認が混んでいます", *at(file), typed="n\n")
    assert file.read_bytes() == before


@pytest.mark.parametrize("text", ["", "  ", "長" * 31, "見えない\u202e字"])
def test_what_nobody_could_read_on_a_wall_is_refused_and_changes_nothing(evote, file, text) -> None:
    with pytest.raises(CommandFailed, match="30 字まで"):
        evote(NOBODY, "wall", "say", UUID, text, *at(file, "--yes"))
    assert not file.exists()


def test_a_line_that_was_slipped_in_isn_t_signed_along_and_neither_are_those_of_another_election(evote, file) -> None:
    evote(NOBODY, "wall", "say", UUID, "並木の投票所の回線が切れています", *at(file, "--yes"))
    signed = json.loads(file.read_text())
    with pytest.raises(CommandFailed, match="別の選挙のものか、署名のあとで書きかえられています"):
        evote(NOBODY, "wall", "say", "An0therE1ection", "x", *at(file, "--yes"))
    file.write_text(json.dumps(signed | {"announcements": signed["announcements"].replace("並木", "全部")}))
    with pytest.raises(CommandFailed, match="別の選挙のものか、署名のあとで書きかえられています"):
        evote(NOBODY, "wall", "over", UUID, "1", *at(file, "--yes"))


def test_what_was_signed_by_a_clock_that_is_ahead_is_told_and_not_signed_along(evote, file) -> None:
    officer = Officer("test", "sato", KEYS["sato"])
    ahead = utc_now() + timedelta(hours=1)
    path = ANNOUNCE.path_of(UUID)
    statement = officer.command(ANNOUNCE, path, b"[]", reason="x", now=ahead, random=secrets.token_bytes)
    file.write_text(json.dumps({"announcements": "[]", "statements": [statement]}))
    with pytest.raises(CommandFailed, match="この端末の時計より先です"):
        evote(NOBODY, "wall", "say", UUID, "x", *at(file, "--yes"))


def test_a_number_that_is_not_there_and_a_file_that_is_none_are_told(evote, file) -> None:
    with pytest.raises(CommandFailed, match="7 番の知らせは出ていません"):
        evote(NOBODY, "wall", "over", UUID, "7", *at(file, "--yes"))
    for other in ('[{"number": 1}]', '{"announcements": "[]", "statements": ["{}"]}'):
        file.write_text(other)
        with pytest.raises(CommandFailed, match="知らせのファイルとして読めません"):
            evote(NOBODY, "wall", "show", UUID, *at(file))
    with pytest.raises(CommandFailed, match="書けません"):
        evote(NOBODY, "wall", "say", UUID, "x", *at(file.parent / "nowhere" / file.name, "--yes"))
