"""Every refusal of biometric as its own problem document (RFC 9457); voters' routes add the other ways to vote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from evote_eventlog.errors import LogUnavailable
from evote_face.statements import StatementExpired
from evote_platform.access import ACCESS_PROBLEMS
from evote_platform.answering import Addition
from evote_platform.clock import rfc3339
from evote_platform.problems import (
    RATE_LIMITED,
    Answer,
    Facts,
    Problem,
    ProblemTable,
    answer,
    kind,
)
from evote_platform.wording import Words
from evote_statements.signed import StatementMalformed, StatementSignatureWrong

from ..domain import refusals
from ..domain.quality import WHAT_TO_CHANGE
from ..domain.refusals import RejectionReason

OTHER_WAYS: Final = Addition(
    # As auth names them on the way by face; which of them there are, is the city's matter.
    {"other_ways": ("phone", "card", "counter")},
    Words(
        "市が設けていれば、スマートフォンのマイナアプリ、マイナンバーカードとカードリーダーでも、また窓口・投票所でも投票できます。",
        "Where the city offers it you can also vote with the phone's app or with a My Number card in a reader;"
        " and at a counter or at a polling place.",
    ),
)

REASONS: Final[Mapping[RejectionReason, Words]] = {
    RejectionReason.STILL_PHOTO: Words(
        "動きが見られませんでした。写真ではなくご本人が、指示のとおりに動いてください。",
        "Nothing moved. Show yourself, not a photo, and move as you are told.",
    ),
    RejectionReason.WRONG_ACTIONS: Words(
        "指示と違う動きでした。表示された順に、一つずつゆっくり動いてください。",
        "Those were other movements. Make the ones that are shown, slowly, one after the other.",
    ),
    RejectionReason.NO_RETURN_TO_CENTRE: Words(
        "最後に正面に戻っていません。動いたあとは正面を向いてください。",
        "You did not look ahead at the end. Look straight ahead after each movement.",
    ),
    RejectionReason.TOO_FEW_FRAMES: Words(
        "撮影された枚数が合いません。もう一度撮影してください。",
        "The number of pictures is wrong. Take them again.",
    ),
    RejectionReason.BAD_TIMING: Words(
        "撮影の間隔が正しくありません。もう一度、途切れないように撮影してください。",
        "The pictures were taken at odd times. Take them again without a break.",
    ),
    RejectionReason.NO_FACE: Words(
        "顔が見つかりません。顔全体が画面に入るようにしてください。",
        "No face was found. Keep your whole face in the picture.",
    ),
    RejectionReason.SEVERAL_FACES: Words(
        "ほかの人の顔も写っています。お一人で撮影してください。",
        "Other faces are in the picture. Be alone in it.",
    ),
    RejectionReason.FACE_COVERED: Words(
        "口や鼻が隠れています。マスクなどを外してください。",
        "Your mouth or nose is covered. Take off a mask or the like.",
    ),
    RejectionReason.EYES_COVERED: Words(
        "目が隠れています。サングラスや前髪をよけてください。",
        "Your eyes are covered. Take off sunglasses, and keep your hair away from them.",
    ),
    RejectionReason.POOR_PICTURES: Words(
        "暗い、ぼけているなどのため確認できません。明るい場所で正面から始めてください。",
        "The pictures are too dark or blurred. Go to a bright place and begin by looking straight ahead.",
    ),
    RejectionReason.ANOTHER_PERSON_DURING: Words(
        "途中で別の顔が写りました。はじめから終わりまでお一人で撮影してください。",
        "Another face came into the picture. Be alone in it from the beginning to the end.",
    ),
    RejectionReason.NOT_GENUINE: Words(
        "カメラの前の顔と確認できませんでした。画面や写真ではなくご本人を撮影してください。",
        "It could not be seen that a face was before the camera. Take yourself, not a screen or a photo.",
    ),
    RejectionReason.REPLAYED: Words(
        "以前に送信された画像が含まれています。新しく撮影してください。",
        "Some of the pictures were sent before. Take new ones.",
    ),
    RejectionReason.NOT_THE_ENROLLED_FACE: Words(
        "登録された顔と一致すると確認できませんでした。",
        "It could not be seen that this is the enrolled face.",
    ),
}
"""What a resident reads for each reason."""

_FACE_REFUSED: Final = kind(
    "face-refused",
    403,
    ("登録された本人の顔と確認できませんでした", "{advice}"),
    ("The frames do not show the enrolled face, live", "{advice}"),
    members=("reason", "attempts_left"),
)
_FACE_REFUSED_OTHERWISE: Final = {
    RejectionReason.REPLAYED: replace(_FACE_REFUSED, status=409),
    RejectionReason.TOO_FEW_FRAMES: replace(_FACE_REFUSED, status=422),
    RejectionReason.POOR_PICTURES: replace(_FACE_REFUSED, status=422),
}
_PICTURE_UNREADABLE: Final = kind(
    "picture-unreadable",
    422,
    ("画像を読み取れません", "カメラで撮り直し、JPEG または PNG で送信してください。"),
    ("A picture can't be read", "Take it again with the camera, and send it as JPEG or PNG."),
    members=("fault",),
)
_PICTURE_UNREADABLE_OTHERWISE: Final = {
    "wrong-format": replace(_PICTURE_UNREADABLE, status=415),
    "too-large": replace(_PICTURE_UNREADABLE, status=413),
}


def _face_refused(error: refusals.FaceRefused) -> Problem:
    return Problem(
        _FACE_REFUSED_OTHERWISE.get(error.reason, _FACE_REFUSED),
        {"reason": error.reason.value, "attempts_left": error.attempts_left},
        facts={"advice": REASONS[error.reason]},
    )


def _picture_unreadable(error: refusals.PictureUnreadable) -> Problem:
    return Problem(_PICTURE_UNREADABLE_OTHERWISE.get(error.fault, _PICTURE_UNREADABLE), {"fault": error.fault})


def _faults(error: refusals.PhotoRefused) -> Facts:
    return {"faults": [{"code": fault.value, "text": WHAT_TO_CHANGE[fault].japanese} for fault in error.faults]}


def _advice(error: refusals.PhotoRefused) -> Facts:
    said = [WHAT_TO_CHANGE[fault] for fault in error.faults]
    return {"advice": Words("".join(w.japanese for w in said), " ".join(w.english for w in said))}


MALFORMED_MULTIPART: Final = kind(
    "malformed-multipart",
    400,
    ("送信された内容を読み取れません", "ページを読み込み直して、もう一度送信してください。"),
    ("The body is not multipart/form-data", "Send the parts as multipart/form-data."),
)
NOT_MULTIPART: Final = kind(
    "unsupported-media-type",
    415,
    ("この形式では受け取れません", "multipart/form-data で送信してください。"),
    ("This media type is not taken", "Send multipart/form-data."),
)
NOT_A_PICTURE: Final = kind(
    "unsupported-media-type",
    415,
    ("この形式では受け取れません", "写真は JPEG または PNG で送信してください。"),
    ("This media type is not taken", "Send pictures as JPEG or PNG."),
)
PICTURE_TOO_LARGE: Final = kind(
    "picture-too-large",
    413,
    ("写真が大きすぎます", "{limit_kb} KB 以下にしてください。"),
    ("The picture has too many bytes", "A picture may have {limit_kb} KB at most."),
)
INVALID_PART: Final = kind(
    "invalid-part",
    422,
    ("送信された内容に不足があります", "ページを読み込み直して、もう一度送信してください。"),
    ("A part of the form is missing or wrong", "Send the part {part} as the API says."),
    members=("part",),
)

PROBLEMS = ProblemTable(
    [
        Answer(refusals.FaceRefused, [_FACE_REFUSED, *_FACE_REFUSED_OTHERWISE.values()], _face_refused),
        answer(
            refusals.PhotoRefused,
            kind(
                "photo-quality",
                422,
                ("この写真では登録できません", "{advice}"),
                ("The photo is not good enough to be enrolled", "{advice}"),
                members=("faults",),
            ),
            _faults,
            facts=_advice,
        ),
        Answer(
            refusals.PictureUnreadable,
            [_PICTURE_UNREADABLE, *_PICTURE_UNREADABLE_OTHERWISE.values()],
            _picture_unreadable,
        ),
        answer(
            StatementMalformed,
            kind(
                "malformed-order",
                422,
                ("手続きの情報を読み取れません", "はじめからやり直してください。"),
                ("Not an order of auth", "Begin again."),
            ),
        ),
        answer(
            StatementSignatureWrong,
            kind(
                "bad-order-signature",
                403,
                ("手続きの情報が正しくありません", "はじめからやり直してください。"),
                ("The order is not signed by auth", "Begin again."),
            ),
        ),
        answer(
            StatementExpired,
            kind(
                "order-expired",
                409,
                ("手続きの時間が切れました", "はじめからやり直してください。"),
                ("The order has expired", "Begin again."),
            ),
        ),
        answer(
            refusals.OrderForOtherPurpose,
            kind(
                "order-for-other-purpose",
                409,
                ("別の手続きのための情報です", "顔の登録と確認では手続きが異なります。はじめからやり直してください。"),
                ("The order asks for something else", "Enrolling and verifying take orders of their own. Begin again."),
            ),
        ),
        answer(
            refusals.OrderUsed,
            kind(
                "order-used",
                409,
                ("この手続きは済んでいます", "続けるには、はじめからやり直してください。"),
                ("The order has done what it was for", "To go on, begin again."),
            ),
        ),
        answer(
            refusals.NoAttemptsLeft,
            kind(
                "no-attempts-left",
                409,
                ("この手続きでの回数を使い切りました", "投票コードの入力からやり直してください。"),
                ("The order's attempts are used up", "Begin again with the voting code."),
            ),
        ),
        answer(
            refusals.TooManyAttempts,
            kind(
                "too-many-attempts",
                429,
                (
                    "確認が続けてできませんでした",
                    "少し待ってからお試しください。使えなくなることはありません。",
                ),
                ("This voter has tried too often", "Wait as long as Retry-After says. Nothing is locked for good."),
            ),
            retry_after_s=lambda error: error.retry_after_s,
        ),
        answer(
            refusals.NotEnrolled,
            kind(
                "face-not-enrolled",
                404,
                ("顔が登録されていません", "窓口で、またはカードで登録できます。"),
                ("No face is enrolled for this voter", "A face can be enrolled at a counter or with the card."),
            ),
        ),
        answer(
            refusals.TemplatesErased,
            kind(
                "templates-erased",
                410,
                ("顔の情報は消去されました", "この選挙は終わりました。"),
                ("The templates are erased", "The election is over."),
                members=("other_ways",),
            ),
            lambda _: {"other_ways": []},
        ),
        answer(
            refusals.MasterKeyChanged,
            kind(
                "master-key-changed",
                503,
                ("ただいま顔の確認ができません", "しばらくしてからお試しください。"),
                ("The election's key can't be unwrapped here", "The operators have to bring its master key back."),
                retry_after_s=60,
            ),
        ),
        answer(
            refusals.VerificationUnknown,
            kind(
                "verification-unknown",
                404,
                ("この確認は見つかりません", "確認をはじめからやり直してください。"),
                ("No such verification", "Begin a new one."),
            ),
        ),
        answer(
            refusals.VerificationUsed,
            kind(
                "verification-used",
                409,
                ("この確認は済んでいます", "新しい確認を始めてください。"),
                ("The verification has had its frames", "Begin a new one."),
            ),
        ),
        answer(
            refusals.VerificationExpired,
            kind(
                "verification-expired",
                409,
                ("確認の時間が切れました", "新しい確認を始めてください。"),
                ("The verification has expired", "Begin a new one."),
                members=("expired_at",),
            ),
            lambda error: {"expired_at": rfc3339(error.expired_at)},
        ),
        answer(
            refusals.NonceWrong,
            kind(
                "nonce-wrong",
                409,
                ("別の確認のための画像です", "新しい確認を始めてください。"),
                ("The frames are for another verification", "Begin a new one."),
            ),
        ),
        answer(
            refusals.Overloaded,
            kind(
                "faces-busy",
                503,
                (
                    "ただいま混み合っています",
                    "少し待ってから、新しい確認を始めてください。回数は減りません。",
                ),
                (
                    "Too many pictures wait, or the workers are starting",
                    "Wait as long as Retry-After says, then begin a new verification. No attempt is lost.",
                ),
            ),
            retry_after_s=lambda error: error.retry_after_s,
        ),
        answer(
            LogUnavailable,
            kind(
                "log-unavailable",
                503,
                (
                    "ただいま確認の結果を記録できません",
                    "少し待ってからやり直してください。回数は減りません。",
                ),
                (
                    "The event log is not available",
                    "Wait as long as Retry-After says and begin again. No attempt is lost.",
                ),
            ),
            retry_after_s=lambda error: error.retry_after_s,
        ),
    ],
    raised=[
        *ACCESS_PROBLEMS,
        RATE_LIMITED,
        MALFORMED_MULTIPART,
        NOT_MULTIPART,
        NOT_A_PICTURE,
        PICTURE_TOO_LARGE,
        INVALID_PART,
    ],
)
