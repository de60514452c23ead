"""The CloudEvents 1.0 envelope around every event, in the one JSON text that RFC 8785 allows for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import pydantic_core
from pydantic import ValidationError

from .canonical import ORJSON_OPTIONS, canonical_json
from .errors import PoisonError, UnknownEvent
from .events import EVENT_CLASSES, EventData
from .releases import NEWEST_RELEASE, fields_after

Clock = Callable[[], datetime]
"""The current time, with its time zone."""
Randomness = Callable[[int], bytes]
"""So many random bytes, as ``secrets.token_bytes`` gives them."""

_CLASS_BY_TYPE: Final[dict[str, type[EventData]]] = {cls.type_name(): cls for cls in EVENT_CLASSES}
_TYPE = re.compile(r"jp\.tsukuba\.evote\.[a-z-]{1,40}\.[A-Z][A-Za-z0-9]{0,60}\.v[1-9][0-9]{0,5}", re.ASCII)
_ATTRIBUTES: Final = frozenset({"specversion", "id", "source", "type", "time", "datacontenttype", "data"})
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z", re.ASCII)


@dataclass(frozen=True)
class Envelope:
    """An event with its CloudEvents context.

    Args:
        id: unique among the events of ``source``.
        source: the service that wrote it, such as ``ballot``.
        type: the CloudEvents type; always ``data.type_name()``.
        time: when it was written, with a time zone; kept in UTC, to the millisecond.
        data: the event itself.
    """

    id: str
    source: str
    type: str
    time: datetime
    data: EventData

    def __post_init__(self) -> None:
        if not self.id or not self.source:
            raise ValueError("an event needs an id and a source")
        if self.type != self.data.type_name():
            raise ValueError(f"type {self.type!r} does not belong to {self.data.type_name()}")
        if self.time.tzinfo is None:
            raise ValueError("the time of an event needs a time zone")
        if self.time.tzinfo is not UTC or self.time.microsecond % 1000:  # not so for any that was read
            utc = self.time.astimezone(UTC)
            object.__setattr__(self, "time", utc.replace(microsecond=utc.microsecond // 1000 * 1000))

    @classmethod
    def wrap(cls, data: EventData, *, id: str, source: str, time: datetime) -> Envelope:
        """The envelope of ``data``, with the type that follows from its class."""
        return cls(id, source, data.type_name(), time, data)


def encode(envelope: Envelope, release: int = NEWEST_RELEASE) -> bytes:
    """The record value: CloudEvents 1.0 structured JSON, canonical by RFC 8785, UTF-8.

    Args:
        release: fields that came with a later release of the events are not written; a reader takes their defaults.

    Raises:
        ValueError: an integer beyond ±(2**53 - 1), a string that is no Unicode text, or one with the character NUL.
    """
    attributes = {
        "specversion": "1.0",
        "id": envelope.id,
        "source": envelope.source,
        "type": envelope.type,
        "time": envelope.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": envelope.data.model_dump(mode="json", exclude=set(fields_after(type(envelope.data), release))),
    }
    value = canonical_json(attributes)
    if _holds_nul(value, attributes):
        raise ValueError("a text with the character NUL")
    return value


def decode(value: bytes | None) -> Envelope:
    """Read a record value; the inverse of :func:`encode`.

    Whether a value can be read is a function of its bytes alone, so that all readers of a release agree: what one
    passes by, none counts. A type and version has one schema for ever, to which only optional fields are added; a field
    that was added since the event was written has its default.

    Raises:
        UnknownEvent: an event, but of a type, version or field that this release doesn't know. What a ballot means
            can't depend on who reads it: such a record is neither understood in part nor passed by.
        PoisonError: anything else that is no event: no release can read it.
    """
    return _decode_at_once(value) or _decode_by_definition(value)


def _decode_at_once(value: bytes | None) -> Envelope | None:
    """The event of a value that is one without question; None where the definition has to look.

    The parser and pydantic in strict mode leave texts, whole numbers, truth values and null under the names of
    the event's fields, all in ASCII: ``orjson`` writes those as RFC 8785 does. Another value than the definition reads
    there can't come of the very same text.
    """
    try:
        attributes = orjson.loads(value or b"")
        event_class = _CLASS_BY_TYPE[attributes["type"]]
        data = event_class.model_validate(attributes["data"])
        is_event = (
            attributes.keys() == _ATTRIBUTES
            and attributes["specversion"] == "1.0"
            and attributes["datacontenttype"] == "application/json"
            and orjson.dumps(attributes, option=ORJSON_OPTIONS) == value
            and not _holds_nul(value, attributes)
        )
        if not is_event:
            return None
        source, id_, time = _text(attributes, "source"), _text(attributes, "id"), _time(_text(attributes, "time"))
    except (KeyError, TypeError, ValueError, PoisonError):
        return None
    return Envelope(id_, source, attributes["type"], time, data)


def _decode_by_definition(value: bytes | None) -> Envelope:
    attributes = _parse(value)
    if not attributes.keys() >= _ATTRIBUTES:
        raise PoisonError("not the attributes of an event's CloudEvents envelope")
    if attributes["specversion"] != "1.0" or attributes["datacontenttype"] != "application/json":
        raise PoisonError("not CloudEvents 1.0 with JSON data")
    try:
        canonical = canonical_json(attributes)
    except ValueError as error:
        raise PoisonError("a value that canonical JSON can't carry") from error
    if canonical != value:
        raise PoisonError("not the canonical JSON (RFC 8785) of the event")
    if _holds_nul(value, attributes):
        # No database takes it. Refused here and not by each projection: else the log would have what the board hasn't.
        raise PoisonError("a text with the character NUL")
    source, id_, time = _text(attributes, "source"), _text(attributes, "id"), _time(_text(attributes, "time"))
    type_name = _text(attributes, "type")
    if not _TYPE.fullmatch(type_name):
        raise PoisonError("type: not one of an event of this platform")
    if attributes.keys() != _ATTRIBUTES:
        raise UnknownEvent(type_name, "an attribute of its envelope")
    return Envelope(id_, source, type_name, time, _data(type_name, attributes["data"]))


def topic_of(type_name: str) -> str:
    """The topic that a CloudEvents type of ours belongs to: a record of it anywhere else is no event."""
    return type_name.split(".")[3]


def _parse(value: bytes | None) -> dict[str, Any]:
    if value is None:
        raise PoisonError("no value")
    try:
        attributes = pydantic_core.from_json(value, allow_inf_nan=False)
    except ValueError as error:
        raise PoisonError("not JSON") from error
    if not isinstance(attributes, dict):
        raise PoisonError("not a JSON object")
    return attributes


def _holds_nul(value: bytes, parsed: Any) -> bool:
    if b"\\u0000" not in value:  # as canonical JSON spells it; the same characters may also stand for themselves
        return False
    pending = [parsed]
    for item in pending:  # grows while it is walked: nesting can't exhaust the stack
        if isinstance(item, str):
            if "\0" in item:
                return True
        elif isinstance(item, dict):
            pending += [*item, *item.values()]
        elif isinstance(item, list):
            pending += item
    return False


def _text(attributes: dict[str, Any], name: str) -> str:
    text = attributes[name]
    if not isinstance(text, str) or not text:
        raise PoisonError(f"{name}: not a text")
    return text


def _time(text: str) -> datetime:
    if _TIME.fullmatch(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
    raise PoisonError("time: not an RFC 3339 UTC time with milliseconds")


def _data(type_name: str, data: Any) -> EventData:
    event_class = _CLASS_BY_TYPE.get(type_name)
    if event_class is None:
        raise UnknownEvent(type_name, "the type or its version")
    try:
        return event_class.model_validate(data)
    except ValidationError:
        pass  # decided by the JSON text: only there does pydantic's strict mode take an array for a tuple
    try:
        return event_class.model_validate_json(orjson.dumps(data))
    except ValidationError as error:
        faults = sorted({(fault["type"], fault["loc"]) for fault in error.errors()}, key=repr)
    if all(kind == "extra_forbidden" for kind, _ in faults):
        # All that a release may add to a type and version; every other change would be another version.
        raise UnknownEvent(type_name, "a field of its data")
    raise PoisonError("; ".join(sorted({_describe(kind, place) for kind, place in faults})[:10]))


def _describe(fault: str, location: tuple[int | str, ...]) -> str:
    """Where and what, without any value; the name of an unknown field is a value too."""
    known = location[:-1] if fault == "extra_forbidden" else location
    return f"{'.'.join(['data', *map(str, known)])}: {fault}"
