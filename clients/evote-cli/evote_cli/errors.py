"""What can go wrong for an officer or a trustee, each with a message that says what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evote_tlog.display import visible

_INDEX = re.compile(r"[0-9]{1,9}", re.ASCII)
"""A place in a list. Longer digits are no place, and Python refuses to read thousands of them."""


class CommandFailed(Exception):
    """The command can't go on; its text is for the person at the keyboard.

    ``exit_status`` is the program's: 1, but for waiting (3), nothing left to do (4) and a wrong key (2).
    """

    exit_status = 1


class KeyFileExists(CommandFailed):
    """A key file is never overwritten."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"鍵ファイルがすでにあります。上書きしません: {path}")
        self.path = path


class KeyFileUnreadable(CommandFailed):
    """The key file or the record beside it can't be used."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"鍵の情報を読めません: {path}（{visible(reason)}）")
        self.path = path
        self.reason = reason


class SheetRejected(CommandFailed):
    """What was typed isn't what stands on a sheet of a paper backup."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"紙の控えとして読めません: {reason}。")
        self.reason = reason


class AnotherKeyOnPaper(CommandFailed):
    """The sheets of a paper backup hold, and give another key than the file has."""

    def __init__(self, key_file: Path, line: str) -> None:
        super().__init__(f"紙の控えは {key_file} の鍵のものではありません。紙の鍵の 1 行: {line}")
        self.key_file = key_file
        self.line = line


class RecordLost(CommandFailed):
    """Messages of this trustee stand in the log, and the record of the ceremony beside the key is missing or old."""

    def __init__(self, record: Path, election_uuid: str) -> None:
        super().__init__(
            f"鍵ファイルの隣に、この選挙の儀式の記録がないか、古い控えです: {record}\n"
            "新しい控えがあれば、そこへ戻してください。なければ、鍵と公開ログから作り直せます:\n"
            f"  evote trustee restore-record {visible(election_uuid)} --key-file 鍵ファイル --witness-policy policy.txt"
        )
        self.record = record
        self.election_uuid = election_uuid


class RecordUnreadable(CommandFailed):
    """The record of the ceremony beside the key is damaged."""

    def __init__(self, record: Path, reason: str) -> None:
        super().__init__(
            f"儀式の記録を読めません: {record}（{visible(reason)}）\n"
            "壊れているときは、控えから戻すか、別の場所へ移してから evote trustee restore-record で作り直してください。"
        )
        self.record = record
        self.reason = reason


class PolynomialLost(CommandFailed):
    """A trustee committed to a polynomial that nobody has any more: this ceremony can't be completed."""

    def __init__(self, record: Path) -> None:
        super().__init__(
            "約束（コミットメント）をした多項式の記録が、鍵ファイルの隣にありません。鍵からもログからも作り直せません:\n"
            f"  {record}\n"
            "控えがあれば、そこへ戻してください。なければ、この儀式は続けられません。選挙管理委員会に取りやめと起案のやり直しを"
            "頼んでください（票はまだ一つもなく、秘密は何も出ていません）。"
        )
        self.record = record


class NothingLost(CommandFailed):
    """No message of this trustee stands in the log: no record is missed."""

    def __init__(self, election_uuid: str) -> None:
        super().__init__(
            f"選挙 {visible(election_uuid)} では、あなたの鍵からまだ何も公開ログに載っていません。"
            "失われたものはありません。evote trustee run で始めてください。"
        )
        self.election_uuid = election_uuid


class ElectionGivenUp(CommandFailed):
    """The officers have abandoned the election before it was opened: nothing is left to do for it."""

    def __init__(self, election_uuid: str) -> None:
        super().__init__(
            f"選挙 {visible(election_uuid)} は、開始の前に取りやめになりました（公開ログに記録があります）。\n"
            "することはありません。新しい起案の識別子が伝えられたら、同じ鍵ファイルで始めてください。"
        )
        self.election_uuid = election_uuid


class CeremonyRejected(CommandFailed):
    """What others said, or what stands in the log, contradicts the protocol: don't go on, tell the officers."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"儀式の記録に矛盾があります。続けずに選挙管理委員会へ連絡してください: {visible(reason)}")
        self.reason = reason


class OwnMessageDiffers(CommandFailed):
    """The log has another message that this key signed than the record beside it remembers."""

    def __init__(self, step: str, record: Path) -> None:
        super().__init__(
            f"公開ログにあるあなたの{step}は、この端末の記録（{record}）と違います。署名はあなたの鍵のものです。\n"
            "同じ鍵を別の端末で使ったのなら、その端末で続けるか、そこから記録を移してください。"
            "心当たりがなければ、鍵が盗まれています。続けずに選挙管理委員会へ連絡してください。"
        )
        self.step = step
        self.record = record


class KeyNotInCertificate(CommandFailed):
    """The certificate that was sent for this trustee has other keys than the key file."""

    def __init__(self, trustee: int) -> None:
        super().__init__(
            f"公開ログにある立会人 {trustee}（あなた）の証明書は、この鍵ファイルの鍵のものではありません。\n"
            "証明書を送ったときの鍵ファイルを使ってください。どれか分からなければ、続けずに選挙管理委員会へ連絡してください。"
        )
        self.trustee = trustee


class CodeDiffers(CommandFailed):
    """The trustees don't see the same ceremony: somebody shows them different ones."""

    def __init__(self) -> None:
        super().__init__(
            "照合の言葉が一致しません。あなたと他の立会人に、別々の儀式が見せられています。\n"
            "何も送っていません。続けずに、立会人全員と選挙管理委員会に電話で知らせてください。"
        )


class NotApproved(CommandFailed):
    """The trustee did not confirm what was shown."""


class NotThisTrustee(CommandFailed):
    """The election's draft doesn't name this key."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"この鍵は、この選挙の立会人の一覧にありません: {key}\n"
            "鍵ファイルが違うか、起案に別の鍵が書かれています。選挙管理委員会に渡した 1 行と比べてください。"
        )
        self.key = key


class KeyWasRenewed(CommandFailed):
    """Officers put another key in the place of this trustee's: this one counts no more."""

    def __init__(self, trustee: int, key: str) -> None:
        super().__init__(
            f"立会人 {trustee}（あなた）の鍵は、職員により次の鍵に交替されました。"
            "この鍵ファイルの鍵は、もう使えません:\n"
            f"  {visible(key)}\n"
            "交替を頼んだのなら、新しい鍵ファイルで続けてください。頼んだ覚えがなければ、止めて、ほかの立会人の全員と"
            "選挙管理委員会に電話してください。だれかがあなたになりすまそうとしています。"
        )
        self.trustee = trustee
        self.key = key


class MessageUnreadable(CommandFailed):
    """A file isn't a trustee's message."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"立会人のメッセージのファイルではありません（{visible(reason)}）")
        self.reason = reason


class PolicyUnreadable(CommandFailed):
    """The witness policy can't be used."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"証人の方針（--witness-policy）を使えません: {visible(reason)}")
        self.reason = reason


class PolicyDiffers(CommandFailed):
    """Another witness policy than at the first step."""

    def __init__(self, record: Path) -> None:
        super().__init__(
            "証人の方針（--witness-policy）が、最初の段階で使ったものと違います。続けずに選挙管理委員会へ確かめてください。"
            f"使った方針は {record} に残っています。"
        )
        self.record = record


class LogRefused(CommandFailed):
    """The public log can't be relied upon."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"公開ログを信頼できないため、続けません: {visible(reason)}")
        self.reason = reason


class LogBehind(LogRefused):
    """What was read of the public log isn't enough to rely upon; the log as it is in a moment may be."""


class LogUnreachable(CommandFailed):
    """The public log could not be read; ``passing``: whoever serves it may do so in a moment."""

    def __init__(self, reason: str, *, passing: bool = False) -> None:
        super().__init__(f"公開ログを読めません。あとでもう一度試してください: {visible(reason)}")
        self.reason = reason
        self.passing = passing


class ArchiveRejected(CommandFailed):
    """The archive doesn't verify: decrypting it could reveal single votes."""

    def __init__(self, failures: list[str]) -> None:
        listed = "\n  ".join(map(visible, failures))
        super().__init__(f"アーカイブの検証に失敗したため、続けません:\n  {listed}")
        self.failures = failures


class ArchiveTooEarly(CommandFailed):
    """The archive is what the log leads to, of a moment before the count."""

    exit_status = 3

    def __init__(self) -> None:
        super().__init__(
            "このアーカイブは、集計の前に保存されたもので、まだ集計が入っていません。間違いではありません。\n"
            "アーカイブを取り直して、もう一度実行してください（evote election archive）。"
        )


class NotCountedYet(CommandFailed):
    """The log doesn't show yet what the archive claims: that the election was closed and counted."""

    exit_status = 3

    def __init__(self, missing: str) -> None:
        super().__init__(
            f"公開ログでは、この選挙は{missing}。復号しません。\n"
            "少し待ってやり直してください。変わらなければ、このアーカイブを信用せず、選挙管理委員会へ連絡してください。"
        )
        self.missing = missing


class ReleasesUnreadable(CommandFailed):
    """The file of releases, or of officers' acts, can't be used."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"取ってきた記録を読めません: {path}（{visible(reason)}）")
        self.path = path
        self.reason = reason


class KeyOpensNone(CommandFailed):
    """The auditor's key opens none of the evidence."""

    exit_status = 2

    def __init__(self, sealed: int) -> None:
        super().__init__(
            f"この鍵では、{sealed} 件の証拠を一つも開けません。鍵ファイル（--key-file）が違うと思われます。\n"
            "auth に設定した公開鍵（EVOTE_AUDITOR_PUBLIC_KEY）の鍵を使ってください。"
            "その鍵で間違いなければ、証拠が別の人に封をされています。何も確かめられていません。"
        )
        self.sealed = sealed


class AuditFailed(CommandFailed):
    """Credentials and evidenced releases don't agree."""

    def __init__(self, findings: list[str]) -> None:
        listed = "\n  ".join(map(visible, findings))
        super().__init__(f"不一致が {len(findings)} 件あります:\n  {listed}")
        self.findings = findings


class NothingToDo(CommandFailed):
    """The step waits for others."""

    exit_status = 3


class CeremonyDone(NothingToDo):
    """This trustee has done everything in the ceremony."""

    exit_status = 4

    def __init__(self) -> None:
        super().__init__("鍵生成の儀式で、あなたの作業はすべて終わっています")


@dataclass(frozen=True)
class FieldFault:
    """What a server says of one field: its path, joined by dots, and what would be right."""

    path: str
    reason: str

    def __str__(self) -> str:
        """The path as a person counts: from 1, and without the request's own ``body``."""
        parts = self.path.removeprefix("body.").split(".")
        counted = [f"{int(part) + 1} 番目" if _INDEX.fullmatch(part) else part for part in parts]
        return visible(f"{' の '.join(counted)}: {self.reason}")


class ServerRefused(CommandFailed):
    """The server answered with a problem document; ``faults`` are its ``errors``.

    ``again_in_s``: in how many seconds to ask again, where it said so.
    """

    def __init__(
        self,
        status: int,
        slug: str,
        title: str,
        detail: str,
        faults: Sequence[FieldFault] = (),
        again_in_s: float | None = None,
    ) -> None:
        # Faults are listed below, so a detail that says where in the document they are is of no use here.
        told = [visible(detail)] if not faults else ["直すところ:", *(f"  {fault}" for fault in faults)]
        head = f"サーバーが受け付けませんでした（{status} {visible(slug)}）: {visible(title)}"
        super().__init__(head + (" " if not faults else "\n") + "\n".join(told))
        self.status = status
        self.slug = slug
        self.title = title
        self.faults = tuple(faults)
        self.again_in_s = again_in_s


class ServerUnreachable(CommandFailed):
    """No answer from the server."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"サーバーに接続できません: {url}（{visible(reason)}）")
        self.url = url
