"""The file that an officer drafts an election with: an example to begin from, and what a person confirms of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from evote_tlog.display import visible

from .errors import CommandFailed
from .local_time import JAPAN, local_time

_OPENS_IN, _LASTS = timedelta(days=30), timedelta(days=5)
_OPENING_HOUR, _CLOSING_HOUR = 7, 20
_FEWEST_TRUSTEES = 2


@dataclass(frozen=True)
class TrusteeLine:
    """A trustee's name, and the line of their key."""

    name: str
    key: str


_EXAMPLES: Final = tuple(
    TrusteeLine(name, f"ここを、{name}さんから受け取った ed25519: で始まる 1 行に置き換える")
    for name in ("佐藤 一郎", "鈴木 花子", "高橋 次郎")
)
"""No key at all rather than one that nobody holds: a draft in which a line was forgotten is refused."""


def parse_trustee(text: str) -> TrusteeLine:
    """``NAME=LINE`` as it is typed; raises ``CommandFailed``."""
    name, separator, key = text.partition("=")
    if not (separator and name.strip() and key.strip()):
        raise CommandFailed(f"立会人は 氏名=鍵の1行 の形で指定してください: {visible(text)}")
    return TrusteeLine(name.strip(), key.strip())


def example_draft(trustees: Sequence[TrusteeLine], now: datetime) -> str:
    """A whole draft to change: a referendum of one question, a month ahead.

    Args:
        trustees: who holds the keys, at least two; without any, three whose lines are still to be filled in.
        now: the current time.
    """
    holders = trustees or _EXAMPLES
    if len(holders) < _FEWEST_TRUSTEES:
        raise CommandFailed(f"立会人は {_FEWEST_TRUSTEES} 人以上が必要です。--trustee を人数分指定してください。")
    first_day = (now.astimezone(JAPAN) + _OPENS_IN).replace(hour=_OPENING_HOUR, minute=0, second=0, microsecond=0)
    last_day = (first_day + _LASTS).replace(hour=_CLOSING_HOUR)
    draft = {
        "name": "総合運動公園の整備に関する住民投票",
        "description": "市が計画している総合運動公園の整備について、市民の意思を問う投票です。",
        "group": "Ed25519",
        "administrator": "つくば市選挙管理委員会",
        "questions": [
            {
                "question": "総合運動公園の整備計画に賛成しますか。",
                "answers": ["賛成", "反対"],
                "blank": True,
                "min": 1,
                "max": 1,
            }
        ],
        "opens_at": first_day.isoformat(),
        "closes_at": last_day.isoformat(),
        "trustees": [{"name": holder.name, "key": holder.key} for holder in holders],
        "threshold": len(holders) // 2 + 1,
    }
    return json.dumps(draft, ensure_ascii=False, indent=2)


def draft_summary(draft: dict[str, Any]) -> list[str]:
    """What the person who signs looks at, a line each: the window, the questions, and whose keys can open ballots.

    Raises:
        CommandFailed: a field that is shown is missing, or is something else altogether.
    """
    try:
        return [visible(line) for line in _lines(draft)]
    except KeyError as error:
        raise CommandFailed(
            f"起案に項目がありません: {visible(str(error.args[0]))}（例は evote election template）"
        ) from error
    except (TypeError, AttributeError) as error:
        raise CommandFailed("起案の形が違います。evote election template の例と見比べてください。") from error


def _lines(draft: dict[str, Any]) -> Iterator[str]:
    yield f"選挙: {draft['name']}（{draft['administrator']}）"
    yield f"受付: {local_time(draft['opens_at'])} 〜 {local_time(draft['closes_at'])}"
    for number, question in enumerate(draft["questions"], 1):
        answers = [*map(str, question["answers"]), *(["白票"] if question["blank"] else [])]
        chosen = f"{question['min']}〜{question['max']} つ選ぶ"
        yield f"質問 {number}: {question['question']}　{' / '.join(answers)}（{chosen}）"
    yield f"立会人 {len(draft['trustees'])} 人のうち {draft['threshold']} 人で開票できます。"
    yield "立会人の鍵（受け取った 1 行と比べてください）:"
    for number, trustee in enumerate(draft["trustees"], 1):
        yield f"  {number} {trustee['name']}　{trustee['key']}"
