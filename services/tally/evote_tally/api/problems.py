"""Every refusal of tally as its own problem document (RFC 9457)."""

from __future__ import annotations

from collections.abc import Sequence

from evote_eventlog.errors import EventTooLarge, LogUnavailable, NotReadByAll
from evote_platform.access import ACCESS_PROBLEMS
from evote_platform.field_errors import field_error
from evote_platform.problems import (
    BODY_TOO_LARGE,
    RATE_LIMITED,
    UNKNOWN_ELECTION,
    WITHHELD,
    Answer,
    Facts,
    Problem,
    ProblemTable,
    answer,
    kind,
)
from evote_platform.wording import Words

from ..commands import ElectionBusy, ProjectionBehind
from ..domain import refusals
from ..exports import NotPublished
from ..store import LogDisagrees

_RULE_BROKEN = "規則 {rule}（仕様書の {section}）に合いません。"


def _stage(error: refusals.WrongStage) -> Facts:
    return {"state": error.stage, "allowed": list(error.allowed)}


def _needed(error: refusals.WrongStage) -> Facts:
    return {"needed": Words(" または ".join(error.allowed), " or ".join(error.allowed))}


def _step(error: refusals.StepNotYet) -> Facts:
    return {"step": error.step, "needs": error.needs, "waiting_for": list(error.waiting_for)}


def _rule(error: refusals.MessageRejected | refusals.PartialDecryptionRejected) -> Facts:
    return {"rule": error.rule, "section": error.section}


def _fault(error: refusals.MessageRejected | refusals.PartialDecryptionRejected) -> Facts:
    return {"fault": error.detail}


_ANOTHER_CEREMONY = kind(
    "another-ceremony",
    409,
    (
        "トラスティが見た鍵生成は、ここにあるものと違います",
        "トラスティのプログラムが見た起案か証明書が、ここにあるものと違います。先に進まず、トラスティと係員で見比べてください。",
    ),
    (
        "The trustee saw another ceremony than this one",
        "The draft or the certificates that the trustee's program saw are not those that stand here."
        " Don't go on: trustees and officers must compare what they see.",
    ),
    members=("trustee",),
)
_STATEMENT_OF_ANOTHER = kind(
    "statement-of-another",
    422,
    ("トラスティは別のものに署名しています", "署名された文面の {field} が、一緒に送られたものと違います。"),
    ("The trustee signed something else", "The signed statement differs from what it came with in {field}."),
    members=("field", "trustee"),
)


def _signed_something_else(error: refusals.StatementOfAnother) -> Problem:
    if error.field == "ceremony_sha256":
        return Problem(_ANOTHER_CEREMONY, {"trustee": error.trustee})
    return Problem(_STATEMENT_OF_ANOTHER, {"trustee": error.trustee, "field": error.field})


def _draft_faults(error: refusals.DraftRejected) -> Facts:
    return {"errors": [field_error(field, reason) for field, reason in error.faults]}


def _waiting(error: refusals.StepNotYet | refusals.NotConfirmed) -> Facts:
    return {"waiting": ", ".join(map(str, error.waiting_for))}


def _failed(error: refusals.PreflightFailed) -> Facts:
    names = "、".join(name for name, _ in error.checks)
    return {"failed": Words(names, "; ".join(f"{name}: {detail}" for name, detail in error.checks))}


def _listed(said: Sequence[Words]) -> Words:
    return Words("、".join(words.japanese for words in said), "; ".join(words.english for words in said))


PROBLEMS = ProblemTable(
    [
        answer(refusals.UnknownElection, UNKNOWN_ELECTION),
        answer(
            refusals.DraftRejected,
            kind(
                "invalid-draft",
                422,
                ("起案の内容に誤りがあります", "errors に挙げた項目を直して、もう一度送ってください。"),
                ("The draft contradicts itself", "Correct the fields listed in errors."),
                members=("errors",),
            ),
            _draft_faults,
        ),
        answer(
            refusals.WrongStage,
            kind(
                "wrong-stage",
                409,
                ("選挙がこの操作のできる段階にありません", "いまは {state} です。{needed} のときにできます。"),
                (
                    "The election's stage does not allow this",
                    "The election is {state}; this needs it to be {needed}.",
                ),
                members=("allowed", "state"),
            ),
            _stage,
            facts=_needed,
        ),
        answer(
            refusals.RollNotReady,
            kind(
                "roll-not-ready",
                409,
                ("名簿を確定できません", "理由: {faults}。"),
                ("The roll can't be frozen", "{faults}."),
                members=("missing",),
            ),
            lambda error: {"missing": [words.english for words in error.missing]},
            facts=lambda error: {"faults": _listed(error.missing)},
        ),
        answer(
            refusals.UnknownTrustee,
            kind(
                "unknown-trustee",
                404,
                ("このトラスティはいません", "この選挙に {trustee} 番のトラスティはいません。"),
                ("No such trustee", "The election has no trustee {trustee}."),
            ),
            facts=lambda error: {"trustee": error.trustee},
        ),
        answer(
            refusals.StatementNotSigned,
            kind(
                "not-signed-by-trustee",
                403,
                (
                    "このトラスティの署名がありません",
                    "起案に書かれたトラスティ {trustee} の鍵で署名された文面が必要です。",
                ),
                (
                    "The trustee didn't sign this",
                    "It takes a statement that is signed with the key that the draft names for trustee {trustee}.",
                ),
                members=("trustee",),
            ),
            lambda error: {"trustee": error.trustee},
        ),
        Answer(refusals.StatementOfAnother, [_ANOTHER_CEREMONY, _STATEMENT_OF_ANOTHER], _signed_something_else),
        answer(
            refusals.NotConfirmed,
            kind(
                "not-confirmed",
                409,
                (
                    "最終の文面をまだ確認していないトラスティがいます",
                    "トラスティ {waiting} の確認を待っています。",
                ),
                ("Trustees have not confirmed the final texts", "Trustees {waiting} have not confirmed them."),
                members=("waiting_for",),
            ),
            lambda error: {"waiting_for": list(error.waiting_for)},
            facts=_waiting,
        ),
        answer(
            refusals.StepNotYet,
            kind(
                "ceremony-step-not-yet",
                409,
                ("鍵生成はまだこの段階にありません", "{step} の前に、トラスティ {waiting} の {needs} が必要です。"),
                (
                    "The ceremony is not at this step",
                    "The {step} follows the {needs} of trustees {waiting}.",
                ),
                members=("needs", "step", "waiting_for"),
            ),
            _step,
            facts=_waiting,
        ),
        answer(
            refusals.MessageConflict,
            kind(
                "message-conflict",
                409,
                (
                    "この段階の別のメッセージを受け取り済みです",
                    "トラスティ {trustee} から別の {step} が届いています。先に届いたものが有効です。",
                ),
                (
                    "Another message of this step was received before",
                    "Trustee {trustee} sent another {step} before; the first one stands.",
                ),
                members=("step", "trustee"),
            ),
            lambda error: {"step": error.step, "trustee": error.trustee},
        ),
        answer(
            refusals.CertificateDuplicate,
            kind(
                "certificate-duplicate",
                409,
                (
                    "別のトラスティの証明書と同じ鍵が使われています",
                    "トラスティ {trustee} の証明書の鍵は、トラスティ {other} のものです。"
                    "自分の鍵ファイルでやり直してください。",
                ),
                (
                    "The certificate has another trustee's key",
                    "The certificate of trustee {trustee} has a key of trustee {other}'s."
                    " Make it again with the trustee's own key file.",
                ),
                members=("other", "trustee"),
            ),
            lambda error: {"trustee": error.trustee, "other": error.other},
        ),
        answer(
            refusals.CommittedAlready,
            kind(
                "committed-already",
                409,
                (
                    "約束（コミットメント）のあとは、立会人の鍵を交替できません",
                    "トラスティ {committed} がすでに約束しています。続けられなければ、取りやめて起案し直してください。",
                ),
                (
                    "No trustee's key is renewed after the first commitment",
                    "Trustees {committed} have committed. If they can't go on, abandon the election and draft it anew.",
                ),
                members=("trustees",),
            ),
            lambda error: {"trustees": list(error.trustees)},
            facts=lambda error: {"committed": ", ".join(map(str, error.trustees))},
        ),
        answer(
            refusals.KeyRefused,
            kind(
                "key-refused",
                422,
                ("この鍵には交替できません", "{reason}。トラスティ {trustee} の新しい鍵の 1 行を確かめてください。"),
                ("The trustee can't have this key", "{reason}. Check the new line of trustee {trustee}."),
                members=("trustee",),
            ),
            lambda error: {"trustee": error.trustee},
            facts=lambda error: {"reason": error.reason},
        ),
        answer(
            refusals.MessageRejected,
            kind(
                "bad-ceremony-message",
                422,
                ("鍵生成の規則に合わないメッセージです", _RULE_BROKEN),
                ("The message breaks a rule of the ceremony", "{fault}"),
                members=("rule", "section", "step"),
            ),
            lambda error: {"step": error.step, **_rule(error)},
            facts=_fault,
        ),
        answer(
            refusals.NotTallied,
            kind(
                "not-tallied",
                409,
                ("暗号化されたままの集計がまだありません", "いまは {state} です。"),
                ("There is no encrypted tally yet", "The election is {state}."),
                members=("state",),
            ),
            lambda error: {"state": error.stage},
        ),
        answer(
            refusals.DecryptionComplete,
            kind(
                "decryption-complete",
                409,
                ("必要な数の部分復号がそろっています", "{threshold} 人分が届いているので、これ以上は受け取りません。"),
                (
                    "Enough trustees have decrypted",
                    "{threshold} partial decryptions are there; no more are taken.",
                ),
            ),
            facts=lambda error: {"threshold": error.threshold},
        ),
        answer(
            refusals.PartialDecryptionRejected,
            kind(
                "bad-partial-decryption",
                422,
                ("部分復号が正しくありません", _RULE_BROKEN),
                ("The partial decryption is wrong", "{fault}"),
                members=("rule", "section"),
            ),
            _rule,
            facts=_fault,
        ),
        answer(
            refusals.ArchiveDiffers,
            kind(
                "archive-differs",
                409,
                (
                    "認定しようとしたアーカイブが、ここにあるものと違います",
                    "ここにあるアーカイブの SHA-256 は {stands} です。検証し直すまで認定しないでください。",
                ),
                (
                    "The certified archive is not the one that stands here",
                    "The archive here has the SHA-256 {stands}. Verify it again before anything is certified.",
                ),
                members=("certified", "stands"),
            ),
            lambda error: {"certified": error.certified, "stands": error.stands},
        ),
        answer(
            refusals.PreflightFailed,
            kind(
                "preflight-failed",
                409,
                ("まだ開始の準備ができていません", "checks に挙げた項目を整えてください: {failed}"),
                ("Not everything is ready for the opening", "{failed}"),
                members=("checks",),
            ),
            lambda error: {
                "checks": [{"name": name, "ready": False, "detail": detail} for name, detail in error.checks]
            },
            facts=_failed,
        ),
        answer(
            NotPublished,
            kind(
                "not-published",
                404,
                ("まだ公開されていません", "選挙が始まると公開されます。"),
                ("Not published yet", "It is published when the election opens."),
            ),
        ),
        answer(EventTooLarge, BODY_TOO_LARGE, lambda error: {"limit_bytes": error.limit}),
        answer(
            NotReadByAll,
            kind(
                "not-read-by-all",
                409,
                (
                    "この環境では、まだ使えない操作です",
                    "何も記録していません。すべてのサービスの更新が済み、EVOTE_EVENTS_RELEASE が {since} に上がると"
                    "使えます（いまは {release}）。運用担当者に知らせてください。",
                ),
                (
                    "This deployment does not offer that yet",
                    "Nothing was recorded. It can be done once every service is upgraded and EVOTE_EVENTS_RELEASE is"
                    " raised to {since} (now {release}). Tell the operators.",
                ),
            ),
            facts=lambda error: {"since": error.since, "release": error.release},
        ),
        answer(
            LogUnavailable,
            kind(
                "log-unavailable",
                503,
                ("ただいま記録できません", "記録されたかどうかは分かりません。同じ操作を繰り返しても安全です。"),
                (
                    "The event log is not available",
                    "Whether the command was recorded is unknown; it is safe to repeat it.",
                ),
            ),
            retry_after_s=lambda error: error.retry_after_s,
        ),
        answer(
            ProjectionBehind,
            kind(
                "projection-behind",
                503,
                ("記録されましたが、まだ反映されていません", "同じ操作を繰り返しても安全です。"),
                ("The command is recorded and not applied yet", "It is safe to repeat it."),
                retry_after_s=2,
            ),
        ),
        answer(
            LogDisagrees,
            kind(
                "log-disagrees",
                503,
                (
                    "集計の表が公開ログと一致しません",
                    "ログの {log_index} 番です。人が調べるまで、アーカイブも集計も行いません。"
                    "運用担当者に知らせてください。",
                ),
                (
                    "The tables do not show what the log says",
                    "Log index {log_index}: {reason}. Nothing is archived or counted before a person has looked.",
                ),
                retry_after_s=2,
                members=("log_index",),
            ),
            lambda error: {"log_index": error.log_index},
            facts=lambda error: {"reason": error.reason},
        ),
        answer(
            ElectionBusy,
            kind(
                "election-busy",
                503,
                ("この選挙の別の操作を実行中です", "同じ操作を繰り返しても安全です。"),
                ("Another command on the election is running", "It is safe to repeat it."),
                retry_after_s=2,
            ),
        ),
    ],
    raised=[*ACCESS_PROBLEMS, RATE_LIMITED, WITHHELD],
)
