"""What takes two persons: a file that the first signs and the second cosigns."""

from __future__ import annotations

import json
from hashlib import sha256

import httpx
import pytest
from evote_cli.draft_file import example_draft
from evote_cli.errors import (
    CommandFailed,
)
from evote_platform.clock import utc_now

from .at_keyboard import (
    ELECTION,
    ESCAPED,
    HOSTILE,
    TRUSTEES,
    UUID,
    answering,
    can_be_printed,
    cosigned,
    given,
)


@pytest.mark.parametrize(
    ("command", "answer", "told"),
    [
        ("open", {"state": "open"}, "投票受付中"),
        ("close", {"state": "closed"}, "受付終了"),
        ("certify", {"state": "certified", "archive_sha256": "ab" * 32}, "ab" * 32),
    ],
)
def test_what_takes_two_officers_is_sent_when_both_have_signed_the_same(
    evote, tmp_path, command: str, answer: dict[str, str], told: str
) -> None:
    requests: list[httpx.Request] = []
    transport, file = answering(200, {**ELECTION, **answer}, requests), tmp_path / "c.command"
    (tmp_path / "a.bel").write_bytes(b"archive")
    archive = ("--archive", tmp_path / "a.bel") if command == "certify" else ()
    arguments = ("election", command, UUID, *archive, "--reason", "予定どおり", "--command", file, "--yes")
    assert "まだ送っていません" in evote(transport, *arguments)
    with pytest.raises(CommandFailed, match="まだ一人"):
        evote(transport, *arguments)
    with pytest.raises(CommandFailed, match="すでに署名"):
        evote(answering(200, ELECTION), "command", "cosign", file, "--yes")
    assert all(request.method == "GET" for request in requests)
    shown = cosigned(evote, file, tmp_path)
    for text in (f"住民投票２０２６（{UUID}）", "予定どおり", "sato"):
        assert text in shown
    assert told in evote(transport, *arguments)
    (request,) = (request for request in requests if request.method == "POST")
    assert given(request, "tally").names == "sato、suzuki"
    if command == "certify":
        assert json.loads(request.content) == {"archive_sha256": sha256(b"archive").hexdigest()}
        (tmp_path / "a.bel").write_bytes(b"another archive")
        with pytest.raises(CommandFailed, match="別の内容"):
            evote(transport, *arguments)


def test_the_second_officer_is_shown_what_is_signed_and_nothing_else(evote, tmp_path) -> None:
    file = tmp_path / "close.command"
    evote(answering(500, {}), "election", "close", UUID, "--reason", "r", "--command", file, "--yes")
    honest = json.loads(file.read_text())
    for changed in ({"body": "{}"}, {"path": f"/elections/{UUID}/open"}, {"service": "auth"}, {"statements": ["{}"]}):
        file.write_text(json.dumps({**honest, **changed}))
        with pytest.raises(CommandFailed, match=r"違います|読めません"):
            cosigned(evote, file, tmp_path)
    file.write_text(json.dumps(honest))
    with pytest.raises(CommandFailed, match="別の選挙"):
        cosigned(evote, file, tmp_path, answering(200, {**ELECTION, "election_uuid": "other"}))
    assert len(json.loads(file.read_text())["statements"]) == 1


def test_what_is_to_be_cosigned_is_shown_line_by_line_and_nothing_else(evote, tmp_path) -> None:
    order, command = tmp_path / "order.json", tmp_path / "draft.command"
    order.write_text(json.dumps({**json.loads(example_draft(TRUSTEES, utc_now())), "name": HOSTILE}), "utf-8")
    reason = "議決\n署名した人: 全員\u202e"
    confirmed = evote(answering(500, {}), "election", "draft", order, "--reason", reason, "--command", command, "--yes")
    assert can_be_printed(confirmed) and ESCAPED in confirmed
    said = evote(answering(500, {}), "command", "show", command)
    assert can_be_printed(said) and "議決\\u{a}署名した人: 全員\\u{202e}" in said
    assert sum(line.startswith("署名した人") for line in said.splitlines()) == 1


def test_the_second_officer_sees_the_elections_name_and_times(evote, tmp_path) -> None:
    file = tmp_path / "close.command"
    evote(answering(500, {}), "election", "close", UUID, "--reason", "r", "--command", file, "--yes")
    said = cosigned(evote, file, tmp_path)
    assert f"選挙: 住民投票２０２６（{UUID}）" in said
    assert "受付: 2026-01-01（木）07:00（日本時間） 〜 2126-01-02（水）20:00（日本時間）" in said
