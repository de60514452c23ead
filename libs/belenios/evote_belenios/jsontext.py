"""JSON as the protocol writes it: one compact text for each value, and nothing that two readers could differ on."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import NoReturn

from .errors import EncodingError

Json = None | bool | int | str | Sequence["Json"] | Mapping[str, "Json"]

_NATURAL = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_SURROGATE_ESCAPE = re.compile(r"\\u[dD]")
_CONVENTIONS = "Conventions"

_MOST_LEVELS = 64
# What a value of Python's takes is many times its text: a list of empty lists of 100 MB would take 3 GB.
_MOST_BRACKETS, _MOST_COMMAS = 1 << 18, 1 << 20
_BRACKET = re.compile(r"[\[\]{}]")

MOST_CHARACTERS = 1 << 27
"""More than the list of public credentials of a city of 200,000 voters takes in the larger group."""


def dump(value: Json) -> str:
    """The compact text of a value; object fields keep the order in which they are given."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def load(text: str) -> Json:
    """The value of a JSON text.

    Raises ``EncodingError`` (rule ``json``) for malformed JSON, a field given twice, a fraction, an exponent,
    a lone surrogate, nesting or numbers of values beyond what any message has, or more than ``MOST_CHARACTERS``.
    """
    if len(text) > MOST_CHARACTERS:
        raise EncodingError("json", _CONVENTIONS, f"longer than {MOST_CHARACTERS} characters")
    if text.count("[") + text.count("{") > _MOST_BRACKETS or text.count(",") > _MOST_COMMAS:
        raise EncodingError("json", _CONVENTIONS, "not acceptable JSON: more values than any message has")
    if _levels(text) > _MOST_LEVELS:
        raise EncodingError("json", _CONVENTIONS, "not acceptable JSON: nested too deep")
    try:
        text.encode()
        value: Json = json.loads(text, object_pairs_hook=_object, parse_float=_no_fraction, parse_constant=_no_fraction)
        if _SURROGATE_ESCAPE.search(text):
            # Raises for half a pair, which is no character and has no UTF-8.
            dump(value).encode()
    except ValueError as error:
        raise EncodingError("json", _CONVENTIONS, f"not acceptable JSON: {error}") from None
    return value


class Fields:
    """Reads an object's fields one by one, each with its type, and refuses those that nobody asked for."""

    def __init__(self, value: Json, what: str) -> None:
        """``what`` names the structure in error messages."""
        if not isinstance(value, Mapping):
            raise _wrong(what, "is not an object")
        self._value = value
        self._what = what
        self._read: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether an optional field is there."""
        return name in self._value

    def text(self, name: str) -> str:
        """A string without lone surrogates."""
        value = self._take(name)
        if not isinstance(value, str):
            raise _wrong(self._what, f"{name} is not a string")
        return value

    def integer(self, name: str) -> int:
        """A JSON integer (not a boolean)."""
        value = self._take(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise _wrong(self._what, f"{name} is not an integer")
        return value

    def boolean(self, name: str) -> bool:
        """A JSON boolean."""
        value = self._take(name)
        if not isinstance(value, bool):
            raise _wrong(self._what, f"{name} is not true or false")
        return value

    def exponent(self, name: str, order: int) -> int:
        """A number modulo ``order``, as a canonical decimal string."""
        return parse_exponent(self.text(name), order, f"{self._what}.{name}")

    def array(self, name: str) -> Sequence[Json]:
        """A JSON array."""
        value = self._take(name)
        if not isinstance(value, list):
            raise _wrong(self._what, f"{name} is not an array")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A JSON array of strings."""
        return texts(self._take(name), f"{self._what}.{name}")

    def value(self, name: str) -> Json:
        """A field of any type."""
        return self._take(name)

    def end(self) -> None:
        """Refuse fields that were not read."""
        unknown = sorted(set(self._value) - self._read)
        if unknown:
            raise _wrong(self._what, f"has the unknown field {unknown[0][:40]!r}")

    def _take(self, name: str) -> Json:
        if name not in self._value:
            raise _wrong(self._what, f"lacks the field {name}")
        self._read.add(name)
        return self._value[name]


def texts(value: Json, what: str) -> tuple[str, ...]:
    """An array that has nothing but strings."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _wrong(what, "is not an array of strings")
    return tuple(value)


def parse_natural(text: str, what: str) -> int:
    """A natural number in decimal without leading zeros, of at most 1,000 digits."""
    if len(text) > 1000 or not _NATURAL.fullmatch(text):
        raise EncodingError("number", _CONVENTIONS, f"{what} is not a canonical decimal number")
    return int(text)


def parse_exponent(text: str, order: int, what: str) -> int:
    """A number in [0, ``order``) in decimal without leading zeros."""
    number = parse_natural(text, what)
    if number >= order:
        raise EncodingError("number", _CONVENTIONS, f"{what} is not reduced modulo q")
    return number


def _levels(text: str) -> int:
    """How deep a JSON text is nested, or a little more.

    Python's own limit can't be relied upon: a library that web3 imports raises it beyond what the C stack of the JSON
    parser bears, and a nested text would then end the process.
    """
    openings = text.count("[") + text.count("{")
    if openings <= _MOST_LEVELS:
        return openings
    outside_strings = "".join(text.replace("\\\\", "").replace('\\"', "").split('"')[::2])
    level = deepest = 0
    for bracket in _BRACKET.findall(outside_strings):
        level += 1 if bracket in "[{" else -1
        deepest = max(deepest, level)
    return deepest


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a field is given twice")
    return value


def _no_fraction(_: str) -> NoReturn:
    raise ValueError("only integers are numbers here")


def _wrong(what: str, detail: str) -> EncodingError:
    return EncodingError("schema", _CONVENTIONS, f"{what} {detail}")
