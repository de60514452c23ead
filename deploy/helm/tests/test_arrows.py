"""What `helm test` runs in the cluster, with real connections."""

from __future__ import annotations

import http.server
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from evote_chart.settings import CHART

# Nothing settles here.
PROGRAM = (CHART / "files/arrows.py").read_text("utf-8").replace("SETTLED_WITHIN_S = 20.0", "SETTLED_WITHIN_S = 0.5")


class _Sick(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/livez" else 503)
        self.end_headers()
        self.wfile.write(b"the log is away")

    def log_message(self, format: str, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Sick) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield served.server_port
        served.shutdown()


@pytest.fixture(scope="module")
def closed() -> Iterator[int]:
    """A port that nobody listens at, and that nobody else gets."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def run(*arguments: str) -> tuple[int, list[str]]:
    done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False)
    assert not done.stderr
    return done.returncode, done.stdout.splitlines()


def test_what_is_as_it_must_be_is_said_and_is_status_0(server: int, closed: int) -> None:
    ends = (f"reach=127.0.0.1:{server}", f"refused=127.0.0.1:{closed}", f"well=http://127.0.0.1:{server}/livez")
    assert run(*ends) == (0, [f"as it must be: {end}" for end in ends])


def test_an_arrow_that_is_missing_or_too_many_and_a_service_that_is_unwell_are_status_1(
    server: int, closed: int
) -> None:
    ends = (f"reach=127.0.0.1:{closed}", f"refused=127.0.0.1:{server}", f"well=http://127.0.0.1:{server}/statusz")
    status, lines = run(f"reach=127.0.0.1:{server}", *ends)
    assert status == 1
    assert [line.split(": ")[0] for line in lines] == ["as it must be", "WRONG", "WRONG", "WRONG"]
    assert lines[-1].endswith("the log is away")


def test_an_address_of_ipv6_is_reached_as_it_is_written_in_a_url() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as held:
        end = f"reach=[::1]:{held.getsockname()[1]}"
        assert run(end) == (0, [f"as it must be: {end}"])


def test_a_name_that_is_not_found_is_no_proof_that_a_policy_holds() -> None:
    status, lines = run("refused=nowhere.invalid:80")
    assert (status, "the name isn't found" in lines[0]) == (1, True)
