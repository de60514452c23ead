"""What can't be undone: the officer sees which election it is about, and types its name."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Any

import typer
from evote_officers.acts import Act
from evote_tlog.display import visible
from rich.console import Console
from rich.text import Text

from .client import ServiceClient
from .errors import CommandFailed, NotApproved
from .local_time import local_time

_console = Console()


def confirm_by_name(act: Act, election: str, tally_url: str) -> None:
    """Show the election's name and times, and go on only when its name is typed.

    An identifier says nothing to a person: with another one's from the history of the shell, a running election would
    be closed without a word.

    Raises:
        NotApproved: another name was typed.
        CommandFailed: tally answers for another election.
    """
    found = _election(election, tally_url)
    name = visible(str(found["name"]))
    lines = [
        f"操作: {act.title}（取り消せません）",
        f"選挙: {name}（{visible(election)}）",
        f"受付: {visible(local_time(found['opens_at']))} 〜 {visible(local_time(found['closes_at']))}",
    ]
    # Text, so that nothing in a name is read as markup.
    _console.print(Text("\n".join(lines)))
    typed = typer.prompt("続けるには、上の選挙の名前を入力してください")
    if _comparable(typed) != _comparable(name):
        raise NotApproved("選挙の名前が一致しません。何も送っていません。")


def tell_when_ballots_are_taken(election: str, tally_url: str, now: datetime) -> None:
    """Before the opening time an open election takes no ballots yet: say from when it does."""
    opens_at = str(_election(election, tally_url)["opens_at"])
    if datetime.fromisoformat(opens_at).astimezone(UTC) > now:
        _console.print(
            Text(f"受付の開始時刻はまだです。票を受け付けるのは {visible(local_time(opens_at))} からです。", "yellow")
        )


def _election(election: str, tally_url: str) -> dict[str, Any]:
    with ServiceClient(tally_url) as client:
        found = client.get(f"/elections/{election}")
    if found.get("election_uuid") != election:
        raise CommandFailed("サーバーの応答が別の選挙のものです。")
    return found


def _comparable(name: str) -> str:
    """Without the widths and spaces that typing changes."""
    return "".join(unicodedata.normalize("NFKC", name).split())
