"""``evote wall …``: what the city's staff say of an incident on the wall: a file that its server serves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from evote_tlog.display import visible
from pydantic import AwareDatetime, BaseModel, ConfigDict, TypeAdapter, ValidationError
from rich.console import Console

from .errors import CommandFailed
from .local_time import local_time

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
    """One line on the wall (web/city/read/reads.ts reads it)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int
    at: AwareDatetime
    text: str
    helpdesk: str
    ways: tuple[Way, ...]
    effect: Effect


_LIST: Final = TypeAdapter(tuple[Announcement, ...])
File = Annotated[
    Path,
    typer.Option(
        "--file", envvar="EVOTE_WALL_FILE", help="状況表示のサーバーが配る announcements.json。", show_default=False
    ),
]


@app.command()
def say(
    text: Annotated[str, typer.Argument(help="起きていること（30 字まで）。", show_default=False)],
    file: File,
    helpdesk: Annotated[str, typer.Option(help="窓口での言い方（50 字まで）。")] = "",
    way: Annotated[
        list[Way] | None, typer.Option(help="影響する投票のしかた。くり返せます。", show_default=False)
    ] = None,
    effect: Annotated[
        Effect, typer.Option(help="止まっている（stops）か、遅れ・一部の不具合（slows）か。")
    ] = Effect.SLOWS,
) -> None:
    """障害の知らせを画面に出す。十数秒で出ます。"""
    said = _read(file)
    number = max((one.number for one in said), default=0) + 1
    told = Announcement(
        number=number,
        at=datetime.now(UTC),
        text=_line(text, "起きていること", _LONGEST_TEXT),
        helpdesk=_line(helpdesk, "窓口での言い方", _LONGEST_HELPDESK) if helpdesk else "",
        ways=tuple(way or ()),
        effect=effect,
    )
    _write(file, (*said, told))
    _console.print(f"{number} 番として出しました。直ったら: evote wall over {number}", markup=False)


@app.command()
def over(number: Annotated[int, typer.Argument(help="知らせの番号。", show_default=False)], file: File) -> None:
    """直った知らせを画面から下ろす。"""
    said = _read(file)
    left = tuple(one for one in said if one.number != number)
    if left == said:
        raise CommandFailed(f"{number} 番の知らせは出ていません。evote wall show で番号を確かめてください。")
    _write(file, left)
    _console.print(f"{number} 番を下ろしました。", markup=False)


@app.command()
def show(file: File) -> None:
    """いま画面に出ている知らせ。"""
    said = _read(file)
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


def _read(file: Path) -> tuple[Announcement, ...]:
    try:
        return _LIST.validate_json(file.read_bytes())
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise CommandFailed(f"{file} を読めません: {error.strerror}") from error
    except ValidationError as error:
        raise CommandFailed(
            f"{file} は知らせのファイルとして読めません。消すと、何も出ていない状態になります。"
        ) from error


def _write(file: Path, said: Sequence[Announcement]) -> None:
    draft = file.with_name(f"{file.name}.part")
    try:
        # Whole or not at all: the wall reads it at any moment.
        draft.write_text(json.dumps(_LIST.dump_python(tuple(said), mode="json"), ensure_ascii=False, indent=1), "utf-8")
        draft.replace(file)
    except OSError as error:
        raise CommandFailed(f"{file} に書けません: {error.strerror}") from error
