"""Signing what officers command: one person alone, or two by way of a file that the first hands to the second."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer
from evote_officers.acts import Act, find_act
from evote_officers.commands import OfficerCommand
from evote_officers.signing import Officer
from evote_statements.signed import StatementRefused, claimed_statement
from pydantic import ValidationError
from rich.console import Console

from .errors import CommandFailed
from .officer_key import read_officer_key
from .private_files import new_private_file

OfficerKey = Annotated[
    Path,
    typer.Option("--officer-key", envvar="EVOTE_OFFICER_KEY", help="あなたの職員の鍵ファイル。", show_default=False),
]
Password = Annotated[
    str,
    typer.Option(
        envvar="EVOTE_OFFICER_PASSWORD",
        prompt="鍵のパスワード",
        hide_input=True,
        help="鍵ファイルのパスワード。指定がなければ尋ねます。",
        show_default=False,
    ),
]
Reason = Annotated[str, typer.Option("--reason", help="理由。あなたの署名とともに記録に残ります。", show_default=False)]
CommandFile = Annotated[
    Path,
    typer.Option(
        "--command",
        help="二人で署名する指示のファイル。なければ作り（まだ送らない）、もう一人が連署したものがあれば送る。",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Commanded:
    """One request that officers command."""

    act: Act
    names: Mapping[str, str]
    """What stands in the places of the act's path."""
    body: bytes = field(default=b"", repr=False)

    @property
    def path(self) -> str:
        """Percent-decoded, as it is signed."""
        return self._filled(self.names)

    @property
    def address(self) -> str:
        """Percent-encoded, as it is sent."""
        return self._filled({name: quote(value, safe="") for name, value in self.names.items()})

    def _filled(self, names: Mapping[str, str]) -> str:
        path = self.act.path.replace(":path}", "}")
        for name, value in names.items():
            path = path.replace(f"{{{name}}}", value)
        return path


def json_body(document: object) -> bytes:
    """The exact bytes that are signed and sent."""
    return json.dumps(document, ensure_ascii=False).encode()


def sign_alone(request: Commanded, officer: Officer, reason: str) -> tuple[str, ...]:
    """The one statement of an act that takes one person."""
    return (_first(request, officer, reason),)


def sign_together(request: Commanded, file: Path, key: Path, password: str, reason: str) -> tuple[str, ...] | None:
    """Write the first person's command to ``file``, and return None; or read from it what both have signed.

    Raises:
        CommandFailed: the file is no command, is one for something else, or waits for the second person.
    """
    if not file.exists():
        statement = _first(request, read_officer_key(key, password), reason)
        with new_private_file(file) as target:
            target.write(_dump(request, [statement]))
        return None
    found = read_command(file)
    if (found.act, found.path, found.body) != (request.act, request.path, request.body.decode()):
        raise CommandFailed(f"{file} は別の内容の指示です。内容を確かめ、新しいファイル名で作り直してください。")
    if len(found.statements) < request.act.persons:
        raise CommandFailed(f"{file} にはまだ一人しか署名していません。もう一人が evote command cosign で連署します。")
    return found.statements


def tell_second_person(console: Console, request: Commanded, file: Path) -> None:
    """Say what has to happen before the command can be sent."""
    console.print(f"署名して {file} に書き出しました（まだ送っていません）: {request.act.title}", markup=False)
    console.print(
        f"もう一人の職員が内容を確かめて連署します: evote command cosign {file}\n"
        "そのあと、同じ命令をもう一度実行すると送られます（署名から 1 時間以内）。",
        markup=False,
    )


@dataclass(frozen=True)
class FoundCommand:
    """What a command's file holds."""

    act: Act
    path: str
    body: str
    statements: tuple[str, ...]
    signed: tuple[OfficerCommand, ...]
    """What the statements say; whether the signatures hold, the service tells."""


def read_command(file: Path) -> FoundCommand:
    """Read a command's file; raises ``CommandFailed``."""
    try:
        document = json.loads(file.read_text("utf-8"))
        path, body, statements = str(document["path"]), str(document["body"]), tuple(map(str, document["statements"]))
        act = find_act(str(document["service"]), str(document["method"]), path)
        signed = tuple(claimed_statement(OfficerCommand, statement) for statement in statements)
    except (OSError, ValueError, KeyError, TypeError, StatementRefused) as error:
        raise CommandFailed(f"指示のファイルとして読めません: {file}") from error
    if act is None or not signed:
        raise CommandFailed(f"指示のファイルとして読めません: {file}")
    expected = (act.service, act.method, path, sha256(body.encode()).hexdigest())
    if any((said.service, said.method, said.path, said.body_sha256) != expected for said in signed):
        # The second person is shown what stands beside the statement: it must be what the statement names.
        raise CommandFailed(f"{file} の内容が、署名されたものと違います。作った人に確かめてください。")
    return FoundCommand(act, path, body, statements, signed)


def cosign(file: Path, found: FoundCommand, officer: Officer) -> None:
    """Put the second person's statement into the file."""
    if officer.identifier in {said.person for said in found.signed}:
        raise CommandFailed("あなたはすでに署名しています。もう一人の職員が連署してください。")
    document = json.loads(file.read_text("utf-8"))
    document["statements"] = [*found.statements, officer.cosign(found.statements[0])]
    draft = file.with_name(f"{file.name}.part")
    draft.unlink(missing_ok=True)
    with new_private_file(draft) as target:
        target.write(json.dumps(document, ensure_ascii=False))
    draft.replace(file)


def _first(request: Commanded, officer: Officer, reason: str) -> str:
    try:
        return officer.command(
            request.act,
            request.path,
            request.body,
            reason=reason,
            now=datetime.now(UTC),
            random=secrets.token_bytes,
        )
    except ValidationError as error:
        fields = "、".join(str(fault["loc"][0]) for fault in error.errors())
        raise CommandFailed(f"指示の内容が正しくありません: {fields}") from error


def _dump(request: Commanded, statements: list[str]) -> str:
    document = {
        "service": request.act.service,
        "method": request.act.method,
        "path": request.path,
        "body": request.body.decode(),
        "statements": statements,
    }
    return json.dumps(document, ensure_ascii=False)
