"""``evote election …``: what election officers do."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from evote_officers import acts
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .client import Reader, ServiceClient
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
from .draft_file import draft_summary, example_draft, parse_trustee
from .election_view import (
    WITH_RESULT,
    commands_table,
    elections_table,
    moments,
    preflight_table,
    result_tables,
    state_name,
    window,
)
from .errors import CommandFailed, NotApproved
from .irrevocable import confirm_by_name, tell_when_ballots_are_taken
from .officer_key import read_officer_key
from .options import AuditorKey, AuditorPassword, ElectionUuid, Url, Yes, YesToName, auditor_of
from .shown import shown

app = typer.Typer(help="選挙事務：起案から認定まで。", no_args_is_help=True)
_console = Console()


@app.command()
def template(
    trustee: Annotated[
        list[str] | None,
        typer.Option(
            help="立会人の 氏名=鍵の1行。人数分を繰り返す。なければ例の氏名になり、鍵の 1 行はあとで書き込む。"
        ),
    ] = None,
) -> None:
    """起案の例を表示する。ファイルに保存して書き換え、draft で送る。"""
    print(example_draft([parse_trustee(text) for text in trustee or []], datetime.now(UTC)))


@app.command()
def draft(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="選挙の内容（JSON）。例は template。")],
    command: CommandFile,
    reason: Reason,
    url: Url,
    officer_key: OfficerKey,
    password: Password,
    yes: Yes = False,
) -> None:
    """選挙を起案する（二人）。立会人の氏名と、立会人から受け取った鍵の 1 行を内容に書いておく。"""
    try:
        order = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise CommandFailed(f"JSON として読めません: {file}（{error}）") from error
    # Text, so that nothing in a name is read as markup.
    _console.print(Text("\n".join(draft_summary(order))))
    if not yes and not typer.confirm("この内容で起案してよいですか"):
        raise NotApproved("起案しませんでした。何も送っていません。")
    drafted = _together(Commanded(acts.DRAFT, {}, json_body(order)), url, command, officer_key, password, reason)
    if drafted is not None:
        _console.print(f"選挙を起案しました: [bold]{shown(drafted['election_uuid'])}[/bold]")
        _console.print("この識別子を立会人に伝えてください。秘密ではありません。")


@app.command()
def freeze(
    election: ElectionUuid,
    reason: Reason,
    url: Url,
    officer_key: OfficerKey,
    password: Password,
    expected_size: Annotated[int, typer.Option(min=1, help="名簿に載っているはずの人数。")],
    yes: YesToName = False,
) -> None:
    """選挙を確定する：認証サービスが公開した名簿の人数を確かめ、以後は変えられなくする（取り消せません）。"""
    if not yes:
        confirm_by_name(acts.FREEZE, election, url)
    request = Commanded(acts.FREEZE, {"election_uuid": election}, json_body({"expected_size": expected_size}))
    frozen = _alone(request, url, officer_key, password, reason)
    _console.print(f"選挙を確定しました: 名簿 {shown(frozen['roll_size'])} 人")


@app.command()
def preflight(election: ElectionUuid, url: Url, officer_key: OfficerKey, password: Password) -> None:
    """開始前の点検をする。準備ができていなければ終了コード 1。"""
    reader = Reader(read_officer_key(officer_key, password), "tally")
    with ServiceClient(url) as client:
        report = client.get(f"/elections/{election}/preflight", reader)
    _console.print(preflight_table(report["checks"]))
    tell_when_ballots_are_taken(election, url, datetime.now(UTC))
    if not report["ready"]:
        raise CommandFailed("まだ開始できません。× の項目を直してください。")
    _console.print("すべて準備ができています。")


@app.command()
def renew_trustee(
    election: ElectionUuid,
    trustee: Annotated[int, typer.Option(min=1, help="立会人の番号（show に出ます）。")],
    key: Annotated[str, typer.Option(help="その立会人から受け取った、新しい鍵の 1 行。")],
    command: CommandFile,
    reason: Reason,
    url: Url,
    officer_key: OfficerKey,
    password: Password,
    yes: YesToName = False,
) -> None:
    """立会人の鍵を交替する（二人。約束の前だけ）。前の鍵と、その鍵で送られた証明書は、すぐに使えなくなる。"""
    if not yes:
        confirm_by_name(acts.RENEW_TRUSTEE, election, url)
    names = {"election_uuid": election, "trustee": str(trustee)}
    renewed = Commanded(acts.RENEW_TRUSTEE, names, json_body({"key": key.strip()}))
    if _change(renewed, url, command, officer_key, password, reason) is not None:
        _console.print(
            f"立会人 {trustee} は、新しい鍵ファイルで証明書を送り直します。照合の言葉は全員で新しく確かめます。"
        )


@app.command()
def abandon(
    election: ElectionUuid,
    command: CommandFile,
    reason: Reason,
    url: Url,
    officer_key: OfficerKey,
    password: Password,
    yes: YesToName = False,
) -> None:
    """開始していない選挙を取りやめる（二人。元に戻せず、開始できなくなる）。続けられない鍵の儀式や、起案の誤りのとき。"""
    if not yes:
        confirm_by_name(acts.ABANDON, election, url)
    _change(Commanded(acts.ABANDON, {"election_uuid": election}), url, command, officer_key, password, reason)


@app.command("open")
def open_(
    election: ElectionUuid,
    command: CommandFile,
    reason: Reason,
    url: Url,
    officer_key: OfficerKey,
    password: Password,
    yes: YesToName = False,
) -> None:
    """投票の受付を開始する（二人。内容はこのあと変えられません）。"""
    tell_when_ballots_are_taken(election, url, datetime.now(UTC))
    if not yes:
        confirm_by_name(acts.OPEN, election, url)
    _change(Commanded(acts.OPEN, {"election_uuid": election}), url, command, officer_key, password, reason)


@app.command()
def close(
    election: ElectionUuid,
    command: CommandFile,
    reason: Reason,
    url: Url,
    officer_key: OfficerKey,
    password: Password,
    yes: YesToName = False,
) -> None:
    """終了時刻より前に受付を終了する（二人。元に戻せません）。"""
    if not yes:
        confirm_by_name(acts.CLOSE, election, url)
    _change(Commanded(acts.CLOSE, {"election_uuid": election}), url, command, officer_key, password, reason)


@app.command()
def certify(
    election: ElectionUuid,
    archive: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="evote-verify で検証した公開アーカイブ（.bel）。")
    ],
    command: CommandFile,
    reason: Reason,
    url: Url,
    officer_key: OfficerKey,
    password: Password,
    yes: YesToName = False,
) -> None:
    """結果を認定する（二人）。署名するのは、手元で検証したアーカイブの SHA-256 に対して。"""
    if not yes:
        confirm_by_name(acts.CERTIFY, election, url)
    with archive.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    request = Commanded(acts.CERTIFY, {"election_uuid": election}, json_body({"archive_sha256": digest}))
    certified = _change(request, url, command, officer_key, password, reason)
    if certified is not None:
        _console.print(f"アーカイブの SHA-256: {shown(certified['archive_sha256'])}")


@app.command("list")
def list_(url: Url) -> None:
    """選挙の一覧を、識別子、状態、受付の期間（日本時間）とともに表示する。"""
    with ServiceClient(url) as client:
        _console.print(elections_table(client.get("/elections")["elections"]))


@app.command()
def show(election: ElectionUuid, url: Url) -> None:
    """選挙の状態、時刻（日本時間）、開票後は結果を表示する。"""
    with ServiceClient(url) as client:
        found = client.get(f"/elections/{election}")
        result = client.get(f"/elections/{election}/result") if found["state"] in WITH_RESULT else None
    _console.print(f"[bold]{shown(found['name'])}[/bold]（{state_name(found)}）")
    roll = shown(found["roll_size"] or "未確定")
    _console.print(f"受付: {window(found)}　名簿: {roll}")
    for line in moments(found):
        _console.print(line)
    steps = ("certificate", "commitment", "polynomial", "voutput", "confirmation", "partial_decryption")
    table = Table("番号", "立会人", "証明書", "コミット", "多項式", "検証鍵", "確認", "部分復号")
    for trustee in found["trustees"]:
        marks = ("○" if trustee[step] else "・" for step in steps)
        table.add_row(shown(trustee["trustee"]), shown(trustee["name"]), *marks)
    _console.print(table)
    _console.print(f"開票に必要な人数: {shown(found['threshold'])}")
    if result is not None:
        for counts in result_tables(found["questions"], result):
            _console.print(counts)


@app.command()
def commands(election: ElectionUuid, url: Url) -> None:
    """だれが、何を、なぜ指示したか（起案から認定まで）を一覧にする。"""
    with ServiceClient(url) as client:
        _console.print(commands_table(client.get(f"/elections/{election}/commands")["commands"]))
    _console.print(
        "集計サービスが示すとおりの一覧で、署名は確かめていません（確かめるのは evote-verify --log と --roster）。\n"
        "個人情報に関わる操作（カード、顔、名簿の取込みなど）は、監査人だけが evote audit で読めます。"
    )


@app.command()
def archive(
    election: ElectionUuid,
    url: Url,
    out: Annotated[Path, typer.Option(help="保存先のファイル。")],
    auditor_key: AuditorKey = None,
    password: AuditorPassword = None,
) -> None:
    """公開アーカイブ（.bel）を保存する。公開は締切のあと。監査人は投票中にも読める。"""
    auditor = auditor_of(auditor_key, password)
    reader = None if auditor is None else Reader(auditor, "tally")
    with ServiceClient(url) as client:
        size = client.download(f"/elections/{election}/archive.bel", out, reader)
    _console.print(f"{out} に保存しました（{size:,} バイト）。evote-verify で検証できます。")


def _alone(request: Commanded, url: str, officer_key: Path, password: str, reason: str) -> dict[str, Any]:
    statements = sign_alone(request, read_officer_key(officer_key, password), reason)
    with ServiceClient(url) as client:
        return client.command(request, statements)


def _together(
    request: Commanded, url: str, file: Path, officer_key: Path, password: str, reason: str
) -> dict[str, Any] | None:
    """The answer of the service; None while the second person's signature is missing."""
    statements = sign_together(request, file, officer_key, password, reason)
    if statements is None:
        tell_second_person(_console, request, file)
        return None
    with ServiceClient(url) as client:
        return client.command(request, statements)


def _change(
    request: Commanded, url: str, file: Path, officer_key: Path, password: str, reason: str
) -> dict[str, Any] | None:
    done = _together(request, url, file, officer_key, password, reason)
    if done is not None:
        _console.print(f"選挙 {shown(done['election_uuid'])} の状態: {state_name(done)}")
    return done
