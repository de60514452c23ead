"""Officers at the counter: their keys, cards, voting codes and faces."""

from __future__ import annotations

import json

import httpx
import pytest
from evote_cli.errors import (
    CommandFailed,
    KeyFileUnreadable,
)
from evote_cli.officer_key import read_officer_key
from evote_statements.keys import key_text

from .at_keyboard import (
    ACT,
    UUID,
    answering,
    cosigned,
    given,
)


def test_a_key_file_opens_with_its_password_only_and_prints_its_line(evote, tmp_path) -> None:
    key = tmp_path / "new.key"
    printed = evote(
        answering(500, {}), "officer", "keygen", "--officer-key", key, "--deployment", "d", "--officer", "ito"
    )
    officer = read_officer_key(key, "p")
    assert (officer.deployment, officer.identifier) == ("d", "ito")
    assert key_text(officer.key.public_key()) in printed.splitlines()
    assert key.stat().st_mode & 0o777 == 0o600 and "ENCRYPTED" in key.read_text()
    with pytest.raises(KeyFileUnreadable, match="パスワード"):
        read_officer_key(key, "q")


CASE = {
    "reception_number": "12345678",
    "kind": "match",
    "opened_at": "2026-11-24T10:00:00.000Z",
    "card": {"name": "[bold]鈴木[/bold] 花子", "address": "つくば市1-1", "birth_date": "1990-04-01", "sex": "2"},
    "candidates": [
        {"voter_id": "000001", "name": "髙橋 花子", "address": "つくば市1-1", "birth_date": "1990-04-01", "sex": "2"}
    ],
}


def test_officers_see_the_card_beside_its_candidates_as_they_are_written(evote) -> None:
    output = evote(answering(200, {"cases": [CASE], "pending": 3}), "officer", "cards", UUID)
    for shown in ("12345678", "[bold]鈴木[/bold] 花子", "000001", "髙橋 花子", "女", "3 件"):
        assert shown in output


@pytest.mark.parametrize("answer", [{}, {"cases": [{}], "pending": 1}])
def test_an_answer_of_another_version_is_told(evote, answer) -> None:
    with pytest.raises(CommandFailed, match="版"):
        evote(answering(200, answer), "officer", "cards", UUID)


@pytest.mark.parametrize(
    ("command", "path", "sent", "told"),
    [
        (
            ("approve", UUID, "12345678", "--voter-id", "000001"),
            "card-matches/12345678",
            {"decision": "approve", "voter_id": "000001"},
            "認めました",
        ),
        (("refuse", UUID, "12345678"), "card-matches/12345678", {"decision": "refuse"}, "認めませんでした"),
        (("block", UUID, "--voter-id", "甲/1"), "voters/%E7%94%B2%2F1/card-block", None, "止めました"),
        (("unblock", UUID, "--voter-id", "1"), "voters/1/card-unblock", None, "使えるようにしました"),
    ],
)
def test_an_officers_decision_is_sent_signed_with_the_reason(evote, command, path, sent, told) -> None:
    requests: list[httpx.Request] = []
    answer = {"approved": "--voter-id" in command, "decided_at": "t", "blocked_at": "t"}
    assert told in evote(answering(200, answer, requests), "officer", *command, *ACT)
    (request,) = requests
    assert request.url.raw_path.decode() == f"/elections/{UUID}/{path}"
    assert (json.loads(request.content) if request.content else None) == sent
    assert (given(request).names, given(request).reason) == ("sato", "戸籍で確認")


CODES = '{"voter_id": "甲1", "voting_code": "7K3M-Q0ZT-AAAA-BBBB"}\n{"voting_codes": 1, "issue": 2}\n'


def test_voting_codes_go_into_a_private_file_only(evote, tmp_path) -> None:
    requests: list[httpx.Request] = []

    issuing = answering(201, CODES.encode(), requests)
    out, file = tmp_path / "codes.csv", tmp_path / "codes.command"
    codes = ("face", "codes", UUID, "--out", out, "--replaces", "1", "--command", file, "--yes", *ACT)
    evote(issuing, *codes)
    cosigned(evote, file, tmp_path)
    output = evote(issuing, *codes)
    assert "発行番号 2" in output and "7K3M" not in output
    assert out.read_bytes().decode() == "voter_id,voting_code\r\n甲1,7K3M-Q0ZT-AAAA-BBBB\r\n"
    assert out.stat().st_mode & 0o777 == 0o600
    assert json.loads(requests[0].content) == {"replaces": 1}
    with pytest.raises(CommandFailed, match="上書きはしません"):
        evote(issuing, *codes)
    assert len(requests) == 1, "no codes are issued that could not be kept"


@pytest.mark.parametrize("text", ["", CODES.splitlines()[0] + "\n", CODES.replace('codes": 1', 'codes": 2'), "[]\n"])
def test_a_list_of_codes_that_breaks_off_is_told_and_leaves_no_file(evote, tmp_path, text: str) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(201, text=text))
    out, file = tmp_path / "codes.csv", tmp_path / "codes.command"
    codes = ("face", "codes", UUID, "--out", out, "--command", file, "--yes", *ACT)
    evote(transport, *codes)
    cosigned(evote, file, tmp_path)
    with pytest.raises(CommandFailed, match="途中で切れています"):
        evote(transport, *codes)
    assert not out.exists()


def test_an_officer_makes_one_code_anew_and_orders_an_enrolment(evote, tmp_path) -> None:
    requests: list[httpx.Request] = []
    answer = {"voter_id": "甲/1", "voting_code": "7K3M-Q0ZT-AAAA-BBBB", "order": "{}", "expires_at": "t"}
    voter = ("--voter-id", "甲/1")
    assert "7K3M-Q0ZT" in evote(answering(201, answer, requests), "face", "reissue", UUID, *voter, *ACT)
    out, file = tmp_path / "order.json", tmp_path / "enrol.command"
    enrol = ("face", "enrol", UUID, *voter, "--out", out, "--command", file, *ACT)
    evote(answering(201, answer, requests), *enrol)
    cosigned(evote, file, tmp_path)
    evote(answering(201, answer, requests), *enrol)
    assert out.read_text() == "{}"
    assert [request.url.raw_path.decode().rsplit("/", 2)[1:] for request in requests] == [
        ["%E7%94%B2%2F1", "voting-code"],
        ["%E7%94%B2%2F1", "face-enrolment"],
    ]
    assert [given(request).names for request in requests] == ["sato", "sato、suzuki"]
