"""The words of the short code: 64 everyday nouns of three kana, no two of them alike over the telephone.

Any two differ in two kana or more. None has し, ち, つ, ふ, じ, ん, a long vowel or a small kana, so that each has one
spelling in Latin letters too: the key machine may have no Japanese input. The list never changes: codes would.
"""

from __future__ import annotations

import unicodedata

_LIST = """
あさひ あたま あひる いるか うさぎ えのき おかね おとな おまけ かえる かもめ からす きのこ きもの くすり くらげ
くるま けむり こころ こども ごりら さかな さくら さばく すいか すずめ すなば せなか たから たぬき たまご だいず
てがみ とびら とまと なすび なまえ なみだ ぬりえ ねずみ のはら はがき はさみ はたけ ばなな ひかり ひよこ ぶたい
ほたる まぐろ みどり みなと むかで めがね めだか もぐら やさい やなぎ ゆかた ゆびわ よもぎ らくだ れたす わかめ
"""
WORDS = tuple(_LIST.split())

_ROWS = {
    "": "あいうえお",
    "k": "かきくけこ",
    "g": "がぎぐげご",
    "s": "さ　すせそ",
    "z": "ざ　ずぜぞ",
    "t": "た　　てと",
    "d": "だ　　でど",
    "n": "なにぬねの",
    "h": "はひ　へほ",
    "b": "ばびぶべぼ",
    "m": "まみむめも",
    "y": "や　ゆ　よ",
    "r": "らりるれろ",
    "w": "わ　　　　",
}
_LATIN = {kana: row + vowel for row, line in _ROWS.items() for kana, vowel in zip(line, "aiueo", strict=True)}
_KATAKANA_TO_HIRAGANA = {ord("ァ") + offset: ord("ぁ") + offset for offset in range(ord("ヶ") - ord("ァ") + 1)}


def latin(word: str) -> str:
    """The word in Latin letters."""
    return "".join(_LATIN[kana] for kana in word)


_BY_SPELLING = {spelling: index for index, word in enumerate(WORDS) for spelling in (word, latin(word))}


def index_of(text: str) -> int | None:
    """The word's place in the list, in hiragana, katakana (also of half width) or Latin letters; None: no such word."""
    plain = unicodedata.normalize("NFKC", text).casefold().translate(_KATAKANA_TO_HIRAGANA)
    return _BY_SPELLING.get(plain)
