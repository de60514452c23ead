"""One JSON object a line on standard error. No personal value belongs in a log, so exceptions lose
their messages: those of a database or a parser repeat what somebody sent."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

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

    def add_service(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["service"] = service
        return event

    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        add_service,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _exception_without_message,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.PositionalArgumentsFormatter(), *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name, quiet_level in _QUIET.items():
        logging.getLogger(name).setLevel(quiet_level)
    # Our own lines don't go through the standard library's records, which cost a request as much as its routing does.
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        logger_factory=_OwnLines,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        cache_logger_on_first_use=True,
    )


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
