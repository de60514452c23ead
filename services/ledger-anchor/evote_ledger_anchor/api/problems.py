"""Every problem of ledger-anchor, as clients read them (RFC 9457): what the log doesn't have, or not yet."""

from __future__ import annotations

from typing import Final

from evote_platform.access import READING_PROBLEMS
from evote_platform.problems import ProblemTable, kind

EMPTY_LOG: Final = kind(
    "empty-log",
    404,
    ("ログにはまだ何もありません", "最初の出来事が記録されてから、もう一度お試しください。"),
    ("The log has no entry yet", "Ask again when something has been recorded."),
)
UNKNOWN_SIZE: Final = kind(
    "unknown-size",
    404,
    ("ログはまだその大きさに達していません", "{size} 以下の大きさを指定してください。"),
    ("The log is not that large yet", "Ask for a size of {size} at the most."),
    members=("size",),
)
UNKNOWN_LEAF: Final = kind(
    "unknown-leaf",
    404,
    ("この大きさのログに、この項目はありません", "項目と大きさを確かめてください。"),
    ("The log of this size has no such leaf", "Check the leaf and the size."),
    members=("size",),
)
NO_SUCH_PROOF: Final = kind(
    "no-such-proof",
    422,
    ("この二つの大きさを結ぶ証明はありません", "0 < first ≤ second となるように指定してください。"),
    ("No proof joins these sizes", "It needs 0 < first <= second."),
)
UNKNOWN_TILE: Final = kind(
    "unknown-tile",
    404,
    ("ログにこのタイルはありません", "最新のチェックポイントの大きさまでのタイルがあります。"),
    ("The log has no such tile", "Tiles reach as far as the newest checkpoint."),
)
RECORDS_BEHIND: Final = kind(
    "records-behind",
    503,
    ("記録の本文がまだ届いていません", "少し待ってから、もう一度お試しください。"),
    ("The records are still on their way", "Ask again."),
    retry_after_s=1,
)
ENTRY_TOO_LARGE: Final = kind(
    "entry-too-large",
    404,
    ("16 ビットの長さで表せない記録が含まれています", "同じ記録が /tile/records に 32 ビットの長さ付きであります。"),
    (
        "A record of this bundle is longer than its 16-bit length can say",
        "The same records are under /tile/records, with 32-bit lengths.",
    ),
)
ENTRY_WITHHELD: Final = kind(
    "entry-withheld",
    404,
    ("締切前の票が含まれています", "同じ記録が、締切前の票を空にして /tile/records にあります。"),
    (
        "This bundle has a ballot of an election that has not closed",
        "The same records are under /tile/records, with an empty one in the place of each such ballot.",
    ),
)
NOT_WITNESSED: Final = kind(
    "not-witnessed",
    404,
    ("十分な数の証人が署名したチェックポイントはまだありません", "しばらくしてから、もう一度お試しください。"),
    ("No checkpoint has been cosigned by enough witnesses yet", "Ask again later."),
)

PROBLEMS = ProblemTable(
    raised=[
        EMPTY_LOG,
        UNKNOWN_SIZE,
        UNKNOWN_LEAF,
        NO_SUCH_PROOF,
        UNKNOWN_TILE,
        RECORDS_BEHIND,
        ENTRY_TOO_LARGE,
        ENTRY_WITHHELD,
        NOT_WITNESSED,
        *READING_PROBLEMS,
    ]
)
