"""What can't be undone: the officer sees which election it is about, and types its name."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime

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
    found = election_at(tally_url, election)
    # Text, so that nothing in a name is read as markup.
    _console.print(Text("\n".join([f"操作: {act.title}（取り消せません）", *found.lines()])))
    typed = typer.prompt("続けるには、上の選挙の名前を入力してください")
    if _comparable(typed) != _comparable(visible(found.name)):
        raise NotApproved("選挙の名前が一致しません。何も送っていません。")


def tell_when_ballots_are_taken(election: str, tally_url: str, now: datetime) -> None:
    """Before the opening time an open election takes no ballots yet: say from when it does."""
    found = election_at(tally_url, election)
    if found.opens_at > now:
        _console.print(
            Text(f"受付の開始時刻はまだです。票を受け付けるのは {local_time(found.opens_at)} からです。", "yellow")
        )


@dataclass(frozen=True)
class ElectionSeen:
    """What a person knows an election by."""

    identifier: str
    name: str
    opens_at: datetime
    closes_at: datetime

    def lines(self) -> list[str]:
        """As a person is shown it, safe to print."""
        return [
            f"選挙: {visible(self.name)}（{visible(self.identifier)}）",
            f"受付: {local_time(self.opens_at)} 〜 {local_time(self.closes_at)}",
        ]


def election_at(tally_url: str, election: str) -> ElectionSeen:
    """The election as tally has it.

    Raises:
        CommandFailed: tally answers for another election, or without its name or times.
    """
    with ServiceClient(tally_url) as client:
        found = client.get(f"/elections/{election}")
    if found.get("election_uuid") != election:
        raise CommandFailed("サーバーの応答が別の選挙のものです。")
    name, opens_at, closes_at = found.get("name"), _moment(found.get("opens_at")), _moment(found.get("closes_at"))
    if not isinstance(name, str) or not name or opens_at is None or closes_at is None:
        raise CommandFailed(
            "サーバーの応答に、選挙の名前か受付の時刻が正しい形で入っていません。何も送っていません。\n"
            "集計サービスの URL（EVOTE_TALLY_URL）を確かめ、正しければ運用の担当者に知らせてください。"
        )
    return ElectionSeen(election, name, opens_at, closes_at)


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment


def _comparable(name: str) -> str:
    """Without the widths and spaces that typing changes."""
    return "".join(unicodedata.normalize("NFKC", name).split())
