"""``evote election …``: what election officers do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from .client import ServiceClient
from .errors import CommandFailed
from .options import AuditorToken, ElectionUuid, Token, Url

app = typer.Typer(help="選挙事務：起案から認定まで。", no_args_is_help=True)
_console = Console()

_STATES = {
    "drafted": "起案済み",
    "roll-frozen": "名簿確定",
    "open": "投票受付中",
    "closed": "受付終了",
    "tallied": "暗号のまま集計済み",
    "decrypted": "開票済み",
    "certified": "結果認定済み",
}


@app.command()
def draft(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="選挙の内容（JSON）。")],
    url: Url,
    token: Token,
) -> None:
    """選挙を起案する。立会人の氏名と、立会人から受け取った鍵の 1 行を内容に書いておく。"""
    try:
        order = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise CommandFailed(f"JSON として読めません: {file}（{error}）") from error
    with ServiceClient(url, token) as client:
        drafted = client.post("/elections", order)
    _console.print(f"選挙を起案しました: [bold]{drafted['election_uuid']}[/bold]")
    _console.print("この識別子を立会人に伝えてください。秘密ではありません。")


@app.command()
def freeze(
    election: ElectionUuid,
    url: Url,
    token: Token,
    expected_size: Annotated[int, typer.Option(min=1, help="名簿に載っているはずの人数。")],
) -> None:
    """名簿を確定する。"""
    with ServiceClient(url, token) as client:
        frozen = client.post(f"/elections/{election}/roll/freeze", {"expected_size": expected_size})
    _console.print(f"名簿を確定しました: {frozen['roll_size']} 人")


@app.command()
def preflight(election: ElectionUuid, url: Url, token: Token) -> None:
    """開始前の点検をする。準備ができていなければ終了コード 1。"""
    with ServiceClient(url, token) as client:
        report = client.get(f"/elections/{election}/preflight")
    table = Table("項目", "準備", "内容")
    for check in report["checks"]:
        table.add_row(check["name"], "○" if check["ready"] else "[red]×[/red]", check["detail"])
    _console.print(table)
    if not report["ready"]:
        raise CommandFailed("まだ開始できません。× の項目を直してください。")
    _console.print("すべて準備ができています。")


@app.command("open")
def open_(election: ElectionUuid, url: Url, token: Token) -> None:
    """投票の受付を開始する（内容はこのあと変えられません）。"""
    _command(election, "open", url, token)


@app.command()
def close(election: ElectionUuid, url: Url, token: Token) -> None:
    """終了時刻より前に受付を終了する（元に戻せません）。"""
    _command(election, "close", url, token)


@app.command()
def certify(election: ElectionUuid, url: Url, token: Token) -> None:
    """結果を認定する。"""
    certified = _command(election, "certify", url, token)
    _console.print(f"アーカイブの SHA-256: {certified['archive_sha256']}")


@app.command()
def show(election: ElectionUuid, url: Url) -> None:
    """選挙の状態を表示する。"""
    with ServiceClient(url, "") as client:
        shown = client.get(f"/elections/{election}")
    _console.print(f"[bold]{shown['name']}[/bold]（{_state(shown)}）")
    _console.print(f"受付: {shown['opens_at']} 〜 {shown['closes_at']}　名簿: {shown['roll_size'] or '未確定'}")
    steps = ("certificate", "commitment", "polynomial", "voutput", "confirmation", "partial_decryption")
    table = Table("番号", "立会人", "証明書", "コミット", "多項式", "検証鍵", "確認", "部分復号")
    for trustee in shown["trustees"]:
        marks = ("○" if trustee[step] else "・" for step in steps)
        table.add_row(str(trustee["trustee"]), trustee["name"], *marks)
    _console.print(table)
    _console.print(f"開票に必要な人数: {shown['threshold']}")


@app.command()
def archive(
    election: ElectionUuid,
    url: Url,
    out: Annotated[Path, typer.Option(help="保存先のファイル。")],
    auditor_token: AuditorToken = "",
) -> None:
    """公開アーカイブ（.bel）を保存する。公開は締切のあと。監査人は投票中にも読める。"""
    with ServiceClient(url, auditor_token) as client:
        size = client.download(f"/elections/{election}/archive.bel", out)
    _console.print(f"{out} に保存しました（{size:,} バイト）。evote-verify で検証できます。")


def _command(election: str, name: str, url: str, token: str) -> dict[str, Any]:
    with ServiceClient(url, token) as client:
        done = client.post(f"/elections/{election}/{name}")
    _console.print(f"選挙 {election} の状態: {_state(done)}")
    return done


def _state(document: dict[str, Any]) -> str:
    state = str(document["state"])
    return _STATES.get(state, state)
