"""``evote wall``: what the city's staff put on the wall, and take down."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from evote_cli.errors import CommandFailed

from .at_keyboard import answering

NOBODY = answering(500, {})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "announcements.json"


def test_an_incident_is_told_and_taken_down(evote, file) -> None:
    options = ("--helpdesk", "隣の投票所を\n案内", "--way", "station", "--effect", "stops", "--file", file)
    assert "evote wall over 1" in evote(NOBODY, "wall", "say", "並木の投票所の回線が切れています", *options)
    evote(NOBODY, "wall", "say", "顔の確認が混んでいます", "--way", "face", "--file", file)
    first, second = json.loads(file.read_text())
    assert (first["text"], first["helpdesk"]) == ("並木の投票所の回線が切れています", "隣の投票所を 案内")
    assert (first["ways"], first["effect"], second["effect"]) == (["station"], "stops", "slows")
    shown = evote(NOBODY, "wall", "show", "--file", file)
    assert "並木の投票所" in shown and "日本時間" in shown
    evote(NOBODY, "wall", "over", "1", "--file", file)
    assert [one["number"] for one in json.loads(file.read_text())] == [2]
    evote(NOBODY, "wall", "over", "2", "--file", file)
    assert json.loads(file.read_text()) == []
    assert "何も出ていません" in evote(NOBODY, "wall", "show", "--file", file)


@pytest.mark.parametrize("text", ["", "  ", "長" * 31, "見えない\u202e字"])
def test_what_nobody_could_read_on_a_wall_is_refused_and_changes_nothing(evote, file, text) -> None:
    with pytest.raises(CommandFailed, match="30 字まで"):
        evote(NOBODY, "wall", "say", text, "--file", file)
    assert not file.exists()


def test_a_number_that_is_not_there_and_a_file_that_is_none_are_told(evote, file) -> None:
    with pytest.raises(CommandFailed, match="7 番の知らせは出ていません"):
        evote(NOBODY, "wall", "over", "7", "--file", file)
    file.write_text('[{"number": 1}]')
    with pytest.raises(CommandFailed, match="知らせのファイルとして読めません"):
        evote(NOBODY, "wall", "show", "--file", file)
    with pytest.raises(CommandFailed, match="書けません"):
        evote(NOBODY, "wall", "say", "x", "--file", file.parent / "nowhere" / file.name)
