"""The worker's side: pictures come on stdin, readings go on stdout."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from evote_platform.processes import die_with_the_service

from ..domain.reading import FaceReading
from ..engine.confinement import keep_memory
from .protocol import LENGTH_BYTES, Failed, Read, Ready, Unreadable, UnreadableFault, framed

_HEADROOM_BYTES = 2 * 1024**3
"""Address space that pictures may take beyond what the warm worker has."""

Reader = Callable[[bytes], FaceReading]
"""Reads a picture's file; raises :class:`PictureUnreadable`."""


class PictureUnreadable(Exception):
    """Not a picture, or not within the limits."""

    def __init__(self, fault: UnreadableFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


def serve_readings(load: Callable[[], Reader]) -> None:
    """Load the models, say that they are warm, then answer one picture after the other until stdin ends."""
    source, sink = _take_over_pipes()
    read = load()
    _limit_memory()
    _send(sink, Ready())
    while header := source.read(LENGTH_BYTES):
        content = source.read(int.from_bytes(header, "big"))
        _send(sink, _answer(read, content))


def _answer(read: Reader, content: bytes) -> Read | Unreadable | Failed:
    try:
        return Read(reading=read(content))
    except PictureUnreadable as unreadable:
        return Unreadable(fault=unreadable.fault)
    except MemoryError:
        return Unreadable(fault=UnreadableFault.TOO_LARGE)
    except Exception as error:
        return Failed(error=type(error).__name__)


def _send(sink: BinaryIO, answer: Ready | Read | Unreadable | Failed) -> None:
    sink.write(framed(answer.model_dump_json().encode()))
    sink.flush()


def _take_over_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Keep the pipes for the protocol: what the models print, and a face in a core file, go nowhere."""
    die_with_the_service()
    keep_memory()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    return source, sink


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + _HEADROOM_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
