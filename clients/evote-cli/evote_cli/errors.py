"""What can go wrong for an officer or a trustee, each with a message that says what to do."""

from __future__ import annotations

from pathlib import Path


class CommandFailed(Exception):
    """The command can't go on; its text is for the person at the keyboard."""


class KeyFileExists(CommandFailed):
    """A key file is never overwritten."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"鍵ファイルがすでにあります。上書きしません: {path}")
        self.path = path


class KeyFileUnreadable(CommandFailed):
    """The key file or the record beside it can't be used."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"鍵の情報を読めません: {path}（{reason}）")
        self.path = path
        self.reason = reason


class MaterialRejected(CommandFailed):
    """What the server (or another trustee) sent contradicts the protocol: don't go on, tell the officers."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"資料に矛盾があります。続けずに選挙管理委員会へ連絡してください: {reason}")
        self.reason = reason


class ArchiveRejected(CommandFailed):
    """The archive doesn't verify: decrypting it could reveal single votes."""

    def __init__(self, failures: list[str]) -> None:
        listed = "\n  ".join(failures)
        super().__init__(f"アーカイブの検証に失敗したため、続けません:\n  {listed}")
        self.failures = failures


class ReleasesUnreadable(CommandFailed):
    """The file of releases can't be used."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"交付の記録を読めません: {path}（{reason}）")
        self.path = path
        self.reason = reason


class AuditFailed(CommandFailed):
    """Credentials and evidenced releases don't agree."""

    def __init__(self, findings: list[str]) -> None:
        listed = "\n  ".join(findings)
        super().__init__(f"不一致が {len(findings)} 件あります:\n  {listed}")
        self.findings = findings


class NothingToDo(CommandFailed):
    """The step waits for others, or the ceremony is complete."""


class ServerRefused(CommandFailed):
    """The server answered with a problem document."""

    def __init__(self, status: int, slug: str, title: str, detail: str) -> None:
        super().__init__(f"サーバーが受け付けませんでした（{status} {slug}）: {title} {detail}")
        self.status = status
        self.slug = slug


class ServerUnreachable(CommandFailed):
    """No answer from the server."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"サーバーに接続できません: {url}（{reason}）")
        self.url = url
