"""Every refusal of ballot as its own problem document (RFC 9457)."""

from __future__ import annotations

from evote_eventlog.errors import LogUnavailable
from evote_platform.access import READING_PROBLEMS
from evote_platform.disconnect import ClientGone
from evote_platform.problems import (
    ABANDONED,
    MALFORMED_JSON,
    OVERLOADED,
    RATE_LIMITED,
    UNKNOWN_ELECTION,
    WITHHELD,
    Facts,
    ProblemKind,
    ProblemTable,
    answer,
    kind,
)

from ..domain import refusals

_RULE_BROKEN = "規則 {rule}（仕様書の {section}）に合いません。投票ページを読み込み直して、もう一度投票してください。"

_BrokenRule = refusals.InvalidBallot | refusals.BadSignature | refusals.InvalidOrder | refusals.BadProof


def _rule(error: _BrokenRule) -> Facts:
    return {"rule": error.rule, "section": error.section}


def _fault(error: _BrokenRule) -> Facts:
    return {"fault": error.detail}


def _broken_rule(slug: str, title_ja: str, title_en: str) -> ProblemKind:
    members = ("rule", "section")
    return kind(slug, 422, (title_ja, _RULE_BROKEN), (title_en, "{fault}."), members=members)


def _last(error: refusals.OlderThanLast) -> Facts:
    order = error.last_order
    return {
        "last_number": order.number,
        "last_tracker": error.last_tracker,
        # By which the device sees that its own credential said so, and not only this service.
        "last_signature": {"challenge": order.signature.challenge, "response": order.signature.response},
    }


PROBLEMS = ProblemTable(
    [
        answer(refusals.MalformedJson, MALFORMED_JSON),
        answer(
            refusals.InvalidBallot,
            _broken_rule("invalid-ballot", "この選挙の票の形ではありません", "Not a ballot of this election"),
            _rule,
            facts=_fault,
        ),
        answer(refusals.UnknownElection, UNKNOWN_ELECTION),
        answer(
            refusals.WrongElection,
            kind(
                "wrong-election",
                422,
                ("別の選挙の票です", "票に書かれている選挙に送ってください。"),
                ("The ballot is for another election", "Send it to the election it names."),
            ),
        ),
        answer(
            refusals.ElectionNotOpen,
            kind(
                "election-not-open",
                403,
                ("投票の受付はまだ始まっていません", "受付の開始: {opens_at}"),
                ("The election is not open yet", "Ballots are taken from {opens_at} on."),
                members=("opens_at",),
            ),
            lambda error: {"opens_at": error.opens_at},
        ),
        answer(
            refusals.ElectionClosed,
            kind(
                "election-closed",
                403,
                (
                    "投票は締め切られました",
                    "この票は締め切りまでに届いておらず、数えられません。受付証のある票は数えられます。",
                ),
                (
                    "The election is closed",
                    "This ballot had not arrived by the close, and is not counted. Ballots that have a receipt count.",
                ),
                members=("closes_at", "settled"),
            ),
            # The release before says the same by its clock, and a page that missed an answer can't go by that.
            lambda error: {"closes_at": error.closes_at, "settled": True},
        ),
        answer(
            refusals.ClosePending,
            kind(
                "close-pending",
                503,
                (
                    "投票の受付時間は終わりました",
                    "この票が締め切りまでに届いていたかどうかは、まだ分かりません。少し後に同じ票をもう一度送ってください。"
                    "届いていれば受付証が返り、届いていなければそのことをお伝えします。",
                ),
                (
                    "The time for casting is over",
                    "Whether this ballot had arrived by the close isn't known yet. Send the same ballot again after"
                    " Retry-After: its receipt comes if it had arrived, and it is said if it had not.",
                ),
                members=("closes_at",),
            ),
            lambda error: {"closes_at": error.closes_at},
            retry_after_s=lambda error: error.retry_after_s,
        ),
        answer(
            refusals.UnknownCredential,
            kind(
                "unknown-credential",
                403,
                ("この選挙の投票資格ではありません", "この選挙のために発行された投票資格を使ってください。"),
                (
                    "The credential is not on this election's list",
                    "Use the credential that was released for this election.",
                ),
            ),
        ),
        answer(
            refusals.BadSignature,
            _broken_rule("bad-signature", "票の署名が正しくありません", "The ballot's signature does not hold"),
            _rule,
            facts=_fault,
        ),
        answer(
            refusals.InvalidOrder,
            _broken_rule("invalid-order", "票の順番の署名が正しくありません", "The order statement does not hold"),
            _rule,
            facts=_fault,
        ),
        answer(
            refusals.OlderThanLast,
            kind(
                "older-than-your-last-ballot",
                409,
                (
                    "あなたの新しい票がすでにあります",
                    "この票は受け付けられていません。この票で置き換えるには、公開ログで last_tracker の票を確かめ、"
                    "last_number より一つ大きい番号で順番に署名し直して、もう一度送ってください。",
                ),
                (
                    "A ballot of this credential with this number or a larger one stands already",
                    "If this ballot is to replace it, look for last_tracker in the log, then sign this ballot's order"
                    " anew, one above last_number.",
                ),
                members=("last_number", "last_signature", "last_tracker"),
            ),
            _last,
        ),
        answer(
            refusals.NoBallotsLeft,
            kind(
                "no-ballots-left",
                403,
                (
                    "投票し直せる回数を使い切りました",
                    "一つの投票資格で投票できるのは {most} 回までです。最後に受け付けられた票が、そのまま有効です。",
                ),
                (
                    "This credential has cast as many ballots as one may",
                    "One credential casts {most} ballots at most. The last one that was taken in stands.",
                ),
                members=("most",),
            ),
            lambda error: {"most": error.most},
        ),
        answer(
            refusals.DuplicateCiphertext,
            kind(
                "duplicate-ciphertext",
                409,
                ("ほかの票と同じ暗号文が含まれています", "もう一度、暗号化からやり直してください。"),
                ("The ballot contains a ciphertext of another ballot", "Encrypt the vote anew."),
            ),
        ),
        answer(
            refusals.BadProof,
            _broken_rule("bad-proof", "票の正しさの証明が成り立ちません", "A proof in the ballot does not hold"),
            _rule,
            facts=_fault,
        ),
        answer(
            refusals.UnknownTracker,
            kind(
                "unknown-tracker",
                404,
                ("この追跡番号の票はありません", "受付証の追跡番号を確かめてください。"),
                ("No ballot of this tracker", "Check the tracker on the receipt."),
            ),
        ),
        answer(
            refusals.StandingUnknown,
            kind(
                "standing-unknown",
                503,
                (
                    "ただいま票の状態を確かめられません",
                    "受け付けられた票が失われたのではありません。少し待ってから、もう一度お試しください。",
                ),
                ("How far the ballot is can't be told now", "No ballot is lost by it. Ask again after Retry-After."),
            ),
            retry_after_s=lambda error: error.retry_after_s,
        ),
        answer(
            refusals.StaleChallenge,
            kind(
                "stale-challenge",
                403,
                ("確認のための文字列の期限が切れています", "新しい文字列を受け取り、署名し直してください。"),
                ("The challenge is too old, or was not given out here", "Get a new one, and sign that."),
            ),
        ),
        answer(
            refusals.NotTheHolder,
            kind(
                "not-the-holder",
                403,
                ("この投票資格の署名ではありません", "ご自分の投票資格で署名してください。"),
                ("The credential did not sign the challenge", "Sign it with your own credential."),
            ),
        ),
        answer(ClientGone, ABANDONED),
        answer(
            refusals.Overloaded,
            OVERLOADED,
            retry_after_s=lambda error: error.retry_after_s,
        ),
        answer(refusals.RateLimited, RATE_LIMITED, retry_after_s=lambda error: error.retry_after_s),
        answer(
            LogUnavailable,
            kind(
                "log-unavailable",
                503,
                (
                    "ただいま票を記録できません",
                    "記録されたかどうかは分かりません。同じ票をもう一度送ってください。二重に数えられることはありません。",
                ),
                (
                    "The event log is not available",
                    "Whether the ballot was recorded is unknown. Send the same ballot again:"
                    " it is never counted twice.",
                ),
            ),
            retry_after_s=lambda error: error.retry_after_s,
        ),
    ],
    raised=[WITHHELD, *READING_PROBLEMS],
)
