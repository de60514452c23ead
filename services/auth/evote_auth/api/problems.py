"""Every refusal of auth as its own problem document (RFC 9457). None tells anything personal."""

from __future__ import annotations

from dataclasses import asdict
from typing import Final

from evote_device.requests import DeviceRequestDiffers, DeviceRequestMalformed, DeviceRequestUnsigned
from evote_eventlog.errors import LogUnavailable
from evote_jpki import certificates
from evote_jpki.roll import RollRejected
from evote_platform.access import ACCESS_PROBLEMS
from evote_platform.clock import rfc3339
from evote_platform.disconnect import ClientGone
from evote_platform.problems import (
    ABANDONED,
    RATE_LIMITED,
    UNKNOWN_ELECTION,
    Facts,
    ProblemTable,
    answer,
    kind,
)

from ..domain import refusals
from ..keys.store import KeyStoreUnavailable
from .face_problems import FACE_ANSWERS
from .phone_problems import PHONE_ANSWERS

_CERTIFICATE_NAMES: Final = {
    certificates.Purpose.USER_AUTHENTICATION: "user-authentication",
    certificates.Purpose.DIGITAL_SIGNATURE: "digital-signature",
}


def _certificate(error: certificates.CertificateRefused) -> Facts:
    return {} if error.purpose is None else {"certificate": _CERTIFICATE_NAMES[error.purpose]}


def _reception_number(error: refusals.CardMismatch | refusals.MatchPending | refusals.RefusedByOfficer) -> Facts:
    return {"reception_number": error.case_number}


_ROLL = (
    answer(refusals.UnknownElection, UNKNOWN_ELECTION),
    answer(
        refusals.RollFrozenAlready,
        kind(
            "roll-frozen",
            409,
            ("名簿は確定しています", "確定した名簿は取り替えられません。"),
            ("The roll is frozen", "A frozen roll can't be replaced."),
        ),
    ),
    answer(
        refusals.RollEmpty,
        kind(
            "roll-empty",
            409,
            ("名簿がありません", "先に名簿を取り込んでください。"),
            ("There is no roll", "Import the roll first."),
        ),
    ),
    answer(
        refusals.RollSizeDiffers,
        kind(
            "roll-size-differs",
            409,
            (
                "名簿の人数が違います",
                "取り込まれている名簿は {roll_size} 人で、署名された人数は {expected_size} 人です。"
                "この指示では何も凍結していません。名簿を確かめ、違うときは取り込み直してください。",
            ),
            (
                "The roll has another number of voters",
                "It has {roll_size}; {expected_size} were signed for. This command froze nothing. Look at the roll,"
                " and import it again if it is another one.",
            ),
            members=("expected_size", "roll_size"),
        ),
        lambda error: {"roll_size": error.roll_size, "expected_size": error.expected_size},
    ),
    answer(
        refusals.RollNotFrozen,
        kind(
            "roll-not-frozen",
            409,
            ("投票資格はまだありません", "名簿が確定すると、投票資格を受け取れます。"),
            ("There are no credentials yet", "Credentials are released once the roll is frozen."),
        ),
    ),
    answer(
        RollRejected,
        kind(
            "roll-rejected",
            422,
            (
                "名簿に誤りがあるため、何も取り込みませんでした",
                "rows に挙げた行を直し、ファイル全体をもう一度取り込んでください。",
            ),
            ("The roll has faults; nothing was imported", "Correct the rows listed and import the whole file again."),
            members=("rows", "total"),
        ),
        lambda error: {"rows": [asdict(fault) for fault in error.faults], "total": error.total},
    ),
    answer(
        refusals.MasterKeyChanged,
        kind(
            "master-key-changed",
            503,
            (
                "ただいま投票資格を発行できません",
                "名簿は別の鍵で確定されています。運用の担当者が元の鍵に戻す必要があります。",
            ),
            (
                "The credentials can't be derived here",
                "The roll was frozen under another key; the operators have to bring it back.",
            ),
            retry_after_s=60,
        ),
    ),
    answer(
        refusals.NoCredentialKey,
        kind(
            "no-credential-key",
            503,
            (
                "ただいま投票資格を発行できません",
                "この選挙の鍵がトークンに一つだけある必要があります。運用の担当者に知らせてください(evote-auth keys)。",
            ),
            (
                "The credentials can't be derived here",
                "The token has to hold exactly one key of this election; the operators look with evote-auth keys.",
            ),
            retry_after_s=60,
            members=("found",),
        ),
        lambda error: {"found": error.found},
    ),
    answer(
        KeyStoreUnavailable,
        kind(
            "credential-keys-unavailable",
            503,
            (
                "ただいま投票資格を発行できません",
                "鍵を守る装置が応答しません。投票資格は発行されていません。少し待ってから、もう一度手続きしてください。",
            ),
            (
                "The token that holds the credential keys doesn't answer",
                "Nothing was released. Try again after Retry-After.",
            ),
            retry_after_s=5,
        ),
    ),
    answer(
        refusals.ElectionAbandoned,
        kind(
            "election-abandoned",
            410,
            (
                "この選挙は、開始の前に取りやめになりました",
                "何も行っていません。新しく起案した選挙の識別子を使ってください。",
            ),
            (
                "The election was given up before it was opened",
                "Nothing was done. Use the identifier of the election that was drafted anew.",
            ),
            members=("other_ways",),
        ),
        lambda _: {"other_ways": []},
    ),
    answer(
        refusals.ElectionOver,
        kind(
            "election-closed",
            403,
            ("投票は締め切られました", "もう投票資格は発行されません。"),
            ("The election is closed", "No credential is released any more."),
            members=("other_ways",),
        ),
        lambda _: {"other_ways": []},
    ),
    answer(
        LogUnavailable,
        kind(
            "log-unavailable",
            503,
            (
                "ただいま手続きを記録できません",
                "投票資格は発行されていません。少し待ってから、有効なうちに同じ内容をもう一度送ってください。",
            ),
            (
                "The event log is not available",
                "Nothing was released. Send the same request again after Retry-After, while it is valid.",
            ),
        ),
        retry_after_s=lambda error: error.retry_after_s,
    ),
)

_CHALLENGES = (
    answer(
        refusals.ChallengeUnknown,
        kind(
            "challenge-unknown",
            404,
            ("このチャレンジは見つかりません", "新しいチャレンジを求めてください。"),
            ("No such challenge", "Ask for a new challenge."),
        ),
    ),
    answer(
        refusals.ChallengeReplayed,
        kind(
            "challenge-replayed",
            409,
            ("このチャレンジは使用済みです", "チャレンジは一回だけ使えます。新しいチャレンジを求めてください。"),
            ("The challenge has been used", "A challenge is good for one attempt. Ask for a new one."),
        ),
    ),
    answer(
        refusals.ChallengeExpired,
        kind(
            "challenge-expired",
            409,
            ("チャレンジの時間が切れました", "新しいチャレンジを求めてください。"),
            ("The challenge has expired", "Ask for a new challenge."),
            members=("expired_at",),
        ),
        lambda error: {"expired_at": rfc3339(error.expired_at)},
    ),
    answer(
        refusals.WrongElection,
        kind(
            "wrong-election",
            409,
            ("別の選挙のチャレンジです", "この選挙にチャレンジを求めてください。"),
            ("The challenge is for another election", "Ask this election for a challenge."),
        ),
    ),
    answer(
        refusals.ChallengeSignatureWrong,
        kind(
            "bad-challenge-signature",
            403,
            (
                "チャレンジへのカードの署名が正しくありません",
                "利用者証明用の鍵で、challenge の文面をそのまま署名してください。",
            ),
            (
                "The challenge is not signed by the card",
                "Sign the exact text of challenge with the user-authentication key.",
            ),
        ),
    ),
    answer(
        refusals.StatementSignatureWrong,
        kind(
            "bad-statement-signature",
            403,
            (
                "申請書へのカードの署名が正しくありません",
                "署名用の鍵で、release_statement の文面をそのまま署名してください。",
            ),
            (
                "The statement is not signed by the card",
                "Sign the exact text of release_statement with the signature key.",
            ),
        ),
    ),
)

_DEVICES = (
    answer(
        DeviceRequestMalformed,
        kind(
            "malformed-device-request",
            422,
            (
                "端末からの請求を読み取れません",
                "端末の鍵で署名した請求を、そのまま device_request に入れて送ってください。",
            ),
            ("Not a request of a device", "Send in device_request the exact text that the device's key has signed."),
        ),
    ),
    answer(
        DeviceRequestUnsigned,
        kind(
            "bad-device-signature",
            403,
            (
                "この手続きを始めた端末からの請求ではありません",
                "受け取れるのは、手続きを始めた端末だけです。この端末で、はじめからやり直してください。",
            ),
            (
                "The request is not signed by the device that began",
                "Only the device whose key challenge or order names can receive it. Begin again on this device.",
            ),
        ),
    ),
    answer(
        DeviceRequestDiffers,
        kind(
            "device-request-differs",
            403,
            (
                "端末が署名した請求と、送られた内容が異なります",
                "途中で書き換えられたおそれがあります。はじめからやり直してください。",
            ),
            (
                "The device has signed another request",
                "What was sent is not what the device signed: it may have been changed on its way. Begin again.",
            ),
            members=("member",),
        ),
        lambda error: {"member": error.member},
    ),
)

_CARDS = (
    answer(
        refusals.CardNotOffered,
        kind(
            "card-not-offered",
            404,
            ("ここではカードによる投票はできません", "ほかの方法で投票してください。"),
            ("There is no voting by card here", "Vote another way."),
        ),
    ),
    answer(
        refusals.NotOnRoll,
        kind(
            "not-on-roll",
            403,
            (
                "カードに合う方が名簿にいません",
                "選挙の係員にお尋ねください。カードの発行のあとに、氏名や住所が変わったのかもしれません。",
            ),
            (
                "Nobody on the roll matches the card",
                "Ask an election officer: name or address may have changed since the card was issued.",
            ),
        ),
    ),
    answer(
        refusals.CardOfAnother,
        kind(
            "card-of-another",
            403,
            ("別の方の証明書です", "ご自身のカードの二つの証明書を使ってください。"),
            ("The certificate is another voter's", "Use the two certificates of your own card."),
        ),
    ),
    answer(
        refusals.CardBlocked,
        kind(
            "card-blocked",
            403,
            (
                "紛失の届けが出ているカードです",
                "ご自身のカードが見つかったのであれば、選挙の係員に解除を申し出てください。新しいカードも使えます。",
            ),
            (
                "The card has been reported lost",
                "Ask an election officer to unblock it if it is yours and was found, or use your new card.",
            ),
        ),
    ),
    answer(
        refusals.CardMismatch,
        kind(
            "card-mismatch",
            403,
            (
                "前に使われた、まだ有効な別のカードがあります",
                "選挙の係員に受付番号を伝え、カードが認められたら、新しいチャレンジではじめからやり直してください。",
            ),
            (
                "Another card was used before, and it is still valid",
                "Tell an election officer the reception number; come again, with a new challenge, when the card is"
                " approved.",
            ),
            members=("reception_number",),
        ),
        _reception_number,
    ),
    answer(
        refusals.MatchPending,
        kind(
            "match-pending",
            409,
            (
                "カードの方が名簿のどなたか、確実には分かりません",
                "選挙の係員に受付番号を伝え、結果が決まったら、新しいチャレンジではじめからやり直してください。",
            ),
            (
                "The card does not match one voter for certain",
                "Tell an election officer the reception number; come again, with a new challenge, when the case is"
                " decided.",
            ),
            members=("reception_number",),
        ),
        _reception_number,
    ),
    answer(
        refusals.RefusedByOfficer,
        kind(
            "refused-by-officer",
            403,
            (
                "選挙の係員がこのカードを認めませんでした",
                "受付番号を添えて、選挙の係員にお尋ねください。投票所では投票できます。",
            ),
            (
                "An election officer has refused this card",
                "Ask an election officer, and tell the reception number; you can vote at a polling place.",
            ),
            members=("reception_number",),
        ),
        _reception_number,
    ),
    answer(
        refusals.TooManyFailures,
        kind(
            "too-many-failures",
            429,
            (
                "このカードは続けて失敗しました",
                "少し待ってから、新しいチャレンジを求めてください。カードが使えなくなることはありません。",
            ),
            (
                "This card has failed too often",
                "Wait as long as Retry-After says, then ask for a new challenge. The card is not locked for good.",
            ),
        ),
        retry_after_s=lambda error: error.retry_after_s,
    ),
)

_CERTIFICATES = (
    answer(
        certificates.MalformedCertificate,
        kind(
            "malformed-certificate",
            422,
            (
                "マイナンバーカードの証明書ではありません",
                "カードの二つの証明書を DER で、それぞれの項目に入れて送ってください。",
            ),
            (
                "Not a certificate of a My Number card",
                "Send the card's two certificates in DER, each in its own field.",
            ),
            members=("certificate",),
        ),
        _certificate,
    ),
    answer(
        certificates.UntrustedIssuer,
        kind(
            "untrusted-certificate",
            403,
            ("認められた認証局の証明書ではありません", "マイナンバーカードを使ってください。"),
            ("The certificate is not from a recognised authority", "Use a My Number card."),
            members=("certificate",),
        ),
        _certificate,
    ),
    answer(
        certificates.CertificateExpired,
        kind(
            "certificate-expired",
            403,
            ("証明書の有効期限が切れています", "市区町村の窓口で証明書を更新するか、投票所で投票してください。"),
            (
                "The certificate has expired",
                "Renew the card's certificate at the municipality, or vote at a polling place.",
            ),
            members=("certificate",),
        ),
        _certificate,
    ),
    answer(
        certificates.CertificateNotYetValid,
        kind(
            "certificate-not-yet-valid",
            403,
            ("証明書の有効期間はまだ始まっていません", "有効になるまでお待ちください。"),
            ("The certificate is not valid yet", "Wait until it is valid."),
            members=("certificate",),
        ),
        _certificate,
    ),
    answer(
        certificates.CertificateRevoked,
        kind(
            "certificate-revoked",
            403,
            ("証明書は失効しています", "市区町村の窓口でカードについて確かめるか、投票所で投票してください。"),
            ("The certificate has been revoked", "Ask the municipality about the card, or vote at a polling place."),
            members=("certificate",),
        ),
        _certificate,
    ),
    answer(
        certificates.WrongKeyUsage,
        kind(
            "wrong-key-usage",
            403,
            ("この証明書の鍵は署名に使えません", "カードの証明書をそのまま使ってください。"),
            ("The certificate's key may not sign", "Use the card's own certificates."),
            members=("certificate",),
        ),
        _certificate,
    ),
    answer(
        certificates.RevocationUnknown,
        kind(
            "revocation-unknown",
            503,
            (
                "証明書が失効していないか、ただいま確かめられません",
                "認証局の応答でも失効リストでも確かめられません。少し待ってから、新しいチャレンジを求めてください。",
            ),
            (
                "Whether the certificate is revoked can't be checked now",
                "Neither the authority's responder nor its list can tell. Ask for a new challenge after Retry-After.",
            ),
            retry_after_s=60,
            members=("certificate",),
        ),
        _certificate,
    ),
)

_OFFICERS = (
    answer(
        refusals.UnknownCase,
        kind(
            "unknown-case",
            404,
            ("この受付番号の案件はありません", "受付番号を確かめてください。"),
            ("No such case", "Check the reception number."),
        ),
    ),
    answer(
        refusals.NotACandidate,
        kind(
            "not-a-candidate",
            422,
            ("この選挙人は案件の候補ではありません", "案件の候補から選ぶか、認めないでください。"),
            ("The voter does not come into question", "Choose one of the case's candidates, or refuse."),
        ),
    ),
    answer(
        refusals.CaseDecidedOtherwise,
        kind(
            "case-decided",
            409,
            ("この案件は別の内容で決定済みです", "先の決定が有効です。案件の一覧を読み直してください。"),
            ("The case has been decided otherwise", "The first decision stands. Read the pending cases again."),
            members=("decided_at",),
        ),
        lambda error: {"decided_at": rfc3339(error.decided_at)},
    ),
    answer(
        refusals.UnknownVoter,
        kind(
            "unknown-voter",
            404,
            ("この番号の選挙人はいません", "voter_id を確かめてください。"),
            ("No voter has this number", "Check voter_id."),
        ),
    ),
    answer(
        refusals.CommandDoneBefore,
        kind(
            "command-done-before",
            409,
            (
                "この指示はすでに実行されています",
                "同じ指示がもう一度行われることはありません。答えが必要なら、新しい指示に署名してください。",
            ),
            (
                "This command was carried out before",
                "It does nothing a second time. Sign a new command where its answer is needed.",
            ),
        ),
    ),
    answer(
        refusals.NonceUsed,
        kind(
            "nonce-used",
            409,
            ("別の指示が同じ番号を使っています", "選挙事務のプログラムで指示を作り直してください。"),
            ("Another command had the same nonce", "Make the command again with the officers' program."),
        ),
    ),
    answer(
        refusals.NothingBlocked,
        kind(
            "nothing-blocked",
            409,
            ("この選挙人に、止められているカードはありません", "何もする必要はありません。"),
            ("The voter has no blocked card", "Nothing has to be done."),
        ),
    ),
)

NOT_CSV: Final = kind(
    "unsupported-media-type",
    415,
    (
        "名簿が CSV として送られていません",
        "Content-Type: text/csv; charset=utf-8、または charset=shift_jis を付けて送ってください。",
    ),
    ("The roll is not sent as CSV", "Send Content-Type: text/csv; charset=utf-8, or charset=shift_jis."),
)

PROBLEMS = ProblemTable(
    [
        answer(ClientGone, ABANDONED),
        *_ROLL,
        *_CHALLENGES,
        *_DEVICES,
        *_CARDS,
        *_CERTIFICATES,
        *_OFFICERS,
        *FACE_ANSWERS,
        *PHONE_ANSWERS,
    ],
    raised=[*ACCESS_PROBLEMS, RATE_LIMITED, NOT_CSV],
)
