"""How else one can vote: whoever is refused on a way in, for whatever reason, is told. A city may offer fewer ways."""

from __future__ import annotations

from typing import Final

from evote_platform.answering import Addition
from evote_platform.wording import Words

_WORDS: Final = {
    "phone": Words("スマートフォンのマイナアプリ", "with the phone's app"),
    "card": Words("マイナンバーカードとカードリーダー", "with a My Number card in a reader"),
    "face": Words("投票コードと顔の確認", "by voting code and face"),
}


def other_ways_than(way: str) -> Addition:
    """What each problem of ``phone``, ``card`` or ``face`` says beside its own."""
    others = [other for other in _WORDS if other != way]
    first, second = (_WORDS[other] for other in others)
    return Addition(
        {"other_ways": (*others, "counter")},
        Words(
            f"市が設けていれば、{first.japanese}、{second.japanese}でも、また窓口・投票所でも投票できます。",
            f"Where the city offers it you can also vote {first.english} or {second.english};"
            " and at a counter or at a polling place.",
        ),
    )
