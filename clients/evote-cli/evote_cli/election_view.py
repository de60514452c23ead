"""What officers are shown of elections: the list, the preflight, the result."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from evote_officers.acts import find_act
from evote_officers.commands import OfficerCommand
from evote_statements.signed import StatementRefused, claimed_statement
from rich.table import Table

from .errors import CommandFailed
from .local_time import local_time
from .shown import shown

_STATES: Final = {
    "drafted": "起案済み",
    "roll-frozen": "確定済み",
    "open": "投票受付中",
    "closed": "受付終了",
    "tallied": "暗号のまま集計済み",
    "decrypted": "開票済み",
    "certified": "結果認定済み",
    "abandoned": "取りやめ",
}
WITH_RESULT: Final = ("decrypted", "certified")
"""The states in which there is a result."""


@dataclass(frozen=True)
class _CheckWords:
    title: str
    to_do: str


_DRAFT_ANEW: Final = "evote election abandon で取りやめて、新しく起案し直す"
_CHECKS: Final = {
    "roll-frozen": _CheckWords("選挙の確定", "evote election freeze で選挙を確定する"),
    "credentials-published": _CheckWords("投票資格の公開", "evote roll freeze で名簿を凍結する"),
    "ceremony": _CheckWords(
        "鍵の儀式",
        "立会人が残りの段階を終えるのを待つ。broken とあれば、約束の前なら立会人の鍵を交替する"
        "（evote election renew-trustee）か、" + _DRAFT_ANEW,
    ),
    "confirmations": _CheckWords("最終内容の確認", "まだの立会人が最終内容を確認するのを待つ"),
    "window": _CheckWords("受付の期間", "終了時刻を過ぎている。" + _DRAFT_ANEW),
    "service": _CheckWords("サービス", "運用の担当者に知らせる"),
    "clock": _CheckWords("時計", "運用の担当者に時計を合わせてもらう"),
}
"""By the name of tally's check, or what stands before its colon."""


def state_name(document: dict[str, Any]) -> str:
    """How far the election is, safe to print; a state of a newer service as it is written."""
    state = str(document["state"])
    return _STATES.get(state, shown(state))


def window(document: dict[str, Any]) -> str:
    """From when to when ballots are taken, in Japan's time, safe to print."""
    return f"{shown(local_time(document['opens_at']))} 〜 {shown(local_time(document['closes_at']))}"


def elections_table(elections: Sequence[dict[str, Any]]) -> Table:
    """The elections, a line each."""
    table = Table("選挙の名前", "状態", "受付")
    # An identifier is copied into other commands: it is never cut.
    table.add_column("識別子", no_wrap=True, min_width=14)
    for election in elections:
        table.add_row(shown(election["name"]), state_name(election), window(election), shown(election["election_uuid"]))
    return table


def preflight_table(checks: Sequence[dict[str, Any]]) -> Table:
    """What is ready, and what is to be done where something isn't; the service's own words stand beside it."""
    table = Table("項目", "準備", "すること")
    for check in checks:
        words, name = _check_words(str(check["name"]))
        to_do = "" if check["ready"] else f"{words.to_do}（{shown(check['detail'])}）"
        table.add_row(name, "○" if check["ready"] else "[red]×[/red]", to_do)
    return table


def moments(document: dict[str, Any]) -> Iterator[str]:
    """When the election was opened, closed and certified, or given up, as far as it was; safe to print."""
    for field, what in (
        ("opened_at", "開始"),
        ("closed_at", "締切り"),
        ("certified_at", "認定"),
        ("abandoned_at", "取りやめ"),
    ):
        if document.get(field):
            yield f"{what}: {shown(local_time(document[field]))}"
    if document.get("archive_sha256"):
        yield f"認定されたアーカイブの SHA-256: {shown(document['archive_sha256'])}"


def commands_table(commands: Sequence[dict[str, Any]]) -> Table:
    """Who signed what, when and why, oldest first; raises ``CommandFailed`` for what is no officer's command."""
    try:
        signed = [[claimed_statement(OfficerCommand, str(it)) for it in command["statements"]] for command in commands]
        signed.sort(key=lambda said: said[0].time)
    except (KeyError, TypeError, IndexError, StatementRefused) as error:
        raise CommandFailed("職員の指示の記録を読めません。監査人に知らせてください。") from error
    table = Table("署名した時刻", "操作", "署名した人", "理由")
    for said in signed:
        first = said[0]
        act = find_act(first.service, first.method, first.path)
        title = act.title if act else f"{first.method} {first.path}"
        persons = "、".join(shown(one.person) for one in said)
        table.add_row(local_time(first.time.isoformat()), shown(title), persons, shown(first.reason))
    return table


def result_tables(questions: Sequence[dict[str, Any]], result: dict[str, Any]) -> list[Table]:
    """The counts of each question; raises ``CommandFailed`` when they don't fit the questions."""
    try:
        return [_counts(question, counts) for question, counts in zip(questions, result["result"], strict=True)]
    except (ValueError, KeyError, TypeError) as error:
        raise CommandFailed("開票結果が質問と合いません。evote-verify でアーカイブを検証してください。") from error


def _counts(question: dict[str, Any], counts: Sequence[object]) -> Table:
    # The protocol counts a blank vote first (Belenios specification, "Questions").
    choices = [*(["白票"] if question["blank"] else []), *question["answers"]]
    table = Table("選択肢", "票数", title=shown(question["question"]), title_justify="left")
    for choice, count in zip(choices, counts, strict=True):
        table.add_row(shown(choice), shown(count))
    return table


def _check_words(name: str) -> tuple[_CheckWords, str]:
    """The words of a check, and its title with the service that it is about."""
    kind, _, service = name.partition(":")
    words = _CHECKS.get(kind)
    if words is None:
        return _CheckWords(name, "運用の担当者に知らせる"), shown(name)
    return words, f"{words.title} {shown(service)}".strip()
