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

from .canonical import canonical_json
from .errors import PoisonError
from .events import EVENT_CLASSES, EventData

Clock = Callable[[], datetime]
"""The current time, with its time zone."""
Randomness = Callable[[int], bytes]
"""So many random bytes, as ``secrets.token_bytes`` gives them."""

_CLASS_BY_TYPE: Final[dict[str, type[EventData]]] = {cls.type_name(): cls for cls in EVENT_CLASSES}
_ATTRIBUTES: Final = frozenset({"specversion", "id", "source", "type", "time", "datacontenttype", "data"})
_TIME = re.compile(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$")
_SHOWABLE_TYPE = re.compile(r"^[A-Za-z0-9.-]{1,100}$")


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


def encode(envelope: Envelope) -> bytes:
    """The record value: CloudEvents 1.0 structured JSON, canonical by RFC 8785, UTF-8.

    Raises:
        ValueError: an integer beyond ±(2**53 - 1) or a string that is no Unicode text.
    """
    return canonical_json(
        {
            "specversion": "1.0",
            "id": envelope.id,
            "source": envelope.source,
            "type": envelope.type,
            "time": envelope.time.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "data": envelope.data.model_dump(mode="json"),
        }
    )


def decode(value: bytes | None) -> Envelope:
    """Read a record value; the inverse of :func:`encode`.

    Readers are upgraded before writers: a type, version or field that this reader doesn't know is
    refused, never ignored, because what a ballot means can't depend on who reads it. A field that
    was added since the event was written has its default.

    Raises:
        PoisonError: not canonical JSON, not an envelope, or not an event that this reader knows.
    """
    attributes = _parse(value)
    if attributes.keys() != _ATTRIBUTES:
        raise PoisonError("not the attributes of an event's CloudEvents envelope")
    if attributes["specversion"] != "1.0" or attributes["datacontenttype"] != "application/json":
        raise PoisonError("not CloudEvents 1.0 with JSON data")
    try:
        canonical = canonical_json(attributes)
    except ValueError as error:
        raise PoisonError("a value that canonical JSON can't carry") from error
    if canonical != value:
        raise PoisonError("not the canonical JSON (RFC 8785) of the event")
    return Envelope(
        id=_text(attributes, "id"),
        source=_text(attributes, "source"),
        type=_text(attributes, "type"),
        time=_time(_text(attributes, "time")),
        data=_data(_text(attributes, "type"), attributes["data"]),
    )


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


def _text(attributes: dict[str, Any], name: str) -> str:
    text = attributes[name]
    if not isinstance(text, str) or not text:
        raise PoisonError(f"{name}: not a text")
    return text


def _time(text: str) -> datetime:
    if _TIME.match(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
    raise PoisonError("time: not an RFC 3339 UTC time with milliseconds")


def _data(type_name: str, data: Any) -> EventData:
    event_class = _CLASS_BY_TYPE.get(type_name)
    if event_class is None:
        shown = type_name if _SHOWABLE_TYPE.match(type_name) else "(unprintable)"
        raise PoisonError(f"unknown event type {shown}")
    try:
        return event_class.model_validate(data)
    except ValidationError:
        pass  # decided by the JSON text: only there does pydantic's strict mode take an array for a tuple
    try:
        return event_class.model_validate_json(orjson.dumps(data))
    except ValidationError as error:
        faults = sorted({_describe(fault["type"], fault["loc"]) for fault in error.errors()})
        raise PoisonError("; ".join(faults[:10])) from error


def _describe(fault: str, location: tuple[int | str, ...]) -> str:
    """Where and what, without any value; the name of an unknown field is a value too."""
    known = location[:-1] if fault == "extra_forbidden" else location
    return f"{'.'.join(['data', *map(str, known)])}: {fault}"
