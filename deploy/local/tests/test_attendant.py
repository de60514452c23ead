"""Whoever looks after a standing stack notices a service that died, and starts one again when asked."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from evote_local.nodes.ports import free_port
from evote_local.nodes.processes import ProcessFailed
from evote_local.referendum.attendant import Attendant, Orders
from evote_local.stack.service import Service
from rich.console import Console

STAND_IN = """
import http.server, os, sys

class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/die":
            print("out of luck", flush=True)
            os._exit(1)
        self.send_response(200)
        self.end_headers()

http.server.HTTPServer(("127.0.0.1", int(os.environ["EVOTE_PORT"])), Answers).serve_forever()
"""
"""In a service's place: it is ready, and dies when asked to."""


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    (tmp_path / "stand_in.py").write_text(STAND_IN)
    port = free_port()
    environment = {"PATH": os.defpath, "PYTHONPATH": str(tmp_path), "EVOTE_PORT": str(port)}
    service = Service("auth", "stand_in", port, environment, tmp_path / "auth.log")
    service.start()
    service.wait_ready()
    yield service
    service.stop()


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def orders(tmp_path: Path) -> Orders:
    return Orders(tmp_path)


@pytest.fixture
def attendant(service: Service, orders: Orders, said: io.StringIO) -> Attendant:
    return Attendant([service], orders, Console(file=said, width=200))


def die(service: Service) -> None:
    assert service._ask("/die") is not None
    process = service.process
    assert process is not None
    process._process.wait(30)


def test_a_service_that_ends_by_itself_is_named_once_with_the_end_of_its_log(
    service: Service, attendant: Attendant, said: io.StringIO
) -> None:
    attendant.look()
    assert said.getvalue() == ""
    die(service)
    attendant.look()
    attendant.look()
    assert said.getvalue().count("auth: ended by itself with status 1") == 1
    assert "out of luck" in said.getvalue() and "make restart SERVICE=auth" in said.getvalue()


def test_a_service_that_was_stopped_did_not_end_by_itself(service: Service) -> None:
    service.stop()
    service.require_alive()
    service.start()
    service.wait_ready()
    die(service)
    with pytest.raises(ProcessFailed):
        service.require_alive()


def give(orders: Orders, attendant: Attendant, name: str) -> str:
    """The outcome of an order that another process gives."""
    with ThreadPoolExecutor(1) as other:
        outcome = other.submit(orders.give, name)
        while orders.taken() is None:
            time.sleep(0.01)
        attendant.look()
        return outcome.result()


def test_a_service_is_started_again_whether_it_runs_or_not(
    service: Service, attendant: Attendant, orders: Orders
) -> None:
    for end in (lambda: None, lambda: die(service)):
        before = service.process
        end()
        assert give(orders, attendant, "auth") == ""
        assert service.process is not before
        service.wait_ready()


def test_an_order_that_can_not_be_obeyed_says_why(service: Service, attendant: Attendant, orders: Orders) -> None:
    assert "there is no service 'bell'" in give(orders, attendant, "bell")
    Path(service.log_path.with_name("stand_in.py")).write_text("raise SystemExit('no more')")
    failure = give(orders, attendant, "auth")
    assert "ended with status 1 before it was ready" in failure and "no more" in failure
