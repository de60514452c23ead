"""The options that every command shares."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from evote_officers.signing import Officer

from .officer_key import read_officer_key

Url = Annotated[
    str,
    typer.Option("--url", envvar="EVOTE_TALLY_URL", help="集計サービスの URL。", show_default=False),
]
AuthUrl = Annotated[
    str,
    typer.Option("--url", envvar="EVOTE_AUTH_URL", help="認証サービスの URL。", show_default=False),
]
AuditorKey = Annotated[
    Path | None,
    typer.Option(
        "--auditor-key",
        envvar="EVOTE_AUDITOR_KEY",
        help="締切前に読むとき、または他の選挙が投票中のとき：職員名簿に載っている監査人の鍵ファイル。",
        show_default=False,
    ),
]
AuditorPassword = Annotated[
    str | None,
    typer.Option(
        "--password",
        envvar="EVOTE_OFFICER_PASSWORD",
        help="監査人の鍵ファイルのパスワード。指定がなければ尋ねます。",
        show_default=False,
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="確認を尋ねない（内容を先に確かめたプログラムのため）。")]
YesToName = Annotated[bool, typer.Option("--yes", help="選挙の名前の入力を求めない（プログラムのため）。")]
TallyUrl = Annotated[
    str,
    typer.Option(
        "--tally-url", envvar="EVOTE_TALLY_URL", help="選挙の名前を確かめる集計サービスの URL。", show_default=False
    ),
]
ElectionUuid = Annotated[str, typer.Argument(metavar="ELECTION", help="選挙の識別子。", show_default=False)]


def auditor_of(key: Path | None, password: str | None) -> Officer | None:
    """The auditor who asks; None for what the public may read. Raises ``KeyFileUnreadable``."""
    if key is None:
        return None
    return read_officer_key(key, password or typer.prompt("鍵のパスワード", hide_input=True))
