"""`evote-local card` before it has a reader; with one, OpenSC tests it."""

from __future__ import annotations

import io
import socket
import threading
from pathlib import Path

import pytest
from evote_jpki.authority import Person, TestAuthority, generate_card_keys
from evote_jpki.cardfile import save_card
from evote_local.referendum.inserting import CardNotInserted, insert_card
from evote_platform.clock import utc_now
from rich.console import Console

LOOPBACK = "127.0.0.1"


@pytest.fixture
def card_file(tmp_path: Path) -> Path:
    authority = TestAuthority(utc_now, lambda size: bytes(range(1, size + 1)))
    person = Person("筑波花子", "茨城県つくば市研究学園一丁目１番地１", "1980-02-29", "2")
    save_card(authority.issue_card(person, generate_card_keys(), pin="1234", password="ABC123"), tmp_path / "card.json")
    return tmp_path / "card.json"


@pytest.mark.parametrize("content", [None, b"{}"])
def test_a_file_without_a_card_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "card.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CardNotInserted, match=r"card\.json.*make up"):
        insert_card(path, host=LOOPBACK, port=1, console=Console(file=io.StringIO()))


def test_a_reader_that_is_not_there_is_named(card_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evote_jpki.vpcd._CONNECT_WITHIN_S", 0.1)
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(CardNotInserted, match=rf"{port}.*Start pcscd"):
        insert_card(card_file, host=LOOPBACK, port=port, console=Console(file=io.StringIO()))


def test_the_command_ends_when_the_reader_goes(card_file: Path) -> None:
    said = io.StringIO()
    with socket.create_server((LOOPBACK, 0)) as reader:
        port = reader.getsockname()[1]
        arguments = {"host": LOOPBACK, "port": port, "console": Console(file=said)}
        command = threading.Thread(target=insert_card, args=(card_file,), kwargs=arguments)
        command.start()
        connection, _ = reader.accept()
        connection.sendall(b"\x00\x01\x04")
        assert connection.recv(2) == b"\x00\x04"
        connection.close()
        command.join(10)
    assert not command.is_alive()
    assert "Ctrl-C" in said.getvalue() and "the reader is gone" in said.getvalue()
