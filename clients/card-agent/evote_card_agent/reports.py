"""Everything the agent may report: what happened and what to do next, in Japanese and in English."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wording:
    """One report in one language: what happened, and what to do next."""

    title: str
    detail: str


@dataclass(frozen=True)
class Report:
    """``slug`` is the stable code that pages know it by, ``status`` the HTTP status of a refusal."""

    slug: str
    status: int
    japanese: Wording
    english: Wording
    retry_after_s: int | None = None


class Refused(Exception):
    """The agent can't or won't do what was asked: the report, and for a wrong PIN how many tries are left."""

    def __init__(self, report: Report, tries_left: int | None = None) -> None:
        super().__init__(report.slug)
        self.report = report
        self.tries_left = tries_left


def _report(
    slug: str, status: int, japanese: tuple[str, str], english: tuple[str, str], retry_after_s: int | None = None
) -> Report:
    return Report(slug, status, Wording(*japanese), Wording(*english), retry_after_s)


READY = _report(
    "ready",
    200,
    ("カードを読み取れます", "投票ページの案内に沿って進んでください。"),
    ("The card can be used", "Go on as the voting page says."),
)
SERVICE_MISSING = _report(
    "pcsc-unavailable",
    503,
    ("スマートカードのサービスが動いていません", "パソコンを再起動してください。Linuxでは pcscd を起動してください。"),
    ("The smart card service is not running", "Restart the PC. On Linux, start pcscd."),
    retry_after_s=5,
)
READER_MISSING = _report(
    "reader-missing",
    409,
    ("カードリーダーが見つかりません", "リーダーをパソコンにつなぎ、ドライバーを入れてから、もう一度お試しください。"),
    ("No card reader was found", "Connect the reader, install its driver, and try again."),
)
CARD_MISSING = _report(
    "card-missing",
    409,
    ("カードがありません", "マイナンバーカードをリーダーに置いてください。"),
    ("There is no card in the reader", "Put the My Number card on the reader."),
)
CARD_UNREADABLE = _report(
    "card-unreadable",
    409,
    ("カードを読み取れません", "カードの向きを確かめ、置き直してください。"),
    ("The card can't be read", "Check which way round the card lies, and put it on the reader again."),
)
WRONG_CARD = _report(
    "wrong-card",
    409,
    (
        "マイナンバーカードではありません",
        "別のカードです。マイナンバーカードに取り替えてください。",
    ),
    ("This is not a My Number card", "This is another card. Use your My Number card instead."),
)
CARD_REMOVED = _report(
    "card-removed",
    409,
    (
        "途中でカードが外れました",
        "何も送られていません。カードを置き、動かさずに、もう一度はじめからお試しください。",
    ),
    (
        "The card was removed in the middle",
        "Nothing was sent. Put the card on the reader, don't move it, and begin again.",
    ),
)
CARD_CHANGED = _report(
    "card-changed",
    409,
    (
        "確認のあいだにカードの状態が変わりました",
        "暗証番号はカードに送られていません。お使いになるカードを置いて、もう一度はじめからお試しください。",
    ),
    (
        "The card is not as it was when you were asked",
        "No PIN was sent to it. Put your own card on the reader and begin again.",
    ),
)
CARD_FAILED = _report(
    "card-failed",
    409,
    (
        "カードが予期しない応答をしました",
        "カードを置き直してお試しください。続くときは市区町村の窓口でカードを確認してもらってください。",
    ),
    (
        "The card gave an unexpected answer",
        "Put the card on the reader again. If it happens again, have the card checked at your municipal office.",
    ),
)
READER_BUSY = _report(
    "reader-busy",
    503,
    ("ほかのソフトがカードを使っています", "カードを使うほかのソフトを閉じて、もう一度お試しください。"),
    ("Another program is using the card", "Close other programs that use the card, and try again."),
    retry_after_s=5,
)
SIGNING_IN_PROGRESS = _report(
    "signing-in-progress",
    409,
    ("別の署名の途中です", "カードエージェントの画面で、先の確認を終えるか取り消してください。"),
    ("Another signing is going on", "Finish or cancel the one that the card agent is asking about."),
    retry_after_s=5,
)
PIN_WRONG = _report(
    "pin-wrong",
    403,
    (
        "利用者証明用の暗証番号（4桁）が違います",
        "残り回数を確かめて、もう一度お試しください。3回続けて間違えるとロックされます。",
    ),
    (
        "The user authentication PIN (4 digits) is wrong",
        "Look at the tries that are left and try again. Three wrong ones in a row lock it.",
    ),
)
PASSWORD_WRONG = _report(
    "password-wrong",
    403,
    (
        "署名用の暗証番号（6〜16文字）が違います",
        "残り回数を確かめて、もう一度お試しください。5回続けて間違えるとロックされます。",
    ),
    (
        "The digital signature password (6 to 16 characters) is wrong",
        "Look at the tries that are left and try again. Five wrong ones in a row lock it.",
    ),
)
PIN_LOCKED = _report(
    "pin-locked",
    403,
    (
        "利用者証明用の暗証番号がロックされています",
        "住民票のある市区町村の窓口で、初期化の手続きをしてください。カードを使わない投票方法は市の案内をご覧ください。",
    ),
    (
        "The user authentication PIN is locked",
        "Have it reset at your municipal office. The city's guide lists ways to vote without the card.",
    ),
)
PASSWORD_LOCKED = _report(
    "password-locked",
    403,
    (
        "署名用の暗証番号がロックされています",
        "住民票のある市区町村の窓口で、初期化の手続きをしてください。カードを使わない投票方法は市の案内をご覧ください。",
    ),
    (
        "The digital signature password is locked",
        "Have it reset at your municipal office. The city's guide lists ways to vote without the card.",
    ),
)
CANCELLED = _report(
    "cancelled",
    403,
    ("取り消されました", "何も送られていません。続けるときは、投票ページでもう一度はじめてください。"),
    ("Cancelled", "Nothing was sent. To go on, begin again on the voting page."),
)
TIMED_OUT = _report(
    "confirmation-timed-out",
    403,
    ("時間内に確認されませんでした", "何も送られていません。投票ページでもう一度はじめてください。"),
    ("There was no confirmation in time", "Nothing was sent. Begin again on the voting page."),
)
CANNOT_ASK = _report(
    "cannot-ask",
    503,
    ("確認の画面を出せません", "カードエージェントを終了し、起動し直してください。"),
    ("The agent can't show its window", "Stop the card agent and start it again."),
    retry_after_s=5,
)
ORIGIN_REFUSED = _report(
    "origin-refused",
    403,
    ("このページからは使えません", "市の案内にある投票ページを開いてください。"),
    ("This page may not use the agent", "Open the voting page that the city's guide names."),
)
HOST_REFUSED = _report(
    "host-refused",
    421,
    ("宛先の名前が違います", "127.0.0.1 宛てに送ってください。"),
    ("The request is for another host", "Address the agent as 127.0.0.1."),
)
PREFLIGHT_REFUSED = _report(
    "preflight-refused",
    403,
    ("この種類の要求は受け付けません", "GET か POST で、Authorization と Content-Type だけを付けてください。"),
    ("Such a request is not taken", "Use GET or POST with the headers Authorization and Content-Type only."),
)
PAIRING_REFUSED = _report(
    "pairing-refused",
    401,
    (
        "カードエージェントと結び付けられていません",
        "カードエージェントが開いたページを使うか、表示されたアドレスを開き直してください。",
    ),
    (
        "The page is not paired with the agent",
        "Use the page that the agent opened, or open the address that it shows.",
    ),
)
RATE_LIMITED = _report(
    "rate-limited",
    429,
    ("間違った要求が多すぎます", "少し待ってから、もう一度お試しください。"),
    ("There are too many wrong requests", "Wait a little and try again."),
    retry_after_s=1,
)
ELECTION_REFUSED = _report(
    "election-refused",
    403,
    ("設定されていない選挙です", "市の案内にある起動方法で、カードエージェントを起動し直してください。"),
    ("The agent was not started for this election", "Start it again with the command that the city's guide gives."),
)
TEXTS_REFUSED = _report(
    "texts-refused",
    422,
    ("署名できる文面ではありません", "何も署名していません。投票ページを読み込み直してください。"),
    ("These are not texts that a card signs to vote", "Nothing was signed. Reload the voting page."),
)
BODY_REFUSED = _report(
    "invalid-request",
    422,
    ("要求の形が違います", "challenge と release_statement を文字列で送ってください。"),
    ("The request has another form", "Send the strings challenge and release_statement, and nothing else."),
)
NOT_JSON = _report(
    "malformed-json",
    400,
    ("JSONではありません", "UTF-8のJSONを送ってください。"),
    ("The body is not JSON", "Send one JSON object in UTF-8."),
)
MEDIA_TYPE_REFUSED = _report(
    "unsupported-media-type",
    415,
    ("JSONとして送られていません", "Content-Type: application/json を付けてください。"),
    ("The body is not sent as JSON", "Send Content-Type: application/json."),
)
BODY_TOO_LARGE = _report(
    "body-too-large",
    413,
    ("要求が大きすぎます", "auth の文面だけを送ってください。"),
    ("The body is too large", "Send the two texts from auth and nothing else."),
)
NOT_FOUND = _report(
    "not-found",
    404,
    ("そのような機能はありません", "カードエージェントの説明書をご覧ください。"),
    ("There is nothing here", "The README of the card agent lists the endpoints."),
)
METHOD_REFUSED = _report(
    "method-not-allowed",
    405,
    ("この方法では使えません", "カードエージェントの説明書をご覧ください。"),
    ("Not by this method", "The README of the card agent lists the endpoints."),
)
INTERNAL_ERROR = _report(
    "internal-error",
    500,
    ("カードエージェントの中で問題が起きました", "カードエージェントを終了し、起動し直してください。"),
    ("Something went wrong in the agent", "Stop the card agent and start it again."),
)
