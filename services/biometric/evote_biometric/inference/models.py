"""The real models behind a worker: only worker processes import this."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..domain.reading import FaceReading
from ..engine.decoding import Decoder, Limits, PictureFault, PictureRefused
from ..engine.face_engine import FaceEngine
from .protocol import UnreadableFault
from .worker import PictureUnreadable, Reader

_FAULTS: Final[Mapping[PictureFault, UnreadableFault]] = {
    PictureFault.WRONG_FORMAT: UnreadableFault.WRONG_FORMAT,
    PictureFault.ANIMATED: UnreadableFault.WRONG_FORMAT,
    PictureFault.TOO_MANY_BYTES: UnreadableFault.TOO_LARGE,
    PictureFault.TOO_MANY_PIXELS: UnreadableFault.TOO_LARGE,
    PictureFault.TOO_COSTLY: UnreadableFault.TOO_LARGE,
}


def load_models(weights: Path) -> Reader:
    """Load the models; what they return reads a picture's file, decoded in a limited process of its own."""
    engine, decoder = FaceEngine(weights), Decoder(Limits())

    def read(content: bytes) -> FaceReading:
        try:
            picture = decoder.decode(content)
        except PictureRefused as refused:
            raise PictureUnreadable(_FAULTS.get(refused.fault, UnreadableFault.BROKEN)) from None
        return engine.read(picture)

    return read
