"""A worker whose pictures are spelled-out readings: the service's rules over real processes, without the models.

Three spellings are no reading: ``no picture``, ``crash`` and ``hang``.
"""

from __future__ import annotations

import os
import signal
import time

from evote_biometric.domain.reading import FaceReading
from evote_biometric.inference.protocol import UnreadableFault
from evote_biometric.inference.worker import PictureUnreadable, Reader, serve_readings
from pydantic import TypeAdapter

_READING = TypeAdapter(FaceReading)


def load() -> Reader:
    def read(content: bytes) -> FaceReading:
        match content:
            case b"no picture":
                raise PictureUnreadable(UnreadableFault.BROKEN)
            case b"crash":
                os.kill(os.getpid(), signal.SIGKILL)
            case b"hang":
                time.sleep(600)
            case b"slow":
                time.sleep(1)
                return _READING.validate_json(b"{}")
            case b"bug":
                raise KeyError("a secret of a face")
        print("models are noisy")  # must not disturb the protocol
        return _READING.validate_json(content)

    return read


if __name__ == "__main__":
    serve_readings(load)
