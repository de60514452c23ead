"""The refusals of the face way as problem documents. Their routes add the other ways to vote to each."""

from __future__ import annotations

from evote_device.sealing import SealBroken
from evote_face.statements import StatementExpired
from evote_platform.clock import rfc3339
from evote_platform.problems import answer, kind
from evote_statements.signed import StatementMalformed, StatementSignatureWrong

from ..domain import refusals

FACE_ANSWERS = (
    answer(
        refusals.FaceNotOffered,
        kind(
            "face-not-offered",
            404,
            ("ここでは顔の確認による投票はできません", "ほかの方法で投票してください。"),
            ("There is no voting by face here", "Vote another way."),
        ),
    ),
    answer(
        SealBroken,
        kind(
            "sealed-code-unreadable",
            422,
            (
                "封をされた投票コードを開けません",
                "ページを読み込み直し、投票コードの入力からやり直してください。回数には数えていません。",
            ),
            (
                "The sealed voting code can't be opened",
                "It was sealed to another key, for another device or election, or changed on its way."
                " Load the page anew. Nothing was counted.",
            ),
        ),
    ),
    answer(
        refusals.VotingCodeMistyped,
        kind(
            "voting-code-mistyped",
            422,
            (
                "投票コードに入力の誤りがあります",
                "手紙と一文字ずつ見比べてください。このような投票コードはありません。回数には数えていません。",
            ),
            (
                "The voting code has a typing error",
                "Compare it with the letter, character by character: no voting code looks like this."
                " Nothing was counted.",
            ),
        ),
    ),
    answer(
        refusals.VotingCodeUnknown,
        kind(
            "voting-code-unknown",
            403,
            (
                "この投票コードの方はいません",
                "この選挙の、いちばん新しい手紙の投票コードを使ってください。係員が新しい投票コードを発行することもできます。",
            ),
            (
                "Nobody has this voting code",
                "Use the newest letter, for this election. An officer can issue a new code.",
            ),
        ),
    ),
    answer(
        refusals.NoSuchIssue,
        kind(
            "no-such-issue",
            409,
            ("この発行番号の投票コードはありません", "replaces を付けずに送ってください。"),
            ("There is no such issue of voting codes", "Leave replaces out."),
        ),
    ),
    answer(
        refusals.VotingCodesIssued,
        kind(
            "voting-codes-issued",
            409,
            (
                "投票コードは発行済みで、もう一度読み出すことはできません",
                "すべてを無効にして全員に発行し直すには、この発行番号を replaces に入れて送ってください。",
            ),
            (
                "Voting codes have been issued, and can't be read again",
                "To void them and issue new ones to all voters, send the number of this issue as replaces.",
            ),
            members=(
                "issue",
                "issued_at",
            ),
        ),
        lambda error: {"issue": error.issue, "issued_at": rfc3339(error.issued_at)},
    ),
    answer(
        refusals.TooManyFaceOrders,
        kind(
            "too-many-face-orders",
            429,
            (
                "顔の確認の回数が多すぎます",
                "少し待ってからお試しください。心当たりがないときは、新しい投票コードを申し出てください。",
            ),
            (
                "The face has been tried too often",
                "Wait as long as Retry-After says. If it wasn't you, ask for a new code.",
            ),
        ),
        retry_after_s=lambda error: error.retry_after_s,
    ),
    answer(
        refusals.FaceOrderUnknown,
        kind(
            "face-order-unknown",
            404,
            ("この顔の確認を求めた手続きが見つかりません", "投票コードの入力からやり直してください。"),
            ("The verdict answers no order of ours", "Begin again with the voting code."),
        ),
    ),
    answer(
        refusals.FaceOrderUsed,
        kind(
            "face-order-used",
            409,
            (
                "この顔の確認は使用済みか、投票コードが新しくなっています",
                "確認は一回だけ使えます。投票コードの入力からやり直してください。",
            ),
            (
                "The verdict has been used, or its voting code has been replaced",
                "A verdict is good for one release. Begin again with the voting code.",
            ),
        ),
    ),
    answer(
        refusals.FaceOrderExpired,
        kind(
            "face-order-expired",
            409,
            ("手続きの時間が切れました", "投票コードの入力からやり直してください。"),
            ("The order has expired", "Begin again with the voting code."),
            members=("expired_at",),
        ),
        lambda error: {"expired_at": rfc3339(error.expired_at)},
    ),
    answer(
        refusals.VerdictOfAnotherElection,
        kind(
            "verdict-of-another-election",
            409,
            ("別の選挙のための顔の確認です", "この選挙の投票コードの入力からやり直してください。"),
            ("The verdict is for another election", "Begin again with this election's voting code."),
        ),
    ),
    answer(
        refusals.VerdictOfAnotherDevice,
        kind(
            "verdict-of-another-device",
            403,
            ("別の端末のための顔の確認です", "この端末で、投票コードの入力からやり直してください。"),
            ("The verdict is for another device", "Begin again on this device, with the voting code."),
        ),
    ),
    answer(
        refusals.VerdictOfAnotherOrder,
        kind(
            "verdict-of-another-order",
            403,
            ("顔の確認が手続きと合いません", "投票コードの入力からやり直してください。"),
            ("The verdict does not answer its order", "Begin again with the voting code."),
        ),
    ),
    answer(
        StatementMalformed,
        kind(
            "malformed-verdict",
            422,
            ("顔の確認の結果を読み取れません", "biometric が渡した verdict をそのまま送ってください。"),
            ("Not a verdict of biometric", "Send the text of verdict exactly as biometric gave it."),
        ),
    ),
    answer(
        StatementSignatureWrong,
        kind(
            "bad-verdict-signature",
            403,
            ("顔の確認の結果の署名が正しくありません", "biometric が渡した verdict をそのまま送ってください。"),
            ("The verdict is not signed by biometric", "Send the text of verdict exactly as biometric gave it."),
        ),
    ),
    answer(
        StatementExpired,
        kind(
            "verdict-expired",
            409,
            ("顔の確認の有効な時間を過ぎました", "投票コードの入力からやり直してください。"),
            ("The verdict is not valid now", "Begin again with the voting code."),
        ),
    ),
)
