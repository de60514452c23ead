"""One JSON object a line on standard error. No personal value belongs in a log, so exceptions lose
their messages: those of a database or a parser repeat what somebody sent."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import MutableMapping
from datetime import datetime
from typing import Any, Final

import orjson
import structlog

from .clock import utc_now

LEVELS: Final = ("debug", "info", "warning", "error")

_QUIET = {
    "aiokafka": logging.ERROR,  # warns at every retry of an outage that the caller reports itself
    "yoyo": logging.WARNING,
    "httpx": logging.WARNING,  # tells each address that is asked, such as a responder's with a certificate's number
    "asyncio": logging.WARNING,
    "opentelemetry": logging.CRITICAL,  # whether spans arrive is a metric's to say, and tracing's own line
}


def configure_logging(service: str, level: str) -> None:
    """Send structlog and the standard library's logging to standard error as JSON lines.

    Args:
        service: the service's name, in every line.
        level: one of :data:`LEVELS`.
    """

    facts: list[Any] = [structlog.contextvars.merge_contextvars, _Facts(service), _exception_without_message]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), *facts],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _line],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name, quiet_level in _QUIET.items():
        logging.getLogger(name).setLevel(quiet_level)
    # Our own lines don't go through the standard library's records, which cost a request as much as its routing does.
    structlog.configure(
        processors=[*facts, _line],
        logger_factory=_OwnLines,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=True,
    )


class _Facts:
    """What each line says beside its own: one step in place of structlog's for each, since a request pays for each that
    it is the first to come to after a pause."""

    def __init__(self, service: str) -> None:
        self._service = service

    def __call__(self, logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        record: logging.LogRecord | None = event.get("_record")  # of a library's line
        event["service"] = self._service
        event["logger"] = logger.name if record is None else record.name
        event["level"] = method
        event["time"] = _iso(utc_now())
        return event


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _line(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    try:
        # Data classes by their own repr, which leaves out what they hold back: orjson would write every field.
        return orjson.dumps(event, default=repr, option=orjson.OPT_PASSTHROUGH_DATACLASS).decode()
    except TypeError:  # numbers beyond 64 bits, half a surrogate pair: a line must not be lost for that
        return json.dumps(event, default=repr)


class _OwnLines:
    """Writes lines to standard error, each at once and whole; ``name`` is the module that they are of."""

    def __init__(self, name: str) -> None:
        self.name = name

    def msg(self, line: str) -> None:
        sys.stderr.write(f"{line}\n")

    debug = info = warning = error = critical = msg


def exception_facts(error: BaseException) -> dict[str, Any]:
    """The types of an exception and its causes, and the frames: what to log instead of its message."""
    types: list[str] = []
    link: BaseException | None = error
    while link is not None and len(types) < 8:
        types.append(type(link).__name__)
        link = link.__cause__ or link.__context__
    frames = traceback.extract_tb(error.__traceback__)[-25:]
    return {
        "error": types[0],
        "causes": types[1:],
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }


def _exception_without_message(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event.update(exception_facts(error))
    return event
