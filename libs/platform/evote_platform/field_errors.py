"""What is wrong with one field of a request, as ``errors`` of ``invalid-request`` lists it: where, and what is right.

Nothing that the client sent is repeated, since answers are shown, kept and forwarded: limits and expected values are
the model's own. The one exception is the name of an unknown field, and only when it is written as the API's own names
are: few lower-case letters and underscores, so that no code, key or credential can stand there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from .wording import Words

_PLAIN_FIELD = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_NAME_LIKE_OURS = re.compile(r"[a-z][a-z_]{0,31}", re.ASCII)
UNREADABLE_FIELD: Final = "?"

_ECHOING = frozenset({"value_error", "assertion_error", "union_tag_invalid"})
"""Pydantic errors whose message may repeat what the client sent."""

_NOT_VALID: Final = Words("正しい値ではありません", "not valid")
_JAPANESE: Final = {
    "missing": "必要な項目がありません",
    "string_type": "文字列で書いてください",
    "string_too_short": "{min_length} 文字以上で書いてください",
    "string_too_long": "{max_length} 文字以下で書いてください",
    "string_pattern_mismatch": "決められた形ではありません（形: {pattern}）",
    "int_type": "整数で書いてください（引用符は付けません）",
    "int_parsing": "整数で書いてください",
    "float_type": "数で書いてください（引用符は付けません）",
    "bool_type": "true か false で書いてください（引用符は付けません）",
    "greater_than_equal": "{ge} 以上にしてください",
    "greater_than": "{gt} より大きくしてください",
    "less_than_equal": "{le} 以下にしてください",
    "less_than": "{lt} より小さくしてください",
    "literal_error": "次のどれかにしてください: {expected}",
    "enum": "次のどれかにしてください: {expected}",
    "tuple_type": "一覧（[ ] で囲む）で書いてください",
    "list_type": "一覧（[ ] で囲む）で書いてください",
    "too_short": "{min_length} 個以上を並べてください",
    "too_long": "{max_length} 個以下にしてください",
    "model_type": "項目の組（{{ }} で囲む）で書いてください",
    "model_attributes_type": "項目の組（{{ }} で囲む）で書いてください",
    "dict_type": "項目の組（{{ }} で囲む）で書いてください",
    "union_tag_invalid": "種類を表す項目の値が正しくありません",
    "instant": "日時は 2027-01-31T07:00:00+09:00 の形（時差まで）で書いてください",
    "base64": "base64 で書いてください",
    "text_nul": "使えない文字（NUL）が入っています",
    "text_unicode": "Unicode の文字として正しくない部分があります",
}
"""By pydantic's type of error, and by those of our own models; names in braces stand for the model's own limits."""


def field_error(field: str, reason: Words) -> dict[str, str]:
    """One entry of ``errors``: ``reason`` in English, ``ja`` in Japanese."""
    return {"field": field, "reason": reason.english, "ja": reason.japanese}


def field_error_of(fault: Mapping[str, Any]) -> dict[str, str]:
    """The entry of an error of pydantic."""
    location: Sequence[Any] = fault["loc"]
    kind = str(fault["type"])
    if kind == "extra_forbidden":
        *within, name = (str(part) for part in location)
        shown = name if _NAME_LIKE_OURS.fullmatch(name) else UNREADABLE_FIELD
        where = [*map(_part, within), shown]
        return field_error(
            ".".join(where), Words("この名前の項目はありません（名前を確かめるか、消してください）", "unknown field")
        )
    return field_error(".".join(map(_part, location)), _reason(kind, fault))


def _reason(kind: str, fault: Mapping[str, Any]) -> Words:
    english = _NOT_VALID.english if kind in _ECHOING else str(fault["msg"])
    return Words(_JAPANESE.get(kind, _NOT_VALID.japanese).format_map(fault.get("ctx", {})), english)


def _part(raw: object) -> str:
    return part if _PLAIN_FIELD.fullmatch(part := str(raw)) else UNREADABLE_FIELD
