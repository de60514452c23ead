"""``evote wall …``: what the city's staff say of an incident on the wall: a file that its server serves.

An officer signs all lines that stand there together, for one election; the wall's page checks it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from evote_officers.acts import ANNOUNCE
from evote_officers.commands import CLOCK_SKEW, OfficerCommand
from evote_statements.signed import StatementRefused, claimed_statement
from evote_tlog.display import visible
from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError
from rich.console import Console

from .commanding import Commanded, OfficerKey, Password, sign_alone
from .errors import CommandFailed, NotApproved
from .local_time import local_time
from .officer_key import read_officer_key
from .options import ElectionUuid, Yes

app = typer.Typer(help="状況表示の画面：障害の知らせと、窓口での言い方。", no_args_is_help=True)
_console = Console()
_LONGEST_TEXT: Final = 30
_LONGEST_HELPDESK: Final = 50
"""Letters: what is read from the other end of a room, and fits there beside another incident."""


class Way(StrEnum):
    """A way in, as the wall's configuration names it."""

    CARD = "card"
    PHONE = "phone"
    FACE = "face"
    STATION = "station"


class Effect(StrEnum):
    """What the incident does to the ways that it names."""

    STOPS = "stops"
    SLOWS = "slows"


class Announcement(BaseModel):
    """One line on the wall (web/city/read/announcements.ts reads it)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    at: AwareDatetime
    text: str
    helpdesk: str
    ways: tuple[Way, ...]
    effect: Effect


class SignedAnnouncements(BaseModel):
    """The file: the exact text of the list, and one officer's statement that commands it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    announcements: str
    statements: tuple[str]


_LIST: Final = TypeAdapter(tuple[Announcement, ...])
_TO_BEGIN_ANEW: Final = "消して、出しておく知らせを evote wall say でもう一度出してください。"
File = Annotated[
    Path,
    typer.Option(
        "--file", envvar="EVOTE_WALL_FILE", help="状況表示のサーバーが配る announcements.json。", show_default=False
    ),
]


@app.command()
def say(
    election: ElectionUuid,
    text: Annotated[str, typer.Argument(help="起きていること（30 字まで）。", show_default=False)],
    file: File,
    officer_key: OfficerKey,
    password: Password,
    helpdesk: Annotated[str, typer.Option(help="窓口での言い方（50 字まで）。")] = "",
    way: Annotated[
        list[Way] | None, typer.Option(help="影響する投票のしかた。くり返せます。", show_default=False)
    ] = None,
    effect: Annotated[
        Effect, typer.Option(help="止まっている（stops）か、遅れ・一部の不具合（slows）か。")
    ] = Effect.SLOWS,
    yes: Yes = False,
) -> None:
    """障害の知らせに署名して画面に出す。十数秒で出ます。"""
    said = _read(file, election)
    number = max((one.number for one in said), default=0) + 1
    told = Announcement(
        number=number,
        at=datetime.now(UTC),
        text=_line(text, "起きていること", _LONGEST_TEXT),
        helpdesk=_line(helpdesk, "窓口での言い方", _LONGEST_HELPDESK) if helpdesk else "",
        ways=tuple(way or ()),
        effect=effect,
    )
    _sign(file, election, (*said, told), officer_key, password, yes)
    _console.print(f"{number} 番として出しました。直ったら: evote wall over {election} {number}", markup=False)


@app.command()
def over(
    election: ElectionUuid,
    number: Annotated[int, typer.Argument(help="知らせの番号。", show_default=False)],
    file: File,
    officer_key: OfficerKey,
    password: Password,
    yes: Yes = False,
) -> None:
    """直った知らせを画面から下ろす。残りの知らせに署名しなおします。"""
    said = _read(file, election)
    left = tuple(one for one in said if one.number != number)
    if left == said:
        raise CommandFailed(f"{number} 番の知らせは出ていません。evote wall show で番号を確かめてください。")
    _sign(file, election, left, officer_key, password, yes)
    _console.print(f"{number} 番を下ろしました。", markup=False)


@app.command()
def show(election: ElectionUuid, file: File) -> None:
    """いま画面に出ている知らせ（署名を確かめるのは画面です）。"""
    _list(_read(file, election))


def _list(said: Sequence[Announcement]) -> None:
    if not said:
        _console.print("何も出ていません。")
    for one in said:
        ways = "、".join(one.ways) or "なし"
        _console.print(f"{one.number}  {local_time(one.at)}  {visible(one.text)}", markup=False, soft_wrap=True)
        _console.print(
            f"   窓口: {visible(one.helpdesk) or 'なし'}  影響: {ways}（{one.effect}）", markup=False, soft_wrap=True
        )


def _line(text: str, what: str, longest: int) -> str:
    line = " ".join(text.split())
    if not line or len(line) > longest or visible(line) != line:
        raise CommandFailed(f"{what}は、1 字以上 {longest} 字まで、目に見える文字だけで書いてください。")
    return line


def _read(file: Path, election: str) -> tuple[Announcement, ...]:
    try:
        signed = SignedAnnouncements.model_validate_json(file.read_bytes())
        said = _LIST.validate_json(signed.announcements)
        (statement,) = signed.statements
        command = claimed_statement(OfficerCommand, statement)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise CommandFailed(f"{file} を読めません: {error.strerror}") from error
    except (ValidationError, StatementRefused) as error:
        raise CommandFailed(f"{file} は知らせのファイルとして読めません。{_TO_BEGIN_ANEW}") from error
    if command.time > datetime.now(UTC) + CLOCK_SKEW:
        raise CommandFailed(
            f"{file} の署名の時刻（{local_time(command.time)}）が、この端末の時計より先です。時計を確かめてください。"
            f"時計が合っているなら、その署名は画面に出ていません。{_TO_BEGIN_ANEW}"
        )
    expected = (ANNOUNCE.path_of(election), hashlib.sha256(signed.announcements.encode()).hexdigest())
    if (command.path, command.body_sha256) != expected:
        raise CommandFailed(f"{file} は別の選挙のものか、署名のあとで書きかえられています。{_TO_BEGIN_ANEW}")
    return said


def _sign(file: Path, election: str, said: Sequence[Announcement], key: Path, password: str, yes: bool) -> None:
    """Whose signature the old file has is not known here: who signs vouches for every line, and is shown every line."""
    _list(said)
    if not yes and not typer.confirm("この内容を画面に出すことに署名しますか"):
        raise NotApproved("署名しませんでした。画面は変わっていません。")
    text = json.dumps(_LIST.dump_python(tuple(said), mode="json"), ensure_ascii=False)
    request = Commanded(ANNOUNCE, {"election_uuid": election}, text.encode())
    signed = SignedAnnouncements(
        announcements=text, statements=sign_alone(request, read_officer_key(key, password), "状況表示の画面への知らせ")
    )
    draft = file.with_name(f"{file.name}.part")
    try:
        # Whole or not at all: the wall reads it at any moment.
        draft.write_text(signed.model_dump_json(), "utf-8")
        draft.replace(file)
    except OSError as error:
        raise CommandFailed(f"{file} に書けません: {error.strerror}") from error
