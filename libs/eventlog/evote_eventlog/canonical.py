"""The one JSON text of a value that RFC 8785 allows: what is hashed must not depend on who wrote it."""

from __future__ import annotations

from typing import Any, Final

import orjson
import rfc8785

ORJSON_OPTIONS: Final = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
"""With these ``orjson`` writes texts, whole numbers, truth values and null under ASCII names as ``rfc8785`` does."""
_SCALARS: Final = frozenset({str, int, bool, type(None)})


def canonical_json(value: Any) -> bytes:
    """The canonical JSON (RFC 8785) of what a JSON parser gives: dict, list, str, int, float, bool, None.

    ``rfc8785`` defines the answer. ``orjson`` gives the same one several times faster wherever neither
    number formatting nor the order of UTF-16 code units has a say; where it refuses a value (integers
    beyond 53 bits, unpaired surrogates, deep nesting), ``rfc8785`` decides.

    Raises:
        ValueError: an integer beyond ±(2**53 - 1), a number that is not finite, or a string that is no Unicode text.
    """
    if _is_written_alike(value):
        try:
            return orjson.dumps(value, option=ORJSON_OPTIONS)
        except orjson.JSONEncodeError:
            pass  # the slow writer takes it, or says what is wrong
    return rfc8785.dumps(value)


def _is_written_alike(value: Any) -> bool:
    """Whether both writers agree on all that ``orjson`` takes: no float, and object keys in ASCII."""
    pending = [value]
    for item in pending:  # grows while it is walked: nesting can't exhaust the stack
        kind = type(item)
        if kind in _SCALARS:
            continue
        if kind is list:
            pending += item
        elif kind is dict and "".join(item).isascii():
            pending += item.values()
        else:
            return False
    return True
