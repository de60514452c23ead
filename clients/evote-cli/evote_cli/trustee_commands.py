"""``evote trustee …``: the key ceremony and the decryption. The key never leaves the key machine."""

from __future__ import annotations

import hmac
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from evote_belenios.channel import TrusteeSecret
from evote_officers.signing import Officer
from evote_statements.keys import key_text
from evote_tlog.display import visible
from rich.console import Console
from rich.progress import Progress

from .client import ServiceClient
from .decryption import archive_to_decrypt, election_of, partial_decryption
from .dialogue import AtKeyboard, FromArguments
from .errors import AnotherKeyOnPaper, CommandFailed, NotApproved, PolicyUnreadable
from .keyfile import CeremonyRecord, RecordKeeper, create_key_file, identity_of, read_key_file, write_new_key
from .log_view import LogView, read_log_when_ready
from .log_view import Progress as OnProgress
from .message import STEP_NAMES, Message, read_message
from .options import AuditorKey, AuditorPassword, ElectionUuid, Url, auditor_of
from .paper import secret_on, sheets_of
from .restoring import restored_record
from .trustee import Person, sign_step

app = typer.Typer(help="立会人：鍵生成の儀式と部分復号。", no_args_is_help=True)
_console = Console()
_WORDS_A_LINE = 5

KeyFile = Annotated[Path, typer.Option("--key-file", help="鍵ファイル。儀式の記録も同じ場所に置かれます。")]
OutFile = Annotated[Path, typer.Option("--out", help="書き出すファイル。")]
Log = Annotated[
    str,
    typer.Option(
        "--log",
        envvar="EVOTE_LOG",
        help="公開ログの URL、または evote-verify --save で保存したフォルダ。",
        show_default=False,
    ),
]
WitnessPolicy = Annotated[
    Path | None,
    typer.Option(
        exists=True,
        dir_okay=False,
        help="証人の方針（市の公告などから。サーバーから取らない）。最初の段階で必要です。あとの段階では記録したものを使います。",
        show_default=False,
    ),
]
Code = Annotated[
    str | None,
    typer.Option(help="対話しないとき：他の立会人から聞いた照合の言葉の全部。", show_default=False),
]
Yes = Annotated[bool, typer.Option("--yes", help="対話しないとき：最終内容を確かめた。")]


@app.command()
def keygen(key_file: KeyFile) -> None:
    """鍵を作る。鍵ファイルは本人だけが読めるように書き、上書きしない。"""
    create_key_file(key_file, secrets.token_bytes)
    _console.print(f"鍵を作りました: {key_file}")
    _console.print(
        "失うと部分復号ができません。誰にも渡さず、次の二つの控えを安全な場所に置いてください。\n"
        f"  1. 鍵: {key_file}（紙の控えは evote trustee backup-key で作ります）\n"
        f"  2. 儀式の記録: {key_file}.選挙ID.json（儀式の段階ごとに変わります。そのたびに控えを取り直します）",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    _tell_line(key_file)


@app.command("public-key")
def public_key(key_file: KeyFile) -> None:
    """選挙管理委員会に渡す 1 行をもう一度表示する。"""
    _tell_line(key_file)


@app.command("backup-key")
def backup_key(
    key_file: KeyFile,
    sheets: Annotated[int, typer.Option(help="紙の枚数。")] = 1,
    needed: Annotated[int, typer.Option(help="鍵を戻すのに必要な枚数。")] = 1,
) -> None:
    """鍵の紙の控えを画面に出す（SLIP-39 の言葉）。書き写したら check-backup で確かめる。"""
    secret = read_key_file(key_file)
    for number, sheet in enumerate(sheets_of(secret, sheets=sheets, needed=needed), 1):
        _console.print(f"\n{number} 枚目（{sheets} 枚のうち {needed} 枚で鍵に戻せます）", highlight=False)
        words = sheet.split()
        for start in range(0, len(words), _WORDS_A_LINE):
            line = enumerate(words[start : start + _WORDS_A_LINE], start + 1)
            _console.print("  " + " ".join(f"{at:2} {word:<9}" for at, word in line), highlight=False, soft_wrap=True)
    _console.print(
        "\n番号と言葉を紙に書き写してください。写真に撮らず、ファイルにも印刷機にも残しません。鍵そのものと同じ秘密です。\n"
        "紙には、次の 1 行（秘密ではありません）と日付も書いておきます。\n"
        "書き終えたら evote trustee check-backup で確かめ、画面を消してください。"
    )
    _print_line(secret)


@app.command("check-backup")
def check_backup(key_file: KeyFile) -> None:
    """紙の控えを入力して、鍵ファイルと同じ鍵に戻ることを確かめる（何も書かない）。"""
    secret, written = read_key_file(key_file), _secret_on_paper()
    if not hmac.compare_digest(secret.reveal(), written.reveal()):
        raise AnotherKeyOnPaper(key_file, _line_of(written))
    _console.print("紙の控えは正しく、この鍵に戻ります。")


@app.command("restore-key")
def restore_key(key_file: KeyFile) -> None:
    """紙の控えから鍵ファイルを作り直す。上書きしない。"""
    secret = _secret_on_paper()
    write_new_key(key_file, secret.reveal())
    _console.print(f"鍵を戻しました: {key_file}", highlight=False, soft_wrap=True)
    _console.print("次の 1 行が、紙に書いたものと同じことを確かめてください:")
    _print_line(secret)
    _console.print("儀式の途中や開票の前なら、儀式の記録も戻します（控えから、または evote trustee restore-record）。")


@app.command("sign-step")
def sign_step_(
    election: ElectionUuid,
    key_file: KeyFile,
    log: Log,
    out: OutFile,
    witness_policy: WitnessPolicy = None,
    code: Code = None,
    yes: Yes = False,
) -> None:
    """次の段階のメッセージを作る（--log がフォルダなら通信しない）。"""
    message = _sign(election, key_file, log, witness_policy, _person(code, yes))
    out.write_text(message.to_json(), "utf-8")
    _console.print(f"{STEP_NAMES[message.step]}を {out} に書き出しました。submit で送ってください。")


@app.command()
def submit(
    message: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="メッセージのファイル。")], url: Url
) -> None:
    """作ったメッセージを送る。"""
    with ServiceClient(url) as client:
        _submit(client, read_message(message))


@app.command()
def run(
    election: ElectionUuid,
    key_file: KeyFile,
    log: Log,
    url: Url,
    witness_policy: WitnessPolicy = None,
    code: Code = None,
    yes: Yes = False,
) -> None:
    """次の段階を続けて行う（sign-step、submit）。"""
    message = _sign(election, key_file, log, witness_policy, _person(code, yes))
    with ServiceClient(url) as client:
        _submit(client, message)


@app.command("restore-record")
def restore_record(
    election: ElectionUuid,
    key_file: KeyFile,
    log: Log,
    witness_policy: WitnessPolicy = None,
    auditor_key: AuditorKey = None,
    password: AuditorPassword = None,
    yes: Annotated[bool, typer.Option("--yes", help="対話しないとき：警告を読んだ。")] = False,
) -> None:
    """失った儀式の記録を、鍵と公開ログから作り直す。"""
    keeper = RecordKeeper(key_file)
    auditor = auditor_of(auditor_key, password)
    view = _read_log(log, _policy_text(witness_policy, keeper, election), None, auditor)
    restored = restored_record(read_key_file(key_file), keeper, view, election)
    _console.print(
        "警告：二つ目の集計を復号しないための記憶が、ここから新しく始まります。\n"
        "別の集計をもう一度復号すると、二つの差から一人の票が読めることがあります。失う前の記録が見つかりそうなら、\n"
        "やめて、そちらを使ってください。作り直す前に、他の立会人と選挙管理委員会に知らせてください。",
        style="bold red",
    )
    _console.print(
        "公開ログには、この鍵による部分復号がありません。送らずに作ったことがあれば、同じアーカイブのほかは復号しないでください。"
        if restored.record.decrypted_tally_sha256 is None
        else "公開ログにある、この鍵による部分復号は、記録に書き入れます。"
    )
    if not yes and not typer.confirm("失った記録は見つからず、作り直してよいですか"):
        raise NotApproved("作り直しませんでした。")
    keeper.save(restored.record)
    _console.print(f"儀式の記録を作り直しました: {keeper.path(election)}", highlight=False, soft_wrap=True)


@app.command()
def decrypt(
    key_file: KeyFile,
    archive: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="公開アーカイブ（.bel）。")],
    log: Log,
    out: OutFile,
    witness_policy: WitnessPolicy = None,
    processes: Annotated[int, typer.Option(min=1, help="検証に使うプロセスの数。")] = 1,
    auditor_key: AuditorKey = None,
    password: AuditorPassword = None,
) -> None:
    """アーカイブと公開ログをすべて検証してから部分復号を作る（--log がフォルダなら通信しない）。"""
    keeper = RecordKeeper(key_file)
    auditor = auditor_of(auditor_key, password)
    with archive_to_decrypt(archive) as file:
        election = election_of(file)
        policy = _policy_text(witness_policy, keeper, election)
        view = _read_log(log, policy, keeper.find(election), auditor)
        with _progress("アーカイブの検証") as progress:
            message = partial_decryption(
                read_key_file(key_file), keeper, file, view, secrets.token_bytes, processes=processes, progress=progress
            )
    out.write_text(message.to_json(), "utf-8")
    _console.print(f"検証に合格しました。部分復号を {out} に書き出しました。submit で送ってください。")


def _tell_line(key_file: Path) -> None:
    _console.print("次の 1 行を選挙管理委員会に渡してください（秘密ではありません）:")
    _print_line(read_key_file(key_file))


def _line_of(secret: TrusteeSecret) -> str:
    return key_text(identity_of(secret).public_key())


def _print_line(secret: TrusteeSecret) -> None:
    _console.print(_line_of(secret), markup=False, highlight=False, soft_wrap=True)


def _secret_on_paper() -> TrusteeSecret:
    """Asks at the terminal, a sheet again until it holds; a program that gives its sheets once ends with them."""

    def read_sheet(number: int, needed: int | None) -> str:
        of = "" if needed is None else f"（必要な {needed} 枚のうち）"
        return str(typer.prompt(f"{number} 枚目{of}の言葉を、空白で区切って順に入力してください"))

    return secret_on(read_sheet, lambda error: _console.print(str(error), markup=False, soft_wrap=True))


def _sign(election: str, key_file: Path, log: str, witness_policy: Path | None, person: Person) -> Message:
    keeper = RecordKeeper(key_file)
    view = _read_log(log, _policy_text(witness_policy, keeper, election), keeper.find(election))
    return sign_step(read_key_file(key_file), keeper, view, election, person, secrets.token_bytes)


def _policy_text(witness_policy: Path | None, keeper: RecordKeeper, election: str) -> str:
    """What was given, or else what was given at the first step; that both agree is checked with the step."""
    if witness_policy is not None:
        try:
            return witness_policy.read_text("utf-8")
        except (OSError, ValueError) as error:
            raise PolicyUnreadable(str(error)) from error
    record = keeper.find(election)
    if record is None:
        raise CommandFailed(
            "最初の段階では --witness-policy（証人の方針）が必要です。"
            "市の公告などから取り、サーバーからは取らないでください。\n"
            "最初の段階でなければ、鍵ファイルの隣にあるはずの儀式の記録がありません: "
            f"{keeper.path(election)}\n控えから戻すか、evote trustee restore-record で作り直してください。"
        )
    return record.witness_policy


def _read_log(log: str, policy: str, record: CeremonyRecord | None, auditor: Officer | None = None) -> LogView:
    def tell(reason: str) -> None:
        text = f"公開ログがまだ使えないので、少し待ってもう一度読みます（{visible(reason)}）"
        _console.print(text, markup=False, highlight=False, soft_wrap=True)

    with _progress("公開ログの検証") as progress:
        return read_log_when_ready(log, policy, record, progress, auditor, tell)


def _person(code: str | None, yes: bool) -> Person:
    """A person where there is a terminal and nothing was said on the command line."""
    if code is None and not yes and sys.stdin.isatty():
        return AtKeyboard(_console)
    return FromArguments(code, approved=yes)


def _submit(client: ServiceClient, message: Message) -> None:
    def tell(reason: str) -> None:
        text = f"サーバーが今は受け取れないので、少し待ってもう一度送ります（{visible(reason)}）"
        _console.print(text, markup=False, highlight=False, soft_wrap=True)

    client.put(message.path, message.body, tell)
    _console.print(f"{STEP_NAMES[message.step]}を送りました。")


@contextmanager
def _progress(what: str) -> Iterator[OnProgress]:
    with Progress(console=_console, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
