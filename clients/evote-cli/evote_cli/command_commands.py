"""``evote command …``: the second person's part in what takes two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from evote_tlog.display import visible, visible_lines
from rich.console import Console
from rich.text import Text

from .commanding import FoundCommand, OfficerKey, Password, cosign, read_command
from .errors import NotApproved
from .irrevocable import election_at
from .officer_key import read_officer_key
from .options import Url

app = typer.Typer(help="選挙事務：二人で行う操作の連署。", no_args_is_help=True)
_console = Console()

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="一人目が署名した指示のファイル。")]


@app.command()
def show(file: File, url: Url) -> None:
    """署名されている内容を表示する（署名はしない）。"""
    _show(read_command(file), url)


@app.command("cosign")
def cosign_(
    file: File,
    url: Url,
    officer_key: OfficerKey,
    password: Password,
    yes: Annotated[bool, typer.Option("--yes", help="確認を尋ねない。内容を先に show で確かめること。")] = False,
) -> None:
    """二人目として、内容を確かめて連署する。送るのは、一人目の命令をもう一度実行して行う。"""
    found = read_command(file)
    _show(found, url)
    if not yes and not typer.confirm("この内容に連署しますか"):
        raise NotApproved("連署しませんでした。")
    cosign(file, found, read_officer_key(officer_key, password))
    _console.print("連署しました。作ったときと同じ命令をもう一度実行すると送られます（署名から 1 時間以内）。")


def _show(found: FoundCommand, url: str) -> None:
    said = found.signed[0]
    lines = [
        *_election(found, url),
        f"操作: {found.act.title}",
        f"理由: {visible(said.reason)}",
        f"署名した人: {'、'.join(visible(one.person) for one in found.signed)}（必要な人数: {found.act.persons}）",
        f"署名した時刻: {said.time.astimezone():%Y-%m-%d %H:%M:%S}",
        f"あて先: {found.act.service} {visible(found.path)}",
    ]
    if found.body:
        lines.append(f"送る内容:\n{_indented(found.body)}")
    # Text, so that nothing in a name or a reason is read as markup.
    _console.print(Text("\n".join(lines)))


def _election(found: FoundCommand, url: str) -> list[str]:
    parts = found.path.split("/")
    if len(parts) < 3:
        return ["選挙: （これから起案するもの。送る内容を確かめてください）"]
    return election_at(url, parts[2]).lines()


def _indented(body: str) -> str:
    try:
        return visible_lines(json.dumps(json.loads(body), ensure_ascii=False, indent=2))
    except ValueError:
        return visible(body)
