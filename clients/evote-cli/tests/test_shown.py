"""What the commands show of elections and failures, and that nobody's text writes on the terminal."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest
from evote_cli import (
    election_commands,
)
from evote_cli.errors import (
    CommandFailed,
    ServerRefused,
)
from evote_cli.main import main
from evote_officers import acts
from evote_officers.signing import Officer

from .at_keyboard import (
    ELECTION,
    ESCAPED,
    HOSTILE,
    KEYS,
    UUID,
    answering,
    can_be_printed,
    cells,
    given,
)


def test_a_preflight_that_fails_is_an_error(evote) -> None:
    report = {**ELECTION, "ready": False, "checks": [{"name": "ceremony", "ready": False, "detail": "voutput"}]}
    with pytest.raises(CommandFailed, match="まだ開始できません"):
        evote(answering(200, report), "election", "preflight", UUID)
    report["ready"] = True
    assert "すべて準備" in evote(answering(200, report), "election", "preflight", UUID)


def test_an_officers_command_tells_what_came_of_it(evote) -> None:
    requests: list[httpx.Request] = []
    freeze = ("election", "freeze", UUID, "--expected-size", "7", "--reason", "突合済み", "--yes")
    assert "7 人" in evote(answering(200, {"roll_size": 7}, requests), *freeze)
    assert (given(requests[0], "tally").names, given(requests[0], "tally").reason) == ("sato", "突合済み")


def test_a_failure_is_one_message_and_exit_code_1(monkeypatch, capsys, tmp_path) -> None:
    (tmp_path / "key").write_text("[x]")
    (tmp_path / "key").chmod(0o600)
    monkeypatch.setattr("sys.argv", ["evote", "trustee", "keygen", "--key-file", str(tmp_path / "key")])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    assert "上書きしません" in capsys.readouterr().err.replace("\n", "")


def test_elections_are_listed_with_their_identifiers_states_and_times_of_japan(evote) -> None:
    listed = {"elections": [{**ELECTION, "state": "open"}, {**ELECTION, "name": HOSTILE, "state": "drafted"}]}
    said = evote(answering(200, listed), "election", "list")
    for text in ("住民投票２０２６", "投票受付中", "起案済み", "2026-01-01（木）07:00（日本時間）"):
        assert text in said
    assert said.count(UUID) == 2 and can_be_printed(said) and ESCAPED in said


CERTIFIED = {
    **ELECTION,
    "state": "certified",
    "roll_size": 9,
    "threshold": 2,
    "trustees": [],
    "questions": [{"question": "賛成ですか", "answers": ["賛成", "反対"], "blank": True}],
    "opened_at": "2026-01-01T22:00:00.000Z",
    "closed_at": "2026-01-02T11:00:00.000Z",
    "certified_at": None,
    "archive_sha256": "ab" * 32,
}


def showing(result: object) -> httpx.MockTransport:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"result": result} if request.url.path.endswith("/result") else CERTIFIED)

    return httpx.MockTransport(answer)


def test_after_the_count_the_result_is_shown_choice_by_choice_with_the_blank_first(evote) -> None:
    said = evote(showing([[1, 5, 3]]), "election", "show", UUID)
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.splitlines() if "│" in line]
    assert [row for row in rows if len(row) == 2] == [["白票", "1"], ["賛成", "5"], ["反対", "3"]]
    for text in ("結果認定済み", "開始: 2026-01-02（金）07:00（日本時間）", "締切り: 2026-01-02（金）20:00", "ab" * 32):
        assert text in said
    assert "認定:" not in said


@pytest.mark.parametrize("result", [[], [[1, 5]], [[1, 5, 3], [1]], None, [1]])
def test_a_result_that_does_not_fit_the_questions_is_told(evote, result) -> None:
    with pytest.raises(CommandFailed, match="質問と合いません"):
        evote(showing(result), "election", "show", UUID)


def signed_by(*names: str, act=acts.CLOSE, reason: str = "予定どおり", day: int = 2) -> dict[str, list[str]]:
    first, *others = (Officer("test", name, KEYS[name]) for name in names)
    statement = first.command(
        act,
        act.path_of(UUID),
        b"",
        reason=reason,
        now=datetime(2026, 1, day, tzinfo=UTC),
        random=lambda size: b"\x00" * size,
    )
    return {"statements": [statement, *(other.cosign(statement) for other in others)]}


def test_who_did_what_and_why_is_listed_oldest_first(evote, monkeypatch) -> None:
    tables: list[str] = []
    table_of = election_commands.commands_table

    def keeping(found):
        tables.append(cells(table_of(found)))
        return table_of(found)

    monkeypatch.setattr(election_commands, "commands_table", keeping)
    listed = [signed_by("sato", "suzuki"), signed_by("suzuki", act=acts.FREEZE, reason="突合\u202e済み", day=1)]
    said = evote(answering(200, {"commands": listed}), "election", "commands", UUID)
    assert tables[0].splitlines() == [
        "2026-01-01（木）09:00（日本時間） 選挙の確定 suzuki 突合\\u{202e}済み",
        "2026-01-02（金）09:00（日本時間） 終了時刻より前の締切り sato、suzuki 予定どおり",
    ]
    assert can_be_printed(said) and "--roster" in said


@pytest.mark.parametrize("command", [{}, {"statements": []}, {"statements": ["{}"]}, {"statements": 1}, 1])
def test_a_record_that_is_no_officers_command_is_told(evote, command) -> None:
    with pytest.raises(CommandFailed, match="監査人に知らせて"):
        evote(answering(200, {"commands": [command]}), "election", "commands", UUID)


def test_a_preflight_says_in_japanese_what_is_to_be_done(evote, monkeypatch) -> None:
    checks = [
        {"name": "roll-frozen", "ready": True, "detail": "7 voters"},
        {"name": "confirmations", "ready": False, "detail": "waiting for trustee 2"},
        {"name": "clock:ballot-1", "ready": False, "detail": "+2.000 s"},
        {"name": "of-a-newer-service", "ready": False, "detail": HOSTILE},
    ]
    tables: list[str] = []
    table_of = election_commands.preflight_table

    def keeping(found):
        tables.append(cells(table_of(found)))
        return table_of(found)

    monkeypatch.setattr(election_commands, "preflight_table", keeping)
    report = {**ELECTION, "ready": False, "checks": checks}
    with pytest.raises(CommandFailed, match="まだ開始できません"):
        evote(answering(200, report), "election", "preflight", UUID)
    told = tables[0].splitlines()
    assert told[:3] == [
        "選挙の確定 ○ ",
        "最終内容の確認 [red]×[/red] まだの立会人が最終内容を確認するのを待つ（waiting for trustee 2）",
        "時計 ballot-1 [red]×[/red] 運用の担当者に時計を合わせてもらう（+2.000 s）",
    ]
    assert told[3].startswith("of-a-newer-service") and can_be_printed(told[3])


def test_a_name_can_not_write_on_an_officers_terminal(evote) -> None:
    steps = ("certificate", "commitment", "polynomial", "voutput", "confirmation", "partial_decryption")
    trustee = {"trustee": 1, "name": HOSTILE, **dict.fromkeys(steps, False)}
    document = {
        "election_uuid": UUID,
        "name": HOSTILE,
        "state": HOSTILE,
        "opens_at": HOSTILE,
        "closes_at": HOSTILE,
        "roll_size": None,
        "threshold": HOSTILE,
        "trustees": [trustee],
    }
    said = evote(answering(200, document), "election", "show", UUID)
    assert can_be_printed(said) and said.count(ESCAPED) == 6


def test_a_servers_words_can_not_write_on_a_terminal(monkeypatch, capsys) -> None:
    refused = ServerRefused(422, HOSTILE, HOSTILE, HOSTILE)
    monkeypatch.setattr("evote_cli.main.app", lambda: (_ for _ in ()).throw(refused))
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr().err
    assert can_be_printed(said) and said.replace("\n", "").count("\\u{202e}") == 3
