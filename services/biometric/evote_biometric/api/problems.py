"""Every refusal as its own problem document (RFC 9457): residents read ``detail``, and see their other ways to vote."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from evote_eventlog.errors import LogUnavailable
from evote_face.statements import StatementExpired
from evote_platform.clock import rfc3339
from evote_platform.problems import Problem, retry_after
from evote_statements.signed import StatementMalformed, StatementSignatureWrong

from ..domain import refusals
from ..domain.quality import WHAT_TO_CHANGE
from ..domain.refusals import RejectionReason

OTHER_WAYS: Final = ("card", "counter")
_OTHERWISE = "マイナンバーカード、または窓口・投票所でも投票できます。"

REASONS: Final[Mapping[RejectionReason, str]] = {
    RejectionReason.STILL_PHOTO: "動きが見られませんでした。写真ではなくご本人が、指示のとおりに動いてください。",
    RejectionReason.WRONG_ACTIONS: "指示と違う動きでした。表示された順に、一つずつゆっくり動いてください。",
    RejectionReason.NO_RETURN_TO_CENTRE: "最後に正面に戻っていません。動いたあとは正面を向いてください。",
    RejectionReason.TOO_FEW_FRAMES: "撮影された枚数が合いません。もう一度撮影してください。",
    RejectionReason.BAD_TIMING: "撮影の間隔が正しくありません。もう一度、途切れないように撮影してください。",
    RejectionReason.NO_FACE: "顔が見つかりません。顔全体が画面に入るようにしてください。",
    RejectionReason.SEVERAL_FACES: "ほかの人の顔も写っています。お一人で撮影してください。",
    RejectionReason.FACE_COVERED: "口や鼻が隠れています。マスクなどを外してください。",
    RejectionReason.EYES_COVERED: "目が隠れています。サングラスや前髪をよけてください。",
    RejectionReason.POOR_PICTURES: "暗い、ぼけているなどのため確認できません。明るい場所で正面から始めてください。",
    RejectionReason.ANOTHER_PERSON_DURING: "途中で別の顔が写りました。はじめから終わりまでお一人で撮影してください。",
    RejectionReason.NOT_GENUINE: "カメラの前の顔と確認できませんでした。画面や写真ではなくご本人を撮影してください。",
    RejectionReason.REPLAYED: "以前に送信された画像が含まれています。新しく撮影してください。",
    RejectionReason.NOT_THE_ENROLLED_FACE: "登録された顔と一致すると確認できませんでした。",
}
"""What a resident reads for each reason."""

_STATUS = {RejectionReason.REPLAYED: 409, RejectionReason.TOO_FEW_FRAMES: 422, RejectionReason.POOR_PICTURES: 422}
_UNREADABLE_STATUS = {"wrong-format": 415, "too-large": 413}

_FIXED: Mapping[type[Exception], tuple[str, str, int, str]] = {
    StatementMalformed: (
        "malformed-order",
        "Not an order of auth",
        422,
        "手続きの情報を読み取れません。はじめからやり直してください。",
    ),
    StatementSignatureWrong: (
        "bad-order-signature",
        "The order is not signed by auth",
        403,
        "手続きの情報が正しくありません。はじめからやり直してください。",
    ),
    StatementExpired: (
        "order-expired",
        "The order has expired",
        409,
        "手続きの時間が切れました。はじめからやり直してください。",
    ),
    refusals.OrderForOtherPurpose: (
        "order-for-other-purpose",
        "The order asks for something else",
        409,
        "顔の登録と確認では手続きが異なります。はじめからやり直してください。",
    ),
    refusals.OrderUsed: (
        "order-used",
        "The order has done what it was for",
        409,
        "この手続きは済んでいます。続けるには、はじめからやり直してください。",
    ),
    refusals.NoAttemptsLeft: (
        "no-attempts-left",
        "The order's attempts are used up",
        409,
        "この手続きでの回数を使い切りました。投票コードの入力からやり直してください。",
    ),
    refusals.NotEnrolled: (
        "face-not-enrolled",
        "No face is enrolled for this voter",
        404,
        "顔が登録されていません。窓口で、またはカードで登録できます。",
    ),
    refusals.TemplatesErased: (
        "templates-erased",
        "The election is over and its templates are erased",
        410,
        "この選挙は終わり、顔の情報は消去されました。",
    ),
    refusals.MasterKeyChanged: (
        "master-key-changed",
        "The election's key can't be unwrapped here",
        503,
        "ただいま顔の確認ができません。しばらくしてからお試しください。",
    ),
    refusals.VerificationUnknown: (
        "verification-unknown",
        "No such verification",
        404,
        "この確認は見つかりません。確認をはじめからやり直してください。",
    ),
    refusals.VerificationUsed: (
        "verification-used",
        "The verification has had its frames",
        409,
        "この確認は済んでいます。新しい確認を始めてください。",
    ),
    refusals.NonceWrong: (
        "nonce-wrong",
        "The frames are for another verification",
        409,
        "別の確認のための画像です。新しい確認を始めてください。",
    ),
}


def problem_of(error: Exception) -> Problem:
    """The problem document of a refusal; its text names the other ways to vote."""
    fixed = _FIXED.get(type(error))
    if fixed is not None:
        headers = {"Retry-After": "60"} if fixed[2] == 503 else None
        problem = Problem(*fixed, headers=headers)
    else:
        problem = _WITH_FACTS[type(error)](error)
    return naming_other_ways(problem)


def naming_other_ways(problem: Problem) -> Problem:
    """The same problem, whose text says how else one can vote; voters' routes add ``other_ways`` for programs."""
    problem.detail = f"{problem.detail}{_OTHERWISE}"
    return problem


def too_many_requests(retry_after_s: float) -> Problem:
    """429 for an address."""
    return naming_other_ways(
        Problem(
            "rate-limited",
            "Too many requests",
            429,
            "アクセスが続いています。少し待ってからお試しください。",
            headers=retry_after(retry_after_s),
        )
    )


def _face_refused(error: refusals.FaceRefused) -> Problem:
    return Problem(
        "face-refused",
        "The frames do not show the enrolled face, live",
        _STATUS.get(error.reason, 403),
        REASONS[error.reason],
        extensions={"reason": error.reason.value, "attempts_left": error.attempts_left},
    )


def _photo_refused(error: refusals.PhotoRefused) -> Problem:
    faults = [{"code": fault.value, "text": WHAT_TO_CHANGE[fault]} for fault in error.faults]
    return Problem(
        "photo-quality",
        "The photo is not good enough to be enrolled",
        422,
        "".join(fault["text"] for fault in faults),
        extensions={"faults": faults},
    )


def _picture_unreadable(error: refusals.PictureUnreadable) -> Problem:
    return Problem(
        "picture-unreadable",
        "A picture can't be read",
        _UNREADABLE_STATUS.get(error.fault, 422),
        "画像を読み取れません。カメラで撮り直し、JPEG または PNG で送信してください。",
        extensions={"fault": error.fault},
    )


def _too_many_attempts(error: refusals.TooManyAttempts) -> Problem:
    return Problem(
        "too-many-attempts",
        "This voter has tried too often",
        429,
        "確認が続けてできなかったため、少し待ってからお試しください。使えなくなることはありません。",
        headers=retry_after(error.retry_after_s),
    )


def _verification_expired(error: refusals.VerificationExpired) -> Problem:
    return Problem(
        "verification-expired",
        "The verification has expired",
        409,
        "時間が切れました。新しい確認を始めてください。",
        extensions={"expired_at": rfc3339(error.expired_at)},
    )


def _overloaded(error: refusals.Overloaded) -> Problem:
    return Problem(
        "faces-busy",
        "Too many pictures wait, or the workers are starting",
        503,
        "ただいま混み合っています。少し待ってから、新しい確認を始めてください。回数は減りません。",
        headers=retry_after(error.retry_after_s),
    )


def _log_unavailable(error: LogUnavailable) -> Problem:
    return Problem(
        "log-unavailable",
        "The event log is not available",
        503,
        "ただいま確認の結果を記録できません。少し待ってからやり直してください。回数は減りません。",
        headers=retry_after(error.retry_after_s),
    )


_WITH_FACTS: Mapping[type[Exception], Callable[[Any], Problem]] = {
    refusals.FaceRefused: _face_refused,
    refusals.PhotoRefused: _photo_refused,
    refusals.PictureUnreadable: _picture_unreadable,
    refusals.TooManyAttempts: _too_many_attempts,
    refusals.VerificationExpired: _verification_expired,
    refusals.Overloaded: _overloaded,
    LogUnavailable: _log_unavailable,
}
PROBLEM_TYPES = (*_FIXED, *_WITH_FACTS)
"""The exceptions that ``problem_of`` knows."""
