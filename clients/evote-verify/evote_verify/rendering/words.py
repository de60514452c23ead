"""What the reports say, in each language. What was found of a tie is said in English, with the rules' own names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evote_belenios.archive import EventType
from evote_belenios.trustees import SingleTrustee, Trustees

from ..findings import Outcome, Tie
from ..language import Language
from ..report import Report, Step


@dataclass(frozen=True)
class Words:
    """One language's; texts with braces are filled in."""

    language: Language
    title: str
    outcomes: Mapping[Outcome, str]
    ties: Mapping[Tie, str]
    how_to_check: Mapping[Tie, str]
    """The ties that a report never passes over in silence."""
    rests_on_log: str
    stages: Mapping[EventType, str]
    unreadable: str
    steps: Mapping[Step, str]
    progress: Mapping[str, str]
    failed_archive: str
    failed: str
    unfinished: str
    verified: str
    verified_so_far: str
    all_checked: str
    """Where more than the archive was checked."""
    everything: str
    note: str
    blank: str
    mandatory: str
    of: str
    label: Mapping[str, str]


_LABELS = (
    "program",
    "time",
    "duration",
    "arithmetic",
    "archive",
    "sha256",
    "election",
    "group",
    "fingerprint",
    "trustees",
    "stage",
    "head",
    "voters",
    "credentials_sha256",
    "checks",
    "check",
    "held",
    "failed",
    "ties",
    "tie",
    "outcome",
    "details",
    "number",
    "name",
    "key",
    "decrypted",
    "result",
    "warnings",
    "none",
    "failures",
)

ENGLISH = Words(
    language=Language.ENGLISH,
    title="Verification of an election",
    outcomes={outcome: str(outcome) for outcome in Outcome},
    ties={tie: str(tie) for tie in Tie},
    how_to_check={
        Tie.RECEIPT_LOG: "give --receipt, and --log or --proof",
        Tie.ARCHIVE: "give the ARCHIVE",
        Tie.ARCHIVE_LOG: "give the ARCHIVE and --log",
        Tie.RECORDS: "give --log",
        Tie.OFFICERS: "give --log and --roster",
        Tie.WITNESSES: "give --log and --witness-policy",
        Tie.ETHEREUM: "give --log, --ethereum and --contract",
        Tie.FABRIC: "give --log and --fabric",
        Tie.FRONT: "give --front, and --roster or --front-fingerprint",
    },
    rests_on_log="it rests on the log ({})",
    stages={
        EventType.SETUP: "set up; no ballot yet",
        EventType.BALLOT: "in progress: ballots are being cast",
        EventType.END_BALLOTS: "closed; not tallied yet",
        EventType.ENCRYPTED_TALLY: "tallied; not decrypted yet",
        EventType.PARTIAL_DECRYPTION: "being decrypted",
        EventType.RESULT: "complete",
    },
    unreadable="unreadable",
    steps={
        Step.FILE: "events: members, hashes, chain and order",
        Step.SETUP: "trustees: proofs, certificates, the election's key",
        Step.CREDENTIALS: "public credentials: well-formed and distinct",
        Step.BALLOTS: "ballots: form, signature, proofs, credential, no copy",
        Step.TALLY: "counted ballots whose product is the tally",
        Step.DECRYPTIONS: "partial decryptions: proofs",
        Step.RESULT: "result: what the decryptions lead to",
    },
    progress={},
    failed_archive="FAILED: this archive must not be relied upon",
    failed="FAILED: {}",
    unfinished="UNFINISHED: what was checked holds, but not all could be reached; run it again",
    verified="VERIFIED: {}",
    verified_so_far="VERIFIED so far: {} up to this stage",
    all_checked="everything that was checked holds",
    everything="everything holds",
    note="note",
    blank="(blank)",
    mandatory="1 mandatory",
    of="{} of {}",
    label=dict(
        zip(
            _LABELS,
            (
                "program",
                "time",
                "time",
                "arithmetic",
                "archive",
                "SHA-256 of the archive",
                "election",
                "group",
                "fingerprint",
                "trustees",
                "stage",
                "head",
                "could vote",
                "SHA-256 of the credential list",
                "What was checked of the archive",
                "check",
                "hold",
                "fail",
                "Ties",
                "tie",
                "outcome",
                "details",
                "number",
                "name",
                "public key",
                "decrypted",
                "Result",
                "Warnings",
                "none",
                "Failures",
            ),
            strict=True,
        )
    ),
)

JAPANESE = Words(
    language=Language.JAPANESE,
    title="選挙の検証報告",
    outcomes={
        Outcome.HOLDS: "成立",
        Outcome.FAILS: "不成立",
        Outcome.UNFINISHED: "未完了",
        Outcome.NOT_CHECKED: "未確認",
    },
    ties={
        Tie.RECEIPT_SERVICE: "受領証と投票受付：受領証は投票受付サービスが署名したもの",
        Tie.RECEIPT_ARCHIVE: "受領証とアーカイブ：受領証の票がアーカイブにある",
        Tie.RECEIPT_LOG: "受領証とログ：受領証の票がその時刻に記録された",
        Tie.PROOF: "証明ファイルとチェックポイント：票が署名されたログに含まれる",
        Tie.ARCHIVE: "アーカイブ：暗号の証明から結果まで、主張するすべてのこと",
        Tie.RESULT: "アーカイブと結果：結果まで揃っている",
        Tie.FINGERPRINT: "選挙と指紋：与えられた指紋の選挙である",
        Tie.TRACKER: "追跡番号とアーカイブ：その票がアーカイブにある",
        Tie.EXTENDS: "アーカイブと以前のもの：以前のアーカイブの続きである",
        Tie.VERIFIED: "前回までの検証：検証した部分がそのまま先頭にある",
        Tie.ARCHIVE_LOG: "アーカイブとログ：ログの記録から導かれるものと同じ",
        Tie.RULES: "ログとその規則：票の重複や締切後の票がない",
        Tie.TRUSTEES: "立会人と選挙：立会人の署名から選挙が導かれる",
        Tie.OFFICERS: "職員と選挙：どの操作にも名簿の職員の署名がある",
        Tie.RECORDS: "記録とチェックポイント：記録が署名された値に一致する",
        Tie.EARLIER: "チェックポイントと以前のもの：以前に見たログの続きである",
        Tie.WITNESSES: "チェックポイントと証人：証人の署名が足りている",
        Tie.ETHEREUM: "チェックポイントと Ethereum",
        Tie.FABRIC: "チェックポイントと Fabric",
        Tie.FRONT_OFFICERS: "ページの一覧と職員：一覧に名簿の職員の署名がある",
        Tie.FRONT_FINGERPRINT: "ページの一覧と指紋：市が公表した指紋の一覧である",
        Tie.FRONT_BUILD: "ページの一覧とビルド：ソースから作ったものと同じ",
        Tie.FRONT: "ページと一覧：配られるファイルがすべて一覧と同じ",
    },
    how_to_check={
        Tie.RECEIPT_LOG: "--receipt と、--log か --proof を指定してください",
        Tie.ARCHIVE: "アーカイブを指定してください",
        Tie.ARCHIVE_LOG: "アーカイブと --log を指定してください",
        Tie.RECORDS: "--log を指定してください",
        Tie.OFFICERS: "--log と --roster を指定してください",
        Tie.WITNESSES: "--log と --witness-policy を指定してください",
        Tie.ETHEREUM: "--log、--ethereum、--contract を指定してください",
        Tie.FABRIC: "--log と --fabric を指定してください",
        Tie.FRONT: "--front と、--roster か --front-fingerprint を指定してください",
    },
    rests_on_log="ログに基づくため確認できません（{}）",
    stages={
        EventType.SETUP: "準備済み（まだ票がない）",
        EventType.BALLOT: "投票受付中",
        EventType.END_BALLOTS: "受付終了（まだ集計していない）",
        EventType.ENCRYPTED_TALLY: "暗号のまま集計済み（まだ復号していない）",
        EventType.PARTIAL_DECRYPTION: "復号中",
        EventType.RESULT: "完了",
    },
    unreadable="読めません",
    steps={
        Step.FILE: "出来事：ファイルの形、ハッシュの連鎖、順序",
        Step.SETUP: "立会人：鍵の証明、証明書、選挙の鍵",
        Step.CREDENTIALS: "公開資格：正しい形で重複がない",
        Step.BALLOTS: "票：形、署名、証明、資格、複製でないこと",
        Step.TALLY: "集計：数える票の積が集計と一致",
        Step.DECRYPTIONS: "部分復号：証明",
        Step.RESULT: "結果：部分復号から導かれる",
    },
    progress={
        "verifying": "検証しています",
        "reading the log": "ログを読んでいます",
        "fetching the archive": "アーカイブを受け取っています",
    },
    failed_archive="不成立：このアーカイブを信頼してはいけません",
    failed="不成立：{}",
    unfinished="未完了：確認したものは成立していますが、届かないところがありました。もう一度実行してください",
    verified="成立：{}",
    verified_so_far="ここまで成立：この段階まで、{}",
    all_checked="確認したすべてが成立しています",
    everything="すべてが成立しています",
    note="注意",
    blank="（白票）",
    mandatory="全員必要な立会人 1 人",
    of="{1} 人のうち {0} 人",
    label=dict(
        zip(
            _LABELS,
            (
                "プログラム",
                "時刻",
                "所要時間",
                "計算",
                "アーカイブ",
                "アーカイブの SHA-256",
                "選挙",
                "群",
                "指紋",
                "立会人",
                "段階",
                "先端",
                "投票できる人数",
                "資格の一覧の SHA-256",
                "アーカイブについて確認したこと",
                "確認",
                "成立",
                "不成立",
                "つながり",
                "つながり",
                "結果",
                "内容（英語。規則の名前は仕様のとおり）",
                "番号",
                "名前",
                "公開鍵",
                "復号",
                "結果",
                "注意",
                "なし",
                "不成立の箇所",
            ),
            strict=True,
        )
    ),
)

WORDS = {Language.ENGLISH: ENGLISH, Language.JAPANESE: JAPANESE}

_REST_ON_LOG = frozenset({Tie.OFFICERS, Tie.ARCHIVE_LOG, Tie.RECEIPT_LOG, Tie.WITNESSES, Tie.ETHEREUM, Tie.FABRIC})


def verdict(report: Report, words: Words) -> str:
    """The one line at the report's end."""
    others = [finding for finding in report.findings if finding.tie is not Tie.ARCHIVE]
    if report.outcome is Outcome.FAILS:
        failing = [words.ties[tie] for tie in report.failing if tie is not Tie.ARCHIVE]
        if Tie.ARCHIVE in report.failing:
            return words.failed_archive + "".join(f"; {tie}" for tie in failing)
        return words.failed.format("; ".join(failing))
    if report.outcome is Outcome.UNFINISHED:
        return words.unfinished
    everything = words.all_checked if others else words.everything
    return (words.verified if report.complete else words.verified_so_far).format(everything)


def not_checked(report: Report, words: Words) -> dict[Tie, str]:
    """What was not looked at, and how to look at it."""
    found = {finding.tie: finding for finding in report.findings}
    records = found.get(Tie.RECORDS)
    broken = records is not None and records.outcome is not Outcome.HOLDS
    missing = {}
    for tie, how in words.how_to_check.items():
        if tie not in found:
            rests = broken and tie in _REST_ON_LOG
            missing[tie] = words.rests_on_log.format(words.ties[Tie.RECORDS]) if rests else how
    return missing


def trustees_in_words(trustees: Trustees, words: Words) -> str:
    """How many of which trustees are needed."""
    return ", ".join(
        words.mandatory if isinstance(item, SingleTrustee) else words.of.format(item.threshold, item.size)
        for item in trustees.items
    )
