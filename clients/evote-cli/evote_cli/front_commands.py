"""``evote front …``: two officers sign what is served to residents, each over a copy of the files of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from evote_officers.acts import PUBLISH_FRONT
from evote_officers.commands import OfficerCommand
from evote_statements.signed import StatementRefused, claimed_statement
from evote_tlog.display import visible
from evote_verify.reading.front_manifest import (
    CONFIG,
    Manifest,
    NotAManifest,
    SignedManifest,
    build_files,
    new_manifest,
    parse_signed,
)
from rich.console import Console
from rich.text import Text

from .commanding import Commanded, OfficerKey, Password, sign_alone
from .errors import CommandFailed, NotApproved
from .officer_key import read_officer_key
from .options import Yes

app = typer.Typer(help="投票ページ・公開ページ：住民に配る内容への、職員二人の署名。", no_args_is_help=True)
_console = Console()


@app.command()
def sign(
    site: Annotated[
        Path,
        typer.Argument(exists=True, file_okay=False, help="ビルドしたページのフォルダ（dist）。", show_default=False),
    ],
    config: Annotated[
        Path,
        typer.Option(exists=True, dir_okay=False, help="ページの隣に置く config.json。", show_default=False),
    ],
    origin: Annotated[
        str, typer.Option(help="住民が開くページのアドレス（https://vote.example）。", show_default=False)
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            help="署名の付いた一覧（manifest.json）。なければ一人目として作り、あれば二人目として署名を加える。",
            show_default=False,
        ),
    ],
    officer_key: OfficerKey,
    password: Password,
    reason: Annotated[
        str | None, typer.Option("--reason", help="理由（一人目）。署名とともに公開されます。", show_default=False)
    ] = None,
    yes: Yes = False,
) -> None:
    """手元のページと設定の一覧に署名する。二人目は、自分で用意した同じファイルから一覧を作り直して確かめる。"""
    manifest, content = _manifest_of(site, config, origin)
    found = _first_of(out, manifest) if out.exists() else None
    if found is None and reason is None:
        raise CommandFailed("一人目は、理由を --reason で書いてください。署名とともに公開されます。")
    _show(manifest, content, found)
    if not yes and not typer.confirm("この内容を住民に配ることに署名しますか"):
        raise NotApproved("署名しませんでした。")
    officer = read_officer_key(officer_key, password)
    if found is None:
        request = Commanded(PUBLISH_FRONT, {}, manifest.text.encode())
        _write(out, SignedManifest(manifest, sign_alone(request, officer, reason or "")))
        _console.print(f"署名して {out} に書き出しました。もう一人の職員が同じ命令で署名を加えます。", markup=False)
        return
    statement, said = found
    if said.person == officer.identifier:
        raise CommandFailed("あなたはすでに署名しています。もう一人の職員が署名してください。")
    _write(out, SignedManifest(manifest, (statement, officer.cosign(statement))))
    _console.print(f"二人の署名がそろいました。{out} を config.json の隣に置いて配ります。", markup=False)
    _console.print(f"公表する指紋: {manifest.fingerprint}", markup=False, soft_wrap=True)


def _manifest_of(site: Path, config: Path, origin: str) -> tuple[Manifest, bytes]:
    try:
        content = config.read_bytes()
        return new_manifest(origin, build_files(site), content), content
    except NotAManifest as error:
        raise CommandFailed(f"このフォルダと設定からは一覧を作れません: {error.reason}") from error
    except OSError as error:
        raise CommandFailed(f"{error.filename} を読めません: {error.strerror}") from error


def _first_of(out: Path, manifest: Manifest) -> tuple[str, OfficerCommand]:
    """The first person's statement, if what they signed is what this person has."""
    try:
        signed = parse_signed(out.read_bytes())
        statement, *others = signed.statements
        said = claimed_statement(OfficerCommand, statement)
    except (OSError, NotAManifest, ValueError, StatementRefused) as error:
        raise CommandFailed(f"署名の付いた一覧として読めません: {out}") from error
    if others:
        raise CommandFailed(f"{out} にはもう二人が署名しています。作り直すときは、新しいファイル名にしてください。")
    expected = (PUBLISH_FRONT.service, PUBLISH_FRONT.method, PUBLISH_FRONT.path, manifest.fingerprint)
    if signed.manifest != manifest or (said.service, said.method, said.path, said.body_sha256) != expected:
        differing = "、".join(_differing(signed.manifest, manifest)) or "署名された内容"
        raise CommandFailed(
            f"一人目が署名した内容と、あなたの手元のものが違います（{visible(differing)}）。署名していません。"
            "どちらが正しいかを確かめてください。"
        )
    return statement, said


def _differing(one: Manifest, other: Manifest) -> list[str]:
    names = [name for name in one.files.keys() | other.files.keys() if one.files.get(name) != other.files.get(name)]
    return [*(["ページのアドレス"] if one.origin != other.origin else []), *sorted(names)]


def _show(manifest: Manifest, config: bytes, found: tuple[str, OfficerCommand] | None) -> None:
    lines = [f"操作: {PUBLISH_FRONT.title}", f"ページのアドレス: {manifest.origin}"]
    if found is not None:
        _, said = found
        lines += [
            f"一人目: {visible(said.person)}（{said.time.astimezone():%Y-%m-%d %H:%M:%S}）",
            f"理由: {visible(said.reason)}",
        ]
    # Where ballots and cards' signatures go is the one thing in these files that an officer can judge by reading.
    lines += [f"通信先 {visible(name)}: {visible(address)}" for name, address in _services(config).items()]
    lines += [f"{digest[:16]}…  {name}" for name, digest in manifest.files.items()]
    lines.append(f"指紋: {manifest.fingerprint}")
    _console.print(Text("\n".join(lines)), soft_wrap=True)


def _services(config: bytes) -> dict[str, str]:
    try:
        return {str(name): str(address) for name, address in json.loads(config)["services"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CommandFailed(f"{CONFIG} として読めません（services がありません）。") from error


def _write(out: Path, signed: SignedManifest) -> None:
    draft = out.with_name(f"{out.name}.part")
    try:
        draft.write_text(signed.text, "utf-8", newline="")
        draft.replace(out)
    except OSError as error:
        raise CommandFailed(f"{out} に書けません: {error.strerror}") from error
