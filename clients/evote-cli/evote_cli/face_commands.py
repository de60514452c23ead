"""``evote face …``: voting codes for letters, a new code for one voter, and enrolling faces at the counter."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer
from rich.console import Console
from rich.markup import escape

from .client import ServiceClient
from .errors import CommandFailed
from .officer_commands import Officer, Reason, VoterId
from .options import AuthUrl, ElectionUuid, Token
from .private_files import new_private_file

app = typer.Typer(help="選挙事務：投票コードの発行・再発行、窓口での顔の登録。", no_args_is_help=True)
_console = Console()


@app.command()
def codes(
    election: ElectionUuid,
    out: Annotated[Path, typer.Option("--out", help="投票コードを書き出す新しいファイル（CSV）。印刷したら消すこと。")],
    officer: Officer,
    reason: Reason,
    url: AuthUrl,
    token: Token,
    replaces: Annotated[
        int | None, typer.Option(min=1, help="無効にする前回の発行の番号。二度目からは必ず指定する。")
    ] = None,
) -> None:
    """全員の投票コードを発行し、郵送用に書き出す。表示も再取得もできない。"""
    order = {"officer": officer, "reason": reason} | ({} if replaces is None else {"replaces": replaces})
    with new_private_file(out) as file, ServiceClient(url, token) as client:
        # Codes are issued once this is sent, so the file to take them is there first.
        answer = client.post_for_text(f"/elections/{quote(election)}/voting-codes", order)
        rows, issue = _read_codes(answer)
        writer = csv.writer(file)
        writer.writerow(["voter_id", "voting_code"])
        writer.writerows(rows)
    _console.print(f"{len(rows)} 人分の投票コードを書き出しました（発行番号 {issue}）: {escape(str(out))}")
    _console.print("カードで受け取ったコードがある人は含みません。以前に郵送したコードは無効です。")


@app.command()
def reissue(
    election: ElectionUuid, voter_id: VoterId, officer: Officer, reason: Reason, url: AuthUrl, token: Token
) -> None:
    """一人の投票コードを作り直す。前のコードはすぐに無効になる（画面に一度だけ表示）。"""
    with ServiceClient(url, token) as client:
        issued = client.post(_voter_path(election, voter_id, "voting-code"), {"officer": officer, "reason": reason})
    _console.print(f"新しい投票コード（本人にだけ渡すこと）: {issued['voting_code']}")


@app.command()
def enrol(
    election: ElectionUuid,
    voter_id: VoterId,
    officer: Officer,
    reason: Reason,
    url: AuthUrl,
    token: Token,
    out: Annotated[Path, typer.Option("--out", help="登録の指示書を書き出す新しいファイル。")],
) -> None:
    """窓口で本人を確かめた有権者の、顔の登録の指示書を受け取る（15 分間有効）。"""
    with new_private_file(out) as file, ServiceClient(url, token) as client:
        ordered = client.post(_voter_path(election, voter_id, "face-enrolment"), {"officer": officer, "reason": reason})
        file.write(ordered["order"])
    _console.print(f"顔の登録の指示書（{ordered['expires_at']} まで有効）: {escape(str(out))}")


def _voter_path(election: str, voter_id: str, what: str) -> str:
    return f"/elections/{quote(election)}/voters/{quote(voter_id, safe='')}/{what}"


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
