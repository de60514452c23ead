"""The refusals of the phone's way as problem documents. Its routes add the other ways to vote to each."""

from __future__ import annotations

from evote_phone.id_token import IdTokenRefused
from evote_platform.problems import answer, kind

from ..domain import refusals

PHONE_ANSWERS = (
    answer(
        refusals.PhoneNotOffered,
        kind(
            "phone-not-offered",
            404,
            ("ここではスマートフォンのマイナアプリによる投票はできません", "ほかの方法で投票してください。"),
            ("There is no voting by phone here", "Vote another way."),
        ),
    ),
    answer(
        refusals.PhoneVisitUnknown,
        kind(
            "phone-visit-unknown",
            404,
            ("この手続きは見つかりません", "選挙のページから、マイナアプリでの手続きをやり直してください。"),
            ("There is no such way to the app", "Begin again on the election's page."),
        ),
    ),
    answer(
        refusals.PhoneCodeRefused,
        kind(
            "phone-code-refused",
            403,
            (
                "マイナアプリでの確認は、使用済みか、時間が切れています",
                "何も受け取っていません。選挙のページから、マイナアプリでの手続きをやり直してください。",
            ),
            (
                "What the app confirmed has been used, or is too old",
                "Nothing was released. Begin again on the election's page.",
            ),
        ),
    ),
    answer(
        refusals.PhoneSignatureMissing,
        kind(
            "phone-signature-missing",
            403,
            (
                "マイナアプリから署名を受け取れませんでした",
                "署名用パスワード（6～16文字）まで入力を終えたか確かめ、マイナアプリでの手続きをやり直してください。",
            ),
            (
                "There is no signature from the app",
                "Begin again, and finish in the app: it asks for the signature's password (6 to 16 characters).",
            ),
        ),
    ),
    answer(
        IdTokenRefused,
        kind(
            "phone-identity-refused",
            403,
            (
                "マイナアプリでの本人確認を、この手続きのものとして確かめられません",
                "何も受け取っていません。選挙のページから、マイナアプリでの手続きをやり直してください。",
            ),
            (
                "What the app says of you does not belong to this attempt",
                "Nothing was released. Begin again on the election's page.",
            ),
        ),
    ),
    answer(
        refusals.PhoneServiceAway,
        kind(
            "phone-service-unavailable",
            503,
            (
                "ただいまマイナアプリのサービスに接続できません",
                "何も受け取っていません。少し待ってから、選挙のページからやり直してください。",
            ),
            (
                "The app's service can't be reached now",
                "Nothing was released. Begin again on the election's page after Retry-After.",
            ),
            retry_after_s=30,
        ),
    ),
)
