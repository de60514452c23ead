"""``evote roll …``: faults in a table, the import, the freeze at the expected size."""

from __future__ import annotations

import json

import httpx
import pytest
from evote_cli import (
    roll_commands,
)
from evote_cli.errors import (
    CommandFailed,
    NotApproved,
    ServerRefused,
)
from evote_officers.commands import (
    ACCESS_SCHEME,
    statements_of,
    verify_access,
)
from evote_officers.roster import Role
from evote_platform.clock import utc_now

from .at_keyboard import (
    ELECTION,
    ROSTER,
    UUID,
    answering,
    cells,
    given,
)

ROLL = "voter_id,name,address,birth_date,sex\n000001,髙橋 花子,つくば市1-1,1990-04-01,2\n"

FAULTY = ROLL + "000001,鈴木 花子,,1990-02-30,9\n"


@pytest.mark.parametrize("arguments", [("check",), ("import", UUID, "--reason", "r")])
def test_every_fault_of_a_roll_is_found_before_anything_is_sent(evote, tmp_path, monkeypatch, arguments) -> None:
    file, requests = tmp_path / "roll.csv", list[httpx.Request]()
    file.write_text(FAULTY, "utf-8")
    tables: list[str] = []
    table_of = roll_commands._table

    def keeping(faults):
        tables.append(cells(table_of(faults)))
        return table_of(faults)

    monkeypatch.setattr(roll_commands, "_table", keeping)
    with pytest.raises(CommandFailed, match="誤りが 4 件"):
        evote(answering(200, {"imported": 2}, requests), "roll", *arguments, file)
    (told,) = tables
    for place in ("3 address 空欄", "3 birth_date YYYY-MM-DD", "3 sex 1、2、3", "3 voter_id 2 行目と同じ番号"):
        assert place in told
    assert not requests and "鈴木" not in told


def test_a_sound_roll_is_told_as_such_and_sent_nowhere(evote, tmp_path) -> None:
    file, requests = tmp_path / "roll.csv", list[httpx.Request]()
    file.write_bytes(ROLL.encode("cp932"))
    said = evote(answering(500, {}, requests), "roll", "check", file, "--charset", "shift_jis")
    assert "誤りはありません: 1 人" in said and not requests


def test_a_roll_is_imported_as_it_was_written_in_one_piece_for_the_service(evote, tmp_path) -> None:
    file, requests = tmp_path / "roll.csv", list[httpx.Request]()
    people = "".join(f"{number:06},山田 {number},つくば市1-1,1990-04-01,2\n" for number in range(2000))
    file.write_bytes((ROLL.splitlines()[0] + "\n" + people).encode("cp932"))
    importing = ("roll", "import", UUID, file, "--charset", "shift_jis", "--reason", "台帳から")
    assert "2000 人" in evote(answering(200, {"imported": 2000}, requests), *importing)
    (request,) = requests
    assert request.content == file.read_bytes() and len(request.content) > 65536
    assert request.headers["Content-Length"] == str(file.stat().st_size) and "Transfer-Encoding" not in request.headers
    assert request.headers["Content-Type"] == "text/csv; charset=shift_jis"
    assert (given(request).names, given(request).reason) == ("sato", "台帳から")


def test_rows_that_only_the_service_refuses_are_told_with_their_lines(evote, tmp_path) -> None:
    file = tmp_path / "roll.csv"
    file.write_text(ROLL, "utf-8")
    row = {"line": 2, "column": "name", "code": "newer", "reason": "新しい規則"}
    problem = {"type": "urn:tsukuba-evote:problem:roll-rejected", "title": "誤り", "rows": [row], "total": 1}
    with pytest.raises(ServerRefused, match="2 行目 の name: 新しい規則"):
        evote(answering(422, problem), "roll", "import", UUID, file, "--reason", "r")


def test_a_roll_is_frozen_only_at_the_expected_size_and_when_it_is_confirmed(evote, monkeypatch) -> None:
    requests: list[httpx.Request] = []
    transport = answering(200, {**ELECTION, "roll_size": 7, "frozen": False}, requests)
    freeze = ("roll", "freeze", UUID, "--reason", "突合済み", "--expected-size")
    with pytest.raises(CommandFailed, match="7 人で、8 人ではありません"):
        evote(transport, *freeze, "8", "--yes")
    monkeypatch.setattr("typer.prompt", lambda text: "別の選挙")
    with pytest.raises(NotApproved):
        evote(transport, *freeze, "7")
    assert {request.method for request in requests} == {"GET"}
    assert "7 人" in evote(transport, *freeze, "7", "--yes")
    asked, sent = requests[-2:]
    (statement,) = statements_of(ACCESS_SCHEME, asked.headers["Authorization"])
    roles = frozenset({Role.ELECTION_OFFICER})
    path = f"/elections/{UUID}/roll"
    verify_access(statement, roles, ROSTER, service="auth", path=path, query="", now=utc_now())
    assert (sent.method, sent.url.path, given(sent).names) == ("POST", f"{path}/freeze", "sato")
    assert json.loads(sent.content) == {"expected_size": 7}
