"""The commands as a person types them; the network is a stand-in."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_ceremony.messages import Step
from evote_cli import (
    command_commands,
    election_commands,
    face_commands,
    irrevocable,
    officer_commands,
    roll_commands,
    trustee_commands,
)
from evote_cli.client import ServiceClient
from evote_cli.draft_file import TrusteeLine, example_draft
from evote_cli.errors import (
    CommandFailed,
    KeyFileUnreadable,
    MessageUnreadable,
    NotApproved,
    PolicyUnreadable,
    RecordLost,
    ServerRefused,
    ServerUnreachable,
)
from evote_cli.keyfile import identity_of, read_key_file
from evote_cli.main import app, main
from evote_cli.message import CONFIRMATION, STEP_NAMES
from evote_cli.officer_key import read_officer_key, write_officer_key
from evote_cli.trustee import STEPS
from evote_officers import acts
from evote_officers.acts import find_act
from evote_officers.commands import (
    ACCESS_SCHEME,
    COMMAND_SCHEME,
    GivenCommand,
    statements_of,
    verify_access,
    verify_command,
)
from evote_officers.roster import Role, parse_roster
from evote_officers.signing import Officer
from evote_platform.clock import utc_now
from evote_statements.keys import key_text
from evote_tally.api.models import DraftRequest
from evote_tally.domain.ceremony import waiting_for_confirmation
from evote_tally.domain.drafting import draft_election
from evote_tally.domain.refusals import DraftRejected
from typer.testing import CliRunner

UUID = "4yP2vbZnkbxpPG"
URL = "http://tally.example"


ELECTION = {
    "election_uuid": UUID,
    "name": "住民投票２０２６",
    "opens_at": "2025-12-31T22:00:00.000Z",
    "closes_at": "2126-01-02T11:00:00.000Z",
}
TALKING = (
    command_commands,
    election_commands,
    face_commands,
    irrevocable,
    officer_commands,
    roll_commands,
    trustee_commands,
)
KEYS = {name: Ed25519PrivateKey.generate() for name in ("sato", "suzuki", "kato")}
ROSTER = parse_roster(
    json.dumps(
        {
            "deployment": "test",
            "persons": [
                {
                    "id": name,
                    "name": name,
                    "roles": ["auditor"] if name == "kato" else ["election-officer", "counter-officer"],
                    "keys": [key_text(key.public_key())],
                    "valid_from": "2026-01-01T00:00:00Z",
                }
                for name, key in KEYS.items()
            ],
        }
    )
)


def key_file(folder: Path, name: str) -> Path:
    path = folder / f"{name}.key"
    write_officer_key(path, "test", name, KEYS[name], "p")
    return path


def given(request: httpx.Request, service: str = "auth") -> GivenCommand:
    """What the service sees of a request, checked as it does."""
    path = request.url.path
    act = find_act(service, request.method, path)
    statements = statements_of(COMMAND_SCHEME, request.headers["Authorization"])
    assert act is not None and statements is not None
    return verify_command(statements, act, ROSTER, path=path, body=request.content, now=utc_now())


def cosigned(evote, file: Path, folder: Path, answer: httpx.BaseTransport | None = None) -> str:
    """The second officer, suzuki, cosigns."""
    shown = answer or answering(200, {"election_uuid": UUID, "name": "住民投票"})
    key = folder / "suzuki.key"
    if not key.exists():
        key_file(folder, "suzuki")
    return evote(shown, "command", "cosign", file, "--officer-key", key, "--yes")


@pytest.fixture
def evote(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory):
    """Runs ``evote`` as the officer sato against a transport and raises what went wrong."""
    keys = {"EVOTE_OFFICER_KEY": str(key_file(tmp_path_factory.mktemp("keys"), "sato"))}

    def run(transport: httpx.BaseTransport, *arguments: str | Path, typed: str = "") -> str:
        for module in TALKING:
            monkeypatch.setattr(module, "ServiceClient", lambda url: ServiceClient(url, transport))
            # As wide as the longest line, whatever terminal the tests run in: nothing is wrapped.
            monkeypatch.setattr(module._console, "width", 200)
        addresses = dict.fromkeys(("EVOTE_TALLY_URL", "EVOTE_AUTH_URL", "EVOTE_BIOMETRIC_URL"), URL)
        environment = {**addresses, "EVOTE_OFFICER_PASSWORD": "p", **keys}
        done = CliRunner().invoke(app, [str(argument) for argument in arguments], input=typed, env=environment)
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
                    evote(election.transport(), *arguments)
                arguments += ["--yes"]
            assert f"{STEP_NAMES[step]}を送りました" in evote(election.transport(), *arguments)
    assert not waiting_for_confirmation(election.election)


def test_a_key_s_line_is_printed_whole_and_again(evote, tmp_path) -> None:
    key = tmp_path / "new.key"
    printed = evote(answering(500, {}), "trustee", "keygen", "--key-file", key)
    line = key_text(identity_of(read_key_file(key)).public_key())
    assert line in printed.splitlines()
    assert "控え" in printed and f"{key}.選挙ID.json" in printed
    assert line in evote(answering(500, {}), "trustee", "public-key", "--key-file", key).splitlines()


def test_the_steps_can_be_carried_on_files(evote, held, policy_file, tmp_path) -> None:
    election, trustee, message = held.election, held.trustees[1], tmp_path / "message.json"
    evote(
        answering(500, {}), "trustee", "sign-step", UUID, "--key-file", trustee.path, "--log", election.log.folder,
        "--witness-policy", policy_file, "--out", message,
    )  # fmt: skip
    assert not election.election.certificates
    evote(election.transport(), "trustee", "submit", message)
    assert set(election.election.certificates) == {2}


def test_the_first_step_asks_for_the_witness_policy(evote, held) -> None:
    arguments = ("trustee", "run", UUID, "--key-file", held.trustees[0].path, "--log", held.election.log.folder)
    with pytest.raises(CommandFailed, match="--witness-policy"):
        evote(held.election.transport(), *arguments)


def test_waiting_has_a_status_of_its_own(held, policy_file, monkeypatch) -> None:
    """A script that goes on when it is the trustee's turn needs no words to tell waiting from a refusal."""
    election, first = held.election, held.trustees[0]
    run = ["trustee", "sign-step", UUID, "--key-file", first.path, "--log", election.log.folder, "--out"]
    run += [policy_file.with_name("message.json"), "--witness-policy", policy_file]

    def status() -> int:
        monkeypatch.setattr("sys.argv", ["evote", *map(str, run)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    assert status() == 0
    election.take(first.sign(election.view()))
    assert status() == 3
    first.keeper.path(UUID).write_text("{")
    assert status() == 1


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{", b"[]"])
def test_a_file_that_is_no_message_or_no_policy_is_told_as_that(evote, held, tmp_path, content: bytes) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_bytes(content)
    with pytest.raises(MessageUnreadable):
        evote(answering(500, {}), "trustee", "submit", wrong)
    run = ("trustee", "run", UUID, "--key-file", held.trustees[0].path, "--log", held.election.log.folder)
    with pytest.raises(PolicyUnreadable):
        evote(answering(500, {}), *run, "--witness-policy", wrong)


def test_a_refusal_of_the_server_is_told(evote, held, policy_file) -> None:
    refusing = answering(409, {"type": "urn:tsukuba-evote:problem:another-ceremony", "title": "x"})
    with pytest.raises(ServerRefused, match="another-ceremony"):
        evote(
            refusing, "trustee", "run", UUID, "--key-file", held.trustees[0].path,
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
        answering(500, {}), "trustee", "decrypt", "--key-file", held.trustees[2].path, "--log", election.log.folder,
        "--archive", election.archive(tmp_path / "a.bel"), "--out", message,
    )  # fmt: skip
    evote(election.transport(), "trustee", "submit", message)
    assert election.election.partial_decryptions.keys() == {3}


def test_a_record_is_made_again_after_a_warning_that_a_person_answers(evote, held, policy_file, tmp_path) -> None:
    trustee, nobody = held.trustees[0], answering(500, {})
    held.election.hold_ceremony(held.trustees, until=Step.COMMITMENT)
    record = trustee.keeper.path(UUID)
    record.unlink()
    step = ("trustee", "run", UUID, "--key-file", trustee.path, "--log", held.election.log.folder)
    with pytest.raises(CommandFailed, match="restore-record"):
        evote(nobody, *step)
    with pytest.raises(RecordLost):
        evote(nobody, *step, "--witness-policy", policy_file)
    restore = ("trustee", "restore-record", *step[2:], "--witness-policy", policy_file)
    with pytest.raises(NotApproved):
        evote(nobody, *restore, typed="n\n")
    assert not record.exists()
    told = evote(nobody, *restore, typed="y\n")
    assert "二つ目の集計を復号しないための記憶が、ここから新しく始まります" in told
    assert str(record) in told and record.stat().st_mode & 0o777 == 0o600


def test_an_unreachable_server_is_told(evote) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(ServerUnreachable, match="接続できません"):
        evote(httpx.MockTransport(fail), "election", "show", UUID)


def test_a_draft_is_sent_as_it_was_written(evote, tmp_path) -> None:
    order, requests = tmp_path / "order.json", list[httpx.Request]()
    order.write_text(example_draft(TRUSTEES, utc_now()), "utf-8")
    transport = answering(201, {"election_uuid": UUID}, requests)
    draft = ("election", "draft", order, "--reason", "議決", "--command", tmp_path / "draft.command", "--yes")
    evote(transport, *draft)
    assert "住民投票" in cosigned(evote, tmp_path / "draft.command", tmp_path)
    assert UUID in evote(transport, *draft)
    (request,) = requests
    assert json.loads(request.content) == json.loads(order.read_text("utf-8"))
    assert [person.id for person in given(request, "tally").persons] == ["sato", "suzuki"]


TRUSTEES = [TrusteeLine(name, key_text(key.public_key())) for name, key in KEYS.items()]


def test_the_example_of_a_draft_satisfies_the_services_own_rules(evote) -> None:
    named = [word for holder in TRUSTEES for word in ("--trustee", f"{holder.name}={holder.key}")]
    request = DraftRequest.model_validate_json(evote(answering(500, {}), "election", "template", *named))
    drafted = draft_election(request.order(), uuid=UUID, now=utc_now())
    assert [(trustee.name, trustee.key) for trustee in drafted.trustees] == [(h.name, h.key) for h in TRUSTEES]


def test_an_example_whose_trustees_lines_were_forgotten_is_refused_for_just_these_lines(evote) -> None:
    request = DraftRequest.model_validate_json(evote(answering(500, {}), "election", "template"))
    with pytest.raises(DraftRejected) as refused:
        draft_election(request.order(), uuid=UUID, now=utc_now())
    assert [field for field, _ in refused.value.faults] == [f"trustees.{number}.key" for number in range(3)]


@pytest.mark.parametrize("trustees", [("佐藤",), ("佐藤=",), ("=ed25519:x",), ("佐藤=ed25519:x",)])
def test_a_template_for_half_a_trustee_or_one_alone_is_told(evote, trustees) -> None:
    with pytest.raises(CommandFailed, match="立会人は"):
        evote(answering(500, {}), "election", "template", *(f"--trustee={trustee}" for trustee in trustees))


def test_questions_window_and_trustees_are_confirmed_before_a_draft_is_signed(evote, tmp_path, monkeypatch) -> None:
    order, command = tmp_path / "order.json", tmp_path / "draft.command"
    order.write_text(example_draft(TRUSTEES, datetime(2026, 11, 1, tzinfo=UTC)), "utf-8")
    draft = ("election", "draft", order, "--reason", "議決", "--command", command)
    asked: list[str] = []
    monkeypatch.setattr("typer.confirm", lambda text: asked.append(text))
    with pytest.raises(NotApproved):
        evote(answering(500, {}), *draft)
    assert asked == ["この内容で起案してよいですか"] and not command.exists()
    monkeypatch.setattr("typer.confirm", lambda text: True)
    said = evote(answering(500, {}), *draft)
    assert "2026-12-01（火）07:00（日本時間） 〜 2026-12-06（日）20:00（日本時間）" in said
    assert "3 人のうち 2 人" in said and "賛成 / 反対 / 白票" in said
    assert all(holder.name in said and holder.key in said for holder in TRUSTEES)


@pytest.mark.parametrize("draft", [[], "x", {"name": "n"}, {"name": "n", "administrator": "a", "opens_at": 1}])
def test_a_draft_of_another_form_is_told_before_it_is_signed(evote, tmp_path, draft) -> None:
    order, command = tmp_path / "order.json", tmp_path / "draft.command"
    order.write_text(json.dumps(draft), "utf-8")
    with pytest.raises(CommandFailed, match="template"):
        evote(answering(500, {}), "election", "draft", order, "--reason", "r", "--command", command, "--yes")
    assert not command.exists()


def test_every_fault_of_a_refusal_is_told_with_its_place_and_what_is_right(evote) -> None:
    errors = [
        {"field": "body.questions.0.max", "reason": "too large", "ja": "100 以下にしてください"},
        {"field": "body.open_at", "reason": "unknown field", "ja": "この名前の項目はありません"},
        {"field": "threshold", "reason": "of an older server"},
        {"field": HOSTILE, "reason": HOSTILE},
    ]
    problem = {"type": "urn:tsukuba-evote:problem:invalid-request", "title": "正しくありません", "errors": errors}
    with pytest.raises(ServerRefused) as refused:
        evote(answering(422, problem), "election", "show", UUID)
    _, *told = str(refused.value).splitlines()
    assert told[:4] == [
        "直すところ:",
        "  questions の 1 番目 の max: 100 以下にしてください",
        "  open_at: この名前の項目はありません",
        "  threshold: of an older server",
    ]
    assert can_be_printed(str(refused.value)) and str(refused.value).count(ESCAPED) == 2


def test_errors_of_an_unknown_form_leave_the_refusal_itself(evote) -> None:
    for errors in ("x", [1], [{}], 5, None):
        problem = {"type": "urn:x:y", "title": "題", "errors": errors}
        with pytest.raises(ServerRefused, match="422"):
            evote(answering(422, problem), "election", "show", UUID)


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
        evote(answering(200, {"election_uuid": UUID, "name": "n"}), "command", "cosign", file, "--yes")
    assert all(request.method == "GET" for request in requests)
    shown = cosigned(evote, file, tmp_path)
    for text in (f"住民投票（{UUID}）", "予定どおり", "sato"):
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
        cosigned(evote, file, tmp_path, answering(200, {"election_uuid": "other", "name": "n"}))
    assert len(json.loads(file.read_text())["statements"]) == 1


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


ROLL = "voter_id,name,address,birth_date,sex\n000001,髙橋 花子,つくば市1-1,1990-04-01,2\n"
FAULTY = ROLL + "000001,鈴木 花子,,1990-02-30,9\n"


@pytest.mark.parametrize("arguments", [("check",), ("import", UUID, "--reason", "r")])
def test_every_fault_of_a_roll_is_found_before_anything_is_sent(evote, tmp_path, monkeypatch, arguments) -> None:
    file, requests = tmp_path / "roll.csv", list[httpx.Request]()
    file.write_text(FAULTY, "utf-8")
    tables: list[str] = []
    table_of = roll_commands._table

    def keeping(faults):
        tables.append(_cells(table_of(faults)))
        return table_of(faults)

    monkeypatch.setattr(roll_commands, "_table", keeping)
    with pytest.raises(CommandFailed, match="誤りが 4 件"):
        evote(answering(200, {"imported": 2}, requests), "roll", *arguments, file)
    (told,) = tables
    for place in ("3 address 空欄", "3 birth_date YYYY-MM-DD", "3 sex 1、2、3", "3 voter_id 2 行目と同じ番号"):
        assert place in told
    assert not requests and "鈴木" not in told


def _cells(table) -> str:
    columns = [[str(cell) for cell in column.cells] for column in table.columns]
    return "\n".join(" ".join(row) for row in zip(*columns, strict=True))


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


ACT = ("--reason", "戸籍で確認")


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


def typing(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.prompt", lambda question: text)


ONCE = [
    ("election", "freeze", UUID, "--expected-size", "7"),
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
    document = {**ELECTION, "name": HOSTILE, "opens_at": HOSTILE, "closes_at": HOSTILE, "roll_size": 7}
    said = evote(answering(200, document), "election", "freeze", UUID, "--expected-size", "7", "--reason", "r")
    assert can_be_printed(said) and said.count(ESCAPED) == 3


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


CODES = '{"voter_id": "甲1", "voting_code": "7K3M-Q0ZT-AAAA-BBBB"}\n{"voting_codes": 1, "issue": 2}\n'


def test_voting_codes_go_into_a_private_file_only(evote, tmp_path) -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(201, text=CODES)

    out, file = tmp_path / "codes.csv", tmp_path / "codes.command"
    codes = ("face", "codes", UUID, "--out", out, "--replaces", "1", "--command", file, "--yes", *ACT)
    evote(httpx.MockTransport(answer), *codes)
    cosigned(evote, file, tmp_path)
    output = evote(httpx.MockTransport(answer), *codes)
    assert "発行番号 2" in output and "7K3M" not in output
    assert out.read_bytes().decode() == "voter_id,voting_code\r\n甲1,7K3M-Q0ZT-AAAA-BBBB\r\n"
    assert out.stat().st_mode & 0o777 == 0o600
    assert json.loads(requests[0].content) == {"replaces": 1}
    with pytest.raises(CommandFailed, match="上書きはしません"):
        evote(httpx.MockTransport(answer), *codes)
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


def test_before_the_close_an_auditor_signs_for_the_archive_and_the_public_does_not(evote, tmp_path) -> None:
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, content=b"archive")

    download = ("election", "archive", UUID, "--out", tmp_path / "a.bel")
    evote(httpx.MockTransport(answer), *download)
    evote(httpx.MockTransport(answer), *download, "--auditor-key", key_file(tmp_path, "kato"))
    public, signed = requests
    assert "Authorization" not in public.headers
    (statement,) = statements_of(ACCESS_SCHEME, signed.headers["Authorization"])
    path = f"/elections/{UUID}/archive.bel"
    roles = frozenset({Role.AUDITOR})
    asked = verify_access(statement, roles, ROSTER, service="tally", path=path, query="", now=utc_now())
    assert asked.id == "kato"


def test_an_archive_that_breaks_off_leaves_no_file(evote, tmp_path) -> None:
    def break_off():
        yield b"beginning"
        raise httpx.ReadError("gone")

    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=break_off()))
    with pytest.raises(ServerUnreachable):
        evote(transport, "election", "archive", UUID, "--out", tmp_path / "a.bel")
    assert not list(tmp_path.iterdir())
    whole = httpx.MockTransport(lambda request: httpx.Response(200, content=b"archive"))
    evote(whole, "election", "archive", UUID, "--out", tmp_path / "a.bel")
    assert (tmp_path / "a.bel").read_bytes() == b"archive"


def test_a_failure_is_one_message_and_exit_code_1(monkeypatch, capsys, tmp_path) -> None:
    (tmp_path / "key").write_text("[x]")
    (tmp_path / "key").chmod(0o600)
    monkeypatch.setattr("sys.argv", ["evote", "trustee", "keygen", "--key-file", str(tmp_path / "key")])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 1
    assert "上書きしません" in capsys.readouterr().err.replace("\n", "")


HOSTILE = "投票[/bold]\n\x1b[2J\u202e\x9b成立"
ESCAPED = "投票[/bold]\\u{a}\\u{1b}[2J\\u{202e}\\u{9b}成立"


def can_be_printed(text: str) -> bool:
    return all(character.isprintable() or character in "\n\u3000" for character in text)


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
        tables.append(_cells(table_of(found)))
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
        tables.append(_cells(table_of(found)))
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


def test_what_is_to_be_cosigned_is_shown_line_by_line_and_nothing_else(evote, tmp_path) -> None:
    order, command = tmp_path / "order.json", tmp_path / "draft.command"
    order.write_text(json.dumps({**json.loads(example_draft(TRUSTEES, utc_now())), "name": HOSTILE}), "utf-8")
    reason = "議決\n署名した人: 全員\u202e"
    confirmed = evote(answering(500, {}), "election", "draft", order, "--reason", reason, "--command", command, "--yes")
    assert can_be_printed(confirmed) and ESCAPED in confirmed
    said = evote(answering(500, {}), "command", "show", command)
    assert can_be_printed(said) and "議決\\u{a}署名した人: 全員\\u{202e}" in said
    assert sum(line.startswith("署名した人") for line in said.splitlines()) == 1
