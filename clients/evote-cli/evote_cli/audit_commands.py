"""``evote audit …``: the auditor of record reconciles the votes with the releases."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificates
from evote_jpki.authorities import Authorities
from evote_officers.roster import RosterUnusable, parse_roster
from evote_phone.id_token import Provider, read_provider
from nacl.public import PrivateKey
from rich.console import Console
from rich.progress import Progress

from .audit import audit_releases, credentials_that_voted
from .client import Reader, ServiceClient
from .commanding import OfficerKey, Password
from .errors import AuditFailed, CommandFailed, KeyFileUnreadable
from .keyfile import read_key, write_new_key
from .officer_key import read_officer_key
from .officers_acts import audit_acts, read_acts
from .options import AuthUrl, ElectionUuid
from .release_evidence import Trusted, read_releases
from .shown import shown

app = typer.Typer(help="監査人：交付の証拠と投票された資格情報を突き合わせる。", no_args_is_help=True)
_console = Console()

KeyFile = Annotated[Path, typer.Option("--key-file", help="監査人の鍵ファイル。")]


@app.command()
def keygen(key_file: KeyFile) -> None:
    """監査人の鍵を作る。表示される公開鍵を auth に設定する。"""
    key = PrivateKey.generate()
    write_new_key(key_file, base64.b64encode(bytes(key)).decode())
    _console.print(f"鍵を作りました: {key_file}")
    _console.print(f"公開鍵（EVOTE_AUDITOR_PUBLIC_KEY）: {base64.b64encode(bytes(key.public_key)).decode()}")


@app.command()
def fetch(
    election: ElectionUuid,
    url: AuthUrl,
    officer_key: OfficerKey,
    password: Password,
    out: Annotated[Path, typer.Option("--out", help="保存先のファイル。")],
) -> None:
    """交付の記録と封をされた証拠を取ってくる（開けるのは監査人だけ）。"""
    _download(f"/elections/{election}/releases", url, Reader(read_officer_key(officer_key, password), "auth"), out)


@app.command("fetch-acts")
def fetch_acts(
    election: ElectionUuid,
    url: AuthUrl,
    officer_key: OfficerKey,
    password: Password,
    out: Annotated[Path, typer.Option("--out", help="保存先のファイル。")],
) -> None:
    """職員の操作の記録と封をされた証拠を取ってくる（開けるのは監査人だけ）。"""
    _download(f"/elections/{election}/officers-acts", url, Reader(read_officer_key(officer_key, password), "auth"), out)


@app.command()
def acts(
    election: ElectionUuid,
    key_file: KeyFile,
    acts: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="fetch-acts で取った記録。")],
    roster: Annotated[
        Path, typer.Option(exists=True, dir_okay=False, help="市から受け取った職員名簿（サーバーのものではない）。")
    ],
) -> None:
    """職員の操作を確かめる（通信しない）。名簿の職員が、必要な人数で署名しているか。

    終了コード: 不一致は 1、鍵が違って一つも開けないときは 2。
    """
    try:
        own = parse_roster(roster.read_bytes())
    except RosterUnusable as error:
        raise CommandFailed(f"職員名簿として読めません: {roster}（{error.reason}）") from error
    report = audit_acts(election, read_acts(acts), _auditor_key(key_file), own)
    for title, count in sorted(report.counts.items()):
        _console.print(f"{title}: {count} 件")
    if report.findings:
        raise AuditFailed(report.findings)
    _console.print("すべての操作に、名簿の職員の署名が必要な人数分あります。")


@app.command()
def releases(
    key_file: KeyFile,
    releases: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="fetch で取った記録。")],
    archive: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="公開アーカイブ（.bel）。")],
    ca_bundle: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="認証局の証明書（PEM）。")],
    biometric_key: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="生体認証サービスの公開鍵（PEM）。顔による交付があるとき。期間中に替えたときは、前のものも、それぞれに付ける。",
        ),
    ] = None,
    phone_provider: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="マイナアプリの提供者の情報（JSON）。マイナアプリによる交付があるとき。"
        ),
    ] = None,
    processes: Annotated[int, typer.Option(min=1, help="検証に使うプロセスの数。")] = 1,
) -> None:
    """突き合わせる（通信しない）。投票されたすべての資格情報に有効な交付の証拠があるか。

    終了コード: 不一致は 1、鍵が違って一つも開けないときは 2。
    """
    key = _auditor_key(key_file)
    trusted = Trusted(
        _authorities(ca_bundle),
        tuple(map(_biometric_key, biometric_key or ())),
        None if phone_provider is None else _phone_provider(phone_provider),
    )
    with Progress(console=_console, transient=True) as progress:
        task = progress.add_task("アーカイブの検証", total=None)
        election, voted = credentials_that_voted(
            archive,
            processes=processes,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    report = audit_releases(election.uuid, voted, read_releases(releases), key, trusted)
    _console.print(f"選挙: {shown(election.uuid)}")
    _console.print(f"交付: {report.releases} 件（カード {report.by_card} 件、顔 {report.by_face} 件）")
    if report.by_phone:
        _console.print(f"ほかにマイナアプリによる交付: {report.by_phone} 件")
    _console.print(f"証拠のある資格情報: {report.evidenced} 件")
    _console.print(f"投票された資格情報: {report.voted} 件")
    for remark, positions in report.remarks.items():
        if positions:
            _console.print(f"確認してください: {remark.value} {len(positions)} 件（位置: {'、'.join(positions)}）")
    if report.findings:
        raise AuditFailed([str(finding) for finding in report.findings])
    _console.print("投票されたすべての資格情報に、本人のカードの署名または顔の照合による交付の証拠があります。")


def _phone_provider(path: Path) -> Provider:
    try:
        return read_provider(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandFailed(f"マイナアプリの提供者の情報として読めません: {path}") from error


def _download(path: str, url: str, reader: Reader, out: Path) -> None:
    with ServiceClient(url) as client:
        size = client.download(path, out, reader)
    _console.print(f"{out} に保存しました（{size:,} バイト）。")


def _auditor_key(path: Path) -> PrivateKey:
    try:
        return PrivateKey(base64.b64decode(read_key(path), validate=False))
    except (ValueError, TypeError) as error:
        raise KeyFileUnreadable(path, "監査人の鍵ではありません") from error


def _authorities(path: Path) -> Authorities:
    try:
        return Authorities(load_pem_x509_certificates(path.read_bytes()), [])
    except (OSError, ValueError) as error:
        raise CommandFailed(f"認証局の証明書を読めません: {path}") from error


def _biometric_key(path: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CommandFailed(f"生体認証サービスの公開鍵を読めません: {path}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise CommandFailed(f"生体認証サービスの公開鍵（Ed25519）ではありません: {path}")
    return key
