"""``evote trustee …`` as a person types it; the network is a stand-in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx
import pytest
from evote_ceremony.messages import Step
from evote_cli.errors import (
    CommandFailed,
    LogRefused,
    LogUnreachable,
    MessageUnreadable,
    NotApproved,
    PolicyUnreadable,
    RecordLost,
    ServerRefused,
    ServerUnreachable,
)
from evote_cli.keyfile import identity_of, read_key_file
from evote_cli.main import main
from evote_cli.message import CONFIRMATION, STEP_NAMES
from evote_cli.trustee import STEPS
from evote_statements.keys import key_text
from evote_tally.domain.ceremony import waiting_for_confirmation
from evote_verify.reading.sources import WITNESSED, FolderSource, NotServed

from .at_keyboard import (
    UUID,
    answering,
)


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


class Busy(httpx.BaseTransport):
    """A tally that takes nothing for the first ``times``, and then what it is sent."""

    def __init__(self, behind: httpx.BaseTransport, times: int, headers: dict[str, str], status: int = 503) -> None:
        self.behind, self.times, self.headers, self.status = behind, times, headers, status
        self.sent: list[bytes] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request.read())
        if len(self.sent) > self.times:
            return self.behind.handle_request(request)
        problem = {"type": "urn:tsukuba-evote:problem:election-busy", "title": "この選挙の別の操作を実行中です"}
        return httpx.Response(self.status, json=problem, headers=self.headers)


class TestMessageToBusyServer:
    """The same message goes again when the server says when to come; any other refusal is told at once."""

    @pytest.fixture
    def step(self, held, policy_file) -> tuple[object, ...]:
        options = ("--log", held.election.log.folder, "--witness-policy", policy_file)
        return ("trustee", "run", UUID, "--key-file", held.trustees[0].path, *options)

    def test_goes_again_when_it_is_told_when_to(self, evote, held, step) -> None:
        busy = Busy(held.election.transport(), 3, {"Retry-After": "0"})
        printed = evote(busy, *step)
        assert printed.count("もう一度送ります（この選挙の別の操作を実行中です）") == 3
        assert "を送りました" in printed
        assert len(busy.sent) == 4 and len(set(busy.sent)) == 1

    @pytest.mark.parametrize(
        ("status", "headers"), [(503, {}), (503, {"Retry-After": "3600"}), (409, {"Retry-After": "0"})]
    )
    def test_is_not_sent_again_otherwise(self, evote, held, step, status: int, headers: dict[str, str]) -> None:
        busy = Busy(held.election.transport(), 3, headers, status)
        with pytest.raises(ServerRefused, match="election-busy"):
            evote(busy, *step)
        assert len(busy.sent) == 1


class ServedLog:
    """A log's folder on a server that answers ``refusals`` first, wherever it is asked."""

    def __init__(self, folder: Path) -> None:
        self.refusals: list[int] = []
        self.asked: list[str] = []
        self.when_asked_again: Callable[[], object] = lambda: None
        """What happens before the cosigned checkpoint is given a second time."""

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler) -> None:  # noqa: N805 - the library's name; self is the server here
                path = handler.path.removeprefix("/")
                if path == WITNESSED and path in self.asked:
                    self.when_asked_again()
                self.asked.append(path)
                status, content = 200, b""
                try:
                    content = FolderSource(folder).read(path)
                except NotServed:
                    status = 404
                if self.refusals:
                    status, content = self.refusals.pop(0), b""
                handler.send_response(status)
                handler.send_header("Content-Length", str(len(content)))
                handler.end_headers()
                handler.wfile.write(content)

            def log_message(handler, *_: object) -> None:  # noqa: N805
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> ServedLog:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class TestLogOfServer:
    """What a moment mends is waited for, by the officer's program itself; anything else is refused at once."""

    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch) -> None:
        monkeypatch.setattr("evote_verify.reading.sources._FIRST_WAIT_S", 0.01)
        monkeypatch.setattr("evote_cli.log_view._AGAIN_S", 0.01)

    @pytest.fixture
    def served(self, held) -> Iterator[ServedLog]:
        with ServedLog(held.election.log.folder) as log:
            yield log

    def step(self, held, served, policy_file) -> tuple[object, ...]:
        out = policy_file.with_name("message.json")
        key = held.trustees[0].path
        options = ("--key-file", key, "--log", served.url, "--witness-policy", policy_file, "--out", out)
        return ("trustee", "sign-step", UUID, *options)

    @pytest.mark.parametrize(("status", "times"), [(503, 9), (404, 3)])
    def test_is_asked_again_when_it_refuses_for_a_moment(
        self, evote, held, served, policy_file, status: int, times: int
    ) -> None:
        served.refusals = [status] * times
        printed = evote(answering(500, {}), *self.step(held, served, policy_file))
        assert "もう一度読みます" in printed and "書き出しました" in printed
        assert served.refusals == []

    def test_is_asked_again_when_a_replica_is_behind(self, evote, held, served, policy_file) -> None:
        election = held.election
        election.hold_ceremony(held.trustees, until=Step.COMMITMENT)
        code = held.trustees[1].code(election.view())
        held.trustees[0].sign(election.view(), code)
        election.log.publish(election.records[:-1])
        served.when_asked_again = lambda: election.log.publish(election.records)
        printed = evote(answering(500, {}), *self.step(held, served, policy_file), "--code", code)
        assert "より古い" in printed and "書き出しました" in printed

    def test_is_not_asked_again_when_no_later_answer_can_mend_it(self, evote, held, served, policy_file) -> None:
        held.election.log.publish([*held.election.records, b"{}"])
        with pytest.raises(LogRefused, match="規則に反する"):
            evote(answering(500, {}), *self.step(held, served, policy_file))
        served.refusals, asked = [403], len(served.asked)
        with pytest.raises(LogUnreachable, match="403"):
            evote(answering(500, {}), *self.step(held, served, policy_file))
        assert len(served.asked) == asked + 1

    def test_is_given_up_in_the_end(self, evote, held, served, policy_file, monkeypatch) -> None:
        monkeypatch.setattr("evote_cli.log_view._WITHIN_S", 0.0)
        served.refusals = [404] * 1000
        with pytest.raises(LogRefused, match="証人の署名が足りません"):
            evote(answering(500, {}), *self.step(held, served, policy_file))
