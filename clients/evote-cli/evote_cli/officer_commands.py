"""``evote officer …``: cards that the roll can't decide, and lost cards."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_officers import acts
from evote_statements.keys import key_text
from evote_tlog.display import visible
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .client import Reader, ServiceClient
from .commanding import Commanded, OfficerKey, Password, Reason, json_body, sign_alone
from .errors import CommandFailed
from .officer_key import read_officer_key, write_officer_key, write_token_key
from .officer_token import TokenPin
from .options import AuthUrl, ElectionUuid
from .shown import shown

app = typer.Typer(help="選挙事務：職員の鍵、照合できないカード、紛失したカードの扱い。", no_args_is_help=True)
_console = Console()

CaseNumber = Annotated[str, typer.Argument(metavar="CASE", help="受付番号（8 桁）。", show_default=False)]
VoterId = Annotated[str, typer.Option("--voter-id", help="名簿の番号。", show_default=False)]

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


NewKeyFile = Annotated[Path, typer.Option("--officer-key", help="書き出す新しい鍵ファイル。")]
Deployment = Annotated[str, typer.Option(help="この環境の名前（職員名簿の deployment）。")]
Identifier = Annotated[str, typer.Option("--officer", help="あなたの識別子（職員名簿の id）。")]


@app.command()
def keygen(
    officer_key: NewKeyFile,
    deployment: Deployment,
    officer: Identifier,
    password: Annotated[
        str,
        typer.Option(
            envvar="EVOTE_OFFICER_PASSWORD",
            prompt="新しいパスワード",
            confirmation_prompt=True,
            hide_input=True,
            help="鍵ファイルを守るパスワード。指定がなければ尋ねます。",
            show_default=False,
        ),
    ],
) -> None:
    """職員・監査人の鍵を作る。表示される 1 行を、職員名簿の管理者に本人が渡す。"""
    key = Ed25519PrivateKey.generate()
    write_officer_key(officer_key, deployment, officer, key, password)
    _console.print(f"鍵を作りました: {officer_key}", markup=False)
    print(key_text(key.public_key()))


@app.command()
def token_keygen(
    officer_key: NewKeyFile,
    deployment: Deployment,
    officer: Identifier,
    module: Annotated[Path, typer.Option(help="トークンの PKCS #11 ライブラリ。")],
    token: Annotated[str, typer.Option(help="トークンの名前（ラベル）。")],
    pin: Annotated[
        str,
        typer.Option(
            envvar="EVOTE_OFFICER_PASSWORD",
            prompt="トークンの暗証番号",
            hide_input=True,
            help="トークンの暗証番号。指定がなければ尋ねます。",
            show_default=False,
        ),
    ],
) -> None:
    """職員の鍵をトークン（IC カードなど、PKCS #11）の中に作る。鍵はトークンの外に出ず、鍵ファイルは場所だけを示す。"""
    key = write_token_key(officer_key, deployment, officer, TokenPin(module, token, pin))
    _console.print(f"トークンの中に鍵を作りました: {officer_key}", markup=False)
    print(key_text(key))


@app.command()
def cards(election: ElectionUuid, url: AuthUrl, officer_key: OfficerKey, password: Password) -> None:
    """判断を待っているカードと、候補の有権者を表示する（個人情報。画面を他人に見せないこと）。"""
    reader = Reader(read_officer_key(officer_key, password), "auth")
    with ServiceClient(url) as client:
        document = client.get(f"/elections/{quote(election)}/card-matches", reader)
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
    reason: Reason,
    url: AuthUrl,
    officer_key: OfficerKey,
    password: Password,
) -> None:
    """カードを候補の一人のものと認める（取り消せません）。本人はもう一度受け取りの操作をする。"""
    decision = {"decision": "approve", "voter_id": voter_id}
    _decide(election, case, decision, Signing(url, officer_key, password, reason))


@app.command()
def refuse(
    election: ElectionUuid,
    case: CaseNumber,
    reason: Reason,
    url: AuthUrl,
    officer_key: OfficerKey,
    password: Password,
) -> None:
    """カードを認めない（取り消せません）。本人には投票所を案内する。"""
    _decide(election, case, {"decision": "refuse"}, Signing(url, officer_key, password, reason))


@app.command()
def block(
    election: ElectionUuid,
    voter_id: VoterId,
    reason: Reason,
    url: AuthUrl,
    officer_key: OfficerKey,
    password: Password,
) -> None:
    """紛失したカードを止める。新しいカードはそのまま使える。"""
    request = Commanded(acts.BLOCK_CARD, {"election_uuid": election, "voter_id": voter_id})
    blocked = json.loads(Signing(url, officer_key, password, reason).send(request))
    _console.print(f"カードを止めました（{shown(blocked['blocked_at'])}）。")


@app.command()
def unblock(
    election: ElectionUuid,
    voter_id: VoterId,
    reason: Reason,
    url: AuthUrl,
    officer_key: OfficerKey,
    password: Password,
) -> None:
    """見つかったカードをまた使えるようにする。"""
    request = Commanded(acts.UNBLOCK_CARD, {"election_uuid": election, "voter_id": voter_id})
    Signing(url, officer_key, password, reason).send(request)
    _console.print("カードをまた使えるようにしました。すでに新しいカードに替わっている場合は、新しいカードが有効です。")


@dataclass(frozen=True)
class Signing:
    """How one officer sends what takes one."""

    url: str
    officer_key: Path
    password: str
    reason: str

    def send(self, request: Commanded) -> str:
        """Sign and send; returns the answer."""
        statements = sign_alone(request, read_officer_key(self.officer_key, self.password), self.reason)
        with ServiceClient(self.url) as client:
            return client.command_for_text(request, statements)


def _decide(election: str, case: str, decision: dict[str, str], signing: Signing) -> None:
    names = {"election_uuid": election, "case_number": case}
    decided = json.loads(signing.send(Commanded(acts.DECIDE_CARD, names, json_body(decision))))
    outcome = "認めました" if decided["approved"] else "認めませんでした"
    _console.print(f"受付番号 {shown(case)} のカードを{outcome}（{shown(decided['decided_at'])}）。")


def _show(case: _Case) -> None:
    kind = _KINDS.get(case.kind, case.kind)
    table = Table(
        "",
        "番号",
        "氏名",
        "住所",
        "生年月日",
        "性別",
        title=f"受付番号 {shown(case.reception_number)}（{shown(kind)}）",
    )
    for label, person in [("カード", case.card), *(("候補", candidate) for candidate in case.candidates)]:
        values = (person.voter_id, person.name, person.address, person.birth_date, _SEXES.get(person.sex, person.sex))
        # Text, so that nothing in a name is read as markup.
        table.add_row(label, *(Text(visible(value)) for value in values))
    _console.print(table)
