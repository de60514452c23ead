"""``evote roll …``: the electoral roll, from the file to its freeze at auth."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from evote_jpki.roll import RollEntry, RollRejected, RowFault, decode_roll, parse_roll
from evote_officers import acts
from evote_tlog.display import visible
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from .client import Reader, ServiceClient
from .commanding import Commanded, OfficerKey, Password, Reason, json_body, sign_alone
from .errors import CommandFailed
from .irrevocable import confirm_by_name
from .officer_key import read_officer_key
from .options import AuthUrl, ElectionUuid, TallyUrl, YesToName
from .shown import shown

app = typer.Typer(help="選挙事務：名簿の点検、取込み、凍結。", no_args_is_help=True)
_console = Console()

RollFile = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="名簿（CSV）。", show_default=False)
]
Charset = Annotated[Literal["utf-8", "shift_jis"], typer.Option(help="名簿の文字コード。")]
MOST_SHOWN = 200
"""Rows of the table of faults: more are corrected faster after another check."""


@app.command()
def check(file: RollFile, charset: Charset = "utf-8") -> None:
    """名簿を、この端末だけで点検する（どこにも送らない）。誤りがあれば表にして、終了コード 1。"""
    voters = _read(file.read_bytes(), charset)
    _console.print(f"誤りはありません: {len(voters)} 人（まだ取り込んでいません）")


@app.command("import")
def import_(
    election: ElectionUuid,
    file: RollFile,
    reason: Reason,
    url: AuthUrl,
    officer_key: OfficerKey,
    password: Password,
    charset: Charset = "utf-8",
) -> None:
    """名簿を点検し、認証サービスに取り込む（凍結するまで、何度でも置き換えられる）。"""
    content = file.read_bytes()
    _read(content, charset)
    request = Commanded(acts.IMPORT_ROLL, {"election_uuid": election}, content)
    statements = sign_alone(request, read_officer_key(officer_key, password), reason)
    with ServiceClient(url) as client, Progress(console=_console, transient=True) as progress:
        sending = progress.add_task("送信", total=len(content))

        def on_sent(size: int) -> None:
            progress.advance(sending, size)
            if progress.finished:
                progress.update(sending, description="サーバーが点検して取り込んでいます")

        imported = client.upload(request, statements, f"text/csv; charset={charset}", on_sent)
    _console.print(f"名簿を取り込みました: {shown(imported['imported'])} 人")
    _console.print("まだ確定していません。取り消すには、正しい名簿をもう一度取り込みます（全体が置き換わります）。")


@app.command()
def freeze(
    election: ElectionUuid,
    reason: Reason,
    url: AuthUrl,
    tally_url: TallyUrl,
    officer_key: OfficerKey,
    password: Password,
    expected_size: Annotated[int, typer.Option(min=1, help="名簿に載っているはずの人数。")],
    yes: YesToName = False,
) -> None:
    """名簿を凍結し、投票資格を公開する（取り消せません）。取り込んだ人数が違えば、何もしない。"""
    officer = read_officer_key(officer_key, password)
    body = json_body({"expected_size": expected_size})
    request = Commanded(acts.PUBLISH_CREDENTIALS, {"election_uuid": election}, body)
    with ServiceClient(url) as client:
        # Asked before anybody is asked to type a name; what is signed names the number, and auth compares it again.
        imported = client.get(f"/elections/{election}/roll", Reader(officer, "auth"))["roll_size"]
        if imported != expected_size:
            raise CommandFailed(
                f"取り込まれている名簿は {visible(str(imported))} 人で、{expected_size} 人ではありません。"
                "何もしていません。\n人数を確かめ、名簿が違うときは evote roll import で取り込み直してください。"
            )
        if not yes:
            confirm_by_name(request.act, election, tally_url)
        with _console.status("投票資格を作って公開しています"):
            frozen = client.command(request, sign_alone(request, officer, reason))
    _console.print(f"名簿を凍結し、投票資格を公開しました: {shown(frozen['roll_size'])} 人")


def _read(content: bytes, charset: str) -> Sequence[RollEntry]:
    """The voters by auth's own rule; a table of what is wrong otherwise."""
    try:
        with _console.status("名簿を点検しています"):
            return parse_roll(decode_roll(content, charset), datetime.now(UTC).date())
    except RollRejected as rejected:
        _console.print(_table(rejected.faults[:MOST_SHOWN]))
        more = f"（表は初めの {MOST_SHOWN} 件）" if rejected.total > MOST_SHOWN else ""
        raise CommandFailed(
            f"名簿に誤りが {rejected.total} 件あります{more}。"
            "何も取り込んでいません。直して、もう一度点検してください。"
        ) from None


def _table(faults: Sequence[RowFault]) -> Table:
    table = Table("行", "列", "誤り")
    for fault in faults:
        # Text, so that nothing is read as markup; values of the roll are not shown.
        table.add_row(str(fault.line), fault.column, Text(visible(fault.reason)))
    return table
