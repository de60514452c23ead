"""``evote face …``: voting codes for letters, a new code for one voter, and enrolling faces at the counter."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Annotated

import typer
from evote_officers import acts
from rich.console import Console

from .client import ServiceClient
from .commanding import (
    Commanded,
    CommandFile,
    OfficerKey,
    Password,
    Reason,
    json_body,
    sign_alone,
    sign_together,
    tell_second_person,
)
from .errors import CommandFailed
from .irrevocable import confirm_by_name
from .officer_commands import VoterId
from .officer_key import read_officer_key
from .options import AuthUrl, ElectionUuid, TallyUrl, YesToName
from .private_files import new_private_file
from .shown import shown

app = typer.Typer(help="選挙事務：投票コードの発行・再発行、窓口での顔の登録。", no_args_is_help=True)
_console = Console()


@app.command()
def codes(
    election: ElectionUuid,
    out: Annotated[Path, typer.Option("--out", help="投票コードを書き出す新しいファイル（CSV）。印刷したら消すこと。")],
    command: CommandFile,
    reason: Reason,
    url: AuthUrl,
    officer_key: OfficerKey,
    password: Password,
    tally_url: TallyUrl,
    replaces: Annotated[
        int | None, typer.Option(min=1, help="無効にする前回の発行の番号。二度目からは必ず指定する。")
    ] = None,
    yes: YesToName = False,
) -> None:
    """全員の投票コードを発行し、郵送用に書き出す（二人）。表示も再取得もできない。"""
    if not yes:
        confirm_by_name(acts.ISSUE_CODES, election, tally_url)
    body = json_body({} if replaces is None else {"replaces": replaces})
    request = Commanded(acts.ISSUE_CODES, {"election_uuid": election}, body)
    statements = sign_together(request, command, officer_key, password, reason)
    if statements is None:
        tell_second_person(_console, request, command)
        return
    with new_private_file(out) as file, ServiceClient(url) as client:
        # Codes are issued once this is sent, so the file to take them is there first.
        answer = client.command_for_text(request, statements)
        rows, issue = _read_codes(answer)
        writer = csv.writer(file)
        writer.writerow(["voter_id", "voting_code"])
        writer.writerows(rows)
    _console.print(f"{len(rows)} 人分の投票コードを書き出しました（発行番号 {shown(issue)}）: {shown(out)}")
    _console.print("カードで受け取ったコードがある人は含みません。以前に郵送したコードは無効です。")


@app.command()
def reissue(
    election: ElectionUuid,
    voter_id: VoterId,
    reason: Reason,
    url: AuthUrl,
    officer_key: OfficerKey,
    password: Password,
) -> None:
    """一人の投票コードを作り直す。前のコードはすぐに無効になる（画面に一度だけ表示）。"""
    request = Commanded(acts.REISSUE_CODE, {"election_uuid": election, "voter_id": voter_id})
    statements = sign_alone(request, read_officer_key(officer_key, password), reason)
    with ServiceClient(url) as client:
        issued = client.command(request, statements)
    _console.print(f"新しい投票コード（本人にだけ渡すこと）: {shown(issued['voting_code'])}")


@app.command()
def enrol(
    election: ElectionUuid,
    voter_id: VoterId,
    command: CommandFile,
    reason: Reason,
    url: AuthUrl,
    officer_key: OfficerKey,
    password: Password,
    out: Annotated[Path, typer.Option("--out", help="登録の指示書を書き出す新しいファイル。")],
) -> None:
    """窓口で二人の職員が本人を確かめた有権者の、顔の登録の指示書を受け取る（15 分間有効）。"""
    request = Commanded(acts.ORDER_ENROLMENT, {"election_uuid": election, "voter_id": voter_id})
    statements = sign_together(request, command, officer_key, password, reason)
    if statements is None:
        tell_second_person(_console, request, command)
        return
    with new_private_file(out) as file, ServiceClient(url) as client:
        ordered = client.command(request, statements)
        file.write(ordered["order"])
    _console.print(f"顔の登録の指示書（{shown(ordered['expires_at'])} まで有効）: {shown(out)}")


@app.command("renew-template")
def renew_template(
    election: ElectionUuid,
    voter_ref: Annotated[str, typer.Argument(metavar="VOTER_REF", help="有権者の参照番号（32 桁）。")],
    reason: Reason,
    url: Annotated[
        str, typer.Option("--url", envvar="EVOTE_BIOMETRIC_URL", help="生体認証サービスの URL。", show_default=False)
    ],
    officer_key: OfficerKey,
    password: Password,
) -> None:
    """盗まれた疑いのある顔のテンプレートを作り直す。本人は何もしなくてよい。"""
    request = Commanded(acts.REISSUE_TEMPLATE, {"election_uuid": election, "voter_ref": voter_ref})
    statements = sign_alone(request, read_officer_key(officer_key, password), reason)
    with ServiceClient(url) as client:
        renewed = client.command(request, statements)
    _console.print(f"作り直しました（第 {shown(renewed['version'])} 版）。")


def _read_codes(answer: str) -> tuple[list[tuple[str, str]], int]:
    """The voters' numbers with their codes, and the number of the issue."""
    try:
        *lines, end = [json.loads(line) for line in answer.splitlines()]
        rows = [(str(line["voter_id"]), str(line["voting_code"])) for line in lines]
        if end["voting_codes"] != len(rows):
            raise ValueError
        return rows, int(end["issue"])
    except (ValueError, KeyError, TypeError) as error:
        raise CommandFailed(
            "投票コードの一覧が途中で切れています。コードは発行済みで、もう読めません。"
            "--replaces に発行番号を指定して、発行し直してください。"
        ) from error
