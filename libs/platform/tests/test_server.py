from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from evote_local.nodes.ports import free_port
from evote_local.people.staff import Staff
from evote_local.testbed import wait_until

SERVICE = Path(__file__).with_name("example_service.py")
WITHIN_S = 50
"""httpx's own limit for an answer is five seconds."""


class Running:
    def __init__(self, port: int, log: Path, **settings: str) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.port = port
        self.log = log
        environment = {
            "EVOTE_PORT": str(port),
            "EVOTE_ENVIRONMENT": "test",
            "EVOTE_KAFKA_BOOTSTRAP": "nowhere:1",
            "EVOTE_DATABASE_URL": "postgresql://nowhere",
            "EVOTE_ROSTER_FILE": str(Staff().write_roster(log.with_suffix(".roster.json"))),
            **{f"EVOTE_{name.upper()}": value for name, value in settings.items()},
        }
        with log.open("wb") as output:
            self.process = subprocess.Popen([sys.executable, SERVICE, "serve"], env=environment, stderr=output)
        self.wait_for(lambda: self.get("/livez").status_code == 200)

    def get(self, path: str, **request) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", timeout=WITHIN_S, **request)

    def wait_for(self, condition) -> None:
        def holds() -> bool:
            try:
                return condition()
            except httpx.TransportError:
                assert self.process.poll() is None, self.log.read_text()
                return False

        try:
            wait_until(holds)
        except TimeoutError as error:
            raise AssertionError(self.log.read_text()) from error


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    service = Running(free_port(), tmp_path / "log")
    yield service
    service.process.kill()
    service.process.wait()


FORWARDED = {"X-Forwarded-For": "203.0.113.9, 2001:db8::7"}


def test_a_named_proxy_tells_the_clients_address_and_the_client_does_not(tmp_path: Path) -> None:
    behind = Running(free_port(), tmp_path / "log", trusted_proxies="10.0.0.0/8,127.0.0.1")
    try:
        told = behind.get("/address", headers=FORWARDED).json()
        assert told == {"address": "2001:db8::7"}, "what the proxy added; the rest is the client's"
    finally:
        behind.process.kill()
        behind.process.wait()


def test_where_no_proxy_is_named_nobody_tells_another_address(running: Running) -> None:
    assert running.get("/address", headers=FORWARDED).json() == {"address": "127.0.0.1"}


def test_sigterm_finishes_what_was_begun_and_exits_with_0(running: Running) -> None:
    answers: list[str] = []
    slow = threading.Thread(target=lambda: answers.append(running.get("/slow").text))
    stream = threading.Thread(target=lambda: answers.append(running.get("/events").text))
    slow.start()
    stream.start()
    running.wait_for(lambda: all(f"{what}-began" in running.log.read_text() for what in ("slow", "events")))
    running.process.send_signal(signal.SIGTERM)
    slow.join(WITHIN_S)
    stream.join(WITHIN_S)
    assert running.process.wait(WITHIN_S) == 0
    assert sorted(answers) == ["event: hello\n\nevent: bye\n\n", '{"finished":true}']
    assert "lifespan-closed" in running.log.read_text()


def test_on_sigterm_a_replica_says_that_it_leaves_and_serves_on_until_everybody_knows(tmp_path: Path) -> None:
    leaving = Running(free_port(), tmp_path / "log", drain_delay_s="300")
    try:
        assert leaving.get("/readyz").status_code == 200
        leaving.process.send_signal(signal.SIGTERM)
        leaving.wait_for(lambda: leaving.get("/readyz").status_code == 503)
        assert "draining" in leaving.get("/readyz").json()["checks"]
        assert leaving.get("/address").status_code == 200, "on a new connection, too"
        leaving.process.send_signal(signal.SIGINT)  # whoever can't wait
        assert leaving.process.wait(WITHIN_S) == 0
    finally:
        leaving.process.kill()
        leaving.process.wait()


def test_the_drain_ends_by_itself_and_the_replica_leaves(tmp_path: Path) -> None:
    leaving = Running(free_port(), tmp_path / "log", drain_delay_s="0.2", shutdown_timeout_s="1")
    try:
        leaving.process.send_signal(signal.SIGTERM)
        assert leaving.process.wait(WITHIN_S) == 0
        assert "lifespan-closed" in leaving.log.read_text()
    finally:
        leaving.process.kill()
        leaving.process.wait()


def test_a_background_task_that_dies_ends_the_service_with_1(running: Running) -> None:
    httpx.post(f"{running.url}/crash", timeout=WITHIN_S)
    assert running.process.wait(WITHIN_S) == 1
    log = running.log.read_text()
    assert "lifespan-closed" in log
    assert "secret" not in log
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    [failed] = [line for line in lines if line["event"] == "background-task-failed"]
    assert failed["error"] == "RuntimeError"
    assert failed["task"] == "projection"
    assert failed["service"] == "platform"
    assert any("dies" in frame for frame in failed["frames"])


def test_the_log_holds_no_path_or_query(running: Running) -> None:
    running.get("/voter-17?name=taro")
    running.process.send_signal(signal.SIGTERM)
    running.process.wait(WITHIN_S)
    log = running.log.read_text()
    assert '"event":"request"' in log
    assert "voter-17" not in log
    assert "taro" not in log


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /\xff\xfe HTTP/1.1",
        b"GET /livez?\xff HTTP/1.1",
        b"GET /%zz%00 HTTP/1.1",
        b"GET http://[ HTTP/1.1",
        b"\x00\x01",
        b"GET /livez HTTP/9.9",
    ],
)
def test_a_broken_request_gets_no_server_error_and_hurts_nobody(running: Running, request_line: bytes) -> None:
    with socket.create_connection(("127.0.0.1", running.port), timeout=WITHIN_S) as connection:
        connection.sendall(request_line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = connection.recv(4096)
    assert not answer.startswith(b"HTTP/1.1 5")
    assert running.get("/livez").status_code == 200


def test_missing_settings_are_named_without_values() -> None:
    done = subprocess.run(
        [sys.executable, SERVICE, "serve"],
        env={"EVOTE_PORT": "secret-port", "EVOTE_KAFKA_BOOTSTRAP": "x"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "EVOTE_DATABASE_URL" in done.stderr
    assert "EVOTE_PORT" in done.stderr
    assert "secret-port" not in done.stderr
    assert "Traceback" not in done.stderr


def test_openapi_needs_no_settings() -> None:
    done = subprocess.run([sys.executable, SERVICE, "openapi"], env={}, capture_output=True, check=True)
    assert "/events" in json.loads(done.stdout)["paths"]
