"""The options that every command shares."""

from __future__ import annotations

from typing import Annotated

import typer

Url = Annotated[
    str,
    typer.Option("--url", envvar="EVOTE_TALLY_URL", help="集計サービスの URL。", show_default=False),
]
AuthUrl = Annotated[
    str,
    typer.Option("--url", envvar="EVOTE_AUTH_URL", help="認証サービスの URL。", show_default=False),
]
Token = Annotated[
    str,
    typer.Option(
        "--token",
        envvar="EVOTE_TOKEN",
        help="あなたのトークン。履歴に残らない環境変数 EVOTE_TOKEN を使ってください。",
        show_default=False,
    ),
]
AuditorToken = Annotated[
    str,
    typer.Option(
        "--auditor-token",
        envvar="EVOTE_AUDITOR_TOKEN",
        help="締切前に読むとき、または他の選挙が投票中のとき：監査人のトークン。環境変数を使ってください。",
        show_default=False,
    ),
]
ElectionUuid = Annotated[str, typer.Argument(metavar="ELECTION", help="選挙の識別子。", show_default=False)]
