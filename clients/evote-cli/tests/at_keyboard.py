"""What the tests of the commands share: officers with keys, and services that are stand-ins."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_cli.draft_file import TrusteeLine
from evote_cli.officer_key import write_officer_key
from evote_officers.acts import find_act
from evote_officers.commands import (
    COMMAND_SCHEME,
    GivenCommand,
    statements_of,
    verify_command,
)
from evote_officers.roster import parse_roster
from evote_platform.clock import utc_now
from evote_statements.keys import key_text

UUID = "4yP2vbZnkbxpPG"

URL = "http://tally.example"

ELECTION = {
    "election_uuid": UUID,
    "name": "住民投票２０２６",
    "opens_at": "2025-12-31T22:00:00.000Z",
    "closes_at": "2126-01-02T11:00:00.000Z",
}

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
    shown = answer or answering(200, ELECTION)
    key = folder / "suzuki.key"
    if not key.exists():
        key_file(folder, "suzuki")
    return evote(shown, "command", "cosign", file, "--officer-key", key, "--yes")


def answering(status: int, document: object, requests: list[httpx.Request] | None = None) -> httpx.MockTransport:
    """Answers everything so, and keeps what it was asked; bytes are sent as they are, all else as JSON."""

    def answer(request: httpx.Request) -> httpx.Response:
        if requests is not None:
            requests.append(request)
        if isinstance(document, bytes):
            return httpx.Response(status, content=document)
        return httpx.Response(status, json=document)

    return httpx.MockTransport(answer)


TRUSTEES = [TrusteeLine(name, key_text(key.public_key())) for name, key in KEYS.items()]

ACT = ("--reason", "戸籍で確認")


def typing(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.prompt", lambda question: text)


HOSTILE = "投票[/bold]\n\x1b[2J\u202e\x9b成立"

ESCAPED = "投票[/bold]\\u{a}\\u{1b}[2J\\u{202e}\\u{9b}成立"


def can_be_printed(text: str) -> bool:
    return all(character.isprintable() or character in "\n\u3000" for character in text)


def cells(table) -> str:
    columns = [[str(cell) for cell in column.cells] for column in table.columns]
    return "\n".join(" ".join(row) for row in zip(*columns, strict=True))
