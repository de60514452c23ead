"""Pictures from strangers are decoded in a process of their own, which may die without harm."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from enum import StrEnum
from types import TracebackType

import numpy as np
from pydantic import BaseModel

from evote_biometric.engine.picture import Picture


class PictureFault(StrEnum):
    """Why a picture was not taken."""

    EMPTY = "empty"
    TOO_MANY_BYTES = "too-many-bytes"
    WRONG_FORMAT = "wrong-format"
    """Neither JPEG nor PNG by its content, whatever it was called."""
    ANIMATED = "animated"
    TOO_SMALL = "too-small"
    TOO_MANY_PIXELS = "too-many-pixels"
    BROKEN = "broken"
    """Truncated, or not as its format asks."""
    TOO_COSTLY = "too-costly"
    """Decoding took more memory or time than any honest picture of its size."""


class PictureRefused(Exception):
    """A picture was not taken; ``fault`` says why."""

    def __init__(self, fault: PictureFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True)
class Limits:
    """What a picture may cost."""

    content_bytes: int = 12 * 1024 * 1024
    pixels: int = 50_000_000
    """Phones take pictures of 48 and 50 megapixels."""
    shortest_side: int = 100
    longest_side_kept: int = 1600
    """Larger ones are scaled down to it, in pixels: more shows nothing more of a face."""
    memory_bytes: int = 512 * 1024 * 1024
    """Besides the interpreter's own."""
    cpu_s: int = 4
    wall_s: float = 8


class DecodeAnswer(BaseModel):
    """The first line of the process's answer; the pixels follow where there is no fault."""

    fault: PictureFault | None = None
    width: int = 0
    height: int = 0
    sent_width: int = 0
    sent_height: int = 0


class Decoder:
    """One decoding process, started when first needed and again after a picture has killed it. Not thread-safe."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Decoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def decode(self, content: bytes) -> Picture:
        """The picture in ``content``, a JPEG or PNG file.

        Raises:
            PictureRefused: it isn't taken; the next one is decoded as if nothing had happened.
        """
        if not content:
            raise PictureRefused(PictureFault.EMPTY)
        if len(content) > self._limits.content_bytes:
            raise PictureRefused(PictureFault.TOO_MANY_BYTES)
        try:
            return self._ask(content)
        except (EOFError, TimeoutError, BrokenPipeError, ValueError):
            # Killed by a limit, or too slow, or it no longer answers as it should: the next picture gets a new one.
            self.close()
            raise PictureRefused(PictureFault.TOO_COSTLY) from None

    def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            # What is left in the pipe to a dead process can't be flushed.
            with contextlib.suppress(BrokenPipeError):
                process.communicate()

    def _ask(self, content: bytes) -> Picture:
        process = self._running()
        assert process.stdin is not None and process.stdout is not None  # noqa: S101 - both are pipes
        deadline = time.monotonic() + self._limits.wall_s
        process.stdin.write(len(content).to_bytes(8, "big"))
        process.stdin.write(content)
        process.stdin.flush()
        answer = DecodeAnswer.model_validate_json(_read_exactly(process, _length(process, deadline), deadline))
        if answer.fault is not None:
            raise PictureRefused(answer.fault)
        if max(answer.width, answer.height) > self._limits.longest_side_kept:
            raise ValueError
        raw = _read_exactly(process, answer.width * answer.height * 3, deadline)
        pixels = np.frombuffer(raw, np.uint8).reshape(answer.height, answer.width, 3)
        return Picture(pixels, answer.sent_width, answer.sent_height)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            arguments = [f"{name}={value}" for name, value in asdict(self._limits).items()]
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                [sys.executable, "-I", "-m", "evote_biometric.engine.decode_process", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                # Not the service's, which names its database and its keys; and no thread beside the one that decodes.
                env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )
        return self._process


def decode(content: bytes, limits: Limits) -> Picture:
    """As :meth:`Decoder.decode`, in a process for this picture alone."""
    with Decoder(limits) as decoder:
        return decoder.decode(content)


def _length(process: subprocess.Popen[bytes], deadline: float) -> int:
    return int.from_bytes(_read_exactly(process, 4, deadline), "big")


def _read_exactly(process: subprocess.Popen[bytes], count: int, deadline: float) -> bytes:
    assert process.stdout is not None  # noqa: S101 - a pipe
    parts = bytearray()
    while len(parts) < count:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
            raise TimeoutError
        part = os.read(process.stdout.fileno(), min(count - len(parts), 1 << 20))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)
