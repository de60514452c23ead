"""``evote trustee …``: the key ceremony and the decryption. The key never leaves the key machine."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from .client import ServiceClient
from .keyfile import RecordKeeper, create_key_file, read_key_file
from .material import STEP_NAMES, Material, Message, parse_material, parse_message
from .options import ElectionUuid, Token, Url
from .trustee import partial_decryption, sign_step

app = typer.Typer(help="トラスティ：鍵生成の儀式と部分復号。fetch と submit だけが通信します。", no_args_is_help=True)
_console = Console()

KeyFile = Annotated[Path, typer.Option("--key-file", help="鍵ファイル。儀式の記録も同じ場所に置かれます。")]
OutFile = Annotated[Path, typer.Option("--out", help="書き出すファイル。")]


@app.command()
def keygen(key_file: KeyFile) -> None:
    """鍵を作る。鍵ファイルは本人だけが読めるように書き、上書きしない。"""
    create_key_file(key_file, secrets.token_bytes)
    _console.print(f"鍵を作りました: {key_file}")
    _console.print("失うと部分復号ができません。安全な場所に控えを取り、誰にも渡さないでください。")


@app.command()
def fetch(election: ElectionUuid, url: Url, token: Token, out: OutFile) -> None:
    """儀式の資料をファイルに取ってくる。"""
    with ServiceClient(url, token) as client:
        out.write_text(client.get_text(f"/elections/{election}/ceremony"), "utf-8")
    _console.print(f"資料を {out} に保存しました。")


@app.command("sign-step")
def sign_step_(
    key_file: KeyFile,
    material: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="fetch で取った資料。")],
    out: OutFile,
) -> None:
    """次の段階のメッセージを作る（通信しない）。"""
    message = _sign(key_file, parse_material(material.read_text("utf-8")))
    out.write_text(message.to_json(), "utf-8")
    _console.print(f"{STEP_NAMES[message.step]}を {out} に書き出しました。submit で送ってください。")


@app.command()
def submit(
    message: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="メッセージのファイル。")],
    url: Url,
    token: Token,
) -> None:
    """作ったメッセージを送る。"""
    with ServiceClient(url, token) as client:
        _submit(client, parse_message(message.read_text("utf-8")))


@app.command()
def run(election: ElectionUuid, key_file: KeyFile, url: Url, token: Token) -> None:
    """次の段階を続けて行う（fetch、sign-step、submit）。"""
    with ServiceClient(url, token) as client:
        material = parse_material(client.get_text(f"/elections/{election}/ceremony"))
        _submit(client, _sign(key_file, material))


@app.command()
def decrypt(
    key_file: KeyFile,
    archive: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="公開アーカイブ（.bel）。")],
    out: OutFile,
    processes: Annotated[int, typer.Option(min=1, help="検証に使うプロセスの数。")] = 1,
) -> None:
    """アーカイブをすべて検証してから部分復号を作る（通信しない）。"""
    with Progress(console=_console, transient=True) as progress:
        task = progress.add_task("アーカイブの検証", total=None)
        message = partial_decryption(
            read_key_file(key_file),
            RecordKeeper(key_file),
            archive,
            secrets.token_bytes,
            processes=processes,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    out.write_text(message.to_json(), "utf-8")
    _console.print(f"検証に合格しました。部分復号を {out} に書き出しました。submit で送ってください。")


def _sign(key_file: Path, material: Material) -> Message:
    return sign_step(read_key_file(key_file), RecordKeeper(key_file), material, secrets.token_bytes)


def _submit(client: ServiceClient, message: Message) -> None:
    client.put_text(message.path, message.content)
    _console.print(f"{STEP_NAMES[message.step]}を送りました。")
