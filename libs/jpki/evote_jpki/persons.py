"""Names and addresses of persons: a strict form, and a folded one in which one person's usual spellings are equal.

A roll and a card of one person come from the same residents' register, but by different ways: systems that hold other
characters, other widths, other habits of writing a house number. Folding is for comparing only. It never joins
characters that are different ones in law (斎 and 斉), and whoever compares has to say that a match was a folded one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from joyokanji import convert

SUBSTITUTED = "\uffff"
"""Stands for a character that the card could not hold; it agrees with any one character. No text holds it itself."""

# Old forms (旧字体) of the 常用漢字表 come from joyokanji. These are further variants (異体字) of names and places,
# chosen by hand: each first character is written for the others, and each was compared with the families of the package
# ja-itaiji 1.0.2 (which lacks 𠮷 only). Those that law tells apart, such as 斎 and 斉, or 崎 and 碕, are left out.
_VARIANTS = (
    "高髙 崎﨑嵜 辺邉邊 島嶋嶌 浜濵濱 桑桒 橋槗 館舘 桧檜 薮藪 淵渕渊 柳栁 富冨 野埜 峰峯 凛凜 吉𠮷 昇曻 "
    "船舩 松枩 鶴靏隺 鴎鷗 蒋蔣 秋穐龝 哲喆 昂昻 柿枾 栃杤 煕熙熈 鉄鐡銕 麹麴 槙槇 尭堯 啓啟 姫姬 巌巖 梼檮 "
    "涛濤 焔焰 砺礪 篭籠 莱萊 遥遙 諫諌 讃讚 市巿 菟莵"
)
_FOLDED_KANJI = {ord(variant): family[0] for family in _VARIANTS.split() for variant in family[1:]}

_VARIATION_SELECTORS = re.compile("[\u180b-\u180d\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_NUMERALS = "〇零一二三四五六七八九"
_TENS = {"十": 10, "百": 100, "千": 1000}
_RUN = f"[{_NUMERALS}{''.join(_TENS)}]+"
_HOUSE_UNIT = "丁目|丁|番地|番|号室|号"
_NUMBER_BEFORE_UNIT = re.compile(f"{_RUN}(?={_HOUSE_UNIT}|-|条|線)")
_NUMBER_AFTER_NUMBER = re.compile(f"(?<=[0-9]-){_RUN}")
_UNIT = re.compile(f"(?<=[0-9])(?:{_HOUSE_UNIT})ノ?")
# 1番2号21世紀ビル: the number behind 号 is the building's name, unless it is a room or a floor.
_BUILDING_BEHIND = re.compile(
    f"(?<=[0-9])号(?=(?:[0-9]+|{_RUN})(?![-0-9{_NUMERALS}{''.join(_TENS)}]|{_HOUSE_UNIT}|階|F|棟|$))"
)
_BUILDING_MARK = "="
_PREFECTURE = re.compile("^(?:北海道|東京都|京都府|大阪府|神奈川県|和歌山県|鹿児島県|[^市区町村郡]{2}県)+")
_SECTION = re.compile("[大小]字|(?<!文)字")
_KANA = "ァ-ヺー"
_GA = re.compile(f"(?<=[^{_KANA}])[カガケ](?=[^{_KANA}])")
_HIRAGANA = {code: code + 0x60 for code in range(0x3041, 0x3097)}
_LARGE_KANA = str.maketrans("ァィゥェォッャュョヮヵヶ", "アイウエオツヤユヨワカケ")
_CAPITALS = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_GOES_ON = "-・、,0123456789丁番号条町村区線地割軒"
"""What follows a number that is not yet the end of the house number."""


def strict(text: str) -> str:
    """The same text whatever its width and spaces, and with one kind of hyphen (Unicode NFKC)."""
    packed = "".join(unicodedata.normalize("NFKC", text).split())
    # Again, for what only a space kept apart: ｶ and ﾞ.
    return "".join("-" if _is_hyphen(sign) else sign for sign in unicodedata.normalize("NFKC", packed))


def fold_name(text: str) -> str:
    """A name with variants, old forms and glyph selectors folded; its kana stay, since they tell names apart."""
    return _until_stable(_fold_characters, text)


def fold_address(text: str) -> str:
    """An address with its characters, kana, house numbers and prefecture folded: ``つくば市研究学園1-1-1``."""
    return _until_stable(lambda one: _fold_places(_fold_characters(one)), text)


def names_agree(card_name: str, roll_name: str) -> bool:
    """Whether two names are the same when folded; a ``SUBSTITUTED`` character of the card agrees with any one."""
    folded = fold_name(card_name)
    return folded.strip(SUBSTITUTED) != "" and _pattern(folded).fullmatch(fold_name(roll_name)) is not None


def addresses_agree(card_address: str, roll_address: str) -> bool:
    """Whether two addresses are the same when folded; one of them may leave out the building behind its house number.

    Two different buildings, or two rooms, don't agree.
    """
    card, roll = fold_address(card_address), fold_address(roll_address)
    if card.strip(SUBSTITUTED) == "":
        return False
    if found := _pattern(card).match(roll):
        return _is_building(card, roll[found.end() :])
    return SUBSTITUTED not in card and card.startswith(roll) and _is_building(roll, card[len(roll) :])


def _is_building(house: str, rest: str) -> bool:
    return not rest or (house[-1:].isdigit() and rest[0] not in _GOES_ON)


def _pattern(folded: str) -> re.Pattern[str]:
    return re.compile(re.escape(folded).replace(re.escape(SUBSTITUTED), "."), re.DOTALL)


def _until_stable(fold: Callable[[str], str], text: str) -> str:
    # One step may bring forth what another folds (㍿ is four characters); each shortens or reaches a canonical form.
    while (folded := fold(text)) != text:
        text = folded
    return text


def _fold_characters(text: str) -> str:
    plain = strict(_VARIATION_SELECTORS.sub("", text)).replace("ー", "-")
    folded: str = convert(plain.translate(_FOLDED_KANJI), variants=True)
    return folded


def _fold_places(text: str) -> str:
    text = text.translate(_HIRAGANA).translate(_LARGE_KANA).translate(_CAPITALS)
    text = _SECTION.sub("", _PREFECTURE.sub("", text))
    text = _GA.sub("ケ", text)
    text = _NUMBER_BEFORE_UNIT.sub(_digits, text)
    text = _UNIT.sub("-", _BUILDING_BEHIND.sub(_BUILDING_MARK, text))
    text = _NUMBER_AFTER_NUMBER.sub(_digits, text)
    text = re.sub("(?<=[0-9])ノ(?=[0-9])", "-", text)
    return re.sub("(?<=[0-9])-+(?![0-9-])", "", re.sub("-+", "-", text))


def _digits(found: re.Match[str]) -> str:
    """``二十三`` and ``二三`` are 23."""
    run = found[0].replace("零", "〇")
    if not set(run) & set(_TENS):
        return "".join(str(_value(sign)) for sign in run)
    total, digit = 0, 0
    for sign in run:
        if sign in _TENS:
            total += (digit or 1) * _TENS[sign]
            digit = 0
        else:
            digit = digit * 10 + _value(sign)
    return str(total + digit)


def _value(sign: str) -> int:
    return max(0, _NUMERALS.index(sign) - 1)


def _is_hyphen(sign: str) -> bool:
    # The minus sign is what the full-width hyphen of many input methods becomes.
    return unicodedata.category(sign) == "Pd" or sign == "\u2212"
