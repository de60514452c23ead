"""``evote officer …``: cards that the roll can't decide, and lost cards."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .client import ServiceClient
from .errors import CommandFailed
from .options import AuthUrl, ElectionUuid, Token

app = typer.Typer(help="選挙事務：照合できないカード、紛失したカードの扱い。", no_args_is_help=True)
_console = Console()

CaseNumber = Annotated[str, typer.Argument(metavar="CASE", help="受付番号（8 桁）。", show_default=False)]
VoterId = Annotated[str, typer.Option("--voter-id", help="名簿の番号。", show_default=False)]
Officer = Annotated[str, typer.Option("--officer", help="判断した職員の氏名。証拠に残ります。", show_default=False)]
Reason = Annotated[str, typer.Option("--reason", help="判断の理由。証拠に残ります。", show_default=False)]

_SEXES = {"1": "男", "2": "女", "3": "不明"}
_KINDS = {"match": "名簿との照合", "card": "カードの交替"}


class _Person(BaseModel):
    name: str
    address: str
    birth_date: str
    sex: str
    voter_id: str = ""


class _Case(BaseModel):
    reception_number: str
    kind: str
    opened_at: str
    card: _Person
    candidates: list[_Person]


class _Pending(BaseModel):
    cases: list[_Case]
    pending: int


@app.command()
def cards(election: ElectionUuid, url: AuthUrl, token: Token) -> None:
    """判断を待っているカードと、候補の有権者を表示する（個人情報。画面を他人に見せないこと）。"""
    with ServiceClient(url, token) as client:
        document = client.get(f"/elections/{quote(election)}/card-matches")
    try:
        found = _Pending.model_validate(document)
    except ValidationError as error:
        raise CommandFailed("サーバーの応答を読めません。プログラムの版を確認してください。") from error
    for case in found.cases:
        _show(case)
    _console.print(f"判断を待っているカード: {found.pending} 件（表示 {len(found.cases)} 件）")


@app.command()
def approve(
    election: ElectionUuid,
    case: CaseNumber,
    voter_id: VoterId,
    officer: Officer,
    reason: Reason,
    url: AuthUrl,
    token: Token,
) -> None:
    """カードを候補の一人のものと認める（取り消せません）。本人はもう一度受け取りの操作をする。"""
    decision = {"decision": "approve", "voter_id": voter_id, "officer": officer, "reason": reason}
    _decide(election, case, decision, url, token)


@app.command()
def refuse(
    election: ElectionUuid, case: CaseNumber, officer: Officer, reason: Reason, url: AuthUrl, token: Token
) -> None:
    """カードを認めない（取り消せません）。本人には投票所を案内する。"""
    _decide(election, case, {"decision": "refuse", "officer": officer, "reason": reason}, url, token)


@app.command()
def block(
    election: ElectionUuid, voter_id: VoterId, officer: Officer, reason: Reason, url: AuthUrl, token: Token
) -> None:
    """紛失したカードを止める。新しいカードはそのまま使える。"""
    with ServiceClient(url, token) as client:
        path = f"/elections/{quote(election)}/voters/{quote(voter_id, safe='')}/card-block"
        blocked = client.post(path, {"officer": officer, "reason": reason})
    _console.print(f"カードを止めました（{blocked['blocked_at']}）。")


@app.command()
def unblock(
    election: ElectionUuid, voter_id: VoterId, officer: Officer, reason: Reason, url: AuthUrl, token: Token
) -> None:
    """見つかったカードをまた使えるようにする。"""
    with ServiceClient(url, token) as client:
        path = f"/elections/{quote(election)}/voters/{quote(voter_id, safe='')}/card-unblock"
        client.command(path, {"officer": officer, "reason": reason})
    _console.print("カードをまた使えるようにしました。すでに新しいカードに替わっている場合は、新しいカードが有効です。")


def _decide(election: str, case: str, decision: dict[str, str], url: str, token: str) -> None:
    with ServiceClient(url, token) as client:
        decided = client.post(f"/elections/{quote(election)}/card-matches/{quote(case, safe='')}", decision)
    outcome = "認めました" if decided["approved"] else "認めませんでした"
    _console.print(f"受付番号 {case} のカードを{outcome}（{decided['decided_at']}）。")


def _show(case: _Case) -> None:
    kind = _KINDS.get(case.kind, case.kind)
    table = Table("", "番号", "氏名", "住所", "生年月日", "性別", title=f"受付番号 {case.reception_number}（{kind}）")
    for label, person in [("カード", case.card), *(("候補", candidate) for candidate in case.candidates)]:
        values = (person.voter_id, person.name, person.address, person.birth_date, _SEXES.get(person.sex, person.sex))
        # Text, so that nothing in a name is read as markup.
        table.add_row(label, *(Text(value) for value in values))
    _console.print(table)
