"""The commands as a person types them; the network is a stand-in."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from evote_ceremony.messages import Step
from evote_cli import election_commands, face_commands, officer_commands, trustee_commands
from evote_cli.client import ServiceClient
from evote_cli.errors import CommandFailed, NotApproved, ServerRefused, ServerUnreachable
from evote_cli.keyfile import identity_of, read_key_file
from evote_cli.main import app, main
from evote_cli.message import CONFIRMATION, STEP_NAMES
from evote_cli.trustee import STEPS
from evote_statements.keys import key_text
from evote_tally.domain.ceremony import waiting_for_confirmation
from typer.testing import CliRunner

UUID = "4yP2vbZnkbxpPG"
URL = "http://tally.example"


@pytest.fixture
def evote(monkeypatch: pytest.MonkeyPatch):
    """Runs ``evote`` against a transport and raises what went wrong."""

    def run(transport: httpx.BaseTransport, token: str, *arguments: str | Path) -> str:
        for module in (election_commands, face_commands, officer_commands, trustee_commands):
            monkeypatch.setattr(module, "ServiceClient", lambda url, token: ServiceClient(url, token, transport))
        environment = {"EVOTE_TALLY_URL": URL, "EVOTE_AUTH_URL": URL, "EVOTE_TOKEN": token, "COLUMNS": "200"}
        done = CliRunner().invoke(app, [str(argument) for argument in arguments], env=environment)
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output

    return run


def answering(status: int, document: object, requests: list[httpx.Request] | None = None):
    def answer(request: httpx.Request) -> httpx.Response:
        if requests is not None:
            requests.append(request)
        return httpx.Response(status, json=document)

    return httpx.MockTransport(answer)


@pytest.fixture
def policy_file(held, tmp_path: Path) -> Path:
    path = tmp_path / "policy"
    path.write_text(held.election.log.policy)
    return path


def test_three_trustees_make_their_keys_each_with_run(evote, held, policy_file) -> None:
    election = held.election
    election.freeze(2)
    for step in STEPS:
        for number, trustee in enumerate(held.trustees):
            arguments = ["trustee", "run", UUID, "--key-file", trustee.path, "--log", election.log.folder]
            if step == Step.CERTIFICATE:
                arguments += ["--witness-policy", policy_file]
            if step == Step.COMMITMENT:
                arguments += ["--code", held.trustees[number - 1].code(election.view())]
            if step == CONFIRMATION:
                with pytest.raises(NotApproved, match="--yes"):
                    evote(election.transport(), "", *arguments)
                arguments += ["--yes"]
            assert f"{STEP_NAMES[step]}を送りました" in evote(election.transport(), "", *arguments)
    assert not waiting_for_confirmation(election.election)


def test_a_key_s_line_is_printed_whole_and_again(evote, tmp_path) -> None:
    key = tmp_path / "new.key"
    printed = evote(answering(500, {}), "", "trustee", "keygen", "--key-file", key)
    line = key_text(identity_of(read_key_file(key)).public_key())
    assert line in printed.splitlines()
    assert line in evote(answering(500, {}), "", "trustee", "public-key", "--key-file", key).splitlines()


def test_the_steps_can_be_carried_on_files(evote, held, policy_file, tmp_path) -> None:
    election, trustee, message = held.election, held.trustees[1], tmp_path / "message.json"
    evote(
        answering(500, {}), "", "trustee", "sign-step", UUID, "--key-file", trustee.path, "--log", election.log.folder,
        "--witness-policy", policy_file, "--out", message,
    )  # fmt: skip
    assert not election.election.certificates
    evote(election.transport(), "", "trustee", "submit", message)
    assert set(election.election.certificates) == {2}


def test_the_first_step_asks_for_the_witness_policy(evote, held) -> None:
    arguments = ("trustee", "run", UUID, "--key-file", held.trustees[0].path, "--log", held.election.log.folder)
    with pytest.raises(CommandFailed, match="--witness-policy"):
        evote(held.election.transport(), "", *arguments)


def test_a_refusal_of_the_server_is_told(evote, held, policy_file) -> None:
    refusing = answering(409, {"type": "urn:tsukuba-evote:problem:another-ceremony", "title": "x"})
    with pytest.raises(ServerRefused, match="another-ceremony"):
        evote(
            refusing, "", "trustee", "run", UUID, "--key-file", held.trustees[0].path,
            "--log", held.election.log.folder, "--witness-policy", policy_file,
        )  # fmt: skip


def test_a_decryption_is_made_from_an_archive_and_a_log_in_a_folder(evote, held, tmp_path) -> None:
    election, message = held.election, tmp_path / "message.json"
    election.hold_ceremony(held.trustees)
    election.freeze(1)
    election.open(held.trustees)
    election.vote()
    election.close()
    election.count()
    evote(
        answering(500, {}), "", "trustee", "decrypt", "--key-file", held.trustees[2].path, "--log", election.log.folder,
        "--archive", election.archive(tmp_path / "a.bel"), "--out", message,
    )  # fmt: skip
    evote(election.transport(), "", "trustee", "submit", message)
    assert election.election.partial_decryptions.keys() == {3}


def test_an_unreachable_server_is_told(evote) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(ServerUnreachable, match="接続できません"):
        evote(httpx.MockTransport(fail), "t", "election", "open", UUID)


def test_a_draft_is_sent_as_it_was_written(evote, tmp_path) -> None:
    order, requests = tmp_path / "order.json", list[httpx.Request]()
    order.write_text('{"name":"住民投票"}', "utf-8")
    assert UUID in evote(answering(201, {"election_uuid": UUID}, requests), "o", "election", "draft", order)
    assert json.loads(requests[0].content) == {"name": "住民投票"}


def test_a_preflight_that_fails_is_an_error(evote) -> None:
    report = {"ready": False, "checks": [{"name": "ceremony", "ready": False, "detail": "voutput"}]}
    with pytest.raises(CommandFailed, match="まだ開始できません"):
        evote(answering(200, report), "o", "election", "preflight", UUID)
    report["ready"] = True
    assert "すべて準備" in evote(answering(200, report), "o", "election", "preflight", UUID)


@pytest.mark.parametrize(
    ("command", "answer", "told"),
    [
        (("freeze", UUID, "--expected-size", "7"), {"roll_size": 7}, "7 人"),
        (("open", UUID), {"state": "open"}, "投票受付中"),
        (("close", UUID), {"state": "closed"}, "受付終了"),
        (("certify", UUID), {"state": "certified", "archive_sha256": "ab" * 32}, "ab" * 32),
    ],
)
def test_an_officers_command_tells_the_new_state(evote, command, answer, told) -> None:
    assert told in evote(answering(200, answer), "o", "election", *command)


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
    output = evote(answering(200, {"cases": [CASE], "pending": 3}), "o", "officer", "cards", UUID)
    for shown in ("12345678", "[bold]鈴木[/bold] 花子", "000001", "髙橋 花子", "女", "3 件"):
        assert shown in output


@pytest.mark.parametrize("answer", [{}, {"cases": [{}], "pending": 1}])
def test_an_answer_of_another_version_is_told(evote, answer) -> None:
    with pytest.raises(CommandFailed, match="版"):
        evote(answering(200, answer), "o", "officer", "cards", UUID)


ACT = ("--officer", "佐藤", "--reason", "戸籍で確認")
SENT = {"officer": "佐藤", "reason": "戸籍で確認"}


@pytest.mark.parametrize(
    ("command", "path", "sent", "told"),
    [
        (
            ("approve", UUID, "12345678", "--voter-id", "000001"),
            "card-matches/12345678",
            {"decision": "approve", "voter_id": "000001", **SENT},
            "認めました",
        ),
        (("refuse", UUID, "12345678"), "card-matches/12345678", {"decision": "refuse", **SENT}, "認めませんでした"),
        (("block", UUID, "--voter-id", "甲/1"), "voters/%E7%94%B2%2F1/card-block", SENT, "止めました"),
        (("unblock", UUID, "--voter-id", "1"), "voters/1/card-unblock", SENT, "使えるようにしました"),
    ],
)
def test_an_officers_decision_is_sent_with_name_and_reason(evote, command, path, sent, told) -> None:
    requests: list[httpx.Request] = []
    answer = {"approved": "--voter-id" in command, "decided_at": "t", "blocked_at": "t"}
    assert told in evote(answering(200, answer, requests), "o", "officer", *command, *ACT)
    (request,) = requests
    assert request.url.raw_path.decode() == f"/elections/{UUID}/{path}"
    assert json.loads(request.content) == sent
    assert request.headers["Authorization"] == "Bearer o"


CODES = '{"voter_id": "甲1", "voting_code": "7K3M-Q0ZT-AAAA-BBBB"}\n{"voting_codes": 1, "issue": 2}\n'


def test_voting_codes_go_into_a_private_file_only(evote, tmp_path) -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(201, text=CODES)

    out = tmp_path / "codes.csv"
    output = evote(httpx.MockTransport(answer), "o", "face", "codes", UUID, "--out", out, "--replaces", "1", *ACT)
    assert "発行番号 2" in output and "7K3M" not in output
    assert out.read_bytes().decode() == "voter_id,voting_code\r\n甲1,7K3M-Q0ZT-AAAA-BBBB\r\n"
    assert out.stat().st_mode & 0o777 == 0o600
    assert json.loads(requests[0].content) == {**SENT, "replaces": 1}
    with pytest.raises(CommandFailed, match="上書きはしません"):
        evote(httpx.MockTransport(answer), "o", "face", "codes", UUID, "--out", out, *ACT)
    assert len(requests) == 1, "no codes are issued that could not be kept"


@pytest.mark.parametrize("text", ["", CODES.splitlines()[0] + "\n", CODES.replace('codes": 1', 'codes": 2'), "[]\n"])
def test_a_list_of_codes_that_breaks_off_is_told_and_leaves_no_file(evote, tmp_path, text: str) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(201, text=text))
    with pytest.raises(CommandFailed, match="途中で切れています"):
        evote(transport, "o", "face", "codes", UUID, "--out", tmp_path / "codes.csv", *ACT)
    assert not list(tmp_path.iterdir())


def test_an_officer_makes_one_code_anew_and_orders_an_enrolment(evote, tmp_path) -> None:
    requests: list[httpx.Request] = []
    answer = {"voter_id": "甲/1", "voting_code": "7K3M-Q0ZT-AAAA-BBBB", "order": "{}", "expires_at": "t"}
    voter = ("--voter-id", "甲/1")
    assert "7K3M-Q0ZT" in evote(answering(201, answer, requests), "o", "face", "reissue", UUID, *voter, *ACT)
    out = tmp_path / "order.json"
    evote(answering(201, answer, requests), "o", "face", "enrol", UUID, *voter, "--out", out, *ACT)
    assert out.read_text() == "{}"
    assert [request.url.raw_path.decode().rsplit("/", 2)[1:] for request in requests] == [
        ["%E7%94%B2%2F1", "voting-code"],
        ["%E7%94%B2%2F1", "face-enrolment"],
    ]
    assert all(json.loads(request.content) == SENT for request in requests)


def test_an_archive_that_breaks_off_leaves_no_file(evote, tmp_path) -> None:
    def break_off():
        yield b"beginning"
        raise httpx.ReadError("gone")

    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=break_off()))
    with pytest.raises(ServerUnreachable):
        evote(transport, "", "election", "archive", UUID, "--out", tmp_path / "a.bel")
    assert not list(tmp_path.iterdir())
    whole = httpx.MockTransport(lambda request: httpx.Response(200, content=b"archive"))
    evote(whole, "", "election", "archive", UUID, "--out", tmp_path / "a.bel")
    assert (tmp_path / "a.bel").read_bytes() == b"archive"


def test_a_failure_is_one_message_and_exit_code_1(monkeypatch, capsys, tmp_path) -> None:
    (tmp_path / "key").write_text("[x]")
    (tmp_path / "key").chmod(0o600)
    monkeypatch.setattr("sys.argv", ["evote", "trustee", "keygen", "--key-file", str(tmp_path / "key")])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    assert "上書きしません" in capsys.readouterr().err.replace("\n", "")
